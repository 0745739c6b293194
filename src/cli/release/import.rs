//! `landfall release import`: the tags of a git repository become releases.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::git::{Git, GitError, TagRef};
use crate::cli::client::Client;
use crate::cli::error::{CliError, CommandError};
use crate::cli::terminal::clean;
use crate::model::oci::Repository;
use crate::model::releases::families::{Family, families};
use crate::model::releases::history::{self, History, Past};
use crate::model::releases::{summary, tags};

/// Tags that are named in a message, at most.
const NAMED_MAX: usize = 5;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// A clone of the source repository, with its whole history
    #[arg(long, value_name = "DIR")]
    git: PathBuf,
    /// The image name in the registry's path, e.g. docker/payment-service
    #[arg(long)]
    repository: Repository,
    /// Only tags like this one, e.g. "v*" or "app/v*" [default: those that are versions]
    #[arg(long, value_name = "PATTERN")]
    tag_pattern: Option<String>,
    /// Only what came after this tag
    #[arg(long, value_name = "TAG")]
    since: Option<String>,
    /// Show what would be registered, and ask no server
    #[arg(long)]
    dry_run: bool,
}

/// The reason why nothing can be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The repository cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// No tag is a version.
    #[error(
        "no tag is a version: {0}\n  --tag-pattern says which tags are releases, e.g. --tag-pattern \"build-*\""
    )]
    NoVersions(String),
    /// The tags are those of several things that are released.
    #[error(
        "the tags are of several families: {}\n  --tag-pattern says which of them are the releases of {repository}, e.g. \
         --tag-pattern {proposed:?}", listed(.families)
    )]
    Families {
        /// The image's name.
        repository: Repository,
        /// Every family.
        families: Vec<Family>,
        /// The pattern of the one that the name fits best.
        proposed: String,
    },
    /// No tag is like the pattern.
    #[error("no tag is like {0:?}\n  `git tag --list` shows them all")]
    NoMatch(String),
    /// The tag of `--since` is none of them.
    #[error("--since {0}: there is no such tag among those that are releases")]
    UnknownSince(String),
}

impl CommandError for ImportError {
    // As in `sysexits.h`.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Git(GitError::Missing(_)) => 69,         // EX_UNAVAILABLE
            Self::Git(GitError::NoRepository(_)) => 66,    // EX_NOINPUT
            Self::NoMatch(_) | Self::UnknownSince(_) => 2, // usage
            Self::Git(_) | Self::NoVersions(_) | Self::Families { .. } => 65, // EX_DATAERR
        }
    }
}

/// The outcome of the releases.
#[derive(Default)]
struct Outcome {
    added: Vec<String>,
    known: Vec<String>,
    conflicts: Vec<(String, String)>,
}

