//! Reading events: each as it was written, under its number, and none left out. Or an error that says which is not.

use redb::{ReadTransaction, ReadableDatabase};

use super::error::Trouble;
use super::guard::{Guarded, guarded};
use super::{ENTRIES, HEAD, Head, Store, entry, head_of};
use crate::log::codec;
use crate::log::engine::{Events, Extent};
use crate::log::error::{Fault, ReadError};
use crate::model::event::Event;

type Rows = redb::Range<'static, u64, &'static [u8]>;

impl Store {
    /// Every event after the one with the sequence number `after`, in order, as the database stands now.
    pub(in crate::log) fn events_after(&self, after: u64) -> Result<Events, ReadError> {
        let mut entries = self.entries_after(after)?;
        let extent = entries.extent();
        let events = std::iter::from_fn(move || match entries.next(decoded)? {
            Ok(event) => Some(event),
            Err(fault) => Some(Err(fault.into())),
        });
        Ok(Events::new(extent, events))
    }

    /// As `events_after`, as bytes.
    pub(in crate::log) fn entries_after(&self, after: u64) -> Result<Entries, Fault> {
        self.read(|transaction| self.entries_of(transaction, after))
    }

    pub(super) fn entries_of(&self, transaction: &ReadTransaction, after: u64) -> Result<Entries, Trouble> {
        let head = head_of(&transaction.open_table(HEAD)?)?;
        let rows = Guarded::new(transaction.open_table(ENTRIES)?.range(after.saturating_add(1)..)?);
        let path = self.path().to_owned();
        Ok(Entries { rows, path, head, after, previous: after, read: 0, bytes: Vec::new(), is_done: false })
    }

    /// Lists the damage among the events after the one with the number `after`, up to the number `last`, one by one. What
    /// is missing of those that retention looked at is not known here.
    pub(in crate::log) fn damage(&self, after: u64, last: u64) -> Vec<Fault> {
        let mut damage = Vec::new();
        let mut after = after;
        while after < last {
            match self.damage_in(after, last) {
                Ok(()) => break,
                Err(fault) => {
                    // Damage that is of no one event counts as the first of those that are left.
                    let Fault::Damaged { event: Some(event), .. } = fault else {
                        damage.push(fault);
                        break;
                    };
                    after = event.max(after + 1);
                    damage.push(fault);
                }
            }
        }
        damage
    }

    fn damage_in(&self, after: u64, last: u64) -> Result<(), Fault> {
        let mut entries = self.entries_after(after)?;
        while entries.previous < last {
            match entries.next(|_, _| ()) {
                Some(read) => read?,
                None => break,
            }
        }
        Ok(())
    }

    /// The events with these sequence numbers, as the database stands now.
    pub(in crate::log) fn events_at(
        &self,
        sequences: impl Iterator<Item = u64>,
    ) -> Result<impl Iterator<Item = Result<(u64, Event), ReadError>>, ReadError> {
        let read = || Ok(Guarded::new(self.database.begin_read()?.open_table(ENTRIES)?));
        let table = guarded(read).map_err(|trouble| trouble.at(&self.path))?;
        Ok(sequences.map(move |sequence| {
            let read = || {
                let bytes = table.get(sequence)?;
                let bytes = bytes.ok_or_else(|| Trouble::damaged_event(sequence, "is missing"))?;
                Ok(unsealed(sequence, bytes.value())?.to_vec())
            };
            let bytes = guarded(read).map_err(|trouble| trouble.at(&self.path))?;
            decoded(sequence, &bytes)
        }))
    }
}

/// Events as bytes, in log order.
pub(in crate::log) struct Entries {
    rows: Guarded<Rows>,
    path: std::path::PathBuf,
    head: Head,
    /// The event after which reading began.
    after: u64,
    /// The event that was read before.
    previous: u64,
    /// Number of events that were read.
    read: u64,
    bytes: Vec<u8>,
    is_done: bool,
}

impl Entries {
    /// Hands the next event's bytes with its sequence number to `take`; nothing after the last one or after an error.
    pub(in crate::log) fn next<T>(&mut self, take: impl FnOnce(u64, &[u8]) -> T) -> Option<Result<T, Fault>> {
        if self.is_done {
            return None;
        }
        match self.step() {
            Ok(Some(sequence)) => Some(Ok(take(sequence, &self.bytes))),
            Ok(None) => {
                self.is_done = true;
                None
            }
            Err(trouble) => {
                self.is_done = true;
                Some(Err(trouble.at(&self.path)))
            }
        }
    }

    /// The extent of the events at the moment that is read.
    pub(in crate::log) fn extent(&self) -> Extent {
        Extent { last: self.head.last, thinned: self.head.thinned, path: self.path.clone() }
    }

    /// Reads the next event into `bytes`; tells its number.
    fn step(&mut self) -> Result<Option<u64>, Trouble> {
        let Self { rows, bytes, .. } = self;
        let sequence = guarded(|| {
            let Some(row) = rows.next() else { return Ok(None) };
            let (sequence, sealed) = row?;
            bytes.clear();
            bytes.extend(unsealed(sequence.value(), sealed.value())?);
            Ok(Some(sequence.value()))
        })?;
        match sequence {
            Some(sequence) => {
                self.follow(sequence)?;
                self.read += 1;
                self.previous = sequence;
            }
            None => self.end()?,
        }
        Ok(sequence)
    }

    /// Only what retention removed may be missing.
    fn follow(&self, sequence: u64) -> Result<(), Trouble> {
        let next = self.previous.max(self.head.thinned) + 1;
        let is_next = self.previous < sequence && sequence <= next;
        if is_next && sequence <= self.head.last {
            return Ok(());
        }
        Err(Trouble::damaged_event(next, &format!("is missing: {sequence} follows")))
    }

    /// Nothing may be missing at the end, nor, where all were read, of what retention left.
    fn end(&self) -> Result<(), Trouble> {
        let Head { last, thinned, entries, .. } = self.head;
        if self.previous.max(thinned) < last {
            return Err(Trouble::damaged_event(
                self.previous.max(thinned) + 1,
                "is missing, and what follows",
            ));
        }
        if self.after == 0 && self.read != entries {
            return Err(Trouble::damage(format!("{} of {entries} events are there", self.read)));
        }
        Ok(())
    }
}

fn unsealed(sequence: u64, sealed: &[u8]) -> Result<&[u8], Trouble> {
    entry::unseal(sequence, sealed).ok_or_else(|| Trouble::damaged_event(sequence, "has another checksum"))
}

fn decoded(sequence: u64, bytes: &[u8]) -> Result<(u64, Event), ReadError> {
    match codec::decode(bytes) {
        Ok(event) => Ok((sequence, event)),
        Err(source) => Err(ReadError::Entry { sequence, source }),
    }
}
