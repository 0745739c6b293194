//! A damaged log → a new one, in another folder, of all that is whole in it.
//!
//! ```text
//! database, page by page ─┐                         ┌─ events, under the numbers that they had
//!                         ├─ what has its checksum ─┼─ what retention kept of removed observations
//! journal, frame by frame ┘                         └─ gaps, in the places of events that are lost
//! ```
//!
//! Nothing is written to the damaged log. An event that is lost leaves its place to one that says so, so answers that it
//! might change say that something is missing, and the new log is as whole as any.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::draft::{Draft, DraftError};
use super::files::{DATABASE, JOURNAL, OUTBOX};
use super::journal::frames_left;
use super::store::pages::{Found, scan};
use super::store::{Head, Store};
use crate::log::codec::{self, CodecError};
use crate::log::engine::Snapshot;
use crate::log::error::{OpenError, ReadError};
use crate::log::frame::Frame;
use crate::log::snapshot;
use crate::log::view::View;
use crate::model::deployments::Rules;
use crate::model::event::Event;
use crate::model::time::Time;

/// Events that wait for a commit, in bytes.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Gaps that wait for a commit.
const BATCH_GAPS: usize = 50_000;

/// The reason why nothing was salvaged. The damaged log is as it was, and there is no new one.
#[derive(Debug, thiserror::Error)]
pub enum SalvageError {
    /// There is no log.
    #[error("there is no log in {path}: name the data folder of `landfall serve` with --data")]
    NoLog {
        /// The folder.
        path: PathBuf,
    },
    /// Its log is in a stream, and this is a copy of it.
    #[error(
        "{path} is a replica of a log that several share: start it with an empty folder, which is filled from the stream"
    )]
    Replica {
        /// The folder.
        path: PathBuf,
    },
    /// A server has it.
    #[error("{path} is in use by another landfall; stop that one first")]
    InUse {
        /// The database or the journal.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// The database or the journal.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// No checksum fits.
    #[error("nothing in {path} is whole; restore a backup (`landfall restore`)")]
    NothingWhole {
        /// The folder.
        path: PathBuf,
    },
    /// An event is none that this release reads.
    #[error("event {sequence}: {source}")]
    Event {
        /// Its sequence number.
        sequence: u64,
        /// The trouble with it.
        source: CodecError,
    },
    /// The rest of removed observations is not in the layout of this release.
    #[error(
        "what retention kept of removed observations is whole, and in the layout of another release: salvage with that one"
    )]
    Base,
    /// The new log cannot be written.
    #[error(transparent)]
    Draft(#[from] DraftError),
}

impl From<OpenError> for SalvageError {
    fn from(error: OpenError) -> Self {
        Self::Draft(error.into())
    }
}

/// The outcome of a salvage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Events that are in the new log as they were.
    pub events: u64,
    /// Those of them that only the journal had.
    pub from_journal: u64,
    /// The last event that there was.
    pub last: u64,
    /// The lost ones, as ranges: the first and the last of each.
    pub lost: Vec<(u64, u64)>,
    /// Lost events that are not in these ranges: among those that retention had left of the log's
    /// beginning, nobody knows which.
    pub lost_early: u64,
    /// The rest of removed observations that retention kept is lost, too.
    pub lost_base: bool,
}

impl Salvaged {
    /// Number of lost events.
    pub fn lost_events(&self) -> u64 {
        self.lost.iter().map(|(first, last)| last - first + 1).sum::<u64>() + self.lost_early
    }
}

/// Makes a log in the folder `to`, which has none, of all that is whole of the one in the folder `from`.
///
/// # Errors
/// A server uses the damaged log, nothing in it is whole, there is a log in `to`, or the disk refuses.
pub fn salvage(from: &Path, to: &Path) -> Result<Salvaged, SalvageError> {
    if from.join(OUTBOX).exists() {
        return Err(SalvageError::Replica { path: from.to_owned() });
    }
    let draft = Draft::of(to)?;
    let remains = Remains::of(from)?;
    let survey = remains.survey()?;
    draft.fill(|store| remains.fill(store, &survey))
}

/// The remains of a log. Nobody uses it meanwhile.
struct Remains {
    dir: PathBuf,
    database: Option<File>,
    journal: Option<File>,
}

/// Facts about the log as a whole.
#[derive(Default)]
struct Survey {
    /// The latest head that is whole.
    head: Option<Head>,
    /// All sessions that the database ever named and that can still be read.
    sessions: HashSet<u64>,
    /// The latest base that is whole, and up to which event it was folded.
    base: Option<(u64, Vec<u8>)>,
    has_events: bool,
}

