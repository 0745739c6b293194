//! `landfall release edit`, `yank` and `delete`: the catalogue mended.

use std::path::PathBuf;

use clap::Args;
use http::Method;
use serde_json::{Map, Value, json};

use super::said::{changes, notes};
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::terminal::clean;
use crate::model::oci::Digest;
use crate::model::time::Time;
use crate::wire::Release;

/// Everything that is not named stays as it is.
#[derive(Debug, Args)]
pub(super) struct EditArgs {
    /// The release's identifier, as `release list` shows it
    id: String,
    /// Its images' top-level digests, in place of those before
    #[arg(long)]
    digest: Vec<Digest>,
    /// The commit it was built from
    #[arg(long, value_name = "SHA")]
    revision: Option<String>,
    /// When it was made
    #[arg(long, value_name = "TIME")]
    created: Option<Time>,
    /// The versions or revisions that it was built upon, in place of those before
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
        ];
        let body: Map<String, Value> =
            fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        send(client, &self.id, &Value::from(body), "is edited").await
    }
}

impl YankArgs {
    pub(super) async fn run(self, client: &Client) -> Result<(), CliError> {
        let done = if self.undo { "is offered again" } else { "is yanked" };
        send(client, &self.id, &json!({ "yanked": !self.undo }), done).await
    }
}

impl DeleteArgs {
    pub(super) async fn run(self, client: &Client) -> Result<(), CliError> {
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

async fn send(client: &Client, id: &str, body: &Value, done: &str) -> Result<(), CliError> {
    let answer = client.send(Method::PATCH, &["releases", id], &[], Some(body)).await?;
    if client.output.json {
        return client.output.print(&answer.as_json());
    }
    let release: Release = answer.parse()?;
    client.output.print(&format!(
        "{} of {} {done}: {}\n",
        clean(&release.version),
        clean(release.repository.as_str()),
        clean(&release.summary)
    ))
}
