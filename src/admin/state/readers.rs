//! Answers that are longer than memory are few at a time: each holds a read of the database open.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::seats::{Bounds, NoSeat, Seat, Seats};
use crate::model::act::Actor;

/// Such answers at the same time.
pub(in crate::admin) const READERS_MAX: usize = 4;

/// … and those of one token and of one address: exports keep nobody from a backup.
const BOUNDS: Bounds = Bounds { all: READERS_MAX, of_holder: 2, of_address: 3 };

/// The right to hold a read open, of which there are few.
#[derive(Clone)]
pub(in crate::admin) struct Readers {
    all: Arc<Semaphore>,
    seats: Seats,
}

impl Default for Readers {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(READERS_MAX)), seats: Seats::new(BOUNDS) }
    }
}

impl Readers {
    /// The same for a caller.
    ///
    /// # Errors
    /// All are taken, or this caller has as many as one may.
    pub(in crate::admin) fn of(&self, caller: &Actor) -> Result<(Seat, OwnedSemaphorePermit), NoSeat> {
        let seat = self.seats.take(caller)?;
        self.permit().map(|permit| (seat, permit)).ok_or(NoSeat::AtAll)
    }

    /// The right to hold one read open, until it is dropped; none while all are taken.
    pub(in crate::admin) fn permit(&self) -> Option<OwnedSemaphorePermit> {
        self.all.clone().try_acquire_owned().ok()
    }

    /// Waits until nobody holds a read open.
    #[cfg(test)]
    pub(in crate::admin) async fn all(&self) -> OwnedSemaphorePermit {
        self.all.clone().acquire_many_owned(READERS_MAX as u32).await.unwrap()
    }
}
