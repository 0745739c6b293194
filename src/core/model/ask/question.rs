//! A question as far as it was understood.

use crate::model::releases::ChangeKind;
use crate::model::time::Time;

/// The intent of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// The images that run.
    Running,
    /// Is this change live?
    Verify,
    /// Is it up to date, and what does it lack?
    Missing,
    /// The differences between two environments.
    Compare,
    /// The changes in a stretch of time.
    Changes,
    /// The deployments of a service or an environment.
    History,
    /// The rollbacks.
    Rollbacks,
    /// The release that has a change, or the changes in a release.
    Search,
    /// The plan that would put this release there, and never more.
    Deploy,
    /// Tokens, and when they were used.
    Tokens,
    /// The steps to make an environment.
    CreateEnvironment,
    /// The steps to make a token.
    GenerateToken,
    /// None of these.
    Unknown,
}

impl Intent {
    /// It asks how things are at a moment.
    pub(super) fn is_of_a_moment(self) -> bool {
        matches!(self, Self::Running | Self::Verify | Self::Missing | Self::Compare)
    }

    /// It asks what happened in a stretch of time.
    pub(super) fn is_of_a_stretch(self) -> bool {
        matches!(self, Self::Changes | Self::History | Self::Rollbacks)
    }
}

/// A question, understood as far as it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Its intent.
    pub intent: Intent,
    /// The environment that it is about; of a deploy, the one to deploy to; of a creation, the name of the new one.
    pub environment: Option<String>,
    /// The environments that it compares, in the order in which they are named.
    pub environments: Vec<String>,
    /// The services that were spoken of last, as `places` has the environments.
    pub services: Vec<String>,
    /// The environments that were spoken of last, in this question or in those before it: two at most, the latest last.
    pub places: Vec<String>,
    /// Of a promotion: the environment whose release is meant.
    pub from: Option<String>,
    /// The repositories, by their whole names, in the order in which they are named.
    pub repositories: Vec<String>,
    /// The version, as the catalogue writes it where the catalogue has it.
    pub version: Option<String>,
    /// The token.
    pub token: Option<String>,
    /// The rest: the description of a change, for the search.
    pub description: Option<String>,
    /// The stretch of time that is meant.
    pub range: Option<Range>,
    /// The moment that is meant; none for now.
    pub at: Option<Time>,
    /// The gap that must be known first.
    pub ask_back: Option<AskBack>,
    /// Its focus within its intent.
    pub focus: Option<Focus>,
    /// The kind of the changes that it is about, where it is about one.
    pub kind: Option<ChangeKind>,
    /// The release that the answer found it to mean: for the questions that follow.
    pub meant: Option<Meant>,
    /// The changes that the answer found it may mean, the likeliest first.
    pub candidates: Vec<Candidate>,
    /// It is a wish for a work of another trade: no change that resembles its words is meant.
    pub is_elsewhere: bool,
    /// It is no question to answer: it would destroy something, or asks for a secret.
    pub is_declined: bool,
}

impl Asked {
    /// The repository, where it is about exactly one.
    pub fn repository(&self) -> Option<&str> {
        match &self.repositories[..] {
            [one] => Some(one),
            _ => None,
        }
    }

    /// The same question of one repository.
    #[must_use]
    pub fn of_repository(&self, name: &str) -> Self {
        Self { repositories: vec![name.to_owned()], ..self.clone() }
    }
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
    /// Of what was: the reason for it. Pulls cannot tell.
    Why,
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

/// A change that a question may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its number or its title, as the search finds it.
    pub description: String,
    /// The repository that has it.
    pub repository: String,
}

/// A stretch of time: from its first moment up to, and without, its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first moment.
    pub from: Time,
    /// The first moment that is no part of it.
    pub to: Time,
}

/// A question back, which must be answered first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskBack {
    /// The gap.
    pub what: Open,
    /// The words that were said for it, if any were.
    pub said: Option<String>,
    /// The names that it may be.
    pub choices: Vec<String>,
}

/// Gaps that a question leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Open {
    /// The environment.
    Environment,
    /// The repository.
    Repository,
    /// The change or the release.
    Release,
    /// The environment or the service.
    Name,
    /// The time.
    Time,
}

/// Examples of questions, for somebody who was not understood.
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
