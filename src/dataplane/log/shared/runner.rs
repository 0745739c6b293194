//! The runner: one thread that does what the core of the replica says. It alone has the core.
//!
//! ```text
//! outbox (woken), desk (acts), stream (answers) → parcels → core → orders → stream
//!                                                             └→ changes → keeper, fold
//! ```

mod telling;
mod times;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::beat::{self, Heard};
use super::keeper::{Keeper, encode_lost};
use super::looks::Looks;
use super::outbox::Outbox;
use super::replica::{
    Appended, Away, Batch, Change, Entry, Kind, Lane, Orders, Outbox as _, Place, Replica, Role, Shipment,
    Standing, Step, Subject, Verdict, WriterId,
};
use super::stream::Stream;
use crate::log::codec;
use crate::log::engine::{Deliver, Numbered, Peer, Refusal, Shown};
use crate::model::time::Span;

/// Time that an act waits for its turn, or for the stream to be followed.
const ACT_PATIENCE: Duration = Duration::from_secs(10);
/// Bytes that were followed and wait for a database that fails; then nothing more is followed.
const PENDING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Pause between two attempts to have the database take something before anything else can be done.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// A stream that did not answer for so long is away.
const UNHEARD: Duration = Duration::from_secs(3);
/// Events that may be on their way while nothing is behind: a shipment's.
const IN_FLIGHT: u64 = 300;
/// Pause between two beats; and for how long it is how short after an act, for somebody may wait until all replicas have it.
const BEAT_PAUSE: Duration = Duration::from_secs(1);
const HURRY: Duration = Duration::from_secs(3);
const HURRIED_PAUSE: Duration = Duration::from_millis(200);
/// Time that the end waits for shipments that are not in the stream yet, and for a stream that does not answer.
const DRAIN: Duration = Duration::from_secs(10);
const DRAIN_UNHEARD: Duration = Duration::from_secs(2);
/// Pause between two words on messages that were set aside.
const ASIDE_PAUSE: Duration = Duration::from_secs(60);

/// Something for the runner.
pub(super) enum Parcel {
    /// The outbox has more.
    Wake,
    Act(Asked),
    /// A request waits for everything that the stream has now.
    Look(Shown),
    /// The last sequence number, if the stream told it.
    Head(Option<u64>),
    Appended(Lane, Appended),
    Read(Result<Batch, Away>),
    /// The last message of its own subject.
    Told(Result<Option<Entry>, Away>),
    /// The last word of each replica on itself.
    Beats(Option<Vec<Heard>>),
    /// Ship what is left, and end.
    Stop,
}

/// An act that somebody waits for.
pub(super) struct Asked {
    pub(super) act: Vec<u8>,
    pub(super) seen: Option<u64>,
    pub(super) answer: SyncSender<Result<u64, Refusal>>,
    pub(super) since: Instant,
}

/// The part of the runner's state that others may know.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) standing: Standing,
    /// The number of the outbox's last event.
    pub(super) recorded: u64,
    /// Time at which the stream last took something, a beat at least; nothing if it never did. One server alone answers reads, too.
    pub(super) heard_at: Option<Instant>,
    /// A message whose events this release does not read.
    pub(super) unread: Option<u64>,
    /// Time at which everything was last followed, and nothing of its own was left to ship.
    pub(super) whole_at: Instant,
    /// Acts that the stream lost are on their way there again.
    pub(super) is_mending: bool,
    /// Time that this machine's clock is ahead of the stream's, if that is too much.
    pub(super) ahead: Option<Span>,
    /// Edges of which messages were set aside, and how many.
    pub(super) aside: Vec<(WriterId, u64)>,
    /// The last word of each replica on itself, this one too.
    pub(super) replicas: Vec<Peer>,
}

impl Report {
    /// Everything of its own is in the stream, but for what came within this moment.
    fn is_shipped(&self) -> bool {
        self.standing.shipped + IN_FLIGHT >= self.recorded
    }

    /// Time since everything was followed, and nothing of its own was left to ship.
    pub(super) fn lag(&self, now: Instant) -> Duration {
        let lag = now.saturating_duration_since(self.whole_at);
        // It is looked at once in a while.
        if lag < BEAT_PAUSE { Duration::ZERO } else { lag }
    }

    /// The stream answers.
    pub(super) fn is_answered(&self, now: Instant) -> bool {
        self.heard_at.is_some_and(|at| now < at + UNHEARD)
    }
}

