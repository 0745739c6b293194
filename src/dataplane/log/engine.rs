//! The seam below the log: an engine makes events durable, numbers them, and keeps them to be read again.
//!
//! The log above it decides, folds, publishes, takes snapshots and audits, and knows this trait alone. The engine of
//! `landfall serve` is [`local`](super::local): a journal and a database on this machine's disk. Tests have one in memory.
//! A replica of a log that several share over a stream is one, too ([`shared`](super::shared)): then `append` returns when this
//! machine's journal has an observation, acts go to the [`Desk`], and `deliver` gets what the stream's follower read.
//!
//! **Numbers** are the engine's: a [`Group`] has none, and what is delivered or read has them, from 1, without a hole.
//!
//! **Two moments.** A group is *durable* when `append` calls `durable`: answers that promise it go out then. It is *kept* when
//! `keep` says so: then whoever reads the log finds it. Everything durable is kept sooner or later, after a crash at the
//! latest when the log is opened again.
//!
//! **Conditions.** A group whose `seen` is given goes in only if no act has a higher number than that. Only the engine can
//! promise this: another replica may write between a look and an append. Observations never have a condition.
//!
//! **Failures.** None of them stops a pull. A row says for the engine on disk what happens; where the one in memory or a
//! stream differ, it says so.
//!
//! | fails | callers see | lost | heals |
//! | --- | --- | --- | --- |
//! | the journal's disk (full, refuses) | `append` → [`Refusal::Unwritable`]; observations are counted as lost, acts get 503 | that group, counted in a gap | the log tries again every second, and the gap goes first |
//! | the database (full, refuses) | `keep` → not all; reading is refused; `append` goes on while the journal has room | nothing | opened again every second |
//! | the database, until the journal is full | `append` → `Unwritable`, as above | what comes from then on, counted | as above |
//! | the process, at any moment | a broken connection | what `append` had not returned for | the next opening finds the rest; a torn last frame was promised to nobody |
//! | power | the same | the same | the same; in memory: unsynced writes are gone |
//! | files deleted or replaced under the process | `check_place` → [`Astray`]; acts get 503; observations go on | what is written from then on, when the process ends | a backup, then a restore |
//! | bits on the disk | reading stops with the event's number; `health` counts them | that event | a backup, or a salvage |
//! | a snapshot | nothing | nothing: the log is folded again | the next snapshot |
//! | the base | opening and questions about the past are refused | what retention removed | a backup, or a salvage |
//! | somebody else's act came between | `append` → [`Refusal::Outdated`] | nothing: nothing was written | the decision is made again on a view that has the act |
//! | stream: its leader | nothing; `deliver` pauses for seconds; acts wait | nothing | an election |
//! | stream: its quorum, or this replica's link | acts get 503 (`Away`); observations go on while the outbox has room | nothing until that is full, then counted | the outbox is shipped when it is back |
//! | stream: acknowledged events | nothing | nothing: a writer keeps its frames until its own follower has seen them | they are shipped again |

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::codec::CodecError;
use super::error::{Astray, Fault, OpenError, ReadError};
use super::frame::Frame;
use crate::model::event::Event;
use crate::model::time::{Span, Time};

/// A replica of a shared log that had everything so long ago is behind.
pub(super) const BEHIND_AFTER: Duration = Duration::from_secs(2);

/// A place for the log. All methods may be called from any thread; those that touch a disk block.
pub(super) trait Engine: Send + Sync {
    /// Takes over what only the journal had, and hands every event that is appended from now on to `deliver`, in log
    /// order. Before it, the engine can be read and writes nothing.
    ///
    /// # Errors
    /// Somebody else has it, it is damaged, or the disk refuses. Nothing is lost then.
    fn begin(&self, deliver: Deliver) -> Result<(), OpenError>;

