//! Changes: appended to the log one at a time, by somebody whose right to make them was shown.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use crate::log::{AppendError, Log, View};
use crate::model::act::{Action, Actor};
use crate::model::time::Time;

/// Proof that somebody may make a change. Two types are one: `http::caller::Admin`, which only an admin's token or
/// session yields, and `webhooks::signature::Signed`, which only a webhook's secret yields.
pub(in crate::admin) trait Author {
    /// The author's name in the log.
    fn actor(&self) -> &Actor;
}

/// The log, for those who change something.
#[derive(Clone)]
pub(in crate::admin) struct Changes {
    log: Log,
    deciding: Arc<Mutex<()>>,
}

/// A change was not written, so it did not happen.
#[derive(Debug, thiserror::Error)]
pub(in crate::admin) enum NotWritten {
    /// The log's files were deleted or replaced; in words.
    #[error("{0}")]
    Astray(String),
    /// The log takes no change now.
    #[error("the log takes no change now")]
    Unavailable,
}

impl Changes {
    pub(super) fn new(log: Log) -> Self {
        Self { log, deciding: Arc::default() }
    }

    /// Waits for the turn to decide about a change. It is held from the check of a change to its append, so that no other
    /// change comes between.
    pub(in crate::admin) async fn lock(&self) -> MutexGuard<'_, ()> {
        self.deciding.lock().await
    }

    /// The state that a change is decided on.
    pub(in crate::admin) fn view(&self) -> Arc<View> {
        self.log.view()
    }

    /// Appends a change that `author` makes, and returns once it is durable.
    ///
    /// # Errors
    /// It could not be written.
    pub(in crate::admin) async fn append(
        &self,
        author: &impl Author,
        at: Time,
        action: Action,
    ) -> Result<(), NotWritten> {
        let appended = self.log.append(action.by(author.actor().clone(), at)).await;
        appended.map_err(|error| {
            tracing::error!(%error, "a change was not written");
            match (error, self.log.health().verdict()) {
                (AppendError::Astray, Err(what)) => NotWritten::Astray(what),
                _ => NotWritten::Unavailable,
            }
        })
    }
}
