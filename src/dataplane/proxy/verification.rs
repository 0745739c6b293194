//! Decides which blobs are hashed: not those that were verified recently, and not those that a concurrent
//! transfer hashes.
//!
//! Of concurrent answers with the same blob, the first that states a length is hashed, and those of the same
//! length follow it. An answer of another length, or of none, is hashed on its own.
//!
//! The length of a verified blob is remembered as well: an answer of another length is not the blob.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::recent::Recent;
use crate::config::Verify;
use crate::model::oci::Digest;

/// Verified blobs remembered, at least.
const VERIFIED_MIN: usize = 20_000;
/// Time for which a verified digest is trusted.
const VERIFIED_FOR: Duration = Duration::from_secs(3600);
/// Concurrent shared hashes. Beyond that each transfer hashes on its own.
const SHARED_HASHES_MAX: usize = 4_096;
/// Time in which transfers may follow one hash. Its client may be slow, so a later transfer starts another.
const FOLLOW_TIME_MAX: Duration = Duration::from_secs(60);

/// Verified blobs and shared hashes. Both tables are bounded.
pub(super) struct VerifiedBlobs {
    verify: Verify,
    verified: Recent<Digest, VerifiedBlob>,
    shared_hashes: Mutex<HashMap<Digest, Weak<SharedHash>>>,
}

#[derive(Clone, Copy)]
struct VerifiedBlob {
    at: Instant,
    length: u64,
}

/// Verification of a requested blob.
pub(super) struct VerificationPlan {
    /// Length of the blob, if it was verified before.
    pub(super) length: Option<u64>,
    pub(super) mode: VerificationMode,
}

/// Verification of an answer whose request begins now.
pub(super) enum VerificationMode {
    /// None: the blob was verified recently.
    Trusted,
    /// One hash for all concurrent requests. The first request most likely has the first answer.
    Shared { shared: Arc<SharedHash>, is_first: bool },
    /// A hash of its own.
    Own,
}

/// Role of an answer that shares a hash.
pub(super) enum SharedRole {
    /// Its transfer computes the hash for all.
    Lead(HashLead),
    /// Its transfer follows the one that computes the hash.
    Follow(Arc<SharedHash>),
    /// Its transfer computes a hash of its own.
    Own,
}

/// One computation of a blob's hash, as its followers see it.
#[derive(Debug)]
pub struct SharedHash {
    started: Instant,
    /// Length of the answer that is being hashed.
    hashed_length: Mutex<Option<u64>>,
    outcome: OnceLock<HashOutcome>,
}

/// Result of a hash. It is missing if the client disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HashOutcome {
    Match { length: u64 },
    Mismatch,
}

/// Obligation to compute a shared hash. If it is dropped without a result, the next answer takes over.
pub(super) struct HashLead {
    verified_blobs: Arc<VerifiedBlobs>,
    digest: Digest,
    shared: Arc<SharedHash>,
}

impl VerifiedBlobs {
    pub(super) fn new(verify: Verify) -> Arc<Self> {
        Arc::new(Self { verify, verified: Recent::new(VERIFIED_MIN), shared_hashes: Mutex::default() })
    }

    /// Plans the verification of a request. Only a request for the whole blob (`is_whole`) can share a hash.
    pub(super) fn plan(&self, digest: &Digest, is_whole: bool) -> VerificationPlan {
        let verified = self.verified.get(digest);
        let mode = match (self.verify, verified) {
            (Verify::Always, _) => VerificationMode::Own,
            (Verify::First, Some(verified)) if verified.at.elapsed() <= VERIFIED_FOR => {
                VerificationMode::Trusted
            }
            (Verify::First, _) => self.join_or_start(digest, is_whole),
        };
        VerificationPlan { length: verified.map(|verified| verified.length), mode }
    }

