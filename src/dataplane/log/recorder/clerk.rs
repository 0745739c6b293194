//! The clerk: takes acts to the desk of an engine that has one, one after the other, and has the fold answer.
//!
//! Such an act waits for others than this machine's disk. So it does not go by the writer, for whom pulls wait.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use super::queue::Change;
use crate::log::engine::{Engine, Refusal};
use crate::log::error::AppendError;
use crate::log::fold::Message;

/// Work for the clerk.
pub(in crate::log) enum Errand {
    Change(Box<Change>),
    Stop,
}

/// The one that goes to the desk.
pub(in crate::log) struct Clerk {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) errands: Receiver<Errand>,
    pub(super) fold: SyncSender<Message>,
}

impl Clerk {
    /// Works until it is stopped, or nobody can ask for anything any more.
    pub(in crate::log) fn run(self) {
        while let Ok(Errand::Change(change)) = self.errands.recv() {
            self.append(*change);
        }
    }

    fn append(&self, change: Change) {
        let Change { event, seen, answer } = change;
        let Some(desk) = self.engine.desk() else { return };
        let (number, result) = match desk.append(&event, seen) {
            Ok(number) => (number, Ok(())),
            // Once it sees what came between, it can decide again.
            Err(Refusal::Outdated { by }) => (by, Err(AppendError::Outdated)),
            Err(error) => {
                tracing::error!(%error, "a change could not be written");
                let away = matches!(error, Refusal::Away(_));
                (0, Err(if away { AppendError::Away } else { AppendError::Unwritable }))
            }
        };
        // At the end nobody is there any more.
        let _ = self.fold.send(Message::Show { number, answers: vec![(answer, result)] });
    }
}
