//! Pulls by people's machines, which show nothing of what a cluster runs.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::event::{Method, Observation};
use crate::model::oci::{Digest, Reference, Repository, Tag};
use crate::model::time::Time;

use super::family::Family;
use super::images::Images;
use super::pull::{PULL, is_index};

/// Most pulls by people's machines that are remembered for an environment.
const LOCAL_MAX: usize = 1_024;

/// The latest pulls by people's machines, in log order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct LocalPulls(VecDeque<PulledLocally>);

/// A pull by a person's machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PulledLocally {
    /// The image's repository.
    pub repository: Repository,
    /// Its top-level digest.
    pub digest: Digest,
    /// The tag, where one was named.
    pub tag: Option<Tag>,
    /// The time when it began.
    pub at: Time,
    /// The address that it came from.
    pub client: Arc<str>,
    /// The program that pulled, as it calls itself.
    pub agent: Arc<str>,
    /// The reason why it counts as local.
    pub reason: Arc<str>,
    /// The index was fetched: platform manifests follow it by digest.
    reads_index: bool,
}

impl LocalPulls {
    /// Adds a manifest request that was answered, or counts it to the pull that it is a part of.
    pub(super) fn add(&mut self, observation: &Observation, family: &Family<'_>, reason: &str) {
        let tag = match &observation.reference {
            Reference::Tag(tag) => Some(tag),
            Reference::Digest(_) => None,
        };
        let recent = self.0.iter_mut().rev().find(|pull| {
            pull.client == observation.client
                && pull.repository == observation.repository
                && observation.at.since(pull.at) <= PULL
                && (family.has(&pull.digest) || tag.is_none() && pull.reads_index && !is_index(observation))
        });
        let reads_index = observation.method == Method::Get && is_index(observation);
        if let Some(pull) = recent {
            pull.reads_index |= reads_index;
            return;
        }
        if self.0.len() == LOCAL_MAX {
            self.0.pop_front();
        }
        self.0.push_back(PulledLocally {
            repository: observation.repository.clone(),
            digest: family.image(&Images::default(), None),
            tag: tag.cloned(),
            at: observation.at,
            client: observation.client.clone(),
            agent: observation.agent.clone(),
            reason: reason.into(),
            reads_index,
        });
    }

    /// Tells whether a pull of `digest` is among them.
    pub(super) fn names(&self, repository: &Repository, digest: &Digest) -> bool {
        self.0.iter().any(|pull| pull.digest == *digest && pull.repository == *repository)
    }

    /// Forgets the pulls of what turned out to be no image.
    pub(super) fn forget(&mut self, repository: &Repository, digest: &Digest) {
        self.0.retain(|pull| pull.digest != *digest || pull.repository != *repository);
    }

    /// The pulls, in log order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &PulledLocally> {
        self.0.iter()
    }
}