    /// Makes the group durable and empties it. With `seen`, only if no act after that number is in the log. A group
    /// without events only tries whether the engine can be written. `durable` is called as soon as it is durable, before it
    /// is delivered, since requests wait for it. Returns the number of the group's last event. Blocks
    /// for one write and one sync, and while there is no room. 0 where events get their numbers later: see [`Self::desk`].
    ///
    /// # Errors
    /// The group has its events still, and none of them is in the log. Only if the process dies before the engine can be
    /// written again may the next opening find them.
    fn append(&self, group: &mut Group, seen: Option<u64>, durable: &mut dyn FnMut())
    -> Result<u64, Refusal>;

    /// The desk for acts, if they are not appended in groups: they wait for others than this machine's disk, and observations
    /// do not wait with them.
    fn desk(&self) -> Option<&dyn Desk> {
        None
    }

    /// Has `shown` called with the number of the last event, once everything is delivered that was in the log when this was asked,
    /// whichever replica wrote it, or after some seconds. False where nobody is to wait: no other process writes the log, or
    /// this one is behind the others.
    fn look(&self, shown: Shown) -> bool {
        drop(shown);
        false
    }

    /// Number of times that the log went back since the engine began: see [`Numbered::era`].
    fn era(&self) -> u64 {
        0
    }

    /// Tells whether the log went back, and acts that were in it are on their way there again. Until they are, what is published
    /// stays as it was: a token that was made is known. False only once these were delivered.
    fn is_mending(&self) -> bool {
        false
    }

    /// Moves what is durable to where it is read, if it is time for that, or at once where that `is_asked`.
    fn keep(&self, now: Instant, is_asked: bool) -> Kept;

    /// Every kept event after the number `after`, in log order, as it stands now. Nothing but what was removed is left
    /// out; nothing follows an error.
    ///
    /// # Errors
    /// The engine cannot be read.
    fn events_after(&self, after: u64) -> Result<Events, ReadError>;

    /// The kept events with these numbers, in the order of these.
    ///
    /// # Errors
    /// One of them is not there, or cannot be read.
    fn events_at(&self, numbers: &[u64]) -> Result<Vec<(u64, Event)>, ReadError>;

    /// Everything that cannot be folded again, of one moment: what a backup takes.
    ///
    /// # Errors
    /// The engine cannot be read, or the base is damaged.
    fn whole(&self) -> Result<Whole, ReadError>;

    /// A snapshot's bytes, where there is one.
    ///
    /// # Errors
    /// The engine cannot be read.
    fn snapshot(&self, which: Snapshot) -> Result<Option<Vec<u8>>, ReadError>;

    /// Keeps a snapshot in place of the one before. It may hold nothing that is not kept, and is left out where the log went
    /// back since the `era` in which it was folded.
    ///
    /// # Errors
    /// The engine cannot be written; the one before is still there.
    fn keep_snapshot(&self, which: Snapshot, era: u64, bytes: &[u8]) -> Result<(), ReadError>;

    /// Removes the events up to the number `through` that `is_removed` says, looking at `events_max` at most. Everything
    /// else stays, damaged events too. Returns whether there are more to look at.
    ///
    /// # Errors
    /// The engine cannot be written.
    fn remove(
        &self,
        through: u64,
        is_removed: fn(&Event) -> bool,
        events_max: u64,
    ) -> Result<bool, ReadError>;

    /// Reads a piece of what is kept and counts damage, so that it is known while a backup is young. Returns the pause
    /// until the next piece.
    fn scrub(&self, now: Instant) -> Duration;

    /// Looks whether what is written goes where the next opening will look for it.
    ///
    /// # Errors
    /// It does not.
    fn check_place(&self) -> Result<(), Astray>;

    /// The engine's state.
    fn health(&self) -> EngineHealth;

    /// Tells whether others share the log, and events of theirs of late may be missing. Cheap: refused pulls ask for it.
    fn is_behind(&self) -> bool {
        false
    }

    /// State of the sharing with others, if it shares the log.
    fn sharing(&self) -> Option<Sharing> {
        None
    }

