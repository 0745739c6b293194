//! Room for blobs that are read on their way to their clients.
//!
//! What was read for a slow client waits with it, in memory. So only so many blobs are read in large pieces at a time, more in
//! small ones, and so many in all: a thousand clients that read nothing cost no more than a hundred. A piece keeps its room
//! until the client's connection has taken it. Blobs that go from socket to socket need none.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::upstream::Lane;

/// Blobs that are read in the largest pieces ([`Lane::Bulk`]) at a time …
const BULK_MAX: usize = 128;
/// … in those of [`Lane::Small`] …
const SMALL_MAX: usize = 1_024;
/// … and in the smallest ([`Lane::Tight`]). With one piece of each that is 384 MiB.
const TIGHT_MAX: usize = 4_096;
/// How long a blob waits for others to leave.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// All the room there is.
pub(super) struct BufferPermits {
    bulk: Arc<Semaphore>,
    small: Arc<Semaphore>,
    tight: Arc<Semaphore>,
}

/// Room for one blob; it is given back when the last piece that was read in it has left.
#[derive(Clone)]
pub(super) struct BufferPermit {
    _permit: Arc<OwnedSemaphorePermit>,
}

/// What one blob has of it.
pub(super) enum BufferLease {
    /// It is not bounded.
    Unbounded,
    Granted(BufferPermit),
    /// It takes one of these with its first piece.
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

    /// The largest room that is free, and the line that fits it.
    pub(super) fn acquire(&self) -> (Lane, BufferLease) {
        let kinds = [(Lane::Bulk, &self.bulk), (Lane::Small, &self.small), (Lane::Tight, &self.tight)];
        let free = kinds.into_iter().find_map(|(lane, kind)| {
            let permit = kind.clone().try_acquire_owned().ok()?;
            Some((lane, BufferLease::Granted(BufferPermit { _permit: Arc::new(permit) })))
        });
        free.unwrap_or_else(|| (Lane::Tight, BufferLease::OnFirstRead(self.tight.clone())))
    }

    /// For a blob on [`Lane::Splice`], which most likely needs no room. If it is read after all, its pieces are small ones.
    pub(super) fn deferred(&self) -> BufferLease {
        BufferLease::OnFirstRead(self.small.clone())
    }
}

async fn wait_for_permit(kind: Arc<Semaphore>) -> Option<BufferPermit> {
    let permit = tokio::time::timeout(WAIT_MAX, kind.acquire_owned()).await.ok()?.ok()?;
    Some(BufferPermit { _permit: Arc::new(permit) })
}

impl BufferLease {
    /// Waits until there is room to read in; false if there is none in time.
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

    /// A piece that keeps the room as long as it, or a part of it, is there.
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