/// The runner.
pub(super) struct Runner {
    pub(super) replica: Replica,
    pub(super) outbox: Arc<Outbox>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) stream: Arc<dyn Stream>,
    pub(super) deliver: Deliver,
    pub(super) report: Arc<Mutex<Report>>,
    pub(super) parcels: Receiver<Parcel>,
    /// For answers of the stream.
    pub(super) sender: Sender<Parcel>,
    pub(super) acts: VecDeque<Asked>,
    /// The act that the core has.
    pub(super) current: Option<Asked>,
    /// The number up to which the outbox is to forget.
    pub(super) forget: u64,
    pub(super) name: String,
    /// Requests that wait for everything that the stream has.
    pub(super) looks: Looks,
    pub(super) role: Role,
    /// A wake-up is on its way here.
    pub(super) woken: Arc<AtomicBool>,
    /// Time of the next beat; nothing while one is on its way.
    pub(super) beat_at: Option<Instant>,
    /// Until then beats follow each other closely.
    pub(super) hurry_until: Instant,
    /// Events from long before were shipped, up to this own number: the log is to be told when all are there.
    pub(super) owed: Option<u64>,
    /// Time at which that was last said: all replicas fold again by it.
    pub(super) said_at: Option<Instant>,
    /// Time at which messages that were set aside were last told.
    pub(super) aside_at: Option<Instant>,
    /// Since when it is to end.
    pub(super) stopped_at: Option<Instant>,
}

impl Runner {
    /// Works until it is stopped.
    pub(super) fn run(mut self) {
        while !self.is_done() {
            let due = self.step();
            match self.parcels.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(parcel) => self.take(parcel),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Ok(parcel) = self.parcels.try_recv() {
                self.take(parcel);
            }
        }
        self.keeper.keep(Instant::now(), true);
        self.leave();
    }

    fn is_done(&self) -> bool {
        let Some(stopped_at) = self.stopped_at else { return false };
        let Report { standing, heard_at, .. } = self.report().clone();
        let now = Instant::now();
        let is_unheard = heard_at.is_none_or(|at| now >= at.max(stopped_at) + DRAIN_UNHEARD);
        standing.shipped >= self.outbox.last()
            || now >= stopped_at + DRAIN
            || (is_unheard && now >= stopped_at + DRAIN_UNHEARD)
    }

    /// Does what is to be done now. Returns when something is due next.
    fn step(&mut self) -> Instant {
        let now = Instant::now();
        self.serve(now);
        let Orders { publish, read, last, forget } = self.replica.orders(now, &*self.outbox);
        for publish in publish {
            self.note_age(&publish);
            let (lane, sender) = (publish.lane, self.sender.clone());
            let done = Box::new(move |appended| drop(sender.send(Parcel::Appended(lane, appended))));
            self.stream.append(publish.subject, publish.expected, publish.shipment.encode(), done);
        }
        if let Some(look) = read {
            let sender = self.sender.clone();
            self.stream.read(look, Box::new(move |answer| drop(sender.send(Parcel::Read(answer)))));
        }
        self.look(now);
        if let Some(subject) = last {
            let sender = self.sender.clone();
            self.stream.last(subject, Box::new(move |last| drop(sender.send(Parcel::Told(last)))));
        }
        self.forget = self.forget.max(forget.unwrap_or(0));
        let kept = self.keeper.keep(now, false);
        let outbox = self.outbox.keep(now, false);
        let has_forgotten = !kept.is_all || self.forget == 0 || self.outbox.forget(self.forget);
        if has_forgotten && kept.is_all {
            self.forget = 0;
        }
        self.tell(now);
        self.say_caught_up();
        self.beat(now);
        let again = (!has_forgotten).then_some(now);
        let waiting = self.acts.front().map(|asked| asked.since + self.patience(now));
        let due = [kept.due, outbox.due, again, waiting].into_iter().flatten();
        due.chain(self.beat_at).chain([self.replica.due(now)]).min().unwrap_or(now)
    }

    /// Asks the stream for its last sequence number where requests wait, and serves those that can be served.
    fn look(&mut self, now: Instant) {
        if self.looks.asks() {
            let sender = self.sender.clone();
            self.stream.head(Box::new(move |last| drop(sender.send(Parcel::Head(last)))));
        }
        let Place { sequence, position, .. } = *self.replica.place();
        self.looks.shown(now, sequence).into_iter().for_each(|shown| shown(position));
    }

