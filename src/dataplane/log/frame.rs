//! A frame: what the journal writes in one go, and what goes into the database in one piece.
//!
//! ```text
//! 0  magic "LFfr"   4  payload, bytes   8  session   16  first sequence   24  events   28  crc32 of 0..28 and the payload
//! 32 payload: for each event its length (4 bytes) and its bytes, as the codec writes them
//! ```
//!
//! All numbers are little-endian. Zeros fill the last page: a page belongs to one frame, so no write touches what an
//! earlier one made durable, and none has to read a page first. `tests/golden` pins the bytes.

use super::codec::{self, CodecError};
use crate::model::event::Event;

/// Frames begin at multiples of this, in bytes: what Linux writes at least.
pub(super) const PAGE_BYTES: usize = 4096;
const MAGIC: &[u8; 4] = b"LFfr";
const HEADER_BYTES: usize = 32;

/// Events with consecutive sequence numbers, as bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frame {
    session: u64,
    first: u64,
    count: u32,
    /// Header and payload; whole pages once it is sealed.
    bytes: Vec<u8>,
}

impl Default for Frame {
    /// An empty frame whose events have no numbers yet. It takes no memory until it has one.
    fn default() -> Self {
        Self { session: 0, first: 1, count: 0, bytes: Vec::new() }
    }
}

impl Frame {
    /// An empty frame whose first event will be the log's number `first`.
    #[cfg(test)]
    pub(super) fn new(session: u64, first: u64) -> Self {
        let mut frame = Self { session, first, ..Self::default() };
        frame.begin();
        frame
    }

    /// Makes room for the header.
    fn begin(&mut self) {
        self.bytes.reserve(PAGE_BYTES);
        self.bytes.resize(HEADER_BYTES, 0);
    }

    /// Gives its events their numbers, from `first` on, as those of a session.
    pub(super) fn number(&mut self, session: u64, first: u64) {
        (self.session, self.first) = (session, first);
    }

    /// Takes one more event; without a trace if that cannot be written.
    pub(super) fn push(&mut self, event: &Event) -> Result<(), CodecError> {
        self.push_with(|bytes| codec::encode(event, bytes))
    }

    pub(super) fn push_with(
        &mut self,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        if self.bytes.is_empty() {
            self.begin();
        }
        let start = self.bytes.len();
        self.bytes.extend([0; 4]);
        let encoded = encode(&mut self.bytes);
        let length = u32::try_from(self.bytes.len() - start - 4);
        let (Ok(()), Ok(length)) = (encoded, length) else {
            self.bytes.truncate(start);
            return Err(CodecError::Unwritable);
        };
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
        self.count += 1;
        Ok(())
    }

    /// Makes the header and fills the last page.
    pub(super) fn seal(&mut self) {
        // A frame's bytes are bounded far below 4 GiB; one that were not would not be read again, and never called durable.
        let payload = u32::try_from(self.bytes.len() - HEADER_BYTES).unwrap_or(u32::MAX);
        self.bytes[..4].copy_from_slice(MAGIC);
        self.bytes[4..8].copy_from_slice(&payload.to_le_bytes());
        self.bytes[8..16].copy_from_slice(&self.session.to_le_bytes());
        self.bytes[16..24].copy_from_slice(&self.first.to_le_bytes());
        self.bytes[24..28].copy_from_slice(&self.count.to_le_bytes());
        let sum = checksum(&self.bytes);
        self.bytes[28..32].copy_from_slice(&sum.to_le_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(PAGE_BYTES), 0);
    }

    /// The frame of `session` at the beginning of `bytes`; nothing if there is none, or not all of it.
    pub(super) fn read(bytes: &[u8], session: u64) -> Option<Self> {
        let number = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let long = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        if bytes.first_chunk() != Some(MAGIC) || long(8)? != session {
            return None;
        }
        let end = HEADER_BYTES.checked_add(usize::try_from(number(4)?).ok()?)?;
        let whole = bytes.get(..end.checked_next_multiple_of(PAGE_BYTES)?)?;
        if number(28)? != checksum(&whole[..end]) {
            return None;
        }
        let frame = Self { session, first: long(16)?, count: number(24)?, bytes: whole.to_vec() };
        // No log comes so far, but bytes that nobody wrote may say so.
        frame.first.checked_add(u64::from(frame.count))?;
        (frame.count > 0 && frame.entries().count() == frame.count as usize).then_some(frame)
    }

    /// The frame at the beginning of `bytes`, of whatever session.
    pub(super) fn read_any(bytes: &[u8]) -> Option<Self> {
        Self::read(bytes, u64::from_le_bytes(*bytes.get(8..)?.first_chunk()?))
    }

