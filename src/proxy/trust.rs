//! Which blobs need no hashing: those that were found right, and those that somebody hashes at this moment.
//!
//! What is remembered of a blob that was found right is its length, too: an answer of another length is not the blob,
//! whoever sent it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::recent::Recent;
use crate::config::Verify;
use crate::model::oci::Digest;

/// Blobs remembered as found right, at least.
const FOUND_MIN: usize = 20_000;
/// How long a digest that was found right is not computed again.
const FOUND_FOR: Duration = Duration::from_secs(3600);
/// Blobs that are hashed for others at a time. Beyond that each transfer hashes for itself.
const CHECKS_MAX: usize = 4_096;
/// How long others rely on one transfer. A client may be slow: after this the next one hashes, too.
const CHECK_PATIENCE: Duration = Duration::from_secs(60);

/// What is known of blobs. Both tables are bounded.
pub(super) struct Trust {
    verify: Verify,
    found: Recent<Digest, Found>,
    checks: Mutex<HashMap<Digest, Arc<Check>>>,
}

#[derive(Clone, Copy)]
struct Found {
    at: Instant,
    length: u64,
}

/// What is known of a blob that is asked for now.
pub(super) struct Known {
    /// Its length, where it was found right.
    pub(super) length: Option<u64>,
    pub(super) standing: Standing,
}

/// How a transfer that begins now is to be looked at.
pub(super) enum Standing {
    /// It was found right not long ago.
    Trusted,
    /// Somebody hashes the same blob.
    Beside(Arc<Check>),
    /// It is to be hashed: for itself alone, or for those who come beside it.
    Unverified(Option<Duty>),
}

/// One hashing of a blob, as those beside it see it.
#[derive(Debug)]
pub struct Check {
    begun: Instant,
    declared: OnceLock<u64>,
    verdict: OnceLock<Verdict>,
}

/// How a hashing ended. One whose client went away has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right { length: u64 },
    Wrong,
}

/// The obligation to hash a blob for those beside. Who comes after its end takes it anew, unless there is a verdict.
pub(super) struct Duty {
    trust: Arc<Trust>,
    digest: Digest,
    check: Arc<Check>,
}

impl Trust {
    pub(super) fn new(verify: Verify) -> Arc<Self> {
        Arc::new(Self { verify, found: Recent::new(FOUND_MIN), checks: Mutex::default() })
    }

    /// Decides about a transfer. Only one that will have the whole blob, `is_whole`, can hash it for others.
    pub(super) fn of(self: &Arc<Self>, digest: &Digest, is_whole: bool) -> Known {
        let found = self.found.get(digest);
        let standing = match (self.verify, found) {
            (Verify::Always, _) => Standing::Unverified(None),
            (Verify::First, Some(found)) if found.at.elapsed() <= FOUND_FOR => Standing::Trusted,
            (Verify::First, _) => self.beside_or_first(digest, is_whole),
        };
        Known { length: found.map(|found| found.length), standing }
    }

    fn beside_or_first(self: &Arc<Self>, digest: &Digest, is_whole: bool) -> Standing {
        let mut checks = self.checks();
        if let Some(check) = checks.get(digest).filter(|check| check.begun.elapsed() < CHECK_PATIENCE) {
            return Standing::Beside(check.clone());
        }
        if !is_whole || (checks.len() >= CHECKS_MAX && !checks.contains_key(digest)) {
            return Standing::Unverified(None);
        }
        let check = Arc::new(Check::new());
        checks.insert(*digest, check.clone());
        Standing::Unverified(Some(Duty { trust: self.clone(), digest: *digest, check }))
    }

    /// A blob was hashed and is what its digest names.
    pub(super) fn found_right(&self, digest: Digest, length: u64) {
        self.found.insert(digest, Found { at: Instant::now(), length });
    }

    /// Something about a blob went wrong: it is hashed again.
    pub(super) fn forget(&self, digest: &Digest) {
        self.found.remove(digest);
    }

    fn checks(&self) -> MutexGuard<'_, HashMap<Digest, Arc<Check>>> {
        // The map is whole at every instant, whoever panicked.
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Check {
    fn new() -> Self {
        Self { begun: Instant::now(), declared: OnceLock::new(), verdict: OnceLock::new() }
    }

    /// Whether a body of this length can be the same: not if the one that is hashed was declared with another.
    pub(super) fn may_be(&self, length: u64) -> bool {
        self.declared.get().is_none_or(|declared| *declared == length) && self.allows(length)
    }

    /// Whether a body of this length may go on beside it.
    pub(super) fn allows(&self, length: u64) -> bool {
        match self.verdict.get() {
            None => true,
            Some(Verdict::Right { length: right }) => *right == length,
            Some(Verdict::Wrong) => false,
        }
    }
}

impl Duty {
    /// The length that the upstream declares for the body that is hashed.
    pub(super) fn declare(&self, length: u64) {
        let _ = self.check.declared.set(length);
    }

