//! Times of events beside the stream's own: nothing was observed after the stream stored it.
//!
//! A machine whose clock is a day ahead would otherwise make what all others observe look late. The stream's time is the same
//! for all replicas, so they put an event that is ahead of it back alike.

use crate::log::codec;
use crate::model::event::Event;
use crate::model::time::{Span, Time};

/// Furthest that an event's time may be ahead of the stream's: clocks differ.
const AHEAD_MAX: Span = Span::from_mins(1);

/// The stream's time at which a message was stored, of its stamp in nanoseconds.
pub(super) fn time(stamp: u64) -> Time {
    Time::from_ms(i64::try_from(stamp / 1_000_000).unwrap_or(i64::MAX))
}

/// Puts an event that is ahead of the time `stored_at` back to that, in `bytes` too. Returns how far ahead it was.
pub(super) fn put_back(event: &mut Event, bytes: &mut Vec<u8>, stored_at: Time) -> Option<Span> {
    let at = match event {
        Event::Observed(observation) => &mut observation.at,
        Event::Reported(report) => &mut report.at,
        _ => return None,
    };
    let ahead = at.since(stored_at);
    if ahead <= AHEAD_MAX {
        return None;
    }
    *at = stored_at;
    let mut encoded = Vec::with_capacity(bytes.len());
    // It had bytes with another time.
    if codec::encode(event, &mut encoded).is_ok() {
        *bytes = encoded;
    }
    Some(ahead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::observation;

    #[test]
    fn what_is_ahead_of_the_stream_is_put_back_and_nothing_else_is_changed() {
        let stored_at = time(3_600_000_000_000);
        for (ahead_ms, expected) in
            [(-5_000, None), (60_000, None), (60_001, Some(60_001)), (86_400_000, Some(86_400_000))]
        {
            let mut event = Event::Observed(observation(1));
            let Event::Observed(observed) = &mut event else { unreachable!() };
            observed.at = stored_at + Span::from_ms(ahead_ms);
            let (mut bytes, before) = (Vec::new(), event.clone());
            codec::encode(&event, &mut bytes).unwrap();
            let ahead = put_back(&mut event, &mut bytes, stored_at);
            assert_eq!(ahead.map(Span::ms), expected);
            assert_eq!(codec::decode(&bytes).unwrap(), event);
            assert_eq!(event.at(), if expected.is_some() { stored_at } else { before.at() });
        }
    }
}
