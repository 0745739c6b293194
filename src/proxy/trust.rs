//! Which blobs need no hashing: those that were found right, and those that somebody hashes at this moment.
//!
//! Of many answers with the same blob the first one that states a length is hashed, and those of the same length pass beside
//! it. An answer of another length, or of none, is hashed for itself.
//!
//! What is remembered of a blob that was found right is its length, too: an answer of another length is not the blob,
//! whoever sent it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
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
    checks: Mutex<HashMap<Digest, Weak<Check>>>,
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

/// How an answer to a request that begins now is to be looked at.
pub(super) enum Standing {
    /// It was found right not long ago.
    Trusted,
    /// It is hashed once for all who ask at about this time. The first one to ask most likely has the first answer.
    Shared { check: Arc<Check>, is_first: bool },
    /// It is hashed for itself.
    Alone,
}

/// What becomes of one answer among those that share a check.
pub(super) enum Share {
    /// It is hashed for all.
    Hashed(Duty),
    /// It passes beside the one that is hashed.
    Beside(Arc<Check>),
    /// It is hashed for itself.
    Alone,
}

/// One hashing of a blob, as those beside it see it.
#[derive(Debug)]
pub struct Check {
    begun: Instant,
    /// The length of the answer that is being hashed.
    hashed: Mutex<Option<u64>>,
    verdict: OnceLock<Verdict>,
}

/// How a hashing ended. One whose client went away has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right { length: u64 },
    Wrong,
}

/// The obligation to hash a blob for those beside. Where it ends without a verdict, the next answer takes it over.
pub(super) struct Duty {
    trust: Arc<Trust>,
    digest: Digest,
    check: Arc<Check>,
}

impl Trust {
    pub(super) fn new(verify: Verify) -> Arc<Self> {
        Arc::new(Self { verify, found: Recent::new(FOUND_MIN), checks: Mutex::default() })
    }

    /// Decides about a request. Only one that will have the whole blob, `is_whole`, can be hashed for others.
    pub(super) fn of(&self, digest: &Digest, is_whole: bool) -> Known {
        let found = self.found.get(digest);
        let standing = match (self.verify, found) {
            (Verify::Always, _) => Standing::Alone,
            (Verify::First, Some(found)) if found.at.elapsed() <= FOUND_FOR => Standing::Trusted,
            (Verify::First, _) => self.shared(digest, is_whole),
        };
        Known { length: found.map(|found| found.length), standing }
    }

    fn shared(&self, digest: &Digest, is_whole: bool) -> Standing {
        let mut checks = self.checks();
        let check = checks.get(digest).and_then(Weak::upgrade);
        if let Some(check) = check.filter(|check| check.begun.elapsed() < CHECK_PATIENCE) {
            return Standing::Shared { check, is_first: false };
        }
        if checks.len() >= CHECKS_MAX && !checks.contains_key(digest) {
            // Those that were asked for and never answered.
            checks.retain(|_, check| check.strong_count() > 0);
        }
        if !is_whole || (checks.len() >= CHECKS_MAX && !checks.contains_key(digest)) {
            return Standing::Alone;
        }
        let check = Arc::new(Check::new());
        checks.insert(*digest, Arc::downgrade(&check));
        Standing::Shared { check, is_first: true }
    }

    /// Decides about an answer with the whole blob, which states this length.
    pub(super) fn share(self: &Arc<Self>, check: Arc<Check>, digest: Digest, length: Option<u64>) -> Share {
        let Some(length) = length.filter(|length| check.allows(*length)) else { return Share::Alone };
        let mut hashed = check.hashed();
        match *hashed {
            Some(other) if other != length => Share::Alone,
            Some(_) => Share::Beside(check.clone()),
            None => {
                *hashed = Some(length);
                Share::Hashed(Duty { trust: self.clone(), digest, check: check.clone() })
            }
        }
    }

    /// A blob was hashed and is what its digest names.
    pub(super) fn found_right(&self, digest: Digest, length: u64) {
        self.found.insert(digest, Found { at: Instant::now(), length });
    }

    /// Something about a blob went wrong: it is hashed again.
    pub(super) fn forget(&self, digest: &Digest) {
        self.found.remove(digest);
    }

