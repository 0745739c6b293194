//! The way to read a stream: the ordinary one, and after a read that failed, a careful one for a while.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::log::shared::replica::Away;

/// Time for which reads are careful after one that failed.
const CARE: Duration = Duration::from_secs(10);

/// Care that is taken in reading one stream.
#[derive(Debug, Default)]
pub(super) struct Care(Mutex<Option<Instant>>);

impl Care {
    /// Reads in the one way or the other, and takes note of what came of it.
    pub(super) async fn read<T>(
        &self,
        direct: impl Future<Output = Result<T, Away>>,
        careful: impl Future<Output = Result<T, Away>>,
    ) -> Result<T, Away> {
        let is_careful = self.until().is_some_and(|until| Instant::now() < until);
        let read = if is_careful { careful.await } else { direct.await };
        if read.is_err() {
            self.set((!is_careful).then(|| Instant::now() + CARE));
        }
        read
    }

    fn until(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, until: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}
