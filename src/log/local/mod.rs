//! The log on this machine's disk.

pub(super) mod draft;
pub(super) mod flusher;
pub(super) mod journal;
pub(super) mod place;
pub(super) mod salvage;
pub(super) mod scrub;
pub(super) mod store;
