//! Changes: decided on the latest view and appended to the log, by somebody whose right to make them was shown.

use std::sync::Arc;

use crate::clock;
use crate::log::{AppendError, Log, View};
use crate::model::act::{Action, Actor, TicketId, TicketKind};
use crate::model::time::Time;
use crate::wire::Revocation;

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
}

/// A change was not written, so it did not happen.
#[derive(Debug, thiserror::Error)]
pub(in crate::admin) enum NotWritten {
    /// The log's files were deleted or replaced; in words.
    #[error("{0}")]
    Astray(String),
    /// Other changes came between, again and again.
    #[error("other changes came between")]
    Outdated,
    /// The log takes no change now.
    #[error("the log takes no change now")]
    Unavailable,
}

/// The holder of a ticket, who may use it up and do nothing else by that.
struct Holder<'a>(&'a Actor);

impl Author for Holder<'_> {
    fn actor(&self) -> &Actor {
        self.0
    }
}

impl Changes {
    pub(super) fn new(log: Log) -> Self {
        Self { log }
    }

    /// Appends the change that `author` decides on by the latest view, if no other came between; see [`Log::decide`].
    /// Returns what was decided besides, once the change is durable.
    ///
    /// # Errors
    /// The decision is a refusal, or the change could not be written.
    pub(in crate::admin) async fn decide<T, E: From<NotWritten>>(
        &self,
        author: &impl Author,
        mut decide: impl FnMut(&View, Time) -> Result<(Option<Action>, T), E>,
    ) -> Result<T, E> {
        let decided = self.log.decide(|view| {
            let at = clock::now();
            let (action, decided) = decide(view, at)?;
            Ok((action.map(|action| action.by(author.actor().clone(), at)), decided))
        });
        decided.await.map_err(|error| self.not_written(error))?
    }

    /// The state that a change is decided on.
    pub(in crate::admin) fn view(&self) -> Arc<View> {
        self.log.view()
    }

    /// Appends a change that `author` makes, whatever else is changed, and returns once it is durable.
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
        appended.map_err(|error| self.not_written(error))
    }

    /// Tells which servers of the log have not confirmed the latest change, some seconds after it at the latest.
    pub(in crate::admin) async fn revocation(&self) -> Revocation {
        Revocation { unconfirmed: self.log.still_unconfirmed().await }
    }

    /// Uses a ticket up. Everybody may do that with what is their own, a viewer too. Returns whether it was good until now,
    /// once no server of this log takes it any more.
    ///
    /// # Errors
    /// It could not be written, so the ticket is still good.
    pub(in crate::admin) async fn use_up(
        &self,
        holder: &Actor,
        kind: TicketKind,
        id: TicketId,
        ends_at: Time,
    ) -> Result<bool, NotWritten> {
        self.decide(&Holder(holder), |view, _| {
            let is_good = !view.directory.is_used(&id);
            Ok((is_good.then_some(Action::TicketUsed { kind, id, ends_at }), is_good))
        })
        .await
    }

    fn not_written(&self, error: AppendError) -> NotWritten {
        if error == AppendError::Outdated {
            return NotWritten::Outdated;
        }
        tracing::error!(%error, "a change was not written");
        match (error, self.log.health().verdict()) {
            (AppendError::Astray, Err(what)) => NotWritten::Astray(what),
            _ => NotWritten::Unavailable,
        }
    }
}
