//! Everything the log can hold. The byte form is `log::codec`'s matter; the JSON form of an observation is a line
//! of a trace.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::act::{Act, Action, Actor};
use super::oci::{Digest, Reference, Repository, is_artifact_type};
use super::report::Report;
use super::time::Time;

pub use super::names::{BadEnvironmentName, EnvironmentName, TokenId, TokenKind};

/// The two ways of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// The head alone: what containerd sends when the node already has the image.
    Head,
    /// With the body.
    Get,
}

/// The object of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Object {
    /// A manifest or an index.
    Manifest,
    /// A config or a layer.
    Blob,
}

/// One answered manifest request, or one finished (or refused) blob transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The time when the answer was ready, by this machine's clock. Order is the log's order, never this.
    pub at: Time,
    /// The environment of the token.
    pub environment: EnvironmentName,
    /// The token.
    pub token: TokenId,
    /// The purpose of the token.
    pub token_kind: TokenKind,
    /// The address that the request came from, without the port.
    pub client: Arc<str>,
    /// The request's `User-Agent`, as it was sent; empty without one.
    pub agent: Arc<str>,
    /// HEAD or GET.
    pub method: Method,
    /// The repository, by the name that it has here ([`registries`](super::registries)): the client's own, unless the
    /// client named another registry beside it.
    pub repository: Repository,
    /// The reference in the request: a tag or a digest.
    pub reference: Reference,
    /// The digest in the registry's answer; none where it refused.
    pub digest: Option<Digest>,
    /// Manifest or blob.
    pub object: Object,
    /// The answer's `Content-Type`; of an artifact that is no image the type that it states of itself, where it was read.
    pub media_type: Option<Arc<str>>,
    /// The answer's status.
    pub status: u16,
    /// Body bytes handed to the client.
    pub bytes: u64,
    /// The index that a platform manifest belongs to, where it is known.
    pub parent: Option<Digest>,
}

/// Facts that an index, a manifest or an image config says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Facts {
    /// An image index or manifest list.
    Index {
        /// Its platform manifests.
        children: Vec<Digest>,
        /// Its `org.opencontainers.image.*` annotations, without that prefix.
        labels: BTreeMap<String, String>,
    },
    /// An image manifest.
    Manifest {
        /// Its image config.
        config: Digest,
        /// Its `org.opencontainers.image.*` annotations, without that prefix.
        labels: BTreeMap<String, String>,
    },
    /// An image config.
    Config {
        /// Its `org.opencontainers.image.*` labels, without that prefix.
        labels: BTreeMap<String, String>,
    },
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something was pulled, or could not be.
    Observed(Observation),
    /// Content passed, or was asked for, and said this about itself.
    Learned {
        /// The time.
        at: Time,
        /// The repository in which it was seen.
        repository: Repository,
        /// Of what.
        digest: Digest,
        /// Its text.
        facts: Facts,
    },
    /// Observations are missing here: the log could not be written, or could not keep up.
    Gap {
        /// The time when the first one was lost.
        from: Time,
        /// The time when the log could be written again.
        until: Time,
        /// The number of lost ones.
        lost: u64,
    },
    /// Somebody with an admin token changed something.
    Acted(Box<Act>),
    /// Requests with one token for one repository were refused alike, and are counted together.
    Refused {
        /// The last of them.
        last: Observation,
        /// The time of the first of them.
        first_at: Time,
        /// Their number.
        count: u64,
    },
    /// One token made more requests than are kept one by one.
    LeftOut(LeftOut),
    /// This machine's clock was set.
    ClockStepped {
        /// The time, by the clock after it.
        at: Time,
        /// The size of the step, in milliseconds; back where it is negative. Of a step while no server ran, the least
        /// that it was.
        by_ms: i64,
    },
    /// A witness said what runs.
    Reported(Box<Report>),
    /// One of several machines that write the log has written everything that it had from before: what came late can be put
    /// in its place.
    CaughtUp {
        /// The time.
        at: Time,
    },
}

/// The requests of one token that are not kept one by one, because there are too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The environment of the token.
    pub environment: EnvironmentName,
    /// The token.
    pub token: TokenId,
    /// The time of the first of them.
    pub from: Time,
    /// The time of the last of them.
    pub until: Time,
    /// Their number.
    pub count: u64,
    /// Their kind.
    pub what: Excess,
}

