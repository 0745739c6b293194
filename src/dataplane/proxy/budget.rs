//! A memory budget for bodies that are read whole: manifests, configs and errors. A body counts from the
//! first read until the client's connection has taken it. A request that finds the budget spent waits briefly
//! and is then refused.
//!
//! Small bodies, which nearly all manifests are, have a budget of their own, so that clients that fetch large bodies
//! and do not read them cannot block small ones. A waiting request holds nothing, so there are no deadlocks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Largest small body, in bytes. A body of unknown length counts as small until it exceeds this.
const SMALL_BYTES_MAX: u32 = 64 * 1024;
/// Bytes of small bodies held at a time.
const SMALL_BYTES_IN_ALL: usize = 64 * 1024 * 1024;
/// Bytes of large bodies held at a time.
const LARGE_BYTES_IN_ALL: usize = 192 * 1024 * 1024;
/// Smallest charge for a body, in bytes: holding one costs more than its content.
const BODY_BYTES_MIN: u32 = 1024;
/// Longest wait for the budget.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Budget for bodies that are read whole. Cloning shares it.
#[derive(Clone)]
pub(super) struct BodyBudget {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    held: Gauge,
}

/// Reasons why a body was not read whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum CollectError {
    /// The budget was spent.
    #[error("no memory was free for it in time")]
    NoRoom,
    /// The body exceeds its bound.
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
    /// The body broke off.
    #[error("{0}")]
    Broken(String),
}

/// Reserved bytes; dropping it returns them.
struct Reservation {
    permit: OwnedSemaphorePermit,
    held: Gauge,
}

impl Reservation {
    fn bytes(&self) -> u64 {
        self.permit.num_permits() as u64
    }

    /// Returns what `bytes` do not need.
    fn shrink(&mut self, bytes: usize) {
        let needed = bytes.max(BODY_BYTES_MIN as usize);
        let spare = self.permit.split(self.permit.num_permits().saturating_sub(needed));
        self.held.dec_by(spare.map_or(0, |spare| spare.num_permits() as i64));
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.held.dec_by(self.permit.num_permits() as i64);
    }
}

/// A body with its reservation, which ends with the last clone of the bytes.
struct ReservedBytes {
    bytes: Vec<u8>,
    _reservation: Reservation,
}

impl AsRef<[u8]> for ReservedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl BodyBudget {
    /// Makes a budget that reports the reserved bytes in `held`.
    pub(super) fn new(held: Gauge) -> Self {
        let part = |bytes| Arc::new(Semaphore::new(bytes));
        Self { small: part(SMALL_BYTES_IN_ALL), large: part(LARGE_BYTES_IN_ALL), held }
    }