    fn tell(&self, now: Instant) {
        let standing = self.replica.standing();
        self.outbox.set_shipped(standing.shipped);
        let mut report = self.report();
        (report.standing, report.recorded) = (standing, self.outbox.last());
        report.aside = self.replica.place().aside().collect();
        report.is_mending = self.replica.lost().any(|lost| matches!(lost.kind, Kind::Act { .. }));
        if report.is_answered(now)
            && standing.is_following
            && standing.sequence >= standing.head
            && report.is_shipped()
        {
            report.whole_at = now;
        }
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&mut self, parcel: Parcel) {
        let now = Instant::now();
        match parcel {
            Parcel::Wake => self.woken.store(false, Ordering::Release),
            Parcel::Act(asked) => self.acts.push_back(asked),
            Parcel::Look(shown) => self.looks.add(shown),
            Parcel::Head(last) => {
                self.looks.told(now, last);
                self.replica.told_head(now, last.unwrap_or(0));
            }
            Parcel::Appended(lane, appended) => {
                if appended != Appended::Unknown {
                    self.report().heard_at = Some(now);
                }
                self.replica.appended(now, lane, appended);
            }
            Parcel::Read(answer) => {
                let answer = answer.map(|batch| self.readable(batch));
                if let Some(change) = self.replica.read(now, answer) {
                    self.change(change);
                }
            }
            Parcel::Told(last) => {
                if let Ok(Some(entry)) = &last
                    && let Ok(mut shipment) = Shipment::decode(&entry.bytes)
                {
                    self.own(entry.stamp, &mut shipment.events);
                }
                self.replica.told(now, last);
            }
            Parcel::Beats(heard) => {
                let pause = if now < self.hurry_until { HURRIED_PAUSE } else { BEAT_PAUSE };
                self.beat_at = Some(now + pause);
                if let Some(heard) = heard {
                    let mut report = self.report();
                    report.heard_at = Some(now);
                    report.replicas = beat::replicas(heard);
                }
            }
            Parcel::Stop => self.stopped_at = Some(now),
        }
    }

    /// The batch up to the first message whose events this release does not read: nothing is skipped, but for what an edge says. An
    /// act among events says nothing: whoever may ship events need not be one who may change things.
    fn readable(&self, mut batch: Batch) -> Batch {
        let (place, mut unread) = (self.replica.place().sequence, None);
        for (at, entry) in batch.entries.iter_mut().enumerate().filter(|(_, it)| it.sequence > place) {
            // A message that is no shipment is the core's matter.
            let Ok(shipment) = Shipment::decode(&entry.bytes) else { continue };
            let events: Result<Vec<_>, _> =
                shipment.events.iter().map(|event| codec::decode(event)).collect();
            let edge = entry.subject.and_then(Subject::edge);
            match &events {
                Err(_) if edge.is_none() => {
                    unread = Some(at);
                    break;
                }
                Ok(_) if matches!(shipment.kind, Kind::Act { .. }) => {}
                Ok(events) if events.iter().all(|event| event.act().is_none()) => {}
                _ => entry.subject = edge.map(Subject::Aside),
            }
        }
        self.report().unread = unread.map(|at| batch.entries[at].sequence);
        batch.entries.truncate(unread.unwrap_or(usize::MAX));
        batch
    }

    /// Says whose messages were set aside, if there are any in these steps; not for each of them, for there may be many.
    fn tell_aside(&mut self, steps: &[(Step, Vec<Vec<u8>>)]) {
        let now = Instant::now();
        let is_soon = self.aside_at.is_some_and(|at| now < at + ASIDE_PAUSE);
        let place = self.replica.place();
        let is_new = |edge: WriterId| steps.iter().any(|(step, _)| step.writer == edge);
        let told: Vec<_> = place.aside().filter(|(edge, _)| is_new(*edge)).collect();
        if told.is_empty() || is_soon {
            return;
        }
        self.aside_at = Some(now);
        for (edge, messages) in told {
            let report = self.report();
            let named = report.replicas.iter().find(|peer| edge.is_of(&peer.name));
            let edge = named
                .map_or_else(|| format!("{edge} (its replica's name as a number)"), |it| it.name.clone());
            drop(report);
            tracing::warn!(
                edge,
                messages,
                "MESSAGES OF AN EDGE ARE SET ASIDE, for they cannot be read, or are not for it to say: where it runs no later release \
                 than this, revoke its credentials in NATS"
            );
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Taken(steps) => self.follow(steps),
            Change::Back { position, undone } => self.go_back(position, &undone),
        }
    }

