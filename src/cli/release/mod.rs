//! `landfall release`: the release catalogue.

#[cfg(test)]
pub(crate) mod fuzz;
mod git;
mod import;
mod mend;
mod said;

pub use import::ImportError;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::answers::sentence;
use super::client::Client;
use super::error::CliError;
use super::output::{Style, Table, ago, dim, plain, short, word};
use super::terminal::clean;
use crate::clock::now;
use crate::model::oci::{Digest, Repository};
use crate::model::time::Time;
use crate::wire::Release;
use crate::wording::{age, as_last_seen};

use said::{changes, notes};

/// Releases that are listed unless told.
const LIMIT: u16 = 20;

/// Register, show and mend releases
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    #[command(subcommand)]
    command: ReleaseCommand,
}

#[derive(Debug, Subcommand)]
enum ReleaseCommand {
    /// Register a release; CI does it after pushing the image
    Add(AddArgs),
    /// Register the releases of a git repository: its tags, and what was committed and merged between them
    Import(import::ImportArgs),
    /// List releases, the latest first
    List(ListArgs),
    /// Show a release, its changes and where it runs
    Show {
        /// The release's identifier
        id: String,
    },
    /// Correct what was told of a release
    Edit(mend::EditArgs),
    /// Withdraw a release: it runs where it runs, and is offered no more
    Yank(mend::YankArgs),
    /// Forget what was told of a release
    Delete(mend::DeleteArgs),
}

