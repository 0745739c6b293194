//! The fold: takes every event once, in log order, and publishes immutable views to readers.
//!
//! A view is published at once after a change that somebody waits for, else at most every [`PUBLISH_PAUSE`]: what changed
//! is copied once per view, not once per pull. The fold also has the engine keep what is durable, so a snapshot is never
//! ahead of what is kept.
//!
//! [`Fold::step`] does what is due at a given time and needs no thread; [`Fold::run`] is the thread around it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use tokio::sync::oneshot;

use super::counters::{Counters, ForgottenGauges};
use super::engine::{Engine, Numbered, Snapshot};
use super::error::{AppendError, OpenError, ReadError};
use super::placing::{last_due, placed};
use super::publisher::{Publisher, Views};
use super::snapshot;
use super::view::View;
use crate::clock::Clock;
use crate::model::deployments::Rules;
use crate::model::event::Event;

/// Messages that may wait for the fold before the writer waits for it.
const MESSAGES_MAX: usize = 1_024;
/// Greatest age of a view while pulls pour in.
const PUBLISH_PAUSE: Duration = Duration::from_millis(50);
/// Longest time that the thread lets events come together while pulls pour in; an administrator's change may wait as
/// long.
const BATCH_PAUSE: Duration = Duration::from_millis(5);
/// Events after which a snapshot is taken: folding what an opening after a crash has to takes a blink.
const SNAPSHOT_EVENTS: u64 = 100_000;
/// Pause between two attempts to fold again a log that went back.
const REFOLD_PAUSE: Duration = Duration::from_secs(1);
/// Events between two reports of progress in a long opening.
const PROGRESS_EVENTS: u64 = 1_000_000;

/// The place where somebody waits for what becomes of a change.
pub(super) type Answer = oneshot::Sender<Result<(), AppendError>>;
/// The place where somebody waits until what was handed over before is kept: gets whether it is.
pub(super) type KeptAnswer = SyncSender<bool>;

/// Work for the fold.
pub(super) enum Message {
    /// Events that the engine made durable.
    Appended(Numbered),
    /// Once the view has the event `number`, these are to get their answers.
    Show { number: u64, answers: Vec<(Answer, Result<(), AppendError>)> },
    /// Once everything before is kept, these are to hear of it.
    Keep(Vec<KeptAnswer>),
    /// Nothing follows.
    End,
}

/// The sending end of the fold's messages. The fold ends when it is dropped.
pub(super) struct FoldSender(SyncSender<Message>);

impl FoldSender {
    pub(super) fn send(&self, message: Message) {
        // Only at shutdown is nobody there any more.
        let _ = self.0.send(message);
    }

    /// Another sending end, with which the fold does not end.
    pub(super) fn another(&self) -> SyncSender<Message> {
        self.0.clone()
    }
}

impl Drop for FoldSender {
    fn drop(&mut self) {
        self.send(Message::End);
    }
}

/// The one that folds.
pub(super) struct Fold {
    messages: Receiver<Message>,
    view: View,
    publisher: Publisher,
    views: Views,
    clock: Clock,
    panics: Counter,
    forgotten: ForgottenGauges,
    /// The log went back, and what is folded may lack acts that are on their way there again.
    is_mending: bool,
    /// Number of times that the log went back before the events that are folded.
    era: u64,
    /// The last event in the latest snapshot, or in the latest attempt to keep one.
    snapshot_at: u64,
    snapshot_events: u64,
    /// The view has what the published one has not.
    is_ahead: bool,
    published_at: Instant,
    /// Answers that wait until the view has the event of that number.
    shows: Vec<(u64, Answer, Result<(), AppendError>)>,
    keeps: Vec<KeptAnswer>,
    has_ended: bool,
    /// The last field: when it closes the engine, nobody waits any more for the messages to be taken.
    engine: Closing,
}

