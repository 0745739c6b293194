//! Readiness: whether the proxy lets connections in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Readiness, which is all that `/readyz` says: the proxy lets connections in. A failing probe takes the proxy out of use, so the log is
/// no part of it: pulls go on without it. `/status` and the metrics say how the log is.
#[derive(Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

/// Ends the readiness when it is dropped: with the task that lets connections in, however that ends.
pub struct Serving(Readiness);

impl Readiness {
    /// Ready, until the answer is dropped or [`Readiness::end`] is called.
    #[must_use]
    pub fn begin(&self) -> Serving {
        self.0.store(true, Ordering::Relaxed);
        Serving(self.clone())
    }

    /// Not ready any more: the server is stopping.
    pub fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub(in crate::admin) fn check(&self) -> Result<(), String> {
        let is_ready = self.0.load(Ordering::Relaxed);
        is_ready.then_some(()).ok_or_else(|| "no new connection is let in: the server is stopping".to_owned())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.end();
    }
}