    /// The frame of `session` at the beginning of `bytes`, as it was before one bit of it became another; nothing if
    /// that is not what became of it. A frame that a crash tore has many bits that are others, so this tells a frame
    /// that somebody was told of from one that nobody was told of.
    pub(super) fn mended(bytes: &[u8], session: u64) -> Option<Self> {
        let (magic, named) = (bytes.first_chunk()?, bytes.get(8..)?.first_chunk()?);
        let differing = u32::from_le_bytes(*magic) ^ u32::from_le_bytes(*MAGIC);
        if differing.count_ones() + (u64::from_le_bytes(*named) ^ session).count_ones() > 1 {
            return None;
        }
        let length = u32::from_le_bytes(*bytes[4..].first_chunk()?);
        let end = HEADER_BYTES.checked_add(usize::try_from(length).ok()?)?;
        let mut bytes = bytes.to_vec();
        if let Some(place) = bytes.get(..end).and_then(changed_bit) {
            bytes[place / 8] ^= 1 << (place % 8);
            return Self::read(&bytes, session);
        }
        (0..8 * HEADER_BYTES).find_map(|place| {
            bytes[place / 8] ^= 1 << (place % 8);
            let frame = Self::read(&bytes, session);
            bytes[place / 8] ^= 1 << (place % 8);
            frame
        })
    }

    /// Its session.
    pub(super) fn session(&self) -> u64 {
        self.session
    }

    /// Its events' bytes, each with its sequence number.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut rest = self.bytes.get(HEADER_BYTES..).unwrap_or_default();
        (self.first..).take(self.count as usize).map_while(move |sequence| {
            let (length, bytes) = rest.split_first_chunk()?;
            let (entry, after) = bytes.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = after;
            Some((sequence, entry))
        })
    }

    /// The first of its events that this release cannot read.
    pub(super) fn unreadable(&self) -> Option<(u64, CodecError)> {
        self.entries().find_map(|(sequence, bytes)| Some((sequence, codec::decode(bytes).err()?)))
    }

    /// The sequence number of its first event.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The sequence number of its last event; that before its first one while it is empty.
    pub(super) fn last(&self) -> u64 {
        self.first + u64::from(self.count) - 1
    }

    /// The end of its events in its bytes; the rest fills the page.
    #[cfg(test)]
    pub(super) fn events_end(&self) -> usize {
        HEADER_BYTES + self.entries().map(|(_, bytes)| 4 + bytes.len()).sum::<usize>()
    }

    /// The bytes for the disk, once it is sealed.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Of the header's other fields and of the payload.
fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..28]);
    hasher.update(&bytes[HEADER_BYTES..]);
    hasher.finalize()
}

/// The bit of the payload that would have to be another for the checksum to fit. A crc is linear: what it differs by says
/// which bit it is, and each bit before another one differs by one step more of its division.
fn changed_bit(frame: &[u8]) -> Option<usize> {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let differs_by = checksum(frame) ^ u32::from_le_bytes(*frame[28..].first_chunk()?);
    let mut step = POLYNOMIAL;
    (8 * HEADER_BYTES..8 * frame.len()).rev().find(|_| {
        let is_it = step == differs_by;
        step = (step >> 1) ^ if step & 1 == 1 { POLYNOMIAL } else { 0 };
        is_it
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: u64 = 0x0123_4567_89ab_cdef;

    /// Its contents are the codec's business, which has golden files of its own.
    fn frame() -> Frame {
        let mut frame = Frame::new(SESSION, 42);
        for bytes in ["an event's bytes", "another's"] {
            frame
                .push_with(|buffer| {
                    buffer.extend(bytes.as_bytes());
                    Ok(())
                })
                .unwrap();
        }
        frame.seal();
        frame
    }

    #[test]
    fn the_first_version_s_bytes_are_what_they_were() {
        let frame = frame();
        let hex: String =
            frame.bytes[..frame.events_end()].iter().map(|byte| format!("{byte:02x}")).collect();
        let golden = include_str!("../../../tests/golden/journal-v1.txt");
        assert_eq!(
            golden.lines().nth(1),
            Some(format!("frame {hex}").as_str()),
            "the bytes changed: that is a new version of the journal"
        );
    }

    #[test]
    fn a_frame_comes_back_whole_or_not_at_all() {
        let frame = frame();
        let entries: Vec<_> = frame.entries().collect();
        assert_eq!(entries, [(42, &b"an event's bytes"[..]), (43, &b"another's"[..])]);
        assert_eq!((frame.first(), frame.last(), frame.bytes.len()), (42, 43, PAGE_BYTES));
        assert_eq!(Frame::read(&frame.bytes, SESSION).as_ref(), Some(&frame));
        assert_eq!(Frame::read(&frame.bytes, SESSION + 1), None, "of another session");
        assert_eq!(Frame::read(&frame.bytes[..PAGE_BYTES - 1], SESSION), None, "cut short");
        for place in 0..frame.events_end() {
            let mut damaged = frame.bytes.clone();
            damaged[place] ^= 1;
            assert_eq!(Frame::read(&damaged, SESSION), None, "byte {place}");
        }
    }

    #[test]
    fn one_bit_that_became_another_is_told_from_a_torn_frame() {
        let frame = frame();
        for place in 0..8 * frame.events_end() {
            let mut damaged = frame.bytes.clone();
            damaged[place / 8] ^= 1 << (place % 8);
            assert_eq!(Frame::mended(&damaged, SESSION).as_ref(), Some(&frame), "bit {place}");
        }
        for rest in [0, 0xff, b'e'] {
            for end in 0..frame.events_end() - 1 {
                let mut torn = frame.bytes.clone();
                torn[end..].fill(rest);
                assert_eq!(Frame::mended(&torn, SESSION), None, "{end} bytes were written");
            }
        }
    }
}
