//! A damaged database, read without redb: what is whole in it is found wherever it lies.
//!
//! redb keeps entries in leaves, which begin at multiples of its page size (its `docs/design.md` describes them), each
//! with all that is needed to read it: how many entries it has, where each value ends, the keys, the values. So no tree
//! need be whole, nor the file's beginning, nor its end. Pages that were given up keep what they held until they are
//! written over: what is found is found more than once, which does no harm, for an event never changes. A checksum
//! decides what is whole, and nothing else is believed.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::{HEAD_KEY, Head, entry};
use crate::log::engine::Snapshot;
use crate::log::snapshot;

/// Leaves begin at multiples of this.
const PAGE_BYTES: usize = 4096;
/// A leaf with more entries would be longer than a page, and only one that has a single long entry is.
const ENTRIES_MAX: usize = PAGE_BYTES / 12;
/// The kind of page that a leaf says it is.
const LEAF: u8 = 1;
/// Longer events are none that were written: each fits into half a journal.
const EVENT_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Longer snapshots are none, either: they are as large as the fold's state.
const SNAPSHOT_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Bytes that are read at a time: most leaves lie within them.
const WINDOW_PAGES: usize = 256;

/// Something whole.
pub(in crate::log) enum Found<'a> {
    /// An event's bytes, with its sequence number.
    Event(u64, &'a [u8]),
    /// The head as it was at some time.
    Head(Head),
    /// A snapshot as it was at some time.
    Snapshot(Snapshot, &'a [u8]),
}

/// Hands all that is whole in a database's file to `take`, in no order. Never writes to the file.
pub(in crate::log) fn scan<E>(
    file: &File,
    failed: impl Fn(io::Error) -> E,
    mut take: impl FnMut(Found<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut taken = Ok(());
    let mut take = |found: Found<'_>| {
        taken = take(found);
        taken.is_ok()
    };
    let scanned = scan_pages(file, &mut take);
    taken.and(scanned.map_err(failed))
}

/// Ends early where `take` says so.
fn scan_pages(file: &File, take: &mut impl FnMut(Found<'_>) -> bool) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut window = Window { file, length, start: 0, bytes: Vec::new() };
    for page in (0..length).step_by(PAGE_BYTES) {
        window.reach(page)?;
        let Some(&[kind, _, low, high]) = window.bytes(page, 4)?.first_chunk() else { break };
        let count = usize::from(u16::from_le_bytes([low, high]));
        // One bit of it may be another.
        if (kind ^ LEAF).count_ones() <= 1 && (1..=ENTRIES_MAX).contains(&count) {
            let goes_on = window.numbered(page, count, take)? && window.named(page, count, take)?;
            if !goes_on {
                break;
            }
        }
    }
    Ok(())
}

/// A part of the file that is in memory.
struct Window<'a> {
    file: &'a File,
    length: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// Moves to where the page at `offset` is within it.
    fn reach(&mut self, offset: u64) -> io::Result<()> {
        if offset + (PAGE_BYTES as u64) > self.start + self.bytes.len() as u64 {
            let wanted = ((WINDOW_PAGES * PAGE_BYTES) as u64).min(self.length - offset);
            self.bytes.resize(usize::try_from(wanted).unwrap_or(0), 0);
            self.file.read_exact_at(&mut self.bytes, offset)?;
            self.start = offset;
        }
        Ok(())
    }

    /// Bytes of the file; none where it ends before.
    fn bytes(&self, offset: u64, length: u64) -> io::Result<Cow<'_, [u8]>> {
        if offset.checked_add(length).is_none_or(|end| end > self.length) || length > SNAPSHOT_BYTES_MAX {
            return Ok(Cow::Borrowed(&[]));
        }
        let at = usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let length = usize::try_from(length).unwrap_or(0);
        if let Some(bytes) = self.bytes.get(at..).and_then(|rest| rest.get(..length)) {
            return Ok(Cow::Borrowed(bytes));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(Cow::Owned(bytes))
    }

    /// `count` numbers at `offset`.
    fn numbers(&self, offset: u64, count: usize) -> io::Result<Vec<u64>> {
        let bytes = self.bytes(offset, 4 * count as u64)?;
        let number = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes).into());
        Ok(bytes.chunks_exact(4).map(number).collect())
    }

    /// Entries under numbers: count, where each value ends, keys, values.
    fn numbered(
        &self,
        page: u64,
        count: usize,
        take: &mut impl FnMut(Found<'_>) -> bool,
    ) -> io::Result<bool> {
        let keys = page + 4 + 4 * count as u64;
        let mut start = 4 + 12 * count as u64;
        for (place, end) in (0..).zip(self.numbers(page + 4, count)?) {
            let key = self.bytes(keys + 8 * place, 8)?;
            let length = end.saturating_sub(start).min(EVENT_BYTES_MAX);
            let value = self.bytes(page.saturating_add(start), length)?;
            start = end;
            let Some(sequence) = key.first_chunk().map(|key| u64::from_le_bytes(*key)) else { continue };
            if let Some(event) = entry::unseal(sequence, &value)
                && !take(Found::Event(sequence, event))
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Entries under names: count, where each key ends, where each value ends, keys, values.
    fn named(&self, page: u64, count: usize, take: &mut impl FnMut(Found<'_>) -> bool) -> io::Result<bool> {
        let keys = self.numbers(page + 4, count)?;
        let values = self.numbers(page + 4 + 4 * count as u64, count)?;
        let (mut key_start, mut value_start) = (4 + 8 * count as u64, keys.last().copied().unwrap_or(0));
        for (key_end, value_end) in keys.into_iter().zip(values) {
            let key = self.bytes(page + key_start, key_end.saturating_sub(key_start).min(16))?;
            let (at, length) = (page + value_start, value_end.saturating_sub(value_start));
            (key_start, value_start) = (key_end, value_end);
            if &*key == HEAD_KEY.as_bytes() {
                if let Some(head) = Head::decode(&self.bytes(at, length)?)
                    && !take(Found::Head(head))
                {
                    return Ok(false);
                }
                continue;
            }
            let which =
                [Snapshot::Latest, Snapshot::Base].into_iter().find(|it| it.key().as_bytes() == &*key);
            let Some(which) = which else { continue };
            let value = self.bytes(at, length)?;
            if snapshot::is_whole(&value) && !take(Found::Snapshot(which, &value)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