    /// Lets go of everything: from now on everything is refused, and another process may open the log.
    fn close(&self);
}

/// Takes the number of the last event, once. Called from any thread; may block.
pub(super) type Shown = Box<dyn FnOnce(u64) + Send>;

/// Takes events when they are durable, in log order. May block.
pub(super) type Deliver = Box<dyn Fn(Numbered) + Send + Sync>;

/// Events that are appended together: as they are, and as the bytes that an engine writes.
#[derive(Default)]
pub(super) struct Group {
    frame: Frame,
    events: Vec<Event>,
}

impl Group {
    /// Takes one more event; without a trace if that has no bytes.
    pub(super) fn push(&mut self, event: Event) -> Result<(), CodecError> {
        self.frame.push(&event)?;
        self.events.push(event);
        Ok(())
    }

    /// Takes the event at `index` out.
    pub(super) fn remove(&mut self, index: usize) {
        let mut events = std::mem::take(&mut self.events);
        events.remove(index);
        self.frame = Frame::default();
        for event in events {
            // Each had bytes before.
            let _ = self.push(event);
        }
    }

    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// Tells whether an act is among the events.
    pub(super) fn has_act(&self) -> bool {
        self.last_act().is_some()
    }

    /// The place of the last act among the events.
    pub(super) fn last_act(&self) -> Option<usize> {
        self.events.iter().rposition(|event| matches!(event, Event::Acted(_)))
    }

    /// Its length in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.frame.bytes().len()
    }

    /// The events as an engine writes them.
    pub(super) fn frame_mut(&mut self) -> &mut Frame {
        &mut self.frame
    }

    /// Takes everything out.
    pub(super) fn take(&mut self) -> (Frame, Vec<Event>) {
        (std::mem::take(&mut self.frame), std::mem::take(&mut self.events))
    }
}

/// The place where acts are appended one by one.
pub(super) trait Desk: Send + Sync {
    /// Appends the act; with `seen`, only if no act after that number is in the log. Returns its number, once it is kept and
    /// delivered. Blocks for as long as the others take: seconds while they elect a leader, and a bounded time in any case.
    ///
    /// # Errors
    /// The act is not in the log. Where the others did not answer, it may come to be.
    fn append(&self, act: &Event, seen: Option<u64>) -> Result<u64, Refusal>;
}

/// Events that have their numbers.
pub(super) struct Numbered {
    /// Number of times that the log went back before. If that is more than it was, nothing delivered from `first` on is in the
    /// log any more, and what is kept by then is to be folded again.
    pub(super) era: u64,
    /// The number of the first one; the others follow.
    pub(super) first: u64,
    pub(super) events: Vec<Event>,
}

/// The reason why a group is not in the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// An act is in the log that the decision did not see.
    #[error("act {by} came between")]
    Outdated {
        /// Its number.
        by: u64,
    },
    /// The disk refused, or there is no room.
    #[error("{0}")]
    Unwritable(String),
    /// The stream that replicas share takes no act now.
    #[cfg_attr(not(any(test, feature = "shared")), allow(dead_code, reason = "no engine shares anything"))]
    #[error("{0}")]
    Away(String),
}

/// The outcome of a call to keep.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// Everything durable is kept.
    pub(super) is_all: bool,
    /// The time to call again; nothing while nothing is left to do.
    pub(super) due: Option<Instant>,
}

/// The kinds of snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Snapshot {
    /// Of everything, as of some moment: a shortcut.
    Latest,
    /// Of everything that retention removed: what folding begins with.
    Base,
}

impl Snapshot {
    /// Its name, where an engine keeps it under one.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Base => "base",
        }
    }
}

/// The extent of what is kept, at the moment that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// The last event; 0 for none.
    pub(super) last: u64,
    /// The last event up to which events were removed; 0 for none. After it no event is missing.
    pub(super) thinned: u64,
    /// Its path, for people.
    pub(super) path: PathBuf,
}