    fn checks(&self) -> MutexGuard<'_, HashMap<Digest, Weak<Check>>> {
        // The map is whole at every instant, whoever panicked.
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Check {
    fn new() -> Self {
        Self { begun: Instant::now(), hashed: Mutex::default(), verdict: OnceLock::new() }
    }

    /// Whether a body of this length may go on beside it.
    pub(super) fn allows(&self, length: u64) -> bool {
        match self.verdict.get() {
            None => true,
            Some(Verdict::Right { length: right }) => *right == length,
            Some(Verdict::Wrong) => false,
        }
    }

    fn hashed(&self) -> MutexGuard<'_, Option<u64>> {
        self.hashed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Duty {
    /// Tells those beside what came out.
    pub(super) fn tell(&self, verdict: Verdict) {
        let _ = self.check.verdict.set(verdict);
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        if self.check.verdict.get().is_none() {
            *self.check.hashed() = None;
            return;
        }
        let mut checks = self.trust.checks();
        if checks.get(&self.digest).is_some_and(|check| check.as_ptr() == Arc::as_ptr(&self.check)) {
            checks.remove(&self.digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(trust: &Trust, digest: &Digest) -> (Arc<Check>, bool) {
        let Standing::Shared { check, is_first } = trust.of(digest, true).standing else {
            panic!("not shared")
        };
        (check, is_first)
    }

    fn duty(share: Share) -> Duty {
        let Share::Hashed(duty) = share else { panic!("it is not hashed for all") };
        duty
    }

    #[test]
    fn the_first_answer_is_hashed_and_what_it_finds_holds_for_those_of_its_length() {
        let (trust, digest) = (Trust::new(Verify::First), Digest::of(b"a"));
        let [(first, true), (second, false), (third, false), (fourth, false)] =
            [(); 4].map(|()| shared(&trust, &digest))
        else {
            panic!("only the first one to ask is the first")
        };
        // Nothing is known of the lengths before: the answer that comes first is as good as any, one without a length is not.
        assert!(matches!(trust.share(fourth, digest, None), Share::Alone));
        let hashing = duty(trust.share(second, digest, Some(1)));
        let Share::Beside(beside) = trust.share(first, digest, Some(1)) else { panic!("of the same length") };
        assert!(matches!(trust.share(third, digest, Some(7)), Share::Alone));
        assert!(beside.allows(1));
        hashing.tell(Verdict::Right { length: 1 });
        trust.found_right(digest, 1);
        assert!(beside.allows(1) && !beside.allows(7));
        assert!(matches!(trust.of(&digest, true).standing, Standing::Trusted));
        assert_eq!(trust.of(&digest, true).length, Some(1));
        drop(hashing);
        assert!(trust.checks().is_empty());
    }

    #[test]
    fn a_wrong_one_stops_those_beside_and_the_next_one_is_hashed() {
        let (trust, digest) = (Trust::new(Verify::First), Digest::of(b"a"));
        let [(first, _), (second, _), (third, _)] = [(); 3].map(|()| shared(&trust, &digest));
        let hashing = duty(trust.share(first, digest, Some(1)));
        let Share::Beside(beside) = trust.share(second, digest, Some(1)) else { panic!("beside") };
        hashing.tell(Verdict::Wrong);
        assert!(!beside.allows(1));
        assert!(matches!(trust.share(third, digest, Some(1)), Share::Alone));
        drop(hashing);
        let (next, is_first) = shared(&trust, &digest);
        assert!(is_first);
        duty(trust.share(next, digest, Some(1)));
    }

    #[test]
    fn a_client_that_goes_away_leaves_the_hashing_to_the_next() {
        let (trust, digest) = (Trust::new(Verify::First), Digest::of(b"a"));
        let [(first, _), (second, _), (third, _)] = [(); 3].map(|()| shared(&trust, &digest));
        let hashing = duty(trust.share(first, digest, Some(1)));
        let Share::Beside(beside) = trust.share(second, digest, Some(1)) else { panic!("beside") };
        drop(hashing);
        assert!(beside.allows(1));
        let next = duty(trust.share(third, digest, Some(1)));
        next.tell(Verdict::Wrong);
        assert!(!beside.allows(1), "it passes beside whoever hashes");
    }

    #[test]
    fn nobody_waits_for_a_slow_one_for_ever() {
        let (trust, digest) = (Trust::new(Verify::First), Digest::of(b"a"));
        let old = Check { begun: Instant::now().checked_sub(CHECK_PATIENCE).unwrap(), ..Check::new() };
        let old = Arc::new(old);
        trust.checks().insert(digest, Arc::downgrade(&old));
        let slow = duty(trust.share(old, digest, Some(1)));
        let (next, is_first) = shared(&trust, &digest);
        assert!(is_first);
        slow.tell(Verdict::Right { length: 1 });
        drop(slow);
        assert!(Arc::ptr_eq(&next, &shared(&trust, &digest).0), "an old one takes nothing along");
    }

    #[test]
    fn a_part_is_hashed_for_nobody_and_there_is_a_bound_of_those_that_live() {
        let trust = Trust::new(Verify::First);
        let digest = Digest::of(b"a");
        assert!(matches!(trust.of(&digest, false).standing, Standing::Alone));
        let live: Vec<_> = (0..CHECKS_MAX).map(|n| shared(&trust, &Digest::of(&n.to_be_bytes()))).collect();
        assert!(matches!(trust.of(&digest, true).standing, Standing::Alone));
        drop(live);
        assert!(shared(&trust, &digest).1, "what was never answered takes no place");
    }

    #[test]
    fn where_each_one_is_to_be_hashed_nobody_relies_on_another() {
        let (trust, digest) = (Trust::new(Verify::Always), Digest::of(b"a"));
        trust.found_right(digest, 1);
        for _ in 0..2 {
            assert!(matches!(trust.of(&digest, true).standing, Standing::Alone));
        }
    }
}
