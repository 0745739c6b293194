//! Answers that are longer than memory are few at a time: each holds a read of the database open.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Such answers at the same time.
pub(in crate::admin) const READERS_MAX: usize = 4;

/// The right to hold a read open, of which there are few.
#[derive(Clone)]
pub(in crate::admin) struct Readers(Arc<Semaphore>);

impl Default for Readers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(READERS_MAX)))
    }
}

impl Readers {
    /// The right to hold one read open, until it is dropped; none while all are taken.
    pub(in crate::admin) fn permit(&self) -> Option<OwnedSemaphorePermit> {
        self.0.clone().try_acquire_owned().ok()
    }

    /// Waits until nobody holds a read open.
    #[cfg(test)]
    pub(in crate::admin) async fn all(&self) -> OwnedSemaphorePermit {
        self.0.clone().acquire_many_owned(READERS_MAX as u32).await.unwrap()
    }
}
