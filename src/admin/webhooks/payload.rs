//! The payload of a delivery: GitHub's `release` event, GitLab's `Release Hook`.

use serde::Deserialize;

use crate::admin::http::problem::Problem;
use crate::config::Provider;
use crate::model::misread::misread;
use crate::model::time::Time;

/// A release that somebody published at a forge.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Published {
    /// The source repository's full name.
    pub(super) source: String,
    pub(super) tag: String,
    /// Its notes, in Markdown.
    pub(super) notes: String,
    /// Its commit, where the forge names it.
    pub(super) revision: Option<String>,
    /// Time of its commit: the one date that git and both forges agree on.
    pub(super) created_at: Option<Time>,
}

/// The payload of a delivery, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Payload {
    Release(Published),
    /// Something that does not matter here, and why.
    Ignored(String),
}

/// <https://docs.github.com/en/webhooks/webhook-events-and-payloads#release>
#[derive(Deserialize)]
struct Github {
    action: String,
    release: GithubRelease,
    repository: GithubRepository,
}

#[derive(Deserialize)]
struct GithubRelease {
    tag_name: String,
    /// A branch or a commit.
    #[serde(default)]
    target_commitish: String,
    #[serde(default)]
    draft: bool,
    body: Option<String>,
    /// The date of the commit.
    created_at: Option<String>,
}

#[derive(Deserialize)]
struct GithubRepository {
    full_name: String,
}

/// <https://docs.gitlab.com/user/project/integrations/webhook_events/#release-events>
#[derive(Deserialize)]
struct Gitlab {
    action: String,
    tag: String,
    description: Option<String>,
    project: GitlabProject,
    commit: Option<GitlabCommit>,
}

#[derive(Deserialize)]
struct GitlabProject {
    path_with_namespace: String,
}

#[derive(Deserialize)]
struct GitlabCommit {
    id: String,
    timestamp: Option<String>,
}

/// Reads the body of an event, as its header names it.
pub(super) fn read(provider: Provider, event: &str, body: &[u8]) -> Result<Payload, Problem> {
    match (provider, event) {
        (Provider::Github, "release") => parse::<Github>(body).map(Github::payload),
        (Provider::Gitlab, "Release Hook") => parse::<Gitlab>(body).map(Gitlab::payload),
        _ => Ok(Payload::Ignored("only events of releases matter here".to_owned())),
    }
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (path, what) = (error.path().to_string(), misread(&error.inner().to_string()));
        Problem::malformed(format!("the body is no JSON of a release event: {path}: {what}"))
    })
}

impl Github {
    fn payload(self) -> Payload {
        let is_public = matches!(self.action.as_str(), "published" | "released" | "prereleased" | "edited");
        if !is_public || self.release.draft {
            return Payload::Ignored(format!("the release is {}, and not published", self.action));
        }
        Payload::Release(Published {
            source: self.repository.full_name,
            tag: self.release.tag_name,
            notes: self.release.body.unwrap_or_default(),
            revision: Some(self.release.target_commitish).filter(|name| is_commit(name)),
            created_at: self.release.created_at.and_then(|at| at.parse().ok()),
        })
    }
}

impl Gitlab {
    fn payload(self) -> Payload {
        if !matches!(self.action.as_str(), "create" | "update") {
            return Payload::Ignored(format!("the action is {}", self.action));
        }
        let (revision, created_at) = match self.commit {
            Some(commit) => (Some(commit.id), commit.timestamp),
            None => (None, None),
        };
        Payload::Release(Published {
            source: self.project.path_with_namespace,
            tag: self.tag,
            notes: self.description.unwrap_or_default(),
            revision: revision.filter(|name| is_commit(name)),
            created_at: created_at.and_then(|at| at.parse().ok()),
        })
    }
}

fn is_commit(name: &str) -> bool {
    matches!(name.len(), 40 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}