    fn follow(&mut self, mut steps: Vec<(Step, Vec<Vec<u8>>)>) {
        self.tell_aside(&steps);
        let events = steps.iter_mut().flat_map(|(step, events)| self.timed(step, events)).collect::<Vec<_>>();
        let has_acts = steps.iter().any(|(step, _)| matches!(step.kind, Kind::Act { .. }));
        let lost = encode_lost(self.replica.lost());
        let taken = steps.iter().map(|(step, events)| (step, events.as_slice()));
        self.keeper.take(taken, self.replica.place(), &lost);
        while self.keeper.pending_bytes() > PENDING_BYTES_MAX
            && !self.keeper.keep(Instant::now(), true).is_all
        {
            std::thread::sleep(RETRY_PAUSE);
        }
        // A caller that sees an act in the view asks which replicas have it.
        self.report().standing = self.replica.standing();
        let first = steps.first().map(|(step, _)| step.first_position());
        if let Some(first) = first.filter(|_| !events.is_empty()) {
            (self.deliver)(Numbered { era: self.keeper.era(), first, events });
        }
        if has_acts {
            // After a crash the stream may be away; then a token that worked works still, and one that was refused is refused.
            let now = Instant::now();
            self.keeper.keep(now, true);
            self.hurry_until = now + HURRY;
            self.beat_at = self.beat_at.map(|at| at.min(now));
        }
    }

    /// Takes back what the stream lost, and has it shipped again. Nothing else is done until the database took that.
    fn go_back(&mut self, position: u64, undone: &[Step]) {
        let (place, writer) = (self.replica.place().clone(), self.outbox.writer());
        tracing::warn!(
            messages = undone.len(),
            position,
            "the stream went back: what it lost is shipped again"
        );
        let lost = loop {
            if let Some(lost) = self.keeper.undone(undone, writer) {
                break lost;
            }
            std::thread::sleep(RETRY_PAUSE);
        };
        self.replica.redeem(Instant::now(), lost);
        let lost = encode_lost(self.replica.lost());
        // Before anybody hears that the log went back.
        self.report().is_mending = true;
        while !self.keeper.go_back(&place, &lost) {
            std::thread::sleep(RETRY_PAUSE);
        }
        (self.deliver)(Numbered { era: self.keeper.era(), first: position + 1, events: Vec::new() });
    }

    /// Time that an act waits to be taken: longer than an election, and hardly where the stream is away for longer than that.
    fn patience(&self, now: Instant) -> Duration {
        let is_away = self.report().heard_at.is_none_or(|at| now >= at + ACT_PATIENCE);
        if is_away { UNHEARD } else { ACT_PATIENCE }
    }

    /// Answers those who wait for acts, and takes the next one.
    fn serve(&mut self, now: Instant) {
        if self.role == Role::Edge {
            while let Some(asked) = self.acts.pop_front() {
                self.answer(asked, Verdict::Away);
            }
        }
        if self.current.is_some()
            && let Some(verdict) = self.replica.verdict(now)
            && let Some(asked) = self.current.take()
        {
            self.answer(asked, verdict);
        }
        if self.current.is_none()
            && self.replica.takes_act()
            && self.patience(now) == ACT_PATIENCE
            && let Some(asked) = self.acts.pop_front()
        {
            match self.replica.take_act(now, asked.act.clone(), asked.seen) {
                Some(verdict) => self.answer(asked, verdict),
                None => self.current = Some(asked),
            }
        }
        let patience = self.patience(now);
        while self.acts.front().is_some_and(|asked| now >= asked.since + patience)
            && let Some(asked) = self.acts.pop_front()
        {
            self.answer(asked, Verdict::Away);
        }
    }

    fn answer(&mut self, asked: Asked, verdict: Verdict) {
        let answer = match verdict {
            Verdict::Counts(position) => {
                // The stream may lose it; then this replica has it nevertheless.
                self.keeper.keep(Instant::now(), true);
                Ok(position)
            }
            // It depends on nothing: once more.
            Verdict::Outdated if asked.seen.is_none() => return self.acts.push_front(asked),
            Verdict::Outdated => Err(Refusal::Outdated { by: self.replica.place().last_act_position }),
            Verdict::Away => {
                Err(Refusal::Away("the stream that the replicas share takes no act now".to_owned()))
            }
        };
        // The client may have gone.
        let _ = asked.answer.send(answer);
    }
}