    fn join_or_start(&self, digest: &Digest, is_whole: bool) -> VerificationMode {
        let mut shared_hashes = self.shared_hashes.lock();
        let shared = shared_hashes.get(digest).and_then(Weak::upgrade);
        if let Some(shared) = shared.filter(|shared| shared.started.elapsed() < FOLLOW_TIME_MAX) {
            return VerificationMode::Shared { shared, is_first: false };
        }
        if shared_hashes.len() >= SHARED_HASHES_MAX && !shared_hashes.contains_key(digest) {
            // Removes hashes whose requests were never answered.
            shared_hashes.retain(|_, shared| shared.strong_count() > 0);
        }
        if !is_whole || (shared_hashes.len() >= SHARED_HASHES_MAX && !shared_hashes.contains_key(digest)) {
            return VerificationMode::Own;
        }
        let shared = Arc::new(SharedHash::new());
        shared_hashes.insert(*digest, Arc::downgrade(&shared));
        VerificationMode::Shared { shared, is_first: true }
    }

    /// Assigns a role to an answer with the whole blob, which states this length.
    pub(super) fn assign_role(
        self: &Arc<Self>,
        shared: Arc<SharedHash>,
        digest: Digest,
        length: Option<u64>,
    ) -> SharedRole {
        let Some(length) = length.filter(|length| shared.allows(*length)) else { return SharedRole::Own };
        let mut hashed = shared.hashed_length.lock();
        match *hashed {
            Some(other) if other != length => SharedRole::Own,
            Some(_) => SharedRole::Follow(shared.clone()),
            None => {
                *hashed = Some(length);
                SharedRole::Lead(HashLead { verified_blobs: self.clone(), digest, shared: shared.clone() })
            }
        }
    }

    /// Records that a blob was hashed and matches its digest.
    pub(super) fn record_verified(&self, digest: Digest, length: u64) {
        self.verified.insert(digest, VerifiedBlob { at: Instant::now(), length });
    }

    /// Forgets a blob after a failure, so that it is hashed again.
    pub(super) fn forget(&self, digest: &Digest) {
        self.verified.remove(digest);
    }
}

impl SharedHash {
    fn new() -> Self {
        Self { started: Instant::now(), hashed_length: Mutex::default(), outcome: OnceLock::new() }
    }

    /// Tells whether a body of this length may continue.
    pub(super) fn allows(&self, length: u64) -> bool {
        match self.outcome.get() {
            None => true,
            Some(HashOutcome::Match { length: right }) => *right == length,
            Some(HashOutcome::Mismatch) => false,
        }
    }
}

impl HashLead {
    /// Publishes the result to the followers.
    pub(super) fn publish(&self, outcome: HashOutcome) {
        let _ = self.shared.outcome.set(outcome);
    }
}

