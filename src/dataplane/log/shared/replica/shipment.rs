//! A shipment: what goes to the stream as one message. Events of one writer under its own numbers, or one act.
//!
//! ```text
//!  0  magic "LFsh"   4  version   6  zeros (2)
//!  5  kind: 0 events, 1 events that the stream lost, 2 act on what was seen, 3 act whatever was seen
//!  8  writer (16)   24  number of the first event, or of the act (8)
//! 32  kind 2: the latest act that was seen: writer (16), number (8); zeros for none
//! 56  number of the same writer that must come before (8)   64  events (4)   68  crc32 of 0..68 and the payload
//! 72  payload: for each event its length (4) and its bytes, as the codec writes them
//! ```
//!
//! All numbers are little-endian. A shipment of kind 1 without events tries whether the stream takes anything.

use serde::{Deserialize, Serialize};

use super::ids::{ActId, WriterId};

/// Longest shipment in bytes, but for one whose only event is longer: servers' memory grows with larger ones.
pub(in crate::log) const BYTES_MAX: usize = 64 * 1024;
/// Most events of a shipment that is made here. Larger ones cost servers hardly less for each event.
pub(in crate::log) const EVENTS_MAX: usize = 300;

const MAGIC: &[u8; 4] = b"LFsh";
/// The version that is written, and the newest that is read.
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 72;
const SUM: usize = 68;

/// One message of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::log) struct Shipment {
    pub(in crate::log) writer: WriterId,
    /// The own number of the first event, or that of the act.
    pub(in crate::log) first: u64,
    pub(in crate::log) kind: Kind,
    /// As the codec writes them.
    pub(in crate::log) events: Vec<Vec<u8>>,
}

/// Kind of a shipment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::log) enum Kind {
    /// Events from the writer's outbox, with consecutive numbers.
    Events,
    /// The same, shipped again by whoever has them, where the stream lost them. They count only if all numbers up to `after`
    /// were taken: what stood before them may be gone, too, and not be back yet.
    Again { after: u64 },
    /// One act. It counts only if the latest act of the same writer has the number `after` (0: there is none), so it stays
    /// behind that one where the stream lost both, and if the condition holds.
    Act { after: u64, condition: Condition },
}

/// Condition for an act to count. Each follower judges it at the act's place in the stream, and all alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::log) enum Condition {
    /// The latest act before it is this one; nothing where there is none.
    Seen(Option<ActId>),
    /// It depends on no other; or it counted already, its writer was told so, and the stream lost it.
    Whatever,
}

/// Bytes of the stream that are no shipment which this release reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::log) enum Unreadable {
    /// A later release wrote it.
    #[error("it has version {0}, this release reads up to {VERSION}")]
    Newer(u8),
    /// It is not what was written, or nothing of Landfall's.
    #[error("it is damaged, or not of Landfall")]
    Damaged,
}

impl Shipment {
    /// A shipment that says nothing.
    pub(super) fn empty(writer: WriterId) -> Self {
        Self { writer, first: 0, kind: Kind::Again { after: 0 }, events: Vec::new() }
    }

    /// The number of its last event; that before its first one where it has none.
    pub(in crate::log) fn last(&self) -> u64 {
        (self.first + self.events.len() as u64).saturating_sub(1)
    }

