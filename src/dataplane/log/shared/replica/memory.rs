//! A stream in memory, which a test has lose, double, cut and hide.

use super::stream::{Appended, Batch, Entry, Subject};

/// Messages of one read.
const READ_MAX: usize = 16;

/// A stream.
#[derive(Debug, Default)]
pub(in crate::log) struct Memory {
    messages: Vec<(Subject, Entry)>,
    /// Everything that was ever stored: stamps do not come again.
    stored: u64,
}

impl Memory {
    /// The last sequence number; 0 for none.
    pub(in crate::log) fn head(&self) -> u64 {
        self.messages.len() as u64
    }

    pub(in crate::log) fn append(
        &mut self,
        subject: Subject,
        expected: Option<u64>,
        bytes: &[u8],
    ) -> Appended {
        let last = self.messages.iter().rev().find(|(other, _)| *other == subject);
        let last = last.map_or(0, |(_, entry)| entry.sequence);
        if expected.is_some_and(|expected| expected != last) {
            return Appended::Conflict { last: Some(last) };
        }
        self.push(subject, bytes);
        Appended::Stored(self.head())
    }

    /// Stores the last message once more.
    pub(super) fn double(&mut self) {
        if let Some((subject, entry)) = self.messages.last().cloned() {
            self.push(subject, &entry.bytes);
        }
    }

    fn push(&mut self, subject: Subject, bytes: &[u8]) {
        self.stored += 1;
        let (sequence, stamp) = (self.head() + 1, self.stored);
        let entry = Entry { sequence, stamp, subject: Some(subject), bytes: bytes.to_vec() };
        self.messages.push((subject, entry));
    }

    /// Answer of a server that is `behind` by so many messages.
    pub(in crate::log) fn read(&self, from: u64, behind: u64) -> Batch {
        let head = self.head().saturating_sub(behind);
        let from = (from.max(1) - 1) as usize;
        let known = &self.messages[..head as usize];
        let entries = known.iter().skip(from).take(READ_MAX).map(|(_, entry)| entry.clone()).collect();
        Batch { entries, head }
    }

    /// The same of the acts' subjects, to those who follow these alone.
    pub(in crate::log) fn read_acts(&self, from: u64, behind: u64) -> Batch {
        let head = self.head().saturating_sub(behind) as usize;
        let known = self.messages[..head].iter().filter(|(subject, _)| subject.is_of_acts());
        let head = known.clone().next_back().map_or(0, |(_, entry)| entry.sequence);
        let entries = known.map(|(_, entry)| entry).filter(|entry| entry.sequence >= from);
        Batch { entries: entries.take(READ_MAX).cloned().collect(), head }
    }

    /// The last message of one subject, by a server that is `behind` by so many messages.
    pub(in crate::log) fn last(&self, subject: Subject, behind: u64) -> Option<Entry> {
        let head = self.head().saturating_sub(behind) as usize;
        let last = self.messages[..head].iter().rev().find(|(other, _)| *other == subject);
        last.map(|(_, entry)| entry.clone())
    }

    /// Loses the last messages, acknowledged or not. Returns their bytes.
    pub(in crate::log) fn cut(&mut self, count: u64) -> Vec<Vec<u8>> {
        let left = self.head().saturating_sub(count) as usize;
        self.messages.split_off(left).into_iter().map(|(_, entry)| entry.bytes).collect()
    }
}