#[derive(Debug, Args)]
struct AddArgs {
    /// The image name in the registry's path, e.g. docker/payment-service; of one that is known, the end of it is enough
    #[arg(long)]
    repository: Repository,
    /// The repository is a new one; a name with a slash needs no such word
    #[arg(long)]
    new_repository: bool,
    /// The image's top-level digest; a further one is a rebuild or another image of the same release. Without any,
    /// the image whose labels name the version
    #[arg(long)]
    digest: Vec<Digest>,
    /// The version, e.g. v2.3.1
    #[arg(long)]
    version: String,
    /// The commit it was built from
    #[arg(long, value_name = "SHA")]
    revision: Option<String>,
    /// The time when it was made [default: now]
    #[arg(long, value_name = "TIME")]
    created: Option<Time>,
    /// Time of a commit that is new in it, for the lead time, e.g. from `git log --format=--committed=%cI v1..v2`
    #[arg(long, value_name = "TIME")]
    committed: Vec<Time>,
    /// The version or revision of a release that it was built upon
    #[arg(long, value_name = "VERSION")]
    parent: Vec<String>,
    /// Release notes in Markdown, which are split into changes; - reads the standard input
    #[arg(long, value_name = "FILE")]
    notes: Option<PathBuf>,
    /// A change, e.g. "fix: login times out (#4511)"
    #[arg(long, value_name = "TEXT")]
    change: Vec<String>,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only of this repository
    #[arg(long)]
    repository: Option<Repository>,
    /// Only those with changes that this describes, the best match first
    #[arg(long, value_name = "TEXT")]
    query: Option<String>,
    /// Number of releases
    #[arg(long, value_name = "N", default_value_t = LIMIT, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

impl ReleaseArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        match self.command {
            ReleaseCommand::Add(args) => args.run(client).await?,
            ReleaseCommand::Import(args) => return args.run(client).await,
            ReleaseCommand::List(args) => args.run(client).await?,
            ReleaseCommand::Edit(args) => args.run(client).await?,
            ReleaseCommand::Yank(args) => args.run(client).await?,
            ReleaseCommand::Delete(args) => args.run(client).await?,
            ReleaseCommand::Show { id } => {
                let answer = client.get(&["releases", &id], &[]).await?;
                if client.output.json {
                    client.output.print(&answer.as_json())?;
                } else {
                    client.output.print(&describe(client, &answer.parse()?))?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl AddArgs {
    async fn run(self, client: &Client) -> Result<(), CliError> {
        let (changes, notes) = (changes(&self.change), notes(self.notes.as_ref())?);
        // A short name is easily meant for a longer one; a whole path is what it is.
        let is_short = !self.new_repository && !self.repository.as_str().contains('/');
        let body = json!({
            "repository": self.repository.as_str(),
            "known_repository": is_short,
            "known_parents": true,
            "version": self.version,
            "digests": self.digest,
            "revision": self.revision,
            "created_at": self.created,
            "committed_at": self.committed,
            "parents": self.parent,
            "changes": changes,
            "notes": notes,
        });
        let sent = client.send(Method::POST, &["releases"], &[], Some(&body)).await;
        let answer = sent.map_err(|error| match error {
            CliError::Refused { status: 404, detail } if is_short => CliError::Refused {
                status: 404,
                detail: format!("{detail} (the first release of a new one: --new-repository)"),
            },
            other => other,
        })?;
        if client.output.json {
            return client.output.print(&answer.as_json());
        }
        let release: Release = answer.parse()?;
        client.output.print(&format!(
            "{} of {} is registered as {}: {}\n",
            clean(&release.version),
            clean(release.repository.as_str()),
            clean(&release.id),
            clean(&release.summary)
        ))
    }
}

impl ListArgs {
    async fn run(self, client: &Client) -> Result<(), CliError> {
        let limit = self.limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(self.repository.as_ref().map(|repository| ("repository", repository.as_str())));
        query.extend(self.query.as_deref().map(|text| ("q", text)));
        let answer = client.get(&["releases"], &query).await?;
        if client.output.json {
            return client.output.print(&answer.as_json());
        }
        let releases: Vec<Release> = answer.parse()?;
        if releases.is_empty() {
            return client.output.print(
                "No release is known. CI registers one with:\n\n  landfall release add --repository docker/app \
                 --digest sha256:… --version v1.0.0 --change \"fix: login times out (#4511)\"\n",
            );
        }
        let mut table = Table::with_headings(&["ID", "REPOSITORY", "VERSION", "MADE", "RUNS IN", "SUMMARY"]);
        for release in &releases {
            let places: Vec<&str> =
                release.environments.iter().flatten().map(|place| place.name.as_str()).collect();
            table.row([
                dim(release.id.clone()),
                plain(release.repository.to_string()),
                (release.label(), Style::Bold),
                plain(ago(now(), release.created_at)),
                plain(places.join(", ")),
                plain(release.summary.clone()),
            ]);
        }
        client.output.print(&table.render(&client.output))
    }
}

fn describe(client: &Client, release: &Release) -> String {
    let title = format!("{} {}", release.repository, release.version);
    let mut text = format!("{}  {}\n", client.output.paint(&title, Style::Bold), clean(&release.id));
    let mut facts = Table::indented(2);
    facts.row([dim("made"), plain(format!("{} ({})", release.created_at, ago(now(), release.created_at)))]);
    facts.row([
        dim("digest"),
        plain(release.digest.map_or_else(|| "not known yet".to_owned(), |digest| digest.to_string())),
    ]);
    if let Some(revision) = &release.revision {
        facts.row([dim("revision"), plain(short(revision))]);
    }
    if let Some(at) = release.yanked_at {
        facts.row([dim("yanked"), plain(format!("{at} ({})", ago(now(), at)))]);
    }
    for place in release.environments.iter().flatten() {
        let (since, seen) = (ago(now(), place.since), age(&place.seen));
        facts.row([dim("runs in"), plain(format!("{} since {since}, last seen {seen}", place.name))]);
    }
    facts.row([dim("summary"), plain(release.summary.clone())]);
    text.push_str(&facts.render(&client.output));
    let mut changes = Table::indented(2);
    for change in &release.changes {
        let numbers = [change.pr, change.issue].into_iter().flatten().map(|number| format!("#{number}"));
        changes.row([
            word(change.kind.as_str()),
            (change.title.clone(), Style::Plain),
            plain(numbers.collect::<Vec<_>>().join(" ")),
            dim(change.author.clone().unwrap_or_default()),
        ]);
    }
    let seen = release.environments.iter().flatten().map(|place| (place.name.to_string(), &place.seen));
    text.push_str(&sentence(&as_last_seen(seen)));
    text.push('\n');
    text.push_str(&changes.render(&client.output));
    text
}