/// Events in log order, each with its number.
pub struct Events {
    pub(super) extent: Extent,
    events: Box<dyn Iterator<Item = Result<(u64, Event), ReadError>> + Send>,
}

impl Events {
    pub(super) fn new(
        extent: Extent,
        events: impl Iterator<Item = Result<(u64, Event), ReadError>> + Send + 'static,
    ) -> Self {
        Self { extent, events: Box::new(events) }
    }
}

impl Iterator for Events {
    type Item = Result<(u64, Event), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.events.next()
    }
}

/// Everything that cannot be folded again, of one moment. The engine keeps that moment as long as this lives.
pub(super) struct Whole {
    pub(super) extent: Extent,
    /// The base snapshot's bytes; empty where nothing was removed yet.
    pub(super) base: Box<dyn AsRef<[u8]> + Send>,
    /// All events as bytes, with their numbers.
    pub(super) events: RawEvents,
}

/// Events as bytes in log order, each with its number.
pub(super) type RawEvents = Box<dyn Iterator<Item = Result<(u64, Vec<u8>), Fault>> + Send>;

/// State of a replica's sharing with others.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// Its name.
    pub name: String,
    /// Events of its own that are not surely in the stream.
    pub unshipped: u64,
    /// Messages of the stream that it has not followed.
    pub behind: u64,
    /// Events that are missing in what it followed, while later ones of the same writer are there.
    pub missing: u64,
    /// Time since it had followed everything and had nothing of its own left to ship.
    pub lag: Duration,
    /// The stream answers.
    pub is_answered: bool,
    /// The reason why it does not share, in words.
    pub trouble: Option<String>,
    /// The last message that it followed among the acts, by its number in the stream.
    pub acts: u64,
    /// Messages of edges that could not be read, or were not for an edge to say.
    pub set_aside: u64,
    /// The last word of each replica on itself.
    pub replicas: Vec<Peer>,
}

impl Sharing {
    /// The other replicas that have not confirmed the act under this number of the stream: they go on as if it were not there. One that
    /// ended goes on from the stream when it starts.
    pub(super) fn unconfirmed(&self, act: u64) -> impl Iterator<Item = &Peer> {
        let others = self.replicas.iter().filter(|peer| peer.name != self.name);
        others.filter(move |peer| !peer.has_left && (peer.is_silent || peer.acts < act))
    }
}

/// A replica of a log that is shared, as it last said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name, of the configuration.
    pub name: String,
    /// Its data folder's name among the writers of the stream.
    pub writer: String,
    /// Its release of Landfall.
    pub release: String,
    /// `full`, or `edge`: it ships its own events and has the acts alone.
    pub role: String,
    /// The number of events of its own that are in the stream.
    pub shipped: u64,
    /// The number of the last event that it has; of an edge the number of acts.
    pub applied: u64,
    /// The last message that it followed among the acts, by its number in the stream.
    pub acts: u64,
    /// It ended, and everything of its own is in the stream.
    pub has_left: bool,
    /// Time since it had everything, and had nothing of its own left to ship.
    pub lag: Span,
    /// The lag at the time when it last said so.
    pub(super) lag_then: Span,
    /// Time at which it last said so, in the stream's time.
    pub seen_at: Time,
    /// Time since then, in the stream's time.
    pub silence: Span,
    /// Messages of this edge that were set aside: they could not be read, or were not for it to say.
    pub set_aside: u64,
    /// It has said nothing for a while: what it saw since may be missing.
    pub is_silent: bool,
}

/// The state of an engine.
#[derive(Clone, Debug, Default)]
pub(super) struct EngineHealth {
    /// The last attempt to keep what is durable failed.
    pub(super) is_keeping_refused: bool,
    /// Room for appending, in bytes, until something has to be kept first.
    pub(super) free_bytes: u64,
    /// Events that the slow pass found damaged.
    pub(super) damaged_events: u64,
    /// The time when the slow pass last came to the log's end; nothing if it did not since the start.
    pub(super) scrubbed_at: Option<Instant>,
}
