//! The database of a replica: what it followed of the stream that several share, and how far, in the same commits.

use redb::{ReadableTable, TableDefinition, TableError};

use super::error::Trouble;
use super::{ENTRIES, Head, SNAPSHOTS, Store, entry};
use crate::log::engine::Snapshot;
use crate::log::error::Fault;
use crate::log::snapshot;

/// Facts that a replica keeps, by their names.
const FACTS: TableDefinition<&str, &[u8]> = TableDefinition::new("facts");
/// The latest steps, by the sequence numbers of their messages.
const STEPS: TableDefinition<u64, &[u8]> = TableDefinition::new("steps");
/// In [`FACTS`]: how far the stream was followed.
const PLACE: &str = "place";
/// In [`FACTS`]: what is to be shipped again.
const LOST: &str = "lost";

/// Events that were followed since the last commit.
#[derive(Clone, Debug, Default)]
pub(in crate::log) struct Followed {
    /// The number of the first event.
    pub(in crate::log) first: u64,
    /// As the codec writes them.
    pub(in crate::log) events: Vec<Vec<u8>>,
    /// With the sequence numbers of their messages.
    pub(in crate::log) steps: Vec<(u64, Vec<u8>)>,
    pub(in crate::log) place: Vec<u8>,
    pub(in crate::log) lost: Vec<u8>,
}

/// Position up to which the stream was followed, and the shipments to make again.
type PlaceAndLost = (Vec<u8>, Vec<u8>);

impl Store {
    /// A fact's bytes.
    pub(in crate::log) fn fact(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.read(|transaction| match transaction.open_table(FACTS) {
            Ok(facts) => Ok(facts.get(name)?.map(|bytes| bytes.value().to_vec())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        })
    }

    /// Keeps facts in place of those before, in one durable commit.
    pub(in crate::log) fn keep_facts(&self, facts: &[(&str, &[u8])]) -> Result<(), Fault> {
        self.write(|transaction, _| {
            let mut table = transaction.open_table(FACTS)?;
            for (name, bytes) in facts {
                table.insert(*name, *bytes)?;
            }
            Ok(())
        })
    }

    /// The place and what is to be shipped again, as [`Self::follow`] took them; nothing in a database that followed none.
    pub(in crate::log) fn followed(&self) -> Result<Option<PlaceAndLost>, Fault> {
        Ok(self.fact(PLACE)?.zip(self.fact(LOST)?))
    }

    /// The latest steps' bytes, in order.
    pub(in crate::log) fn steps(&self) -> Result<Vec<Vec<u8>>, Fault> {
        self.read(|transaction| match transaction.open_table(STEPS) {
            Ok(steps) => steps.iter()?.map(|row| Ok(row?.1.value().to_vec())).collect(),
            Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        })
    }

    /// Takes what was followed, and forgets steps beyond the latest `steps_max`: in one durable commit.
    pub(in crate::log) fn follow(&self, followed: &Followed, steps_max: u64) -> Result<(), Fault> {
        self.write(|transaction, head| {
            insert(transaction, head, followed)?;
            let mut steps = transaction.open_table(STEPS)?;
            for (sequence, bytes) in &followed.steps {
                steps.insert(sequence, bytes.as_slice())?;
            }
            if let Some((last, _)) = followed.steps.last() {
                steps.retain_in(..last.saturating_sub(steps_max), |_, _| false)?;
            }
            keep_place(transaction, &followed.place, &followed.lost)
        })
    }

    /// Takes back all events after the number `position` and all steps after the message `sequence`, and keeps where that is
    /// and what is to be shipped again: in one durable commit. A snapshot of more goes.
    pub(in crate::log) fn go_back(
        &self,
        position: u64,
        sequence: u64,
        place: &[u8],
        lost: &[u8],
    ) -> Result<(), Fault> {
        self.write(|transaction, head| {
            let mut removed = 0;
            transaction.open_table(ENTRIES)?.retain_in(position + 1.., |_, _| {
                removed += 1;
                false
            })?;
            (head.last, head.entries) = (head.last.min(position), head.entries.saturating_sub(removed));
            transaction.open_table(STEPS)?.retain_in(sequence + 1.., |_, _| false)?;
            let mut snapshots = transaction.open_table(SNAPSHOTS)?;
            let latest = snapshots.get(Snapshot::Latest.key())?.map(|bytes| snapshot::applied(bytes.value()));
            if latest.is_some_and(|applied| applied.is_none_or(|applied| applied > position)) {
                snapshots.remove(Snapshot::Latest.key())?;
            }
            keep_place(transaction, place, lost)
        })
    }
}

fn insert(transaction: &redb::WriteTransaction, head: &mut Head, followed: &Followed) -> Result<(), Trouble> {
    let mut table = transaction.open_table(ENTRIES)?;
    let mut sealed = Vec::new();
    for (number, bytes) in (followed.first..).zip(&followed.events) {
        if number != head.last + 1 {
            return Err(Trouble::damage(format!("event {number} would follow event {}", head.last)));
        }
        entry::seal(number, bytes, &mut sealed);
        table.insert(number, sealed.as_slice())?;
        (head.last, head.entries) = (number, head.entries + 1);
    }
    Ok(())
}

fn keep_place(transaction: &redb::WriteTransaction, place: &[u8], lost: &[u8]) -> Result<(), Trouble> {
    let mut facts = transaction.open_table(FACTS)?;
    facts.insert(PLACE, place)?;
    facts.insert(LOST, lost)?;
    Ok(())
}
