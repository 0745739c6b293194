//! Evidence: the first and the last sightings of a rollout, for people to look at.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::oci::Tag;
use crate::model::time::Time;

use super::sighting::{Grade, Sighting};

/// Sightings that are kept while a rollout runs: so many from the beginning, and as many from the end.
const KEPT_MAX: usize = 24;

/// The same once it is over.
const KEPT_MAX_CLOSED: usize = 8;

/// The first and the last sightings of a rollout.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Evidence {
    first: Vec<EvidenceItem>,
    last: VecDeque<EvidenceItem>,
}

/// A sighting, as evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceItem {
    /// The time when it began.
    pub at: Time,
    /// The place that it came from: of pulls, a client's address.
    pub place: Arc<str>,
    /// Of pulls, the program that made it, as it calls itself.
    pub agent: Option<Arc<str>>,
    /// The tag, where one was named.
    pub tag: Option<Tag>,
    /// Its strength, which names its source too.
    pub grade: Grade,
    /// The place came to the image with it.
    pub arrived: bool,
}

impl Evidence {
    /// Adds a sighting with which its place `arrived` at the image, or did not.
    pub(crate) fn add(&mut self, sighting: &Sighting, arrived: bool) {
        let item = EvidenceItem {
            at: sighting.at,
            place: sighting.place.clone(),
            agent: sighting.agent.clone(),
            tag: sighting.tag.clone(),
            grade: sighting.grade,
            arrived,
        };
        self.push(item);
    }

    fn push(&mut self, item: EvidenceItem) {
        if self.first.len() < KEPT_MAX {
            self.first.push(item);
            return;
        }
        if self.last.len() == KEPT_MAX {
            self.last.pop_front();
        }
        self.last.push_back(item);
    }

    /// Adds what came later of the same image.
    pub(crate) fn go_on(&mut self, later: Self) {
        for item in later.first.into_iter().chain(later.last) {
            self.push(item);
        }
    }

    /// The sightings that are kept, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &EvidenceItem> {
        self.first.iter().chain(&self.last)
    }

    /// Reduces it to what is kept of a rollout that is over.
    pub(crate) fn close(&mut self) {
        let Self { first, last } = self;
        last.extend(first.iter().skip(KEPT_MAX_CLOSED).cloned());
        last.make_contiguous().sort_by_key(|item| item.at);
        last.drain(..last.len().saturating_sub(KEPT_MAX_CLOSED));
        last.shrink_to_fit();
        first.truncate(KEPT_MAX_CLOSED);
        first.shrink_to_fit();
    }
}
