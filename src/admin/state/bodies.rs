//! The bodies of all requests together have a budget of bytes, however they are read: what is taken of it is given back
//! when the request was answered. Strangers have one of their own, so that they keep nobody else out.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// For requests with a good token or session.
const KNOWN_BYTES_MAX: usize = 64 << 20;
/// For all others: logins, and deliveries of webhooks.
const UNKNOWN_BYTES_MAX: usize = 32 << 20;

/// Bytes that are left for bodies.
pub(in crate::admin) struct Bodies {
    known: Arc<Semaphore>,
    unknown: Arc<Semaphore>,
}

impl Default for Bodies {
    fn default() -> Self {
        Self {
            known: Arc::new(Semaphore::new(KNOWN_BYTES_MAX)),
            unknown: Arc::new(Semaphore::new(UNKNOWN_BYTES_MAX)),
        }
    }
}

/// There is no room for the body now.
#[derive(Debug, thiserror::Error)]
#[error("too many bodies are being read")]
pub(in crate::admin) struct NoRoom;

impl NoRoom {
    /// Says whether that is why a body could not be read.
    pub(in crate::admin) fn is_behind(mut error: &(dyn Error + 'static)) -> bool {
        loop {
            if error.is::<Self>() {
                return true;
            }
            let Some(source) = error.source() else { return false };
            error = source;
        }
    }
}

/// The share of the budget that one request has taken; given back when this and its body are dropped.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Taken(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Bodies {
    /// The body, as far as there is room for it, and what that takes: to be kept until the request was answered.
    pub(in crate::admin) fn counted(&self, body: Body, is_known: bool) -> (Body, Option<Taken>) {
        if body.is_end_stream() {
            return (body, None);
        }
        let budget = if is_known { &self.known } else { &self.unknown };
        let taken = Taken(Arc::default());
        (Body::new(Counted { body, budget: budget.clone(), taken: taken.clone() }), Some(taken))
    }
}

struct Counted {
    body: Body,
    budget: Arc<Semaphore>,
    taken: Taken,
}

impl Counted {
    fn take(&self, bytes: usize) -> Result<(), NoRoom> {
        let bytes = u32::try_from(bytes).map_err(|_| NoRoom)?;
        let more = self.budget.clone().try_acquire_many_owned(bytes).map_err(|_| NoRoom)?;
        // Whole after each step, even after a panic.
        match &mut *self.taken.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(taken) => taken.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx).map(|frame| {
            frame.map(|frame| {
                let frame = frame?;
                self.take(frame.data_ref().map_or(0, Bytes::len))?;
                Ok(frame)
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::http::fields;

    #[tokio::test]
    async fn bodies_share_a_budget_until_their_requests_are_answered() {
        let bodies = Bodies::default();
        let read = async |is_known| {
            let (body, taken) = bodies.counted(Body::from(vec![7; 4 << 20]), is_known);
            fields::whole(body, 4 << 20).await.map(|bytes| (bytes, taken.unwrap()))
        };
        let mut held = Vec::new();
        for _ in 0..UNKNOWN_BYTES_MAX / (4 << 20) {
            held.push(read(false).await.unwrap());
        }
        let refused = read(false).await.unwrap_err();
        assert_eq!((refused.status().as_u16(), refused.retry_after_s()), (503, Some(1)));
        assert!(read(true).await.is_ok(), "strangers keep nobody else out");
        held.pop();
        assert!(read(false).await.is_ok());
        drop(held);
        assert_eq!(bodies.unknown.available_permits(), UNKNOWN_BYTES_MAX);
        assert_eq!(bodies.known.available_permits(), KNOWN_BYTES_MAX);
        assert!(bodies.counted(Body::empty(), false).1.is_none());
    }
}
