//! The contents of the tables, as bytes with a checksum each: a disk that changes a bit is seen when it is read.
//!
//! ```text
//! an event:  the event, as the codec writes it; crc32 of its sequence number (8 bytes) and these bytes
//! the head:  session (8)   last event (8)   thinned (8)   entries (8)   crc32 of these
//! ```
//!
//! All numbers are little-endian. `tests/golden` pins the bytes.

/// Appends what belongs behind an event's bytes.
pub(super) fn seal(sequence: u64, event: &[u8], sealed: &mut Vec<u8>) {
    sealed.clear();
    sealed.extend(event);
    sealed.extend(checksum(sequence, event).to_le_bytes());
}

/// The event's bytes, if these are what was written under its number.
pub(super) fn unseal(sequence: u64, sealed: &[u8]) -> Option<&[u8]> {
    let (event, sum) = sealed.split_last_chunk()?;
    (checksum(sequence, event) == u32::from_le_bytes(*sum)).then_some(event)
}

fn checksum(sequence: u64, event: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.to_le_bytes());
    hasher.update(event);
    hasher.finalize()
}

/// Facts about the store as a whole, which each commit writes anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::log) struct Head {
    /// A random number by which the journal's frames are known to belong to this database as it is now; 0 before the
    /// first journal.
    pub(in crate::log) session: u64,
    /// The last event; 0 for none.
    pub(in crate::log) last: u64,
    /// The last event up to which observations were removed; 0 for none. After it no event is missing.
    pub(in crate::log) thinned: u64,
    /// Number of events that are there.
    pub(in crate::log) entries: u64,
}

impl Head {
    /// Its length in bytes.
    const BYTES: usize = 36;

    pub(super) fn encode(self) -> Vec<u8> {
        let numbers = [self.session, self.last, self.thinned, self.entries];
        let mut bytes = numbers.map(u64::to_le_bytes).concat();
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, sum) = bytes.split_last_chunk()?;
        if bytes.len() != Self::BYTES || crc32fast::hash(numbers) != u32::from_le_bytes(*sum) {
            return None;
        }
        let mut numbers =
            numbers.chunks_exact(8).filter_map(|it| Some(u64::from_le_bytes(*it.first_chunk()?)));
        let mut next = || numbers.next();
        Some(Self { session: next()?, last: next()?, thinned: next()?, entries: next()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn sealed(sequence: u64, event: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        seal(sequence, event, &mut bytes);
        bytes
    }

    const HEAD: Head = Head { session: 0x0123_4567_89ab_cdef, last: 42, thinned: 7, entries: 36 };

    #[test]
    fn the_bytes_of_layout_4_are_what_they_were() {
        let written =
            format!("event {}\nhead {}\n", hex(&sealed(42, b"an event's bytes")), hex(&HEAD.encode()));
        let golden = include_str!("../../../../../tests/golden/database-v4.txt");
        assert_eq!(written, golden, "the bytes changed: that is a new layout of the database");
    }

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let event = sealed(42, b"an event's bytes");
        assert_eq!(unseal(42, &event), Some(&b"an event's bytes"[..]));
        assert_eq!(unseal(43, &event), None, "under another number");
        assert_eq!(Head::decode(&HEAD.encode()), Some(HEAD));
        let head = HEAD.encode();
        for (bytes, is_read) in [
            (&event, Box::new(|bytes: &[u8]| unseal(42, bytes).is_some()) as Box<dyn Fn(&[u8]) -> bool>),
            (&head, Box::new(|bytes: &[u8]| Head::decode(bytes).is_some())),
        ] {
            for length in 0..bytes.len() {
                assert!(!is_read(&bytes[..length]), "the first {length} bytes");
            }
            for bit in 0..8 * bytes.len() {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(!is_read(&damaged), "bit {bit}");
            }
        }
    }
}
