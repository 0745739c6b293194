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
use super::error::{AppendError, OpenError};
use super::publisher::{Publisher, Views};
use super::snapshot;
use super::view::View;
use crate::clock::Clock;
use crate::model::deployments::Rules;
use crate::model::event::Event;

/// Messages that may wait for the fold before the writer waits for it.
const MESSAGES_MAX: usize = 1_024;
/// How old a view may be while pulls pour in.
const PUBLISH_PAUSE: Duration = Duration::from_millis(50);
/// How long the thread lets events come together while pulls pour in; an administrator's change may wait as long.
const BATCH_PAUSE: Duration = Duration::from_millis(5);
/// Events after which a snapshot is taken: folding what an opening after a crash has to takes a blink.
const SNAPSHOT_EVENTS: u64 = 100_000;
/// How often a long opening says how far it is.
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
        // What only the journal had.
        fold.replay()?;
        fold.publish();
        Ok((fold, FoldSender(sender)))
    }

    /// Folds what is kept and not in the view yet.
    fn replay(&mut self) -> Result<(), OpenError> {
        let events = self.engine.0.events_after(self.view.applied);
        let events = events.map_err(|error| error.at_opening("the log".as_ref()))?;
        let extent = events.extent.clone();
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

    /// Where the views are published.
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
        while !self.has_ended
            && let Ok(message) = self.messages.try_recv()
        {
            self.take(message);
        }
        let shown = |(number, ..): &mut (u64, Answer, Result<(), AppendError>)| *number <= self.view.applied;
        let answers: Vec<_> = self.shows.extract_if(.., shown).collect();
        if self.is_ahead && (!answers.is_empty() || now >= self.published_at + PUBLISH_PAUSE) {
            self.publish();
            self.published_at = now;
        }
        for (_, answer, result) in answers {
            // Whoever asked may have gone; the change stands.
            let _ = answer.send(result);
        }
        let kept = self.engine.0.keep(now, !self.keeps.is_empty());
        for answer in self.keeps.drain(..) {
            let _ = answer.send(kept.is_all);
        }
        if self.view.applied - self.snapshot_at >= self.snapshot_events {
            self.keep_snapshot(now);
        }
        let publish_at = self.is_ahead.then(|| self.published_at + PUBLISH_PAUSE);
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
        self.publish();
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Appended(Numbered { first, events }) => {
                self.is_ahead |= !events.is_empty();
                self.publisher.gather(first, &events);
                for (number, event) in (first..).zip(&events) {
                    self.apply(number, event);
                }
            }
            Message::Show { number, answers } => {
                self.shows.extend(answers.into_iter().map(|(answer, result)| (number, answer, result)));
            }
            Message::Keep(answers) => self.keeps.extend(answers),
            Message::End => self.has_ended = true,
        }
    }

    fn apply(&mut self, number: u64, event: &Event) {
        if !self.view.apply(number, event) {
            self.panics.inc();
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
        // What the fold stumbled over may be in it; the next opening is to see it again.
        if self.panics.get() > 0 || !is_kept {
            return;
        }
        match snapshot::encode(&self.view) {
            Ok(bytes) => {
                if let Err(error) = self.engine.0.keep_snapshot(Snapshot::Latest, &bytes) {
                    tracing::warn!(%error, "a snapshot of the log could not be kept; the next start takes longer");
                }
            }
            Err(error) => tracing::warn!(%error, "a snapshot of the log could not be made"),
        }
    }
}
