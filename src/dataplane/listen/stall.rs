//! Disconnects clients that take no bytes for too long, so that they cannot hold upstream connections for ever.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::Slot;

/// A stream whose writes fail after [`ListenerLimits::stall`](super::ListenerLimits::stall) without progress.
/// A blocked write keeps the connection from counting as idle.
pub struct StallGuard<S> {
    stream: S,
    slot: Slot,
    stall_timer: Option<Pin<Box<Sleep>>>,
}

impl<S> StallGuard<S> {
    /// Guards a connection's stream.
    pub fn new(stream: S, slot: Slot) -> Self {
        Self { stream, slot, stall_timer: None }
    }

    /// The guarded stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Longest time a write may make no progress.
    pub fn limit(&self) -> Duration {
        self.slot.limits().stall
    }

    fn check<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            if self.stall_timer.take().is_some() {
                self.slot.set_write_blocked(false);
            }
            return outcome;
        }
        let timer = self.stall_timer.get_or_insert_with(|| {
            self.slot.set_write_blocked(true);
            Box::pin(sleep(self.slot.limits().stall))
        });
        ready!(timer.as_mut().poll(cx));
        self.slot.slots().count_stalled();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StallGuard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StallGuard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.check(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.check(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.check(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.check(cx, outcome)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::listen::{ListenerLimits, Slots};

    const LIMITS: ListenerLimits = ListenerLimits {
        connections_max: 1,
        first_head: Duration::from_secs(30),
        idle: Duration::from_secs(60),
        stall: Duration::from_secs(60),
        drain: Duration::ZERO,
    };

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stops_is_cut_off_and_a_slow_one_is_not() {
        let (near, mut far) = tokio::io::duplex(16);
        let slot = Slots::single(LIMITS);
        let mut guarded = StallGuard::new(near, slot.clone());
        let reading = tokio::spawn(async move {
            for _ in 0..4 {
                tokio::time::sleep(Duration::from_secs(59)).await;
                far.read_exact(&mut [0; 16]).await.unwrap();
            }
            far
        });
        guarded.write_all(&[0; 64]).await.unwrap();
        let far = reading.await.unwrap();
        assert!(slot.idle_since_ms().is_some(), "all that there was to write was taken");
        guarded.write_all(&[0; 16]).await.unwrap();
        assert_eq!(guarded.write_all(&[0; 1]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(slot.idle_since_ms().is_none());
        drop(far);
    }
}
