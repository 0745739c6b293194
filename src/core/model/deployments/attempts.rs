//! Failed pulls: one bounded list for an environment, whatever names clients make up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::pull::CompletedPull;
use crate::model::oci::{Reference, Repository};
use crate::model::time::{Span, Time};

/// After so long without a try nobody waits for the image any more: the kubelet tries every five minutes at least.
pub const GIVEN_UP: Span = Span::from_mins(30);

/// So many requests with a secret that is nobody's are no slip of a person any more.
const SERIES: u64 = 3;

/// Most failing references that are listed for an environment …
const ATTEMPTS_MAX: usize = 1_024;
/// … and for one repository of it.
const OF_REPOSITORY_MAX: usize = 64;

/// The references of an environment that could not be pulled. A reference that never worked makes no service, however
/// often somebody asks for it: it is listed here, and here only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Attempts {
    by_repository: BTreeMap<Repository, Vec<Attempt>>,
    listed: usize,
    left_out: u64,
    left_out_at: Option<Time>,
}

/// A reference that could not be pulled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// The reference that was asked for: the tag, where it is known.
    pub reference: Reference,
    /// The latest refusal's status.
    pub status: u16,
    /// The first refusal.
    pub first_at: Time,
    /// The latest refusal.
    pub last_at: Time,
    /// The number of refusals.
    pub count: u64,
    /// The time when it was pulled after all.
    pub cleared_at: Option<Time>,
    /// The secret was nobody's, and the environment is the one that the client names: anybody can send that. All such
    /// requests for a repository are counted together, whatever their references.
    pub is_unproven: bool,
}

impl Attempt {
    /// Tells whether `completed` shows that the reference works now, and when.
    pub(crate) fn cleared_by(&self, completed: &CompletedPull) -> Option<Time> {
        let is_it = match &self.reference {
            _ if self.is_unproven => true,
            Reference::Tag(tag) => completed.tag.as_ref() == Some(tag),
            Reference::Digest(digest) => *digest == completed.digest,
        };
        (is_it && self.cleared_at.is_none() && self.last_at <= completed.at).then_some(completed.at)
    }

    fn names_the_same(&self, other: &Self) -> bool {
        self.reference == other.reference && self.is_unproven == other.is_unproven
    }

    /// Tells whether somebody may still wait for it at `now`.
    pub fn is_failing(&self, now: Time) -> bool {
        self.cleared_at.is_none() && now.since(self.last_at) <= GIVEN_UP && self.is_series()
    }

    /// Tells whether a node was refused because its token was revoked or has expired, and was not served since.
    pub fn is_refused_token(&self) -> bool {
        self.status == 401 && !self.is_unproven && self.cleared_at.is_none()
    }

    /// Tells whether it is worth a line: one of which nothing is proven, only as a series.
    pub fn is_series(&self) -> bool {
        !self.is_unproven || self.count >= SERIES
    }

    /// The cause of the refusal for those who wait for the image.
    pub fn cause(&self) -> &'static str {
        if self.is_unproven { UNPROVEN } else { cause_of(self.status) }
    }
}

impl Attempts {
    /// Counts refusals of a reference: those of `attempt`. Where there is no room for one more, what is unproven goes
    /// first, then what works again, then what `is_service` does not know, then what failed longest ago.
    pub(super) fn refuse(
        &mut self,
        repository: &Repository,
        attempt: Attempt,
        is_service: impl Fn(&Repository) -> bool,
    ) {
        let known = self.by_repository.get_mut(repository);
        if let Some(known) = known.and_then(|all| all.iter_mut().find(|it| it.names_the_same(&attempt))) {
            known.status = attempt.status;
            known.last_at = known.last_at.max(attempt.last_at);
            known.count = known.count.saturating_add(attempt.count);
            known.cleared_at = None;
            return;
        }
        if self.listed >= ATTEMPTS_MAX {
            self.make_room(attempt.last_at, is_service);
        }
        let of_repository = self.by_repository.entry(repository.clone()).or_default();
        let oldest = (of_repository.len() >= OF_REPOSITORY_MAX).then(|| of_repository.remove(0));
        let now = attempt.last_at;
        of_repository.push(attempt);
        self.listed += 1;
        if let Some(oldest) = oldest {
            self.listed -= 1;
            self.forget(&oldest, now);
        }
    }

    /// Counts refusals that nobody listed.
    pub(super) fn leave_out(&mut self, until: Time, count: u64) {
        self.left_out = self.left_out.saturating_add(count);
        self.left_out_at = self.left_out_at.max(Some(until));
    }

    /// Tells whether any reference of `repository` is listed.
    pub(super) fn has(&self, repository: &Repository) -> bool {
        self.by_repository.contains_key(repository)
    }

    /// Notes that references of `repository` were pulled after all.
    pub(super) fn clear(&mut self, repository: &Repository, completed: &[CompletedPull]) {
        let Some(attempts) = self.by_repository.get_mut(repository) else { return };
        for attempt in attempts {
            let cleared_at = completed.iter().find_map(|completed| attempt.cleared_by(completed));
            attempt.cleared_at = cleared_at.or(attempt.cleared_at);
        }
    }

    /// Takes a quarter away, so that looking for it costs each newcomer little.
    fn make_room(&mut self, now: Time, is_service: impl Fn(&Repository) -> bool) {
        let mut order: Vec<(bool, bool, bool, Time, Repository)> = Vec::with_capacity(self.listed);
        for (repository, attempts) in &self.by_repository {
            let is_known = is_service(repository);
            let rank = |it: &Attempt| {
                (!it.is_unproven, it.cleared_at.is_none(), is_known, it.last_at, repository.clone())
            };
            order.extend(attempts.iter().map(rank));
        }
        order.sort_unstable();
        order.truncate(ATTEMPTS_MAX / 4);
        for (.., last_at, repository) in order {
            let Some(attempts) = self.by_repository.get_mut(&repository) else { continue };
            let Some(place) = attempts.iter().position(|it| it.last_at == last_at) else { continue };
            let gone = attempts.remove(place);
            if attempts.is_empty() {
                self.by_repository.remove(&repository);
            }
            self.listed -= 1;
            self.forget(&gone, now);
        }
    }

    fn forget(&mut self, attempt: &Attempt, now: Time) {
        if attempt.is_failing(now) {
            self.leave_out(now, attempt.count);
        }
    }

    /// The references of each repository, in the order of the repositories.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Repository, &[Attempt])> {
        self.by_repository.iter().map(|(repository, attempts)| (repository, attempts.as_slice()))
    }

    /// The number of unlisted refusals of which somebody may still wait for the image at `now`.
    pub(crate) fn left_out(&self, now: Time) -> u64 {
        let is_recent = self.left_out_at.is_some_and(|at| now.since(at) <= GIVEN_UP);
        if is_recent { self.left_out } else { 0 }
    }
}

/// The cause of what is unproven.
const UNPROVEN: &str =
    "unproven: clients that name this environment bring a secret that no token has; anybody can";

/// The cause of a refusal for those who wait for the image.
pub fn cause_of(status: u16) -> &'static str {
    match status {
        401 => "the token was revoked or has expired",
        403 => "the registry withholds the repository",
        404 => "the registry does not have it",
        429 => "the registry asks for fewer requests",
        502 => "the registry cannot be reached, or broke off",
        504 => "the registry did not answer in time",
        500.. => "the registry failed",
        _ => "the registry refused",
    }
}
