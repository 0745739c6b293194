//! Answers: a typed request, and the moment that it is about → a typed view. REST, the pages, `ask`, the agent's tools
//! and the commands only translate what they are asked into it, and what it answers into their own form.
//!
//! ```text
//! request, at ─ Answers::as_of ─→ Moment (the latest state, or the log folded again until then) ─ its queries → views
//! ```
//!
//! An answer as of a time uses nothing that the log learned after it: neither pulls nor releases. It is the answer that
//! was given then. So a release that was registered later is not in it, even where it was made earlier: `verify` knows
//! no such change at that time, and `missing` does not miss it. Images' labels are as old as the first pull that
//! showed them. A time to come is answered as of now, and one before what retention left is refused.
//! Environments alone are those of today: their names are how one asks.

mod finder;
mod moment;
mod names;
mod refused;

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::clock::now;
use crate::log::{Log, PastError, View};
use crate::model::deployments::State;
use crate::model::questions::Finder;
use crate::model::time::{Span, Time};
use crate::wire::Comparison;
use finder::SharedFinder;

pub use moment::{Moment, Within};
pub use names::{environment, repository};
pub use refused::Refused;

/// Longest description of a change, in characters.
pub const QUERY_CHARS_MAX: usize = 500;
/// Changes that may be meant, which an answer names at most.
pub const CANDIDATES_MAX: usize = 5;
/// The stretch whose changes are told, unless told otherwise.
pub const CHANGES_SPAN: Span = Span::from_mins(7 * 24 * 60);
/// The stretch in which rollbacks are looked for, unless told otherwise.
pub const ROLLBACKS_SPAN: Span = Span::from_mins(90 * 24 * 60);

/// The source of every answer: the log, and an index of the changes that it knows.
pub struct Answers {
    log: Log,
    finder: SharedFinder,
    /// Held while the past is folded again, so that many such questions take one core, not all.
    refolds: Mutex<()>,
}

/// Two sides of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Compare<'a> {
    /// The left environment.
    pub left: &'a str,
    /// The right environment; the same one at another time, perhaps.
    pub right: &'a str,
    /// The time as of which the left one is shown; now unless told.
    pub left_at: Option<Time>,
    /// The time as of which the right one is shown; now unless told.
    pub right_at: Option<Time>,
}

/// The log as it was at a time.
struct Past {
    at: Time,
    state: State,
    /// The index of what was known then, where changes are to be searched.
    finder: Option<Finder>,
}

impl Answers {
    /// Answers from this log.
    pub fn new(log: Log) -> Self {
        Self { log, finder: SharedFinder::default(), refolds: Mutex::default() }
    }

    /// The present moment.
    pub fn now(&self) -> Moment<'_> {
        Moment::new(&self.finder, self.view(), now(), None)
    }

    /// The latest view, which says so if what other servers of the log saw may be missing.
    fn view(&self) -> Arc<View> {
        let view = self.log.view();
        let Some(until) = self.log.complete_until() else { return view };
        let mut view = (*view).clone();
        view.state.set_complete_until(until);
        Arc::new(view)
    }

    /// The moment `at`; the present one where there is none, or where it is still to come. The past is folded again from the log,
    /// on a thread that may block, once it is certain that there is an environment `env`, where one is named.
    ///
    /// # Errors
    /// There is no such environment, retention removed what would be needed, or the log cannot be read.
    pub async fn as_of(&self, env: Option<&str>, at: Option<Time>) -> Result<Moment<'_>, Refused> {
        self.known(env)?;
        self.moment("at", at, false).await
    }

    /// The same, with an index of the changes of then.
    ///
    /// # Errors
    /// As [`Answers::as_of`].
    pub async fn searchable_as_of(&self, env: Option<&str>, at: Option<Time>) -> Result<Moment<'_>, Refused> {
        self.known(env)?;
        self.moment("at", at, true).await
    }

    /// A fold of the past is dear, so a name that is none is refused before it.
    fn known(&self, env: Option<&str>) -> Result<(), Refused> {
        env.map_or(Ok(()), |name| self.now().environment(name).map(drop))
    }

    /// Compares two environments, or one with itself at another time.
    ///
    /// # Errors
    /// There is no such environment; or as [`Answers::as_of`].
    pub async fn compare(&self, sides: Compare<'_>) -> Result<Comparison, Refused> {
        for (side, name) in [("left", sides.left), ("right", sides.right)] {
            self.known(Some(name)).map_err(|unknown| unknown.of(side))?;
        }
        let left = self.moment("left_at", sides.left_at, false).await?;
        if sides.left_at == sides.right_at {
            return left.compare(sides.left, &left, sides.right);
        }
        let right = self.moment("right_at", sides.right_at, false).await?;
        left.compare(sides.left, &right, sides.right)
    }

    /// `field` is what a refusal names.
    async fn moment(
        &self,
        field: &'static str,
        at: Option<Time>,
        is_searched: bool,
    ) -> Result<Moment<'_>, Refused> {
        let (view, now): (Arc<View>, Time) = (self.view(), now());
        let Some(at) = at.filter(|at| *at < now) else {
            return Ok(Moment::new(&self.finder, view, now, None));
        };
        let _refolding = self.refolds.lock().await;
        let log = self.log.clone();
        let incomplete = self.log.complete_until().filter(|until| *until < at);
        let folded = tokio::task::spawn_blocking(move || {
            log.view_at(at).map(|mut view| {
                incomplete.into_iter().for_each(|until| view.state.set_complete_until(until));
                let finder = is_searched.then(|| {
                    let mut finder = Finder::default();
                    finder.follow(view.state.catalogue());
                    finder
                });
                Past { at, state: view.state, finder }
            })
        });
        match folded.await {
            Ok(Ok(past)) => Ok(Moment::new(&self.finder, view, now, Some(past))),
            Ok(Err(PastError::Removed { before })) => Err(Refused::Removed { field, before }),
            Ok(Err(error)) => {
                tracing::error!(%error, "the log cannot be read for an answer about the past");
                Err(Refused::Unreadable)
            }
            Err(error) => {
                tracing::error!(%error, "the fold for an answer about the past ended early");
                Err(Refused::Unreadable)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::model::deployments::Rules;

    #[test]
    fn a_name_that_is_no_environments_is_refused_before_the_past_is_folded() {
        let dir = tempfile::tempdir().unwrap();
        let answers = Answers::new(Log::open(dir.path(), Rules::default()).unwrap());
        let (past, side) = (Some(Time::from_ms(0)), Some("left"));
        // Every fold from here on waits for this, and is not ready.
        let _folding = answers.refolds.try_lock().unwrap();
        let unknown = |side| {
            let (name, near) = ("nowhere".to_owned(), Vec::new());
            Some(Err(Refused::UnknownEnvironment { side, name, near }))
        };
        let env = Some("nowhere");
        assert_eq!(answers.as_of(env, past).now_or_never().map(|it| it.map(drop)), unknown(None));
        assert_eq!(answers.searchable_as_of(env, past).now_or_never().map(|it| it.map(drop)), unknown(None));
        let sides = Compare { left: "nowhere", right: "nowhere", left_at: past, right_at: past };
        assert_eq!(answers.compare(sides).now_or_never().map(|it| it.map(drop)), unknown(side));
        assert!(answers.as_of(None, past).now_or_never().is_none(), "without a name it folds");
    }
}