impl Drop for HashLead {
    fn drop(&mut self) {
        if self.shared.outcome.get().is_none() {
            *self.shared.hashed_length.lock() = None;
            return;
        }
        let mut shared_hashes = self.verified_blobs.shared_hashes.lock();
        if shared_hashes.get(&self.digest).is_some_and(|shared| shared.as_ptr() == Arc::as_ptr(&self.shared))
        {
            shared_hashes.remove(&self.digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(verified_blobs: &VerifiedBlobs, digest: &Digest) -> (Arc<SharedHash>, bool) {
        let VerificationMode::Shared { shared, is_first } = verified_blobs.plan(digest, true).mode else {
            panic!("not shared")
        };
        (shared, is_first)
    }

    fn lead(role: SharedRole) -> HashLead {
        let SharedRole::Lead(lead) = role else { panic!("it is not hashed for all") };
        lead
    }

    #[test]
    fn the_first_answer_is_hashed_and_what_it_finds_holds_for_those_of_its_length() {
        let (verified_blobs, digest) = (VerifiedBlobs::new(Verify::First), Digest::of(b"a"));
        let [(first, true), (second, false), (third, false), (fourth, false)] =
            [(); 4].map(|()| shared(&verified_blobs, &digest))
        else {
            panic!("only the first one to ask is the first")
        };
        // No length is known before, so the first answer may be any; one without a length is not shared.
        assert!(matches!(verified_blobs.assign_role(fourth, digest, None), SharedRole::Own));
        let hashing = lead(verified_blobs.assign_role(second, digest, Some(1)));
        let SharedRole::Follow(beside) = verified_blobs.assign_role(first, digest, Some(1)) else {
            panic!("of the same length")
        };
        assert!(matches!(verified_blobs.assign_role(third, digest, Some(7)), SharedRole::Own));
        assert!(beside.allows(1));
        hashing.publish(HashOutcome::Match { length: 1 });
        verified_blobs.record_verified(digest, 1);
        assert!(beside.allows(1) && !beside.allows(7));
        assert!(matches!(verified_blobs.plan(&digest, true).mode, VerificationMode::Trusted));
        assert_eq!(verified_blobs.plan(&digest, true).length, Some(1));
        drop(hashing);
        assert!(verified_blobs.shared_hashes.lock().is_empty());
    }

    #[test]
    fn a_wrong_one_stops_those_beside_and_the_next_one_is_hashed() {
        let (verified_blobs, digest) = (VerifiedBlobs::new(Verify::First), Digest::of(b"a"));
        let [(first, _), (second, _), (third, _)] = [(); 3].map(|()| shared(&verified_blobs, &digest));
        let hashing = lead(verified_blobs.assign_role(first, digest, Some(1)));
        let SharedRole::Follow(beside) = verified_blobs.assign_role(second, digest, Some(1)) else {
            panic!("beside")
        };
        hashing.publish(HashOutcome::Mismatch);
        assert!(!beside.allows(1));
        assert!(matches!(verified_blobs.assign_role(third, digest, Some(1)), SharedRole::Own));
        drop(hashing);
        let (next, is_first) = shared(&verified_blobs, &digest);
        assert!(is_first);
        lead(verified_blobs.assign_role(next, digest, Some(1)));
    }

    #[test]
    fn a_client_that_goes_away_leaves_the_hashing_to_the_next() {
        let (verified_blobs, digest) = (VerifiedBlobs::new(Verify::First), Digest::of(b"a"));
        let [(first, _), (second, _), (third, _)] = [(); 3].map(|()| shared(&verified_blobs, &digest));
        let hashing = lead(verified_blobs.assign_role(first, digest, Some(1)));
        let SharedRole::Follow(beside) = verified_blobs.assign_role(second, digest, Some(1)) else {
            panic!("beside")
        };
        drop(hashing);
        assert!(beside.allows(1));
        let next = lead(verified_blobs.assign_role(third, digest, Some(1)));
        next.publish(HashOutcome::Mismatch);
        assert!(!beside.allows(1), "it passes beside whoever hashes");
    }

    #[test]
    fn nobody_waits_for_a_slow_one_for_ever() {
        let (verified_blobs, digest) = (VerifiedBlobs::new(Verify::First), Digest::of(b"a"));
        let old =
            SharedHash { started: Instant::now().checked_sub(FOLLOW_TIME_MAX).unwrap(), ..SharedHash::new() };
        let old = Arc::new(old);
        verified_blobs.shared_hashes.lock().insert(digest, Arc::downgrade(&old));
        let slow = lead(verified_blobs.assign_role(old, digest, Some(1)));
        let (next, is_first) = shared(&verified_blobs, &digest);
        assert!(is_first);
        slow.publish(HashOutcome::Match { length: 1 });
        drop(slow);
        assert!(Arc::ptr_eq(&next, &shared(&verified_blobs, &digest).0), "an old one takes nothing along");
    }

    #[test]
    fn a_part_is_hashed_for_nobody_and_there_is_a_bound_of_those_that_live() {
        let verified_blobs = VerifiedBlobs::new(Verify::First);
        let digest = Digest::of(b"a");
        assert!(matches!(verified_blobs.plan(&digest, false).mode, VerificationMode::Own));
        let live: Vec<_> =
            (0..SHARED_HASHES_MAX).map(|n| shared(&verified_blobs, &Digest::of(&n.to_be_bytes()))).collect();
        assert!(matches!(verified_blobs.plan(&digest, true).mode, VerificationMode::Own));
        drop(live);
        assert!(shared(&verified_blobs, &digest).1, "what was never answered takes no place");
    }

    #[test]
    fn where_each_one_is_to_be_hashed_nobody_relies_on_another() {
        let (verified_blobs, digest) = (VerifiedBlobs::new(Verify::Always), Digest::of(b"a"));
        verified_blobs.record_verified(digest, 1);
        for _ in 0..2 {
            assert!(matches!(verified_blobs.plan(&digest, true).mode, VerificationMode::Own));
        }
    }
}
