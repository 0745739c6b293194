//! Pretend clients: what they ask for, and what they hear.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use super::Chance;
use super::history::History;
use crate::log::Log;
use crate::log::error::AppendError;
use crate::log::recorder::Receipt;
use crate::log::tests::observation;
use crate::log::view::View;
use crate::model::act::{Action, Actor};
use crate::model::event::{Event, Observation};
use crate::model::time::Time;

/// A change under way.
type Changing = Pin<Box<dyn Future<Output = Result<(), AppendError>>>>;

/// The clients of one process.
#[derive(Default)]
pub(super) struct Clients {
    made: u64,
    receipts: Vec<(String, Receipt)>,
    changes: Vec<(String, Changing)>,
    /// Changes that were decided on, each with the latest act that its decision saw, and are not appended yet.
    looks: Vec<(String, Action, u64)>,
    /// Observations that this process called lost.
    pub(super) lost: u64,
}

/// Makes an environment if it is not there, else deletes it: either is wrong where the other came between.
fn toggled(view: &View, name: &str) -> Action {
    if view.directory.environment(name).is_some() {
        Action::EnvironmentDeleted { name: name.parse().unwrap() }
    } else {
        let (description, color) = (String::new(), String::new());
        Action::EnvironmentCreated { name: name.parse().unwrap(), description, color }
    }
}

fn event(action: Action, key: &str, at: Time) -> Event {
    action.by(Actor { from: Some(key.into()), ..Actor::default() }, at)
}

fn name(chance: &mut Chance) -> &'static str {
    ["production", "staging", "edge"][chance.below(3) as usize]
}

impl Clients {
    fn key(&mut self) -> String {
        self.made += 1;
        format!("change {}", self.made)
    }

    pub(super) fn record(&mut self, log: &Log, at: Time) {
        self.made += 1;
        let observation = Observation { at, ..observation(self.made) };
        let key = observation.digest.as_ref().unwrap().to_string();
        self.receipts.push((key, log.record(observation)));
    }

    /// Somebody decides and appends in one go.
    pub(super) fn decide(&mut self, log: &Log, chance: &mut Chance, at: Time) {
        let (key, name, log) = (self.key(), name(chance), log.clone());
        let said = key.clone();
        let change = async move {
            let decided = log.decide(|view| Ok::<_, ()>((Some(event(toggled(view, name), &said, at)), ())));
            decided.await.map(|_| ())
        };
        self.changes.push((key, Box::pin(change)));
    }

    /// Somebody looks now and appends later.
    pub(super) fn look(&mut self, log: &Log, chance: &mut Chance) {
        let (key, view) = (self.key(), log.view());
        self.looks.push((key, toggled(&view, name(chance)), view.acts.last()));
    }

    pub(super) fn append_on_what_was_seen(&mut self, log: &Log, chance: &mut Chance, at: Time) {
        if self.looks.is_empty() {
            return;
        }
        let (key, action, seen) = self.looks.swap_remove(chance.below(self.looks.len() as u64) as usize);
        let (recorder, event) = (log.recorder.clone(), event(action, &key, at));
        self.changes.push((key, Box::pin(async move { recorder.append(event, Some(seen)).await })));
    }

    /// Somebody appends a change that depends on nothing.
    pub(super) fn append(&mut self, log: &Log, at: Time) {
        let (key, log) = (self.key(), log.clone());
        let event = event(Action::BackupTaken, &key, at);
        self.changes.push((key, Box::pin(async move { log.append(event).await })));
    }

    /// Takes the answers that have come.
    pub(super) fn hear(&mut self, history: &mut History, log: &Log) -> Result<(), String> {
        for (key, mut receipt) in std::mem::take(&mut self.receipts) {
            match receipt.written.as_mut().map_or(Err(TryRecvError::Closed), Receiver::try_recv) {
                Ok(()) => drop(history.promise(key)?),
                Err(TryRecvError::Empty) => self.receipts.push((key, receipt)),
                Err(TryRecvError::Closed) => {
                    history.refuse(key)?;
                    self.lost += 1;
                }
            }
        }
        let mut context = Context::from_waker(Waker::noop());
        for (key, mut change) in std::mem::take(&mut self.changes) {
            match change.as_mut().poll(&mut context) {
                Poll::Pending => self.changes.push((key, change)),
                Poll::Ready(Ok(())) => {
                    let number = history.promise(key)?;
                    if log.view().applied < number {
                        return Err(format!("change {number} was answered and is not in the view"));
                    }
                }
                Poll::Ready(Err(_)) => history.refuse(key)?,
            }
        }
        Ok(())
    }

    /// The process is gone, and with it every answer of its.
    pub(super) fn hang_up(&mut self) {
        *self = Self { made: self.made, ..Self::default() };
    }
}
