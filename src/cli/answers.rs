//! The parts of the API's answers that the commands show. Words stay words, so that an older command shows a newer
//! server's answer.

use serde::Deserialize;

use super::output::short;
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