impl ImportArgs {
    pub(super) async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let (history, releases, skipped) = self.read()?;
        let bodies: Vec<Value> = releases.iter().map(|release| self.body(&history, release)).collect();
        if !skipped.is_empty() {
            note(&format!("no versions and left out: {}", named(&skipped)));
        }
        if self.dry_run {
            self.show(client, &releases, &bodies)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut outcome = Outcome::default();
        for (place, (release, body)) in releases.iter().zip(&bodies).enumerate() {
            progress(&format!(
                "registering {} of {}: {}",
                place + 1,
                releases.len(),
                clean(&release.version)
            ));
            outcome
                .take(&release.version, client.send(Method::POST, &["releases"], &[], Some(body)).await)?;
        }
        end_progress();
        outcome.print(client, &self.repository)?;
        Ok(if outcome.conflicts.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The repository's releases, the oldest first, and the tags that are none.
    fn read(&self) -> Result<(History, Vec<Past>, Vec<String>), ImportError> {
        let git = Git::open(&self.git)?;
        let tags = git.tags(self.tag_pattern.as_deref())?;
        let (chosen, skipped): (Vec<TagRef>, Vec<TagRef>) =
            tags.into_iter().partition(|tag| self.tag_pattern.is_some() || tags::is_version(&tag.name));
        let skipped: Vec<String> = skipped.into_iter().map(|tag| tag.name).collect();
        if chosen.is_empty() {
            return Err(match &self.tag_pattern {
                Some(pattern) => ImportError::NoMatch(pattern.clone()),
                None => ImportError::NoVersions(named(&skipped)),
            });
        }
        self.check_families(&chosen)?;
        let commits =
            git.commits(&chosen, |count| progress(&format!("reading the history: {count} commits")))?;
        end_progress();
        let since = self.since.as_deref().map(|since| {
            let tag = chosen.iter().find(|tag| tag.name == since || tags::version_of(&tag.name) == since);
            tag.map(|tag| tag.commit.clone()).ok_or_else(|| ImportError::UnknownSince(since.to_owned()))
        });
        let since = since.transpose()?;
        let tags: Vec<history::Tag> = chosen
            .into_iter()
            .map(|tag| history::Tag { version: tags::version_of(&tag.name).to_owned(), commit: tag.commit })
            .collect();
        let history = History::new(commits);
        let releases = history.releases(&tags, since.as_deref());
        Ok((history, releases, skipped))
    }

    /// Nobody said which tags are meant: those of several things that are released would become releases of one.
    fn check_families(&self, chosen: &[TagRef]) -> Result<(), ImportError> {
        let families = families(chosen.iter().map(|tag| tag.name.as_str()));
        if self.tag_pattern.is_some() || families.len() < 2 {
            return Ok(());
        }
        let name = self.repository.as_str().rsplit('/').next().unwrap_or_default();
        let fits = families.iter().find(|family| family.pattern.contains(name));
        let proposed = fits.or(families.first()).map(|family| family.pattern.clone()).unwrap_or_default();
        Err(ImportError::Families { repository: self.repository.clone(), families, proposed })
    }

    /// The body of `POST /api/v1/releases`. Git knows no digest: the image's labels or its tag lead to the release.
    fn body(&self, history: &History, release: &Past) -> Value {
        let commit = history.commit(release.commit);
        json!({
            "repository": self.repository.as_str(),
            "version": release.version,
            "revision": commit.hash,
            "created_at": commit.at,
            "parents": release.parents,
            "changes": release.changes,
            "committed_at": release.committed_at,
        })
    }

    fn show(&self, client: &Client, releases: &[Past], bodies: &[Value]) -> Result<(), CliError> {
        if client.output.json {
            return client.output.print(&format!("{}\n", json!({ "releases": bodies })));
        }
        let mut text = format!("{} of {}, not registered:\n", counted(releases.len()), self.repository);
        for release in releases {
            let after =
                if release.parents.is_empty() { "the beginning".into() } else { release.parents.join(", ") };
            let (version, after) = (clean(&release.version), clean(&after));
            text.push_str(&format!("  {version} after {after}: {}\n", clean(&summary(&release.changes))));
            if release.left_out > 0 {
                text.push_str(&format!("    {} more changes are left out\n", release.left_out));
            }
        }
        client.output.print(&text)
    }
}

impl Outcome {
    /// A conflict is told at the end; anything else that goes wrong ends the import.
    fn take(
        &mut self,
        version: &str,
        answer: Result<crate::cli::client::Answer, CliError>,
    ) -> Result<(), CliError> {
        match answer {
            Ok(answer) if answer.status == StatusCode::CREATED => self.added.push(version.to_owned()),
            Ok(_) => self.known.push(version.to_owned()),
            Err(CliError::Refused { status: 409, detail }) => {
                self.conflicts.push((version.to_owned(), detail));
            }
            Err(error) => {
                end_progress();
                return Err(error);
            }
        }
        Ok(())
    }

    fn print(&self, client: &Client, repository: &Repository) -> Result<(), CliError> {
        if client.output.json {
            let conflicts: Vec<Value> = self
                .conflicts
                .iter()
                .map(|(version, detail)| json!({ "version": version, "detail": detail }))
                .collect();
            let told = json!({ "added": self.added, "known": self.known, "conflicts": conflicts });
            return client.output.print(&format!("{told}\n"));
        }
        let mut text =
            format!("{repository}: {} added, {} known already", self.added.len(), self.known.len());
        text.push_str(&format!(", {} in conflict\n", self.conflicts.len()));
        for (version, detail) in &self.conflicts {
            text.push_str(&format!("  {}: {}\n", clean(version), clean(detail)));
        }
        client.output.print(&text)
    }
}

fn counted(releases: usize) -> String {
    if releases == 1 { "1 release".into() } else { format!("{releases} releases") }
}

fn listed(families: &[Family]) -> String {
    let families: Vec<String> =
        families.iter().map(|family| format!("{} ({})", family.pattern, family.tags)).collect();
    named(&families)
}

fn named(tags: &[String]) -> String {
    let more = if tags.len() > NAMED_MAX { ", …" } else { "" };
    let first: Vec<&str> = tags.iter().take(NAMED_MAX).map(String::as_str).collect();
    clean(&format!("{}{more}", first.join(", ")))
}

/// A line on stderr, beside the answer on stdout.
fn note(text: &str) {
    // Nobody to tell is no failure.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A line that the next one replaces, where a person looks on.
fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        let _ = write!(std::io::stderr(), "\r\u{1b}[K{text}");
    }
}

fn end_progress() {
    progress("");
}