    /// Tells those beside what came out.
    pub(super) fn tell(&self, verdict: Verdict) {
        let _ = self.check.verdict.set(verdict);
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        let mut checks = self.trust.checks();
        if checks.get(&self.digest).is_some_and(|check| Arc::ptr_eq(check, &self.check)) {
            checks.remove(&self.digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duty(standing: Standing) -> Duty {
        let Standing::Unverified(Some(duty)) = standing else { panic!("somebody else hashes it") };
        duty
    }

    fn beside(standing: Standing) -> Arc<Check> {
        let Standing::Beside(check) = standing else { panic!("nobody hashes it") };
        check
    }

    #[test]
    fn one_of_many_hashes_and_what_it_finds_holds_for_all() {
        let (trust, digest) = (Trust::new(Verify::First), Digest::of(b"a"));
        let first = duty(trust.of(&digest, true).standing);
        let second = beside(trust.of(&digest, true).standing);
        assert!(second.may_be(7));
        first.declare(1);
        assert!(second.may_be(1) && !second.may_be(7) && second.allows(7), "nobody knows yet who is right");
        first.tell(Verdict::Right { length: 1 });
        trust.found_right(digest, 1);
        assert!(second.allows(1) && !second.allows(7));
        assert!(matches!(trust.of(&digest, true).standing, Standing::Trusted));
        assert_eq!(trust.of(&digest, true).length, Some(1));
        drop(first);
        assert!(trust.checks().is_empty());
    }

    #[test]
    fn who_finds_it_wrong_stops_those_beside_and_the_next_one_hashes() {
        let (trust, digest) = (Trust::new(Verify::First), Digest::of(b"a"));
        let first = duty(trust.of(&digest, true).standing);
        let second = beside(trust.of(&digest, true).standing);
        first.tell(Verdict::Wrong);
        assert!(!second.allows(1));
        drop(first);
        duty(trust.of(&digest, true).standing);
    }

    #[test]
    fn who_goes_away_leaves_it_to_the_next() {
        let (trust, digest) = (Trust::new(Verify::First), Digest::of(b"a"));
        let first = duty(trust.of(&digest, true).standing);
        let second = beside(trust.of(&digest, true).standing);
        drop(first);
        assert!(second.allows(1));
        let third = duty(trust.of(&digest, true).standing);
        beside(trust.of(&digest, true).standing);
        drop(third);
        assert!(trust.checks().is_empty());
    }

    #[test]
    fn nobody_waits_for_a_slow_one_for_ever() {
        let (trust, digest) = (Trust::new(Verify::First), Digest::of(b"a"));
        let slow = duty(trust.of(&digest, true).standing);
        let old = Check { begun: Instant::now().checked_sub(CHECK_PATIENCE).unwrap(), ..Check::new() };
        trust.checks().insert(digest, Arc::new(old));
        let next = duty(trust.of(&digest, true).standing);
        drop(slow);
        beside(trust.of(&digest, true).standing);
        drop(next);
        assert!(trust.checks().is_empty());
    }

    #[test]
    fn a_part_is_hashed_for_nobody_and_there_is_a_bound() {
        let trust = Trust::new(Verify::First);
        let digest = Digest::of(b"a");
        assert!(matches!(trust.of(&digest, false).standing, Standing::Unverified(None)));
        let duties: Vec<_> =
            (0..CHECKS_MAX).map(|n| duty(trust.of(&Digest::of(&n.to_be_bytes()), true).standing)).collect();
        assert!(matches!(trust.of(&digest, true).standing, Standing::Unverified(None)));
        drop(duties);
        duty(trust.of(&digest, true).standing);
    }

    #[test]
    fn where_each_one_is_to_be_hashed_nobody_relies_on_another() {
        let (trust, digest) = (Trust::new(Verify::Always), Digest::of(b"a"));
        trust.found_right(digest, 1);
        for _ in 0..2 {
            assert!(matches!(trust.of(&digest, true).standing, Standing::Unverified(None)));
        }
    }
}