/// An engine that is closed when this is dropped, in whatever way the fold ends: an append that waits for room is not to
/// wait for ever.
struct Closing(Arc<dyn Engine>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Fold {
    /// Folds everything that the engine has, and begins what follows. Damage is refused before anything is written.
    ///
    /// # Errors
    /// The engine cannot be read, is damaged, or cannot begin.
    pub(super) fn open(
        engine: Arc<dyn Engine>,
        rules: &Rules,
        counters: &Counters,
        clock: Clock,
    ) -> Result<(Self, FoldSender), OpenError> {
        let view = snapshot::begin(&*engine, rules)?;
        let (sender, messages) = sync_channel(MESSAGES_MAX);
        let (publisher, views) = Publisher::new(&view);
        let mut fold = Self {
            messages,
            is_mending: false,
            era: 0,
            snapshot_at: view.applied,
            snapshot_events: SNAPSHOT_EVENTS,
            view,
            publisher,
            views,
            published_at: clock.instant(),
            clock,
            panics: counters.fold_panics.clone(),
            forgotten: counters.forgotten.clone(),
            is_ahead: false,
            shows: Vec::new(),
            keeps: Vec::new(),
            has_ended: false,
            engine: Closing(engine),
        };
        fold.replay()?;
        let deliver = sender.clone();
        fold.engine.0.begin(Box::new(move |numbered| {
            let _ = deliver.send(Message::Appended(numbered));
        }))?;
        // Folds the events that only the journal had.
        fold.replay()?;
        fold.publish();
        Ok((fold, FoldSender(sender)))
    }

    /// Folds again from what is kept, since the log went back. What is delivered later and is in that is left out.
    fn go_back(&mut self, rules: &Rules) {
        loop {
            let era = self.engine.0.era();
            let again = snapshot::begin(&*self.engine.0, rules).and_then(|view| {
                self.view = view;
                self.replay()
            });
            match again {
                // It went back once more meanwhile.
                Ok(()) if self.engine.0.era() != era => {}
                Ok(()) => {
                    (self.era, self.snapshot_at) = (era, self.view.applied);
                    (self.is_ahead, self.is_mending) = (true, true);
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "the log went back and cannot be folded again yet; pulls go on");
                    std::thread::sleep(REFOLD_PAUSE);
                }
            }
        }
    }

    /// Folds what is kept and not in the view yet.
    fn replay(&mut self) -> Result<(), OpenError> {
        let events = self.engine.0.events_after(self.view.applied);
        let events = events.map_err(|error| error.at_opening("the log".as_ref()))?;
        let extent = events.extent.clone();
        drop(events);
        self.place_last_late().map_err(|error| error.at_opening(&extent.path))?;
        let events = self.engine.0.events_after(self.view.applied);
        let events = events.map_err(|error| error.at_opening("the log".as_ref()))?;
        if self.view.applied > extent.last {
            let reason =
                format!("event {} was folded, and event {} is its last one", self.view.applied, extent.last);
            return Err(OpenError::Damaged { path: extent.path, reason });
        }
        for entry in events {
            let (number, event) = entry.map_err(|error| error.at_opening(&extent.path))?;
            self.apply(number, &event);
            if number % PROGRESS_EVENTS == 0 {
                tracing::info!(events = number, "reading the log");
            }
        }
        Ok(())
    }

    /// Takes a snapshot after so many events.
    #[cfg(test)]
    pub(super) fn set_snapshot_events(&mut self, events: u64) {
        self.snapshot_events = events;
    }

    /// The place where the views are published.
    pub(super) fn views(&self) -> Views {
        self.views.clone()
    }

    /// Folds until nothing follows.
    pub(super) fn run(mut self) {
        let mut due = None;
        while !self.has_ended {
            let next = match due {
                Some(due) => {
                    self.messages.recv_timeout(Instant::saturating_duration_since(&due, self.clock.instant()))
                }
                None => self.messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match next {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.has_ended = true,
            }
            due = self.step(self.clock.instant());
            if self.is_ahead {
                // While pulls pour in, being woken by each frame would cost more than folding it.
                std::thread::sleep(BATCH_PAUSE);
            }
        }
        self.finish();
    }

    /// Takes what has come, and does what is due at the time `now`. Returns when something is due next.
    pub(super) fn step(&mut self, now: Instant) -> Option<Instant> {
        // Before what was delivered is taken: once it is mended, all of it was.
        self.is_mending &= self.engine.0.is_mending();
        while !self.has_ended
            && let Ok(message) = self.messages.try_recv()
        {
            self.take(message);
        }
        let shown = |(number, ..): &mut (u64, Answer, Result<(), AppendError>)| *number <= self.view.applied;
        let answers: Vec<_> = self.shows.extract_if(.., shown).collect();
        let is_time = !answers.is_empty() || now >= self.published_at + PUBLISH_PAUSE;
        if self.is_ahead && is_time && !self.is_mending {
            self.publish();
            self.published_at = now;
        }
        for (_, answer, result) in answers {
            // The client may have gone; the change stands.
            let _ = answer.send(result);
        }
        let kept = self.engine.0.keep(now, !self.keeps.is_empty());
        for answer in self.keeps.drain(..) {
            let _ = answer.send(kept.is_all);
        }
        if self.view.applied - self.snapshot_at >= self.snapshot_events {
            self.keep_snapshot(now);
        }
        let publish_at = self.is_ahead.then(|| (self.published_at + PUBLISH_PAUSE).max(now + BATCH_PAUSE));
        publish_at.into_iter().chain(kept.due).min()
    }

    /// Keeps what is left, and a snapshot of it.
    pub(super) fn finish(&mut self) {
        let now = self.clock.instant();
        if self.view.applied > self.snapshot_at {
            self.keep_snapshot(now);
        } else {
            self.engine.0.keep(now, true);
        }
        if !self.is_mending {
            self.publish();
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Appended(numbered) => self.take_events(numbered),
            Message::Show { number, answers } => {
                self.shows.extend(answers.into_iter().map(|(answer, result)| (number, answer, result)));
            }
            Message::Keep(answers) => self.keeps.extend(answers),
            Message::End => self.has_ended = true,
        }
    }

    fn take_events(&mut self, Numbered { era, mut first, mut events }: Numbered) {
        if era > self.era {
            let rules = self.view.state.rules().clone();
            self.go_back(&rules);
        }
        if era < self.era {
            return;
        }
        // Folding again found them kept.
        let known = (self.view.applied + 1).saturating_sub(first).min(events.len() as u64);
        events.drain(..usize::try_from(known).unwrap_or(usize::MAX));
        first += known;
        self.is_ahead |= !events.is_empty();
        self.publisher.gather(first, &events);
        for (number, event) in (first..).zip(&events) {
            self.apply(number, event);
        }
    }

    fn apply(&mut self, number: u64, event: &Event) {
        if !self.view.apply(number, event) {
            self.panics.inc();
        }
        if self.view.late.is_due() {
            self.place_late(number);
        }
    }

    /// Folds everything with late evidence in its place, where a writer caught up in what is kept and not in the view yet.
    fn place_last_late(&mut self) -> Result<(), ReadError> {
        let engine = &*self.engine.0;
        if let Some(through) = last_due(engine, &self.view)? {
            let base = snapshot::base(engine, self.view.state.rules()).map_err(|_| ReadError::Closed)?;
            self.view = placed(engine, &base, through, None)?;
        }
        Ok(())
    }

    /// Folds again with late evidence in its place. Where the log cannot be read now, the next writer that catches up has it done.
    fn place_late(&mut self, through: u64) {
        let engine = &*self.engine.0;
        engine.keep(self.clock.instant(), true);
        let rules = self.view.state.rules();
        let base = snapshot::base(engine, rules).map_err(|error| error.to_string());
        match base.and_then(|base| placed(engine, &base, through, None).map_err(|error| error.to_string())) {
            Ok(view) if view.applied == through => self.view = view,
            Ok(_) => tracing::warn!("late evidence is not kept yet; it waits"),
            Err(error) => tracing::error!(error, "late evidence cannot be put in its place yet"),
        }
    }

    fn publish(&mut self) {
        self.publisher.publish(&self.view);
        self.forgotten.show(self.view.state.forgotten());
        self.is_ahead = false;
    }

    /// Keeps a snapshot, never of more than is kept. Without one the next opening takes longer, and that is all.
    fn keep_snapshot(&mut self, now: Instant) {
        self.snapshot_at = self.view.applied;
        let is_kept = self.engine.0.keep(now, true).is_all;
        // The event that the fold stumbled over may be in it; the next opening is to see it again.
        if self.panics.get() > 0 || !is_kept {
            return;
        }
        match snapshot::encode(&self.view) {
            Ok(bytes) => {
                if let Err(error) = self.engine.0.keep_snapshot(Snapshot::Latest, self.era, &bytes) {
                    tracing::warn!(%error, "a snapshot of the log could not be kept; the next start takes longer");
                }
            }
            Err(error) => tracing::warn!(%error, "a snapshot of the log could not be made"),
        }
    }
}