    /// Its bytes.
    pub(in crate::log) fn encode(&self) -> Vec<u8> {
        let payload: usize = self.events.iter().map(|event| 4 + event.len()).sum();
        let mut bytes = Vec::with_capacity(HEADER_BYTES + payload);
        bytes.extend(MAGIC);
        let (kind, seen, after) = match self.kind {
            Kind::Events => (0, None, 0),
            Kind::Again { after } => (1, None, after),
            Kind::Act { after, condition: Condition::Seen(seen) } => (2, seen, after),
            Kind::Act { after, condition: Condition::Whatever } => (3, None, after),
        };
        bytes.extend([VERSION, kind, 0, 0]);
        bytes.extend(self.writer.to_bytes());
        bytes.extend(self.first.to_le_bytes());
        bytes.extend(seen.map_or([0; WriterId::BYTES], |seen| seen.writer.to_bytes()));
        bytes.extend(seen.map_or(0, |seen| seen.number).to_le_bytes());
        bytes.extend(after.to_le_bytes());
        // Both are bounded far below 4 GiB: an event by the journal, their number by a shipment's bytes.
        bytes.extend(u32::try_from(self.events.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend([0; 4]);
        for event in &self.events {
            bytes.extend(u32::try_from(event.len()).unwrap_or(u32::MAX).to_le_bytes());
            bytes.extend(event);
        }
        let sum = checksum(&bytes);
        bytes[SUM..HEADER_BYTES].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The shipment in `bytes`, all of them.
    ///
    /// # Errors
    /// There is none that this release reads.
    pub(in crate::log) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        use Unreadable::Damaged;
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(Damaged)?;
        if !header.starts_with(MAGIC) || header[4] == 0 {
            return Err(Damaged);
        }
        // A later version may have its checksum elsewhere.
        if header[4] > VERSION {
            return Err(Unreadable::Newer(header[4]));
        }
        if u32::from_le_bytes(part(header, SUM)) != checksum(bytes) {
            return Err(Damaged);
        }
        let seen = ActId {
            writer: WriterId::from_bytes(part(header, 32)),
            number: u64::from_le_bytes(part(header, 48)),
        };
        let after = u64::from_le_bytes(part(header, 56));
        let kind = match header[5] {
            0 => Kind::Events,
            1 => Kind::Again { after },
            2 => Kind::Act { after, condition: Condition::Seen((seen.number > 0).then_some(seen)) },
            3 => Kind::Act { after, condition: Condition::Whatever },
            _ => return Err(Damaged),
        };
        let count = u32::from_le_bytes(part(header, 64)) as usize;
        let events = events(&bytes[HEADER_BYTES..], count).ok_or(Damaged)?;
        let first = u64::from_le_bytes(part(header, 24));
        let is_numbered = first > 0 && first.checked_add(count as u64).is_some();
        let is_possible = match kind {
            Kind::Events => is_numbered && count > 0,
            Kind::Again { .. } => is_numbered || count == 0,
            Kind::Act { .. } => is_numbered && count == 1,
        };
        let writer = WriterId::from_bytes(part(header, 8));
        if is_possible { Ok(Self { writer, first, kind, events }) } else { Err(Damaged) }
    }
}

/// The bytes of the header from `at` on.
fn part<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&header[at..at + N]);
    part
}

fn events(mut rest: &[u8], count: usize) -> Option<Vec<Vec<u8>>> {
    let mut events = Vec::with_capacity(count.min(rest.len() / 4));
    while let Some((length, bytes)) = rest.split_first_chunk() {
        let (event, after) = bytes.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        events.push(event.to_vec());
        rest = after;
    }
    (rest.is_empty() && events.len() == count).then_some(events)
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..SUM]);
    hasher.update(&bytes[HEADER_BYTES..]);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> [Shipment; 5] {
        let writer = WriterId::new(7);
        let act = |after, condition| {
            let kind = Kind::Act { after, condition };
            Shipment { writer, first: 3, kind, events: vec![b"an act".to_vec()] }
        };
        let events = vec![b"one".to_vec(), Vec::new(), b"three".to_vec()];
        [
            Shipment { writer, first: 41, kind: Kind::Events, events: events.clone() },
            Shipment { writer, first: 41, kind: Kind::Again { after: 40 }, events },
            act(1, Condition::Seen(Some(ActId { writer: WriterId::new(9), number: 2 }))),
            act(1, Condition::Seen(None)),
            act(0, Condition::Whatever),
        ]
    }

    #[test]
    fn a_shipment_comes_back_whole_or_not_at_all() {
        for shipment in samples().into_iter().chain([Shipment::empty(WriterId::new(7))]) {
            let bytes = shipment.encode();
            assert_eq!(Shipment::decode(&bytes).as_ref(), Ok(&shipment));
            for end in 0..bytes.len() {
                assert_eq!(Shipment::decode(&bytes[..end]), Err(Unreadable::Damaged), "cut at {end}");
            }
            for place in 0..8 * bytes.len() {
                let mut damaged = bytes.clone();
                damaged[place / 8] ^= 1 << (place % 8);
                assert!(Shipment::decode(&damaged).is_err(), "bit {place}");
            }
        }
    }

    #[test]
    fn a_later_version_says_so() {
        let mut bytes = samples()[0].encode();
        bytes[4] = VERSION + 1;
        assert_eq!(Shipment::decode(&bytes), Err(Unreadable::Newer(VERSION + 1)));
    }

    #[test]
    fn the_first_version_s_bytes_are_what_they_were() {
        let hex: String = samples()[2].encode().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, GOLDEN, "the bytes changed: that is a new version");
    }

    const GOLDEN: &str = "4c4673680102000007000000000000000000000000000000030000000000000009000000000000000000000000000000\
         020000000000000001000000000000000100000022196b1f06000000616e20616374";
}
