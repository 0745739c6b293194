//! A question as far as it was understood.

use crate::model::releases::ChangeKind;
use crate::model::time::Time;

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// What runs.
    Running,
    /// Is this change live?
    Verify,
    /// Is it up to date, and what does it lack?
    Missing,
    /// How do two environments differ?
    Compare,
    /// What changed in a stretch of time?
    Changes,
    /// The deployments of a service or an environment.
    History,
    /// What was rolled back.
    Rollbacks,
    /// Which release has this change; what is in this release?
    Search,
    /// What would put this release there. A plan, never more.
    Deploy,
    /// Tokens, and when they were used.
    Tokens,
    /// How an environment is made.
    CreateEnvironment,
    /// How a token is made.
    GenerateToken,
    /// None of these.
    Unknown,
}

/// A question, understood as far as it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What it asks for.
    pub intent: Intent,
    /// The environment that it is about; of a deploy, the one to deploy to; of a creation, the name of the new one.
    pub environment: Option<String>,
    /// The environments that it compares, in the order in which they are named.
    pub environments: Vec<String>,
    /// Of a promotion: the environment whose release is meant.
    pub from: Option<String>,
    /// The repository, by its whole name.
    pub repository: Option<String>,
    /// The version, as the catalogue writes it where the catalogue has it.
    pub version: Option<String>,
    /// The token.
    pub token: Option<String>,
    /// What is left: the description of a change, for the search.
    pub description: Option<String>,
    /// The stretch of time that is meant.
    pub range: Option<Range>,
    /// The moment that is meant; none for now.
    pub at: Option<Time>,
    /// What must be known first.
    pub ask_back: Option<AskBack>,
    /// Its focus within its intent.
    pub focus: Option<Focus>,
    /// The kind of the changes that it is about, where it is about one.
    pub kind: Option<ChangeKind>,
    /// The release that the answer found it to mean: for the questions that follow.
    pub meant: Option<Meant>,
    /// It is no question to answer: it would destroy something, or asks for a secret.
    pub is_declined: bool,
}

/// The focus of a question within its intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// Of what runs: the environments themselves.
    Environments,
    /// Of what runs: what fails, was refused or was rolled back.
    Broken,
    /// Of releases: the latest one of a repository.
    Latest,
    /// Of a history: the person who deployed. Pulls cannot tell.
    Who,
    /// Of a history: what ran before what runs.
    Before,
    /// Of a deploy: back to what ran before, and what that takes away.
    Rollback,
}

/// A release that an answer found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meant {
    /// Its repository, by its whole name.
    pub repository: String,
    /// Its version.
    pub version: String,
}

/// A stretch of time: from its first moment up to, and without, its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first moment.
    pub from: Time,
    /// The first moment that is no part of it.
    pub to: Time,
}

/// What to ask before the question can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskBack {
    /// What is open.
    pub what: Open,
    /// What was said for it, if anything was.
    pub said: Option<String>,
    /// What it may be.
    pub choices: Vec<String>,
}

/// What a question leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Open {
    /// Which environment.
    Environment,
    /// Which repository.
    Repository,
    /// Which change or release.
    Release,
}

/// What can be asked, for somebody who was not understood.
pub const CAN_ANSWER: [&str; 8] = [
    "what is running in an environment, now or at a time",
    "whether a change is live there",
    "whether it is up to date, and what it lacks",
    "how two environments differ",
    "what changed, and what was rolled back, since when",
    "when a service was deployed",
    "which release has a change, and what is in a release",
    "how to deploy a release, to make an environment or a token (a plan; nothing is done)",
];
