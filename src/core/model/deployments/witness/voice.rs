//! One witness: its beginnings, and until when it has seen everything.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::model::names::TokenId;
use crate::model::oci::Repository;
use crate::model::time::{Span, Time};

use super::clock::WitnessClock;
use super::runs::{Runs, WorkloadName};

/// A witness that said nothing for so long is silent.
pub(crate) const SILENT: Span = Span::from_mins(2);

/// Most containers of workloads that a witness may tell of when it begins.
const FULL_MAX: usize = 32_768;

/// Most beginnings before the present one that are remembered: what an old process of the same name goes on with.
const ENDED_MAX: usize = 8;

/// All that a witness told when it began, by the repository and the workload.
pub(in crate::model::deployments) type Full = BTreeMap<(Repository, WorkloadName), Runs>;

/// One witness. A beginning is known by its `since`, as the witness wrote it: it is a name, and no time of the log's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Witness {
    /// The token that its reports come with.
    token: Option<TokenId>,
    /// The token that was made in place of it.
    heir: Option<TokenId>,
    /// The last of its reports that was taken.
    sequence: u64,
    /// The times when the first and the latest were received.
    first_at: Time,
    reported_at: Time,
    /// The beginning of which it told all that there is, and the time until which it has seen everything since.
    seen: Option<(Time, Time)>,
    /// It begins anew, and has not told all that there is.
    anew: Option<Anew>,
    /// The beginnings before, the latest last.
    ended: VecDeque<Time>,
    pub(super) clock: WitnessClock,
}

/// A witness that begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Anew {
    since: Time,
    /// Its first sign of life, as the witness wrote it: the same again is that one heard twice.
    first_sign: Time,
    full: Full,
    /// It told more than is remembered: nothing is known of what it lacks, and it is believed in nothing.
    is_overlong: bool,
}

/// The state of a witness at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vigil {
    /// It has told all that there is, and has seen everything until now.
    Alive,
    /// It reports, and has not told all that there is.
    Beginning,
    /// It does not report.
    Silent,
}

/// The use of a statement of what runs.
pub(in crate::model::deployments) enum Heard {
    /// It holds now.
    Now(Runs),
    /// It waits until the witness told everything, or nothing is known of the witness.
    Later,
}

impl Witness {
    /// A witness that was never heard of before `now`.
    pub(super) fn new(now: Time) -> Self {
        Self { first_at: now, reported_at: now, ..Self::default() }
    }

    /// Tells whether this may be the name that `other` had before: it was silent before that was heard of, and is.
    pub(super) fn may_be_former_of(&self, other: &Self, now: Time) -> bool {
        self.reported_at < other.first_at && now.since(self.reported_at) > SILENT
    }

    /// Tells whether a report with this token is another's, which uses its name while it is alive.
    pub(super) fn refuses(&self, token: &TokenId, now: Time) -> bool {
        let is_others =
            self.token.as_ref().is_some_and(|own| own != token) && self.heir.as_ref() != Some(token);
        is_others && now.since(self.reported_at) <= SILENT
    }

    /// Tells whether a report is to be taken: it is its own, and new. One without a number always is new. Where another token
    /// goes on with the name, its numbers are others.
    pub(super) fn takes(&mut self, token: &TokenId, sequence: u64, received_at: Time) -> bool {
        if self.refuses(token, received_at) {
            return false;
        }
        if self.token.as_ref() != Some(token) {
            (self.token, self.heir, self.sequence) = (Some(token.clone()), None, 0);
        }
        let is_new = sequence == 0 || sequence > self.sequence;
        self.sequence = self.sequence.max(sequence);
        self.reported_at = self.reported_at.max(received_at);
        is_new
    }

    /// Notes that `successor` was made in place of a token: reports with it are this witness's, too.
    pub(super) fn rotated(&mut self, token: &TokenId, successor: &TokenId) {
        if self.token.as_ref() == Some(token) || self.heir.as_ref() == Some(token) {
            self.heir = Some(successor.clone());
        }
    }

    /// Notes that a token was revoked. Returns whether no token is left that it reports with.
    pub(super) fn revoked(&mut self, token: &TokenId) -> bool {
        if self.heir.as_ref() == Some(token) {
            self.heir = None;
        }
        if self.token.as_ref() != Some(token) {
            return false;
        }
        if let Some(heir) = self.heir.take() {
            (self.token, self.sequence) = (Some(heir), 0);
        }
        self.token.as_ref() == Some(token)
    }

    /// The last of the reports with this token that was taken.
    pub(super) fn accepted_until(&self, token: &TokenId) -> Option<u64> {
        (self.token.as_ref() == Some(token)).then_some(self.sequence)
    }

    /// The time until which it has seen everything.
    pub(super) fn seen_until(&self) -> Option<Time> {
        self.seen.map(|(_, until)| until)
    }

    /// The time when its latest report was received.
    pub(super) fn heard_at(&self) -> Time {
        self.reported_at
    }

    /// Its state at `now`.
    pub(super) fn vigil(&self, now: Time) -> Vigil {
        let is_recent = |at: Time| now.since(at) <= SILENT;
        if self.anew.is_none() && self.seen_until().is_some_and(is_recent) {
            Vigil::Alive
        } else if is_recent(self.reported_at) {
            Vigil::Beginning
        } else {
            Vigil::Silent
        }
    }

    /// Takes a sign of life into account: it has seen everything from `since` until `at`, and wrote `sign` for that. Returns
    /// all that there is, where it began anew and has told that now.
    pub(super) fn alive(&mut self, at: Time, sign: Time, since: Time) -> Option<Full> {
        let is_whole = |anew: &mut Anew| anew.since == since && anew.first_sign != sign && !anew.is_overlong;
        if let Some(anew) = self.anew.take_if(is_whole) {
            if let Some((before, _)) = self.seen.replace((since, at)) {
                self.end(before);
            }
            return Some(anew.full);
        }
        match (&self.anew, &mut self.seen) {
            (Some(anew), _) if anew.since == since => {}
            // Statements of an old process of this name wait since then, with those of the new one: they confirm nothing.
            (Some(_), Some((seen, _))) if *seen == since => {}
            (None, Some((seen, until))) if *seen == since => *until = (*until).max(at),
            _ if self.ended.contains(&since) => {}
            _ => {
                let anew = Anew { since, first_sign: sign, full: Full::new(), is_overlong: false };
                if let Some(before) = self.anew.replace(anew) {
                    self.end(before.since);
                }
            }
        }
        None
    }

    fn end(&mut self, since: Time) {
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(since);
    }

    /// Takes what a workload runs into account.
    pub(super) fn hear(&mut self, repository: &Repository, workload: &WorkloadName, runs: Runs) -> Heard {
        match &mut self.anew {
            Some(anew) => {
                anew.add((repository.clone(), workload.clone()), runs);
                Heard::Later
            }
            None if self.seen.is_some() => Heard::Now(runs),
            None => Heard::Later,
        }
    }
}

impl Anew {
    fn add(&mut self, key: (Repository, WorkloadName), runs: Runs) {
        self.is_overlong |= self.full.len() >= FULL_MAX && !self.full.contains_key(&key);
        if self.is_overlong {
            self.full.clear();
        } else {
            self.full.insert(key, runs);
        }
    }
}
