//! History: the past deployments of a service, and the images that ran in them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::oci::Digest;
use crate::model::time::Time;

use super::past::{Outcome, PastRollout};

/// Most past deployments that are remembered for a service.
const PAST_MAX: usize = 4_096;

/// Past deployments that are looked through for the last one of an image.
const LOOKED_THROUGH: usize = 16;

/// The past deployments of a service. A clone is cheap: what did not change is shared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct History {
    /// In the order in which they ended.
    past: Arc<VecDeque<Arc<PastRollout>>>,
    /// The images that were current, as far as `past` goes.
    earlier_runs: Arc<BTreeMap<Digest, EarlierRuns>>,
    /// The opening of each of `past`, by its identity.
    openings: Arc<BTreeMap<u64, Time>>,
}

/// The deployments in which an image was current.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct EarlierRuns {
    times: u32,
    first_at: Time,
}

impl History {
    /// Adds a deployment that is over, where it belongs by its end: what was taken back may have ended before others that
    /// are known. Beyond the bound the oldest goes. `identity` gives each its identity.
    pub(super) fn add(&mut self, past: PastRollout, identity: impl Fn(&PastRollout) -> u64) {
        let (digest, opened_at) = (past.rollout.digest, past.rollout.opened_at);
        if past.outcome == Outcome::Replaced {
            let runs = Arc::make_mut(&mut self.earlier_runs);
            runs.entry(digest).or_insert(EarlierRuns { times: 0, first_at: opened_at }).times += 1;
        }
        Arc::make_mut(&mut self.openings).insert(identity(&past), opened_at);
        let all = Arc::make_mut(&mut self.past);
        let place = all.iter().rposition(|other| other.ended_at <= past.ended_at).map_or(0, |last| last + 1);
        all.insert(place, Arc::new(past));
        if all.len() > PAST_MAX
            && let Some(oldest) = all.pop_front()
        {
            self.forget(&oldest, identity(&oldest));
        }
    }

    /// Takes the latest deployment off.
    pub(super) fn pop(&mut self, identity: impl Fn(&PastRollout) -> u64) -> Option<PastRollout> {
        let latest = Arc::make_mut(&mut self.past).pop_back()?;
        self.forget(&latest, identity(&latest));
        Some(Arc::unwrap_or_clone(latest))
    }

    fn forget(&mut self, oldest: &PastRollout, identity: u64) {
        Arc::make_mut(&mut self.openings).remove(&identity);
        if oldest.outcome != Outcome::Replaced {
            return;
        }
        if let Entry::Occupied(mut runs) = Arc::make_mut(&mut self.earlier_runs).entry(oldest.rollout.digest)
        {
            runs.get_mut().times -= 1;
            if runs.get().times == 0 {
                runs.remove();
            }
        }
    }

    /// The opening of the first deployment in which `digest` was current, and which another one replaced.
    pub(super) fn first_ran_at(&self, digest: &Digest) -> Option<Time> {
        self.earlier_runs.get(digest).map(|runs| runs.first_at)
    }

    /// Tells whether `digest` was seen in the network of `place` when it was current last.
    pub(super) fn ran_at(&self, digest: &Digest, place: &str) -> bool {
        let last = self.past.iter().rev().take(LOOKED_THROUGH).find(|past| past.rollout.digest == *digest);
        last.is_some_and(|past| past.rollout.blocks.have(place))
    }

    /// The opening of the past deployment with this identity.
    pub(super) fn opened_at(&self, identity: u64) -> Option<Time> {
        self.openings.get(&identity).copied()
    }

    /// The past deployments, in the order in which they ended.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &PastRollout> {
        self.past.iter().map(Arc::as_ref)
    }

    /// The number of past deployments.
    pub(super) fn len(&self) -> usize {
        self.past.len()
    }

    /// Tells whether nothing is over yet.
    pub(super) fn is_empty(&self) -> bool {
        self.past.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::deployments::current::Current;
    use crate::model::deployments::rollout::Rollout;
    use crate::model::time::Span;

    /// A rule may take a stint back that ended before a candidate that was given up since.
    #[test]
    fn what_is_added_late_stands_where_it_ended() {
        let past = |end: i64| {
            let rollout = Rollout::new(Digest::of(&end.to_be_bytes()), Time::from_ms(0));
            Current::first(rollout).into_past(Time::from_ms(end), Span::default())
        };
        let mut history = History::default();
        for end in [10, 40, 30, 40, 20, 5] {
            history.add(past(end), |past| past.rollout.identity("app"));
        }
        let ends: Vec<i64> = history.iter().map(|past| past.ended_at.ms()).collect();
        assert_eq!(ends, [5, 10, 20, 30, 40, 40]);
    }
}
