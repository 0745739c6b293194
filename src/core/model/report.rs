//! Reports of a witness: the containers that a cluster or a host runs, in its own words.
//!
//! The JSON form of a statement is a line of a trace, and an item of `sightings` in a request.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::names::{EnvironmentName, TokenId};
use super::oci::{Digest, Reference, Repository};
use super::time::Time;

/// One report of a witness, as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The time when it was received, by this machine's clock. Order is the log's order, never this.
    pub at: Time,
    /// The environment of the token.
    pub environment: EnvironmentName,
    /// The token that it came with.
    pub token: TokenId,
    /// The name of the witness: that of its cluster or host.
    pub witness: Arc<str>,
    /// The place of the report among those of the witness, from 1; 0 where they are not counted.
    pub sequence: u64,
    /// Its parts, in the order in which they came to be.
    pub statements: Vec<Statement>,
}

/// One statement of a witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Statement {
    /// All that a container of a workload runs from a repository, in place of what was said before.
    Running(Runs),
    /// The witness has seen everything between two times: its watch did not break.
    Alive {
        /// Until when, by the witness's clock.
        at: Time,
        /// Since when.
        since: Time,
    },
    /// History that the witness found. It is no evidence of its own time.
    Past(Revision),
}

/// All that a container of a workload runs from a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// The time, by the witness's clock.
    pub at: Time,
    /// The kind of place that the witness sees.
    pub source: Source,
    /// The namespace, or what stands for one: a compose project.
    pub namespace: Arc<str>,
    /// The workload by kind and name, e.g. `deployment/payment-service`.
    pub workload: Arc<str>,
    /// The container's name.
    pub container: Arc<str>,
    /// The repository, by the name that it has here.
    pub repository: Repository,
    /// Image by image; none where nothing runs.
    pub images: Vec<RunningImage>,
    /// The workload does not exist any more.
    #[serde(default)]
    pub gone: bool,
    /// The number of replicas that are wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<u64>,
    /// The registry's host in the image's name, where that is not the proxy's: the image did not come this way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Arc<str>>,
    /// Containers that do not run although they should, by image and reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<Trouble>,
}

/// Containers that do not run although they should: they cannot be pulled, cannot start, or crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The reason, in the runtime's word.
    pub reason: Reason,
    /// The reference that the workload names their image by: a tag, or the digest that pins it.
    #[serde(default)]
    pub reference: Option<Reference>,
    /// The number of containers.
    pub count: u64,
}

/// A reason in the word of Kubernetes or Docker: `CrashLoopBackOff`, or `Init:ImagePullBackOff` where what comes before the
/// container keeps it from running.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Arc<str>", into = "Arc<str>")]
pub struct Reason(Arc<str>);

/// Not a reason.
#[derive(Debug, thiserror::Error)]
#[error(
    "a reason is a word of ASCII letters and digits, {} at most, maybe with `Init:` before it",
    Reason::BYTES_MAX
)]
pub struct BadReason;

/// Containers that run one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningImage {
    /// Its digest: of the index, of a platform's manifest, or of the config.
    pub digest: Digest,
    /// The reference that the workload names it by, where it is no digest.
    #[serde(default)]
    pub reference: Option<Reference>,
    /// The number of containers that run.
    pub running: u64,
    /// The number of those that are ready.
    pub ready: u64,
    /// The number of nodes that they are on.
    #[serde(default)]
    pub nodes: u64,
}

/// A revision of a workload, as its cluster remembers it: the workload was told to run these images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The time when it was made, by the cluster's clock.
    pub at: Time,
    /// The kind of place that the witness sees.
    pub source: Source,
    /// The namespace.
    pub namespace: Arc<str>,
    /// The workload by kind and name.
    pub workload: Arc<str>,
    /// The container's name.
    pub container: Arc<str>,
    /// The repository, by the name that it has here.
    pub repository: Repository,
    /// The images that the container named.
    pub images: Vec<NamedImage>,
    /// The registry's host in the image's name, where that is not the proxy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Arc<str>>,
}

/// An image as a workload names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedImage {
    /// Its digest, where the name has it: a tag may have moved since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The reference that the workload names it by, where it is no digest.
    #[serde(default)]
    pub reference: Option<Reference>,
}

/// Kinds of places that a witness sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A Kubernetes cluster.
    Kubernetes,
    /// A host with Docker or podman.
    Docker,
}

/// A statement as a line of a trace: with the environment and the witness beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementLine {
    /// The environment.
    pub environment: EnvironmentName,
    /// The witness.
    pub witness: Arc<str>,
    /// Its text.
    #[serde(flatten)]
    pub statement: Statement,
}