impl Survey {
    /// Up to which event retention removed observations.
    fn thinned(&self) -> u64 {
        let of_base = self.base.as_ref().map_or(0, |(applied, _)| *applied);
        self.head.map_or(of_base, |head| head.thinned)
    }

    fn take(&mut self, found: Found<'_>) -> Result<(), SalvageError> {
        match found {
            Found::Event(..) => self.has_events = true,
            Found::Head(head) => {
                self.sessions.insert(head.session);
                let order = |head: &Head| (head.last, head.thinned);
                self.head = self.head.into_iter().chain([head]).max_by_key(order);
            }
            Found::Snapshot(Snapshot::Base, bytes) => {
                let kept = snapshot::decode(bytes, &Rules::default()).ok_or(SalvageError::Base)?;
                let applied = kept.view.applied;
                if self.base.as_ref().is_none_or(|(before, _)| applied > *before) {
                    self.base = Some((applied, bytes.to_vec()));
                }
            }
            Found::Snapshot(Snapshot::Latest, _) => {}
        }
        Ok(())
    }
}

impl Remains {
    fn of(dir: &Path) -> Result<Self, SalvageError> {
        let database = taken(&dir.join(DATABASE))?;
        let journal = taken(&dir.join(JOURNAL))?;
        if database.is_none() && journal.is_none() {
            return Err(SalvageError::NoLog { path: dir.to_owned() });
        }
        Ok(Self { dir: dir.to_owned(), database, journal })
    }

    fn survey(&self) -> Result<Survey, SalvageError> {
        let mut survey = Survey::default();
        self.scan(|found| survey.take(found))?;
        if !survey.has_events && survey.head.is_none() && self.frames(&survey)?.is_empty() {
            return Err(SalvageError::NothingWhole { path: self.dir.clone() });
        }
        Ok(survey)
    }

    fn fill(&self, store: &Store, survey: &Survey) -> Result<Salvaged, SalvageError> {
        let thinned = survey.thinned();
        let mut batch = Batch { store, thinned, events: Vec::new(), bytes: 0 };
        self.scan(|found| match found {
            Found::Event(sequence, bytes) => batch.put(sequence, bytes),
            _ => Ok(()),
        })?;
        batch.commit()?;
        let in_database = store.head().map_err(OpenError::from)?.entries;
        let mut last = survey.head.map_or(0, |head| head.last);
        for frame in self.frames(survey)? {
            last = last.max(frame.last());
            for (sequence, bytes) in frame.entries() {
                batch.put(sequence, bytes)?;
            }
        }
        batch.commit()?;
        let head = store.head().map_err(OpenError::from)?;
        let last = last.max(head.last).max(thinned);
        let (events, from_journal) = (head.entries, head.entries - in_database);

        let lost = holes(&store.numbers(thinned, last)?, thinned, last);
        fill_holes(store, &lost)?;
        let early =
            events + lost.iter().map(|(first, last)| last - first + 1).sum::<u64>() - (last - thinned);
        let early_before =
            survey.head.map_or(0, |head| head.entries.saturating_sub(head.last.saturating_sub(thinned)));
        let lost_early = early_before.saturating_sub(early);
        let lost_base = keep_base(store, survey)?;
        Ok(Salvaged { events, from_journal, last, lost, lost_early, lost_base })
    }

    fn scan(&self, take: impl FnMut(Found<'_>) -> Result<(), SalvageError>) -> Result<(), SalvageError> {
        let failed = |source| SalvageError::Read { path: self.dir.join(DATABASE), source };
        self.database.as_ref().map_or(Ok(()), |file| scan(file, failed, take))
    }

    /// The journal's frames that belong to this database. Where the database can no longer say which do, all of them.
    fn frames(&self, survey: &Survey) -> Result<Vec<Frame>, SalvageError> {
        let Some(mut file) = self.journal.as_ref() else { return Ok(Vec::new()) };
        let mut bytes = Vec::new();
        let read = io::Seek::rewind(&mut file).and_then(|()| file.read_to_end(&mut bytes));
        read.map_err(|source| SalvageError::Read { path: self.dir.join(JOURNAL), source })?;
        let left = frames_left(&bytes, &survey.sessions);
        Ok(left.whole.into_iter().chain(left.changed).collect())
    }
}

/// Opens a file for reading, if it is there, and keeps servers from it.
fn taken(path: &Path) -> Result<Option<File>, SalvageError> {
    let failed = |source| SalvageError::Read { path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(SalvageError::InUse { path: path.to_owned() }),
        locked => locked.map_err(|error| failed(error.into())).map(|()| Some(file)),
    }
}

/// Events on their way into the new log.
struct Batch<'a> {
    store: &'a Store,
    thinned: u64,
    events: Vec<(u64, Vec<u8>)>,
    bytes: usize,
}

