//! A stream in memory that whole logs share in tests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::beat::{Beat, Heard};
use super::replica::{Appended, Away, Batch, Entry, Look, Memory, Role, Subject};
use super::stream::{Done, Stream};
use crate::clock;
use crate::model::time::Span;

/// The stream's time, in nanoseconds.
const STORED_AT: u64 = 9_000_000_000_000_000_000;

/// One replica's link to the servers.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) servers: Servers,
    is_down: Arc<AtomicBool>,
    role: Role,
}

impl Link {
    /// The same, of an edge.
    pub(super) fn of_edge(self) -> Self {
        Self { role: Role::Edge, ..self }
    }

    /// Cuts it, or mends it.
    pub(super) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }
}

impl Stream for Link {
    fn begin(&self, _is_new: bool) {}

    fn append(&self, subject: Subject, expected: Option<u64>, message: Vec<u8>, done: Done<Appended>) {
        match self.is_down.load(Ordering::Relaxed) {
            true => done(Appended::Unknown),
            false => self.servers.append(subject, expected, message, done),
        }
    }

    fn read(&self, look: Look, done: Done<Result<Batch, Away>>) {
        match self.is_down.load(Ordering::Relaxed) {
            true => done(Err(Away)),
            false => done(self.servers.read(self.role, look)),
        }
    }

    fn head(&self, done: Done<Option<u64>>) {
        let state = self.servers.0.lock().unwrap();
        let is_away = state.is_away || self.is_down.load(Ordering::Relaxed);
        let head = (!is_away).then(|| state.stream.head());
        drop(state);
        done(head);
    }

    fn last(&self, subject: Subject, done: Done<Result<Option<Entry>, Away>>) {
        let state = self.servers.0.lock().unwrap();
        let is_away = state.is_away || self.is_down.load(Ordering::Relaxed);
        let last = if is_away { Err(Away) } else { Ok(state.stream.last(subject, 0).map(stored)) };
        drop(state);
        done(last);
    }

    fn exchange(&self, beat: Vec<u8>, done: Done<Option<Vec<Heard>>>) {
        match self.is_down.load(Ordering::Relaxed) {
            true => done(None),
            false => self.servers.exchange(beat, done),
        }
    }

    fn refused(&self) -> Option<String> {
        None
    }
}

/// The stream's servers.
#[derive(Clone, Default)]
pub(super) struct Servers(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    stream: Memory,
    is_away: bool,
    beats: BTreeMap<String, Heard>,
}

impl Servers {
    /// A link to them.
    pub(super) fn link(&self) -> Link {
        Link { servers: self.clone(), is_down: Arc::default(), role: Role::Full }
    }

    /// A stream that answers nobody.
    pub(super) fn set_away(&self, is_away: bool) {
        self.0.lock().unwrap().is_away = is_away;
    }

    /// The stream loses its last messages, acknowledged or not.
    pub(super) fn cut(&self, count: u64) {
        self.0.lock().unwrap().stream.cut(count);
    }

    /// The last word of this replica is from so long before.
    pub(super) fn age(&self, replica: &str, by: Span) {
        let mut state = self.0.lock().unwrap();
        let heard = state.beats.get_mut(replica).unwrap();
        heard.at = heard.at - by;
    }

    /// The last sequence number.
    pub(super) fn head(&self) -> u64 {
        self.0.lock().unwrap().stream.head()
    }
}

/// Stored later than any event of a test.
fn stored(entry: Entry) -> Entry {
    Entry { stamp: entry.stamp + STORED_AT, ..entry }
}

impl Servers {
    fn append(&self, subject: Subject, expected: Option<u64>, message: Vec<u8>, done: Done<Appended>) {
        let mut state = self.0.lock().unwrap();
        let appended = match state.is_away {
            true => Appended::Unknown,
            false => state.stream.append(subject, expected, &message),
        };
        drop(state);
        done(appended);
    }

    fn read(&self, role: Role, look: Look) -> Result<Batch, Away> {
        let state = self.0.lock().unwrap();
        let mut batch = match role {
            _ if state.is_away => return Err(Away),
            Role::Full => state.stream.read(look.from, 0),
            Role::Edge => state.stream.read_acts(look.from, 0),
        };
        batch.entries = batch.entries.into_iter().map(stored).collect();
        Ok(batch)
    }

    fn exchange(&self, beat: Vec<u8>, done: Done<Option<Vec<Heard>>>) {
        let mut state = self.0.lock().unwrap();
        let name = serde_json::from_slice::<Beat>(&beat).unwrap().name;
        let heard = Heard { at: clock::now(), name: name.clone(), bytes: beat };
        state.beats.insert(name, heard);
        let heard = (!state.is_away).then(|| state.beats.values().cloned().collect());
        drop(state);
        done(heard);
    }
}
