//! Permits for the read buffers of blobs that are streamed.
//!
//! Bytes read for a slow client wait in memory. So the number of blobs in flight is bounded, and the more there are,
//! the smaller their buffers: a thousand clients that read nothing hold no more memory than a hundred. A permit is
//! returned when the client's connection has taken the last piece read under it. Spliced blobs need no permit.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::upstream::Lane;

/// Concurrent blobs with the largest buffers ([`Lane::Bulk`]).
const BULK_MAX: usize = 128;
/// Concurrent blobs with the buffers of [`Lane::Small`].
const SMALL_MAX: usize = 1_024;
/// Concurrent blobs with the smallest buffers ([`Lane::Tight`]). One buffer of each blob makes 384 MiB in all.
const TIGHT_MAX: usize = 4_096;
/// Longest wait for a permit.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// All permits.
pub(super) struct BufferPermits {
    bulk: Arc<Semaphore>,
    small: Arc<Semaphore>,
    tight: Arc<Semaphore>,
}

/// Permit of one blob, returned when the last piece read under it is dropped.
#[derive(Clone)]
pub(super) struct BufferPermit {
    _permit: Arc<OwnedSemaphorePermit>,
}

/// One blob's claim to a permit.
pub(super) enum BufferLease {
    /// No permit is needed.
    Unbounded,
    Granted(BufferPermit),
    /// A permit is taken with the first read.
    OnFirstRead(Arc<Semaphore>),
    Waiting(Pin<Box<dyn Future<Output = Option<BufferPermit>> + Send + Sync>>),
}

struct LeasedBytes {
    piece: Bytes,
    _permit: BufferPermit,
}

impl AsRef<[u8]> for LeasedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}

impl BufferPermits {
    pub(super) fn new() -> Self {
        let [bulk, small, tight] = [BULK_MAX, SMALL_MAX, TIGHT_MAX].map(|max| Arc::new(Semaphore::new(max)));
        Self { bulk, small, tight }
    }

    /// Returns the largest free permit and the matching lane.
    pub(super) fn acquire(&self) -> (Lane, BufferLease) {
        let kinds = [(Lane::Bulk, &self.bulk), (Lane::Small, &self.small), (Lane::Tight, &self.tight)];
        let free = kinds.into_iter().find_map(|(lane, kind)| {
            let permit = kind.clone().try_acquire_owned().ok()?;
            Some((lane, BufferLease::Granted(BufferPermit { _permit: Arc::new(permit) })))
        });
        free.unwrap_or_else(|| (Lane::Tight, BufferLease::OnFirstRead(self.tight.clone())))
    }

    /// Lease for a blob on [`Lane::Splice`], which most likely needs no permit. If it is read after all, it
    /// gets a small buffer.
    pub(super) fn deferred(&self) -> BufferLease {
        BufferLease::OnFirstRead(self.small.clone())
    }
}

async fn wait_for_permit(kind: Arc<Semaphore>) -> Option<BufferPermit> {
    let permit = tokio::time::timeout(WAIT_MAX, kind.acquire_owned()).await.ok()?.ok()?;
    Some(BufferPermit { _permit: Arc::new(permit) })
}

impl BufferLease {
    /// Waits for the permit. Returns false if none is free in time.
    pub(super) fn poll_granted(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            match self {
                Self::Unbounded | Self::Granted(_) => return Poll::Ready(true),
                Self::OnFirstRead(kind) => *self = Self::Waiting(Box::pin(wait_for_permit(kind.clone()))),
                Self::Waiting(waiting) => match ready!(waiting.as_mut().poll(cx)) {
                    Some(permit) => *self = Self::Granted(permit),
                    None => return Poll::Ready(false),
                },
            }
        }
    }

    /// Attaches the permit to a piece: it is held until the piece and all its clones are dropped.
    pub(super) fn attach(&self, piece: Bytes) -> Bytes {
        match self {
            Self::Granted(permit) => Bytes::from_owner(LeasedBytes { piece, _permit: permit.clone() }),
            _ => piece,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt;

    use super::*;

    async fn granted(lease: &mut BufferLease) -> bool {
        poll_fn(|cx| lease.poll_granted(cx)).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_more_blobs_are_read_the_smaller_their_pieces_and_there_is_an_end() {
        let buffers = BufferPermits::new();
        let leases: Vec<_> = (0..BULK_MAX + SMALL_MAX + TIGHT_MAX).map(|_| buffers.acquire()).collect();
        let count = |lane| leases.iter().filter(|(of, _)| *of == lane).count();
        assert_eq!([Lane::Bulk, Lane::Small, Lane::Tight].map(count), [BULK_MAX, SMALL_MAX, TIGHT_MAX],);
        let (lane, mut late) = buffers.acquire();
        assert_eq!(lane, Lane::Tight);
        assert!(granted(&mut late).now_or_never().is_none(), "there is no permit");
        assert!(!granted(&mut late).await, "it waits for ever");
        let mut next = buffers.deferred();
        drop(leases);
        assert!(granted(&mut next).now_or_never().is_some_and(|granted| granted));
        assert_eq!(buffers.acquire().0, Lane::Bulk);
    }

    #[tokio::test]
    async fn a_piece_keeps_its_room_until_the_last_part_of_it_has_left() {
        let buffers = BufferPermits::new();
        let (_, lease) = buffers.acquire();
        let piece = lease.attach(Bytes::from_static(b"a piece"));
        let part = piece.slice(..1);
        drop((lease, piece));
        assert_eq!((&part[..], buffers.bulk.available_permits()), (&b"a"[..], BULK_MAX - 1));
        drop(part);
        assert_eq!(buffers.bulk.available_permits(), BULK_MAX);
    }
}