/// Of what there was too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Excess {
    /// Requests with a token that is accepted: what they would have shown is missing.
    Observations,
    /// Requests with a token that is not: they could have shown nothing.
    Refusals,
}

impl Event {
    /// Tells whether it is an observation, or what was counted in place of some: what proves something until retention takes it.
    pub fn is_observed(&self) -> bool {
        match self {
            Self::Observed(_) | Self::Refused { .. } | Self::LeftOut(_) | Self::Reported(_) => true,
            Self::Learned { .. }
            | Self::Gap { .. }
            | Self::Acted(_)
            | Self::ClockStepped { .. }
            | Self::CaughtUp { .. } => false,
        }
    }

    /// The observation that it is, if it is one.
    pub fn observation(&self) -> Option<&Observation> {
        match self {
            Self::Observed(observation) => Some(observation),
            Self::Learned { .. }
            | Self::Gap { .. }
            | Self::Acted(_)
            | Self::Refused { .. }
            | Self::LeftOut(_)
            | Self::ClockStepped { .. }
            | Self::CaughtUp { .. }
            | Self::Reported(_) => None,
        }
    }

    /// The environment that it is evidence of, if it is of one.
    pub fn evidence_of(&self) -> Option<&EnvironmentName> {
        match self {
            Self::Observed(observation) => Some(&observation.environment),
            Self::Reported(report) => Some(&report.environment),
            Self::Learned { .. }
            | Self::Gap { .. }
            | Self::Acted(_)
            | Self::Refused { .. }
            | Self::LeftOut(_)
            | Self::ClockStepped { .. }
            | Self::CaughtUp { .. } => None,
        }
    }

    /// The change that it is, if it is one.
    pub fn act(&self) -> Option<&Act> {
        match self {
            Self::Acted(act) => Some(act),
            Self::Observed(_)
            | Self::Learned { .. }
            | Self::Gap { .. }
            | Self::Refused { .. }
            | Self::LeftOut(_)
            | Self::ClockStepped { .. }
            | Self::CaughtUp { .. }
            | Self::Reported(_) => None,
        }
    }

    /// The time when it happened, by this machine's clock; of an event that took a while, its end.
    pub fn at(&self) -> Time {
        match self {
            Self::Observed(observation) => observation.at,
            Self::Learned { at, .. } | Self::ClockStepped { at, .. } | Self::CaughtUp { at } => *at,
            Self::Gap { until, .. } => *until,
            Self::Acted(act) => act.at,
            Self::Refused { last, .. } => last.at,
            Self::LeftOut(left_out) => left_out.until,
            Self::Reported(report) => report.at,
        }
    }
}

impl Action {
    /// The action as the log's next event.
    pub fn by(self, actor: Actor, at: Time) -> Event {
        Event::Acted(Box::new(Act { at, by: actor, action: self }))
    }
}

impl Observation {
    /// Tells whether it is about something else than an image, by the tag that was asked for or the type of the answer.
    pub fn is_of_artifact(&self) -> bool {
        let is_attachment = matches!(&self.reference, Reference::Tag(tag) if tag.is_attachment());
        let is_typed = || self.digest.is_some() && self.media_type.as_deref().is_some_and(is_artifact_type);
        self.object == Object::Manifest && (is_attachment || is_typed())
    }

    /// The same at another time.
    pub fn placed(&self, at: Time) -> Cow<'_, Self> {
        if at == self.at { Cow::Borrowed(self) } else { Cow::Owned(Self { at, ..self.clone() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_is_a_line_of_a_trace() {
        let line = r#"{"at":"2026-03-02T06:00:48.032Z","environment":"production","token":"tok_f147a6a9931f","token_kind":"cluster","client":"10.10.0.7","agent":"containerd/v1.7.22","method":"HEAD","repository":"docker/app","reference":"v1","digest":"sha256:24d085704ac93832b137db39ec4f3ce435ffd4a4e01b53e1fbec4af60eff0227","object":"manifest","media_type":null,"status":200,"bytes":0,"parent":null}"#;
        let observation: Observation = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&observation).unwrap(), line);
    }
}
