//! The clock of a witness beside that of the log. The log gives the order, and times are the log's: nothing was seen later than
//! it was told, nor earlier than what was told before it, and what a clock that is behind stamps is later by as much.

use serde::{Deserialize, Serialize};

use crate::model::time::{Span, Time};

/// A clock that is behind by less is right enough.
const OFF_MIN: Span = Span::from_secs(60);

/// A clock is compared for so long before it is called behind. Reports that were held up come faster than they were made, and
/// the last of them is on time; those of a clock that is behind never are.
const COMPARED: Span = Span::from_secs(60);

/// The clock of a witness, as far as its reports show it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct WitnessClock {
    /// It is behind by so much; none where it is right, or ahead.
    behind: Span,
    /// Since when it is compared, and the least that a report came late since then.
    compared: Option<(Time, Span)>,
    /// The latest time that was given to one of its statements.
    last_at: Option<Time>,
}

impl WitnessClock {
    /// Compares it with the log's, by the latest statement of a report that was received at `received_at`. A clock that is behind
    /// makes every report late by as much at least.
    pub(super) fn compare(&mut self, latest: Time, received_at: Time) {
        let late = received_at.since(latest).max(Span::default());
        let (since, least) = self.compared.unwrap_or((received_at, late));
        let least = least.min(late);
        let off = |span: Span| if span > OFF_MIN { span } else { Span::default() };
        if received_at.since(since) >= COMPARED {
            (self.behind, self.compared) = (off(least), Some((received_at, late)));
        } else {
            (self.behind, self.compared) = (self.behind.min(off(least)), Some((since, least)));
        }
    }

    /// The time on the log's line of a statement that it stamped `at`, in a report that was received at `received_at`.
    pub(super) fn date(&mut self, at: Time, received_at: Time) -> Time {
        let at = (at + self.behind).min(received_at);
        let at = self.last_at.map_or(at, |last_at| last_at.max(at));
        self.last_at = Some(at);
        at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// No clock, and no order of reports, makes a later word the earlier one, or one that was not heard yet.
        #[test]
        fn times_follow_the_log(told in proptest::collection::vec((any::<i32>(), 0..100_000_i64), 1..40)) {
            let (mut clock, mut received_at, mut last_at) = (WitnessClock::default(), Time::from_ms(0), None);
            for (stamp, wait) in told {
                received_at = received_at + Span::from_ms(wait);
                let stamp = Time::from_ms(i64::from(stamp));
                clock.compare(stamp, received_at);
                let at = clock.date(stamp, received_at);
                prop_assert!(at <= received_at && last_at.is_none_or(|last_at| last_at <= at));
                last_at = Some(at);
            }
        }

        /// A clock that is off by whatever is right to the minute after two minutes of reports.
        #[test]
        fn a_clock_that_is_off_is_corrected(off_s in -100_000..100_000_i64, every_s in 1..60_i64) {
            let mut clock = WitnessClock::default();
            for second in (0..180).step_by(usize::try_from(every_s).unwrap()) {
                let received_at = Time::from_ms(second * 1_000);
                let stamp = received_at + Span::from_secs(off_s);
                clock.compare(stamp, received_at);
                let at = clock.date(stamp, received_at);
                if second >= 120 {
                    prop_assert!(received_at.since(at) <= OFF_MIN, "{} at {}", at, received_at);
                }
            }
        }
    }
}