impl Batch<'_> {
    fn put(&mut self, sequence: u64, bytes: &[u8]) -> Result<(), SalvageError> {
        let event = codec::decode(bytes).map_err(|source| SalvageError::Event { sequence, source })?;
        // Observations that retention removed stay removed, though a page that was given up may still have it.
        if sequence <= self.thinned && event.is_observed() {
            return Ok(());
        }
        self.bytes += bytes.len();
        self.events.push((sequence, bytes.to_vec()));
        if self.bytes >= BATCH_BYTES { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), SalvageError> {
        self.store.put_events(&self.events)?;
        self.events.clear();
        self.bytes = 0;
        Ok(())
    }
}

/// Ranges that are missing among these numbers, after the one and up to the other.
fn holes(numbers: &[u64], after: u64, last: u64) -> Vec<(u64, u64)> {
    let mut holes = Vec::new();
    let mut previous = after;
    for sequence in numbers.iter().copied().chain([last + 1]) {
        if sequence > previous + 1 {
            holes.push((previous + 1, sequence - 1));
        }
        previous = sequence;
    }
    holes
}

/// Puts into the place of each lost event that one event is missing, between the times of those that are there.
fn fill_holes(store: &Store, lost: &[(u64, u64)]) -> Result<(), SalvageError> {
    let mut gaps = Vec::new();
    for (first, last) in lost {
        let before = time_of(store, first - 1)?;
        let after = time_of(store, last + 1)?;
        let from = before.or(after).unwrap_or(Time::from_ms(0));
        let gap = Event::Gap { from, until: after.unwrap_or(from).max(from), lost: 1 };
        let mut bytes = Vec::new();
        codec::encode(&gap, &mut bytes).map_err(|source| SalvageError::Event { sequence: *first, source })?;
        for sequence in *first..=*last {
            gaps.push((sequence, bytes.clone()));
            if gaps.len() >= BATCH_GAPS {
                store.put_events(&gaps)?;
                gaps.clear();
            }
        }
    }
    Ok(store.put_events(&gaps)?)
}

/// The time of an event that is there.
fn time_of(store: &Store, sequence: u64) -> Result<Option<Time>, SalvageError> {
    let mut events = store.events_at([sequence].into_iter()).map_err(read_again)?;
    Ok(events.next().and_then(Result::ok).map(|(_, event)| event.at()))
}

/// Puts in what retention kept. If the latest of that is lost, it is made of what is left, with a gap: then it returns true.
fn keep_base(store: &Store, survey: &Survey) -> Result<bool, SalvageError> {
    let thinned = survey.thinned();
    if let Some((applied, bytes)) = &survey.base
        && *applied >= thinned
    {
        store.put_base(bytes, thinned)?;
        return Ok(false);
    }
    if thinned == 0 {
        return Ok(false);
    }
    let rules = Rules::default();
    let older = survey.base.as_ref().and_then(|(_, bytes)| snapshot::decode(bytes, &rules));
    let mut view = older.map_or_else(|| View::new(&rules), |kept| kept.view);
    let (mut seen, before, from) = (0, view.applied, view.state.last_at());
    let mut until = from;
    let left = store.numbers(before, thinned)?;
    for entry in store.events_at(left.into_iter()).map_err(read_again)? {
        let (sequence, event) = entry.map_err(read_again)?;
        until = until.max(Some(event.at()));
        view.apply(sequence, &event);
        seen += 1;
    }
    let until = until.unwrap_or(Time::from_ms(0));
    view.apply(thinned, &Event::Gap { from: from.unwrap_or(until), until, lost: thinned - before - seen });
    let bytes = snapshot::encode(&view).map_err(|_| SalvageError::Base)?;
    store.put_base(&bytes, thinned)?;
    Ok(true)
}

fn read_again(error: ReadError) -> SalvageError {
    match error {
        ReadError::Database(fault) => OpenError::from(fault).into(),
        ReadError::Entry { sequence, source } => SalvageError::Event { sequence, source },
        ReadError::Closed => unreachable!("a draft is open until it is filled"),
    }
}

#[cfg(test)]
mod tests;
