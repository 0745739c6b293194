//! A change that depends on the view: it is appended only if no other came between the look and the append.
//!
//! The engine promises that, see [`Engine::append`](super::engine::Engine::append). Where a change came between, the
//! decision is made again on a view that shows it.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::error::AppendError;
use super::publisher::Views;
use super::recorder::Recorder;
use super::view::View;
use crate::model::event::Event;

/// Attempts until a change is refused.
const ATTEMPTS_MAX: usize = 5;

/// The turn that the changes of one process take, so that they do not compete with each other: an act that depends on
/// nothing makes a decision outdated all the same, and a crowd of them would starve it.
#[derive(Clone, Default)]
pub(super) struct Turn(Arc<Mutex<()>>);

impl Turn {
    /// See [`Log::append`](super::Log::append).
    pub(super) async fn append(&self, recorder: &Recorder, event: Event) -> Result<(), AppendError> {
        let _turn = self.0.lock().await;
        recorder.append(event, None).await
    }

    /// See [`Log::decide`](super::Log::decide).
    pub(super) async fn decide<T, E>(
        &self,
        recorder: &Recorder,
        views: &Views,
        mut decide: impl FnMut(&View) -> Result<(Option<Event>, T), E>,
    ) -> Result<Result<T, E>, AppendError> {
        let _turn = self.0.lock().await;
        for _ in 0..ATTEMPTS_MAX {
            let view = views.latest();
            let (event, decided) = match decide(&view) {
                Ok((Some(event), decided)) => (event, decided),
                Ok((None, decided)) => return Ok(Ok(decided)),
                Err(error) => return Ok(Err(error)),
            };
            match recorder.append(event, Some(view.acts.last())).await {
                Ok(()) => return Ok(Ok(decided)),
                // The view shows by now what came between.
                Err(AppendError::Outdated) => {}
                Err(error) => return Err(error),
            }
        }
        Err(AppendError::Outdated)
    }
}