    /// Reads `body` whole, up to `bytes_max`. The reservation lasts until the bytes and all their clones are dropped.
    pub(super) async fn collect<B>(&self, mut body: B, bytes_max: u64) -> Result<Bytes, CollectError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let length = body.size_hint().exact();
        if length.is_some_and(|length| length > bytes_max) {
            return Err(CollectError::TooLarge(bytes_max));
        }
        let expected = length.map_or(SMALL_BYTES_MAX, |length| u32::try_from(length).unwrap_or(u32::MAX));
        let mut reservation = self.reserve(expected).await?;
        let mut bytes = Vec::with_capacity(length.map_or(0, |_| expected as usize));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| CollectError::Broken(error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            let grown = (bytes.len() + data.len()) as u64;
            if grown > bytes_max {
                return Err(CollectError::TooLarge(bytes_max));
            }
            if grown > reservation.bytes() {
                // A body of unknown length turned out to be large. A request that holds a reservation must
                // not wait for another.
                reservation = self.try_reserve_large(bytes_max)?;
            }
            bytes.extend_from_slice(&data);
        }
        reservation.shrink(bytes.len());
        Ok(Bytes::from_owner(ReservedBytes { bytes, _reservation: reservation }))
    }

    async fn reserve(&self, bytes: u32) -> Result<Reservation, CollectError> {
        let part = if bytes <= SMALL_BYTES_MAX { &self.small } else { &self.large };
        let bytes = bytes.max(BODY_BYTES_MIN);
        let permit = match part.clone().try_acquire_many_owned(bytes) {
            Ok(permit) => permit,
            Err(_) => match tokio::time::timeout(WAIT_MAX, part.clone().acquire_many_owned(bytes)).await {
                Ok(Ok(permit)) => permit,
                Ok(Err(_)) | Err(_) => return Err(CollectError::NoRoom),
            },
        };
        Ok(self.granted(permit))
    }

    fn try_reserve_large(&self, bytes_max: u64) -> Result<Reservation, CollectError> {
        let bytes = u32::try_from(bytes_max).unwrap_or(u32::MAX);
        let permit = self.large.clone().try_acquire_many_owned(bytes).map_err(|_| CollectError::NoRoom)?;
        Ok(self.granted(permit))
    }

    fn granted(&self, permit: OwnedSemaphorePermit) -> Reservation {
        self.held.inc_by(permit.num_permits() as i64);
        Reservation { permit, held: self.held.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::FutureExt;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    use super::*;

    const LARGE: usize = 6 * 1024 * 1024;

    fn sized(bytes: usize) -> Full<Bytes> {
        Full::new(Bytes::from(vec![7; bytes]))
    }

    /// A body of unknown length.
    fn chunked(bytes: usize) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        let chunks = vec![7; bytes].chunks(64 * 1024).map(Bytes::copy_from_slice).collect::<Vec<_>>();
        StreamBody::new(futures_util::stream::iter(chunks.into_iter().map(|chunk| Ok(Frame::data(chunk)))))
    }

    fn budget() -> (BodyBudget, Gauge) {
        let held = Gauge::default();
        (BodyBudget::new(held.clone()), held)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_held_has_a_bound_and_small_bodies_do_not_wait_behind_large_ones() {
        let (budget, held) = budget();
        let mut bodies = Vec::new();
        while let Some(Ok(body)) = budget.collect(sized(LARGE), LARGE as u64).now_or_never() {
            bodies.push(body);
        }
        assert_eq!(bodies.len(), LARGE_BYTES_IN_ALL / LARGE);
        assert!(held.get() as usize <= LARGE_BYTES_IN_ALL);
        assert!(matches!(budget.collect(sized(LARGE), LARGE as u64).await, Err(CollectError::NoRoom)));
        let small = budget.collect(sized(2_000), LARGE as u64).now_or_never();
        assert_eq!(small.expect("it waits").unwrap().len(), 2_000);

        // A waiting request gets the reservation once all clones of a body are dropped, not just one.
        let waiting = budget.collect(sized(LARGE), LARGE as u64);
        let part = bodies[0].slice(..1);
        let leaving = bodies.remove(0);
        let leaves = async {
            drop(leaving);
            tokio::time::sleep(WAIT_MAX / 2).await;
            drop(part);
        };
        let (read, ()) = tokio::join!(waiting, leaves);
        assert_eq!(read.unwrap().len(), LARGE);
        drop(bodies);
        assert_eq!(held.get(), 0, "all of it is given back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_of_unknown_length_takes_what_it_needs_and_never_waits_while_it_holds() {
        let (budget, held) = budget();
        let small = budget.collect(chunked(5_000), LARGE as u64).await.unwrap();
        assert_eq!((small.len(), held.get()), (5_000, 5_000));
        let large = budget.collect(chunked(LARGE), LARGE as u64).await.unwrap();
        assert_eq!((large.len(), held.get()), (LARGE, (LARGE + 5_000) as i64));
        let mut bodies = Vec::new();
        while let Some(Ok(body)) = budget.collect(sized(LARGE), LARGE as u64).now_or_never() {
            bodies.push(body);
        }
        let refused = budget.collect(chunked(LARGE), LARGE as u64).now_or_never();
        assert!(matches!(refused, Some(Err(CollectError::NoRoom))), "it waits and holds");
        drop((small, large, bodies));
        assert_eq!(held.get(), 0);
    }

    #[tokio::test]
    async fn what_is_larger_than_allowed_is_not_read() {
        let (budget, held) = budget();
        assert!(matches!(budget.collect(sized(1_001), 1_000).await, Err(CollectError::TooLarge(1_000))));
        assert!(matches!(budget.collect(chunked(1_001), 1_000).await, Err(CollectError::TooLarge(1_000))));
        assert_eq!(budget.collect(sized(1_000), 1_000).await.unwrap().len(), 1_000);
        assert_eq!(held.get(), 0);
    }
}
