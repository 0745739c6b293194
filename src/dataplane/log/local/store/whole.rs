//! The ground state, whole: what a backup takes out of a database, and what a restore puts into a new one.
//!
//! It is every event, what retention folded of those that it removed, and how far it removed them. The latest snapshot is
//! no part of it, and the session belongs to the journal that lies beside this database.

use redb::{OwnedAccessGuard, ReadableTable};

use super::error::Trouble;
use super::guard::Guarded;
use super::{ENTRIES, SNAPSHOTS, Store, entry};
use crate::log::engine::{Snapshot, Whole};
use crate::log::error::{Fault, OpenError};
use crate::log::snapshot;

/// The base snapshot's bytes; the database keeps the pages of that moment as long as this lives.
struct Base(Option<Guarded<OwnedAccessGuard<&'static [u8]>>>);

impl AsRef<[u8]> for Base {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |base| base.value())
    }
}

impl Store {
    /// Everything that cannot be folded again, from one read transaction.
    pub(in crate::log) fn whole(&self) -> Result<Whole, Fault> {
        self.read(|transaction| {
            let mut entries = self.entries_of(transaction, 0)?;
            let extent = entries.extent();
            let base = transaction.open_table(SNAPSHOTS)?.get_owned(Snapshot::Base.key())?.map(Guarded::new);
            let is_whole = base.as_ref().map_or(extent.thinned == 0, |it| snapshot::is_whole(it.value()));
            if !is_whole {
                return Err(Trouble::damage(
                    "what retention kept of removed observations is not what was written",
                ));
            }
            let events =
                Box::new(std::iter::from_fn(move || entries.next(|number, bytes| (number, bytes.to_vec()))));
            Ok(Whole { extent, base: Box::new(Base(base)), events })
        })
    }

    /// Puts in those events that are not there yet, in one durable commit; they need not be in order.
    pub(in crate::log) fn put_events(&self, events: &[(u64, Vec<u8>)]) -> Result<(), OpenError> {
        let put = self.write(|transaction, head| {
            let (mut table, mut sealed) = (transaction.open_table(ENTRIES)?, Vec::new());
            for (sequence, bytes) in events {
                if table.get(sequence)?.is_none() {
                    entry::seal(*sequence, bytes, &mut sealed);
                    table.insert(sequence, sealed.as_slice())?;
                    (head.last, head.entries) = (head.last.max(*sequence), head.entries + 1);
                }
            }
            Ok(())
        });
        Ok(put?)
    }

    /// Puts in what retention kept of what it removed up to the event `thinned`, in one durable commit.
    pub(in crate::log) fn put_base(&self, base: &[u8], thinned: u64) -> Result<(), OpenError> {
        let put = self.write(|transaction, head| {
            transaction.open_table(SNAPSHOTS)?.insert(Snapshot::Base.key(), base)?;
            (head.thinned, head.last) = (thinned, head.last.max(thinned));
            Ok(())
        });
        Ok(put?)
    }

    /// The numbers of all events after the one with the number `after`, up to `last`.
    pub(in crate::log) fn numbers(&self, after: u64, last: u64) -> Result<Vec<u64>, OpenError> {
        let numbers = self.read(|transaction| {
            let rows = transaction.open_table(ENTRIES)?.range(after.saturating_add(1)..=last)?;
            rows.map(|row| Ok(row?.0.value())).collect()
        });
        Ok(numbers?)
    }
}