/// Most reasons for one container of a workload; of more, those that keep most from running.
pub const TROUBLES_MAX: usize = 16;

impl Reason {
    /// Longest reason, in bytes.
    pub const BYTES_MAX: usize = 64;
    /// The mark of a reason that lies with a container which comes before.
    const INIT: &str = "Init:";

    /// The same reason, as one of a container that runs before the others.
    pub fn of_init(&self) -> Option<Self> {
        Self::try_from(Arc::from(format!("{}{}", Self::INIT, self.0))).ok()
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<Arc<str>> for Reason {
    type Error = BadReason;
    fn try_from(text: Arc<str>) -> Result<Self, BadReason> {
        let word = text.strip_prefix(Self::INIT).unwrap_or(&text);
        let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_word && text.len() <= Self::BYTES_MAX { Ok(Self(text)) } else { Err(BadReason) }
    }
}

impl From<Reason> for Arc<str> {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

impl Report {
    /// Tells whether it says what runs.
    pub fn tells_of_workloads(&self) -> bool {
        self.statements.iter().any(|statement| match statement {
            Statement::Running(_) => true,
            Statement::Alive { .. } | Statement::Past(_) => false,
        })
    }

    /// The latest time of what it says of the time when it was made, by the witness's clock; none where it says nothing of that.
    pub fn latest(&self) -> Option<Time> {
        let present = self.statements.iter().filter(|it| !matches!(it, Statement::Past(_)));
        present.map(Statement::at).max()
    }

    /// Its statements as lines of a trace, for the environment by the name that it has today.
    pub fn lines(&self, environment: &EnvironmentName) -> impl Iterator<Item = StatementLine> {
        let line = |statement: &Statement| StatementLine {
            environment: environment.clone(),
            witness: self.witness.clone(),
            statement: statement.clone(),
        };
        self.statements.iter().map(line)
    }
}

impl Statement {
    /// The time, by the witness's clock.
    pub fn at(&self) -> Time {
        match self {
            Self::Running(Runs { at, .. }) | Self::Past(Revision { at, .. }) | Self::Alive { at, .. } => *at,
        }
    }
}

impl StatementLine {
    /// The report of this statement alone, received when it was made.
    pub fn into_report(self) -> Report {
        let Self { environment, witness, statement } = self;
        let (at, token) = (statement.at(), TokenId::new("trace"));
        Report { at, environment, token, witness, sequence: 0, statements: vec![statement] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_a_line_of_a_trace() {
        for line in [
            r#"{"environment":"production","witness":"eu-1","kind":"running","at":"2026-03-02T06:00:48.032Z","source":"kubernetes","namespace":"shop","workload":"deployment/app","container":"app","repository":"docker/app","images":[{"digest":"sha256:24d085704ac93832b137db39ec4f3ce435ffd4a4e01b53e1fbec4af60eff0227","reference":"v1","running":3,"ready":2,"nodes":2}],"gone":false}"#,
            r#"{"environment":"production","witness":"eu-1","kind":"running","at":"2026-03-02T06:00:48.032Z","source":"kubernetes","namespace":"shop","workload":"deployment/app","container":"app","repository":"docker/app","images":[],"gone":false,"desired":3,"troubles":[{"reason":"Init:CrashLoopBackOff","reference":"v2","count":3}]}"#,
            r#"{"environment":"production","witness":"eu-1","kind":"past","at":"2026-03-02T06:00:48.032Z","source":"kubernetes","namespace":"shop","workload":"deployment/app","container":"app","repository":"docker/app","images":[{"reference":"v1"}]}"#,
            r#"{"environment":"production","witness":"eu-1","kind":"alive","at":"2026-03-02T06:00:48.032Z","since":"2026-03-02T06:00:00.000Z"}"#,
        ] {
            let read: StatementLine = serde_json::from_str(line).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), line);
        }
    }

    #[test]
    fn a_reason_is_a_word_within_bounds() {
        let read = |text: &str| Reason::try_from(Arc::from(text)).is_ok();
        let longest = "a".repeat(Reason::BYTES_MAX);
        for text in ["CrashLoopBackOff", "Init:OOMKilled", "E2BIG", &longest] {
            assert!(read(text), "{text}");
        }
        for text in
            ["", "Init:", "Init:Init:Error", "no space", "<b>", "a:b", "Fehlergröße", &format!("{longest}a")]
        {
            assert!(!read(text), "{text}");
        }
    }
}
