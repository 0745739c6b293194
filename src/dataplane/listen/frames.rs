//! A budget for the frames that an HTTP/2 client sends besides its requests.
//!
//! PING, SETTINGS, WINDOW_UPDATE, PRIORITY, RST_STREAM and unknown frames cost the client next to nothing,
//! but the server has to parse or answer each; h2 bounds only some of them (RFC 9113 §10.5, CVE-2019-9512 and
//! its relatives). Here each frame costs one unit. Data sent to the client earns units, because a client that
//! downloads a blob keeps opening its window. A client without units is disconnected.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::Slot;

/// Frames that a connection may send at once; its budget at the start.
const BUDGET: u32 = 1_024;
/// Time that earns one frame.
const EARNED_IN: Duration = Duration::from_millis(100);
/// Bytes sent to the client that earn one frame. Clients open a window again after some KiB.
const EARNED_WITH_BYTES: u32 = 256;

/// Bytes before the first frame (RFC 9113 §3.4).
const PREFACE_BYTES: u32 = 24;
/// Bytes of a frame's header: length, type, flags, stream (§4.1).
const HEADER_BYTES: usize = 9;
/// Type of the frame that begins a request (§6.2). Requests have their own bound.
const HEADERS: u8 = 1;

/// An HTTP/2 connection that fails once its client has spent its frame budget.
pub struct FrameLimited<S> {
    stream: S,
    slot: Slot,
    frames: FrameCounter,
    budget: FrameBudget,
}

impl<S> FrameLimited<S> {
    /// Wraps a connection before its preface is read.
    pub fn new(stream: S, slot: Slot) -> Self {
        Self { stream, slot, frames: FrameCounter::default(), budget: FrameBudget::new() }
    }
}

/// Parser that counts frames in the bytes it is given.
struct FrameCounter {
    header: [u8; HEADER_BYTES],
    header_bytes: usize,
    /// Bytes left of the preface or of the current frame's payload.
    skip: u32,
}

impl Default for FrameCounter {
    fn default() -> Self {
        Self { header: [0; HEADER_BYTES], header_bytes: 0, skip: PREFACE_BYTES }
    }
}

impl FrameCounter {
    /// Counts the frames that begin in `read`, except HEADERS.
    fn count(&mut self, mut read: &[u8]) -> u32 {
        let mut count = 0;
        while !read.is_empty() {
            let skipped = read.len().min(self.skip as usize);
            self.skip -= u32::try_from(skipped).unwrap_or(self.skip);
            read = &read[skipped..];
            let taken = read.len().min(HEADER_BYTES - self.header_bytes);
            self.header[self.header_bytes..][..taken].copy_from_slice(&read[..taken]);
            self.header_bytes += taken;
            read = &read[taken..];
            if self.header_bytes == HEADER_BYTES {
                let [a, b, c, kind, ..] = self.header;
                self.skip = u32::from_be_bytes([0, a, b, c]);
                self.header_bytes = 0;
                count += u32::from(kind != HEADERS);
            }
        }
        count
    }
}

/// Frames that may still come.
struct FrameBudget {
    left: u32,
    since: Instant,
    /// Bytes sent to the client that have not earned a frame yet.
    bytes: u32,
}

impl FrameBudget {
    fn new() -> Self {
        Self { left: BUDGET, since: Instant::now(), bytes: 0 }
    }

    /// Takes `frames` off the budget. Returns whether there were enough.
    fn spend(&mut self, frames: u32) -> bool {
        if self.left < frames {
            self.earn();
        }
        let left = self.left.checked_sub(frames);
        self.left = left.unwrap_or_default();
        left.is_some()
    }

    fn sent(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// Adds what time and sent bytes have earned. Runs only when the budget is short, so that the clock is
    /// rarely read.
    fn earn(&mut self) {
        let by_time = self.since.elapsed().as_millis() / EARNED_IN.as_millis();
        let by_time = u32::try_from(by_time).unwrap_or(u32::MAX);
        if by_time > 0 {
            self.since = Instant::now();
        }
        let earned = by_time.saturating_add(self.bytes / EARNED_WITH_BYTES);
        self.bytes %= EARNED_WITH_BYTES;
        self.left = self.left.saturating_add(earned).min(BUDGET);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FrameLimited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let frames = self.frames.count(&buf.filled()[before..]);
        if self.budget.spend(frames) {
            return Poll::Ready(Ok(()));
        }
        self.slot.slots().count_flooding();
        Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FrameLimited<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.budget.sent(sent);
        Poll::Ready(Ok(sent))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
        self.budget.sent(sent);
        Poll::Ready(Ok(sent))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PING: u8 = 6;
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    fn frame(kind: u8, payload: u16) -> Vec<u8> {
        let [a, b] = payload.to_be_bytes();
        let mut bytes = vec![0, a, b, kind, 0, 0, 0, 0, 0];
        // A payload that looks like frames itself.
        bytes.extend(std::iter::repeat_n([0, 0, 1, PING], payload.into()).flatten().take(payload.into()));
        bytes
    }

    proptest! {
        #[test]
        fn frames_are_counted_however_they_come(
            sent in proptest::collection::vec((0u8..12, 0u16..300), 0..20),
            cuts in proptest::collection::vec(1usize..40, 1..20),
        ) {
            let bytes = sent.iter().fold(PREFACE.to_vec(), |mut bytes, (kind, payload)| {
                bytes.extend(frame(*kind, *payload));
                bytes
            });
            let (mut frames, mut count, mut rest, mut cuts) = (FrameCounter::default(), 0, &bytes[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                count += frames.count(piece);
                rest = after;
            }
            let costly = sent.iter().filter(|(kind, _)| *kind != HEADERS).count();
            prop_assert_eq!(count as usize, costly);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_is_spent_at_once_or_for_good_by_who_earns_it() {
        let mut budget = FrameBudget::new();
        assert!((0..BUDGET).all(|_| budget.spend(1)) && !budget.spend(1));
        tokio::time::advance(2 * EARNED_IN).await;
        assert!(budget.spend(2) && !budget.spend(1));
        // Two window updates for each 4 KiB, as Go's client sends them.
        for _ in 0..100_000 {
            budget.sent(4_096);
            assert!(budget.spend(2));
        }
        // Silence earns no more than the initial budget.
        tokio::time::advance(1_000_000 * EARNED_IN).await;
        assert!(budget.spend(BUDGET) && !budget.spend(1));
        // Acknowledgements earn less than the frames that they acknowledge.
        let mut budget = FrameBudget::new();
        let pings = (0..u32::MAX).take_while(|_| {
            budget.sent(17);
            budget.spend(1)
        });
        assert!(pings.count() < 2 * BUDGET as usize);
    }
}
