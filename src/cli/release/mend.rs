//! `landfall release edit`, `yank` and `delete`: the catalogue mended.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use http::Method;
use serde_json::{Map, Value, json};

use super::said::{changes, notes};
use crate::cli::client::Client;
use crate::cli::confirm::{agreed, can_ask};
use crate::cli::error::CliError;
use crate::cli::output::Style;
use crate::cli::terminal::clean;
use crate::model::oci::Digest;
use crate::model::time::Time;
use crate::wire::Release;
use crate::wording::counted;

/// Everything that is not named stays as it is.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("correction").required(true).multiple(true)
    .args(["digest", "revision", "created", "parent", "notes", "change"])))]
pub(super) struct EditArgs {
    /// The release's identifier, as `release list` shows it
    id: String,
    /// Its images' top-level digests, in place of those before
    #[arg(long)]
    digest: Vec<Digest>,
    /// The commit it was built from
    #[arg(long, value_name = "SHA")]
    revision: Option<String>,
    /// The time when it was made
    #[arg(long, value_name = "TIME")]
    created: Option<Time>,
    /// The versions or revisions of releases that it was built upon, in place of those before
    #[arg(long, value_name = "VERSION")]
    parent: Vec<String>,
    /// Release notes in Markdown, whose changes take the place of those before
    #[arg(long, value_name = "FILE")]
    notes: Option<PathBuf>,
    /// Its changes, in place of those before, e.g. "fix: login times out (#4511)"
    #[arg(long, value_name = "TEXT")]
    change: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct YankArgs {
    /// The release's identifier, as `release list` shows it
    id: String,
    /// Offer it again
    #[arg(long)]
    undo: bool,
}

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The release's identifier, as `release list` shows it
    id: String,
    /// Delete without asking
    #[arg(long)]
    yes: bool,
}

impl EditArgs {
    pub(super) async fn run(self, client: &Client) -> Result<(), CliError> {
        let notes = notes(self.notes.as_ref())?;
        let list = |given: Value| given.as_array().is_some_and(|list| !list.is_empty()).then_some(given);
        let fields = [
            ("digests", list(json!(self.digest))),
            ("revision", self.revision.map(Value::from)),
            ("created_at", self.created.map(|at| json!(at))),
            ("parents", list(json!(self.parent))),
            ("changes", list(json!(changes(&self.change)))),
            ("notes", notes.map(Value::from)),
            ("known_parents", Some(true.into())),
        ];
        let body: Map<String, Value> =
            fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        let before = shown(client, &self.id).await?;
        let Some(after) = send(client, &self.id, &Value::from(body), "is edited").await? else {
            return Ok(());
        };
        client.output.print(&gone(client, &before, &after))
    }
}

/// The changes that an edit took away, a line each.
fn gone(client: &Client, before: &Release, after: &Release) -> String {
    let is_kept = |title: &str| after.changes.iter().any(|change| change.title == title);
    let gone: Vec<&str> =
        before.changes.iter().map(|it| it.title.as_str()).filter(|title| !is_kept(title)).collect();
    if gone.is_empty() {
        return String::new();
    }
    let lines: String =
        gone.iter().map(|title| format!("  {}\n", client.output.paint(title, Style::Plain))).collect();
    format!("{} no longer in it:\n{lines}", counted(gone.len(), "change is", "changes are"))
}

impl YankArgs {
    pub(super) async fn run(self, client: &Client) -> Result<(), CliError> {
        let done = if self.undo { "is offered again" } else { "is yanked" };
        send(client, &self.id, &json!({ "yanked": !self.undo }), done).await.map(drop)
    }
}

impl DeleteArgs {
    pub(super) async fn run(self, client: &Client) -> Result<(), CliError> {
        if !self.yes {
            if client.output.json || !can_ask() {
                return Err(CliError::Unconfirmed { done: "deleted", what: "delete it" });
            }
            let release = shown(client, &self.id).await?;
            let (version, repository) = (clean(&release.version), clean(release.repository.as_str()));
            let changes = counted(release.changes.len(), "change", "changes");
            if !agreed(format!("Delete {version} of {repository} with its {changes}?")).await? {
                return client.output.print("Nothing was deleted.\n");
            }
        }
        client.send(Method::DELETE, &["releases", &self.id], &[], None).await?;
        if client.output.json {
            return Ok(());
        }
        client.output.print(&format!(
            "What was told of {} is forgotten. What the labels of images say stays, and so does the audit trail.\n",
            clean(&self.id)
        ))
    }
}

/// The release as it is.
async fn shown(client: &Client, id: &str) -> Result<Release, CliError> {
    client.get(&["releases", id], &[]).await?.parse()
}

/// Sends a correction, and says what became of it; the release as it is then, where people read on.
async fn send(client: &Client, id: &str, body: &Value, done: &str) -> Result<Option<Release>, CliError> {
    let answer = client.send(Method::PATCH, &["releases", id], &[], Some(body)).await?;
    if client.output.json {
        return client.output.print(&answer.as_json()).map(|()| None);
    }
    let release: Release = answer.parse()?;
    client.output.print(&format!(
        "{} of {} {done}: {}\n",
        clean(&release.version),
        clean(release.repository.as_str()),
        clean(&release.summary)
    ))?;
    Ok(Some(release))
}
