//! The pace at which events that are safe elsewhere go into the database: many in one commit, and no haste after a failure.

use std::time::{Duration, Instant};

use crate::log::engine::Kept;

/// Longest time that an event waits for the database.
const KEEP_PAUSE: Duration = Duration::from_secs(1);
/// Pause between two attempts with a database that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Events that wait for the database.
pub(in crate::log) struct Waiting {
    pub(in crate::log) bytes: usize,
    /// At this many bytes the database takes them at once.
    pub(in crate::log) bytes_max: usize,
    /// The last attempt failed.
    pub(in crate::log) is_failing: bool,
    /// The database is closed since.
    pub(in crate::log) is_closed: bool,
}

/// Has `flush` move what is waiting, if it is time for that at `now`, or at once where that `is_asked`. `due` is the latest time
/// for that, which is kept from one call to the next. `flush` returns whether the database took it.
pub(in crate::log) fn keep(
    due: &mut Option<Instant>,
    waiting: &Waiting,
    now: Instant,
    is_asked: bool,
    flush: impl FnOnce() -> bool,
) -> Kept {
    let Waiting { bytes, bytes_max, is_failing, is_closed } = *waiting;
    if bytes == 0 {
        return Kept { is_all: true, due: None };
    }
    let at = *due.get_or_insert(now + KEEP_PAUSE);
    let is_much = bytes >= bytes_max && !is_failing;
    if (is_closed && now < at) || !(is_asked || is_much || at <= now) {
        return Kept { is_all: false, due: *due };
    }
    let is_all = flush();
    *due = (!is_all).then_some(now + RETRY_PAUSE);
    Kept { is_all, due: *due }
}
