//! The parts of the API's answers that the commands show. Words stay words, so that an older command shows a newer
//! server's answer.

use serde::Deserialize;

use super::client::Client;
use super::output::{Style, Table, ago, dim, plain, short};
use crate::clock::now;
use crate::model::time::Time;

/// An environment.
#[derive(Debug, Deserialize)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// `#rrggbb`.
    pub color: String,
    /// When it was made.
    pub created_at: Time,
    /// What changed last in it.
    pub latest_deployment: Option<Deployment>,
    /// How many tokens are accepted.
    pub tokens_active: usize,
}

/// Services that changed together.
#[derive(Debug, Deserialize)]
pub struct Deployment {
    /// Its identifier.
    pub id: String,
    /// How far it is.
    pub state: String,
    /// What it is.
    pub kind: String,
    /// When the first pull showed it.
    pub started_at: Time,
    /// What changed.
    pub changes: Vec<Change>,
    /// All of it in a sentence.
    pub summary: String,
}

/// What changed in one service.
#[derive(Debug, Deserialize)]
pub struct Change {
    /// The service's repository.
    pub repository: String,
    /// What it is.
    pub kind: String,
    /// What ran before.
    pub from: Option<Image>,
    /// What runs now.
    pub to: Image,
    /// How many clients pulled it.
    pub clients: u64,
    /// How far it is.
    pub state: Option<String>,
    /// When the first pull showed it.
    pub started_at: Option<Time>,
}

/// What an image is called.
#[derive(Debug, Deserialize)]
pub struct Image {
    /// Its top-level digest.
    pub digest: String,
    /// Its version, where one is known.
    pub version: Option<String>,
}

impl Image {
    /// The version, or else the digest, short.
    pub fn label(&self) -> String {
        self.version.clone().unwrap_or_else(|| short(&self.digest))
    }
}

/// A release in a list.
#[derive(Debug, Deserialize)]
pub struct ReleaseLine {
    /// Its identifier.
    pub id: String,
    /// Of which repository.
    pub repository: String,
    /// Its version.
    pub version: String,
    /// When it was made.
    pub created_at: Time,
    /// What changed with it.
    pub summary: String,
    /// Where it runs, if the answer says so.
    #[serde(default)]
    pub environments: Vec<Place>,
}

/// An environment that runs a release.
#[derive(Debug, Deserialize)]
pub struct Place {
    /// Its name.
    pub name: String,
}

/// A line above an answer as of a time; empty where that is now, or still to come.
pub fn heading(at: Option<Time>) -> String {
    at.filter(|at| *at < now()).map(|at| format!("As of {at}:\n")).unwrap_or_default()
}

/// Releases, a line each.
pub fn listed(client: &Client, releases: &[ReleaseLine]) -> String {
    let mut table = Table::indented(2);
    for release in releases {
        table.row([
            (release.version.clone(), Style::Bold),
            plain(ago(now(), release.created_at)),
            plain(release.summary.clone()),
            dim(release.id.clone()),
        ]);
    }
    table.render(&client.output)
}
