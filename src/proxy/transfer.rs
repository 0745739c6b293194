//! A blob on its way to a client: resumed where the upstream breaks off, checked as it passes.
//!
//! A transfer ends cleanly only when it is whole. Where it cannot be made whole, the body ends with an error below
//! its length, so that no client takes a part for the blob.

mod resume;

use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::header::CONTENT_ENCODING;
use http::{Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::buffers::BufferLease;
use super::upstream::limits::{RESUME_TRIES_MAX, RESUMES_MAX};
use super::upstream::{BodySocket, Target, UpstreamBody, UpstreamRequest};
use super::verification::SharedHash;
use crate::model::oci::{Digest, Hasher};
use resume::{ResumePlan, ResumedBody};
pub(super) use resume::{part_length_in, total_in};

/// How a transfer ended. `bytes` is what was handed on to the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of the body was handed on.
    Finished {
        /// Bytes of the body.
        bytes: u64,
        /// How often the upstream had to be asked again in the middle.
        resumed: u32,
        /// The body is the content that its digest names.
        verified: bool,
    },
    /// The upstream broke off and could not be resumed, or gave more than it had declared.
    Broken {
        /// Bytes before that.
        bytes: u64,
    },
    /// The body is not the content that its digest names; its end was held back.
    DigestMismatch,
    /// The client went away first.
    ClientGone {
        /// Bytes before that.
        bytes: u64,
    },
}

/// Why a body ends below its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The upstream broke off and could not be resumed.
    #[error("the upstream broke off in the middle of a blob")]
    Broken,
    /// The upstream gave more bytes than it had declared.
    #[error("the upstream gave more than it had declared")]
    TooLong,
    /// Too many blobs were under way at once.
    #[error("there was no room for it in time")]
    NoRoom,
    /// The content is not what its digest names.
    #[error("the upstream's blob does not have its digest")]
    DigestMismatch,
}

/// How closely a body is looked at.
pub enum BodyCheck {
    /// A full answer is hashed, and its end withheld until its digest is known to be this one.
    Hash(Digest),
    /// Its length counts alone: the declared one, else the one that the whole blob is known to have.
    Length(Option<u64>),
    /// The same beside a transfer of the same blob that is hashed: it stops where that one was found wrong.
    Follow(Arc<SharedHash>),
}

impl From<Option<Digest>> for BodyCheck {
    fn from(verify: Option<Digest>) -> Self {
        verify.map_or(Self::Length(None), Self::Hash)
    }
}

/// The body of an upstream's answer to a GET.
pub struct Transfer {
    source: BodySource,
    /// The body's length, where it is known.
    length: Option<u64>,
    /// Bytes of the body that came from the upstream so far.
    received: u64,
    plan: Option<ResumePlan>,
    resumed: u32,
    tries: u32,
    fruitless_tries: u32,
    hashing: Option<Hashing>,
    followed: Option<Arc<SharedHash>>,
    stall: ReadStall,
    lease: BufferLease,
    reporter: OutcomeReporter,
}

enum BodySource {
    Reading(ResumedBody),
    Resuming(Pin<Box<dyn Future<Output = Option<ResumedBody>> + Send>>),
    /// Somebody moves the bytes from socket to socket, and tells.
    Spliced,
    Finished,
}

struct Hashing {
    expected: Digest,
    hasher: Hasher,
    /// Without a declared length any chunk may be the last, so each waits for the next.
    held: Option<Bytes>,
}

type FramePoll = Poll<Option<Result<Frame<Bytes>, TransferError>>>;
/// Either what is to be told to who reads, or another turn.
type Progress = ControlFlow<FramePoll>;

impl Transfer {
    /// Wraps the answer that `target` gave to `ask`, a GET. `report` is called once, at the end.
    pub fn wrap(
        response: Response<UpstreamBody>,
        target: Target,
        request: UpstreamRequest,
        check: impl Into<BodyCheck>,
        report: impl FnOnce(Outcome) + Send + 'static,
    ) -> Response<Self> {
        let timeouts = target.timeouts();
        let is_whole =
            response.status() == StatusCode::OK && !response.headers().contains_key(CONTENT_ENCODING);
        let (hashing, followed, known) = match check.into() {
            BodyCheck::Hash(digest) => (is_whole.then(|| Hashing::new(digest)), None, None),
            BodyCheck::Length(known) => (None, None, known),
            BodyCheck::Follow(shared) => (None, Some(shared), None),
        };
        let declared = response.body().size_hint().exact();
        let length = declared.or(known.filter(|_| is_whole)).or_else(|| part_length_in(&response));
        let plan = length.and_then(|length| ResumePlan::of(&response, length, known, target, request));
        response.map(|body| {
            let mut transfer = Self {
                source: BodySource::Reading(ResumedBody { body, skip: 0, may_exceed: false }),
                length,
                received: 0,
                plan,
                resumed: 0,
                tries: 0,
                fruitless_tries: 0,
                hashing,
                followed,
                stall: ReadStall::new(timeouts.stall),
                lease: BufferLease::Unbounded,
                reporter: OutcomeReporter { callback: Some(Box::new(report)), delivered: 0 },
            };
            if length == Some(0) && transfer.is_valid() {
                transfer.finish();
            }
            transfer
        })
    }

    /// Reads only in this room.
    pub(super) fn with_lease(self, lease: BufferLease) -> Self {
        Self { lease, ..self }
    }

    /// Whether [`take_socket`](Self::take_socket) would give one.
    pub fn has_socket(&self) -> bool {
        self.hashing.is_none()
            && matches!(&self.source, BodySource::Reading(reading) if reading.body.has_socket())
    }

    /// Takes the socket that the body is in, where nobody looks at its bytes. Whoever takes it moves them, and tells
    /// by [`record_spliced`](Self::record_spliced) and [`resume_after_splice`](Self::resume_after_splice).
    pub fn take_socket(&mut self) -> Option<BodySocket> {
        if !self.has_socket() {
            return None;
        }
        match std::mem::replace(&mut self.source, BodySource::Spliced) {
            BodySource::Reading(reading) => reading.body.into_socket(),
            _ => None,
        }
    }

    /// The longest time without a byte before the upstream counts as broken off.
    pub fn stall_limit(&self) -> Duration {
        self.stall.limit
    }

    /// Bytes of the body that are still to come, where its length is known.
    pub fn remaining(&self) -> Option<u64> {
        self.length.map(|length| length - self.reporter.delivered)
    }

    /// So many bytes went from the upstream's socket to the client's. The last one ends the transfer. Tells whether it may
    /// go on; if not, it has ended.
    pub fn record_spliced(&mut self, bytes: u64) -> bool {
        self.received += bytes;
        self.reporter.delivered += bytes;
        if self.length == Some(self.reporter.delivered) {
            self.finish();
        } else if self.is_refuted() {
            let _ = self.fail(TransferError::DigestMismatch);
            return false;
        }
        true
    }

    /// The taken socket ended early: the rest comes as frames, as far as the upstream can be asked for it.
    pub fn resume_after_splice(&mut self) {
        let _ = self.resume();
    }

    /// Takes a chunk from the upstream; gives what can be handed on now.
    fn accept(&mut self, mut chunk: Bytes) -> Result<Option<Bytes>, TransferError> {
        let BodySource::Reading(reading) = &mut self.source else { return Ok(None) };
        let skipped = reading.skip.min(chunk.len() as u64);
        chunk.advance(usize::try_from(skipped).unwrap_or(usize::MAX));
        reading.skip -= skipped;
        if let Some(left) = self.length.map(|length| length - self.received)
            && chunk.len() as u64 > left
        {
            if !reading.may_exceed {
                return Err(TransferError::TooLong);
            }
            chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        }
        if chunk.is_empty() {
            return Ok(None);
        }
        if self.is_refuted() {
            return Err(TransferError::DigestMismatch);
        }
        self.received += chunk.len() as u64;
        self.fruitless_tries = 0;
        let Some(hashing) = &mut self.hashing else { return Ok(Some(chunk)) };
        hashing.hasher.update(&chunk);
        match self.length {
            None => Ok(hashing.held.replace(chunk)),
            Some(length) if length == self.received && !self.is_valid() => Err(TransferError::DigestMismatch),
            Some(_) => Ok(Some(chunk)),
        }
    }

    /// Whether what came is what was asked for, as far as that is checked. Only for the end of a body.
    fn is_valid(&self) -> bool {
        self.hashing.as_ref().is_none_or(Hashing::is_valid)
    }

    /// Whether the transfer that this one relies on found another blob.
    fn is_refuted(&self) -> bool {
        self.followed.as_ref().is_some_and(|shared| !shared.allows(self.length.unwrap_or_default()))
    }

    /// Hands a chunk on. The last one ends the transfer: hyper does not ask again after a full length.
    fn deliver(&mut self, chunk: Bytes) -> Progress {
        self.reporter.delivered += chunk.len() as u64;
        if self.length == Some(self.reporter.delivered) {
            self.finish();
        }
        Break(Poll::Ready(Some(Ok(Frame::data(self.lease.attach(chunk))))))
    }

    fn finish(&mut self) {
        self.source = BodySource::Finished;
        let verified = self.hashing.is_some();
        self.reporter.send(Outcome::Finished {
            bytes: self.reporter.delivered,
            resumed: self.resumed,
            verified,
        });
    }

    fn fail(&mut self, error: TransferError) -> Progress {
        let source = std::mem::replace(&mut self.source, BodySource::Finished);
        if let (BodySource::Reading(reading), TransferError::DigestMismatch | TransferError::TooLong) =
            (source, error)
        {
            reading.body.distrust();
        }
        self.reporter.send(match error {
            TransferError::DigestMismatch => Outcome::DigestMismatch,
            TransferError::Broken | TransferError::TooLong | TransferError::NoRoom => {
                Outcome::Broken { bytes: self.reporter.delivered }
            }
        });
        Break(Poll::Ready(Some(Err(error))))
    }

    /// The upstream's body ended by itself.
    fn ended(&mut self) -> Progress {
        if self.length.is_some_and(|length| self.received < length) {
            return self.resume();
        }
        if !self.is_valid() {
            return self.fail(TransferError::DigestMismatch);
        }
        let held = self.hashing.as_mut().and_then(|hashing| hashing.held.take());
        let progress = held.map_or(Break(Poll::Ready(None)), |chunk| self.deliver(chunk));
        self.finish();
        progress
    }

    /// Asks again for what is missing, if that can be done and is worth another try.
    fn resume(&mut self) -> Progress {
        let may_try = self.fruitless_tries < RESUME_TRIES_MAX && self.tries < RESUMES_MAX;
        let Some(plan) = self.plan.as_ref().filter(|_| may_try) else {
            return self.fail(TransferError::Broken);
        };
        self.source = BodySource::Resuming(plan.start(self.received, self.fruitless_tries));
        self.tries += 1;
        self.fruitless_tries += 1;
        Continue(())
    }

    fn advance(&mut self, cx: &mut Context<'_>) -> Progress {
        if matches!(self.source, BodySource::Reading(_)) {
            match self.lease.poll_granted(cx) {
                Poll::Pending => return Break(Poll::Pending),
                Poll::Ready(false) => return self.fail(TransferError::NoRoom),
                Poll::Ready(true) => {}
            }
        }
        match &mut self.source {
            BodySource::Finished | BodySource::Spliced => Break(Poll::Ready(None)),
            BodySource::Resuming(resuming) => match resuming.as_mut().poll(cx) {
                Poll::Pending => Break(Poll::Pending),
                Poll::Ready(None) => self.resume(),
                Poll::Ready(Some(resumed)) => {
                    self.resumed += 1;
                    self.stall.reset();
                    self.source = BodySource::Reading(resumed);
                    Continue(())
                }
            },
            BodySource::Reading(reading) => match Pin::new(&mut reading.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.stall.reset();
                    // Registries send no trailers, and a length leaves no place for them.
                    let Ok(chunk) = frame.into_data() else { return Continue(()) };
                    match self.accept(chunk) {
                        Ok(Some(chunk)) => self.deliver(chunk),
                        Ok(None) => Continue(()),
                        Err(error) => self.fail(error),
                    }
                }
                Poll::Ready(None) => self.ended(),
                Poll::Ready(Some(Err(_))) => self.resume(),
                Poll::Pending if self.stall.is_elapsed(cx) => self.resume(),
                Poll::Pending => Break(Poll::Pending),
            },
        }
    }
}

impl Body for Transfer {
    type Data = Bytes;
    type Error = TransferError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> FramePoll {
        let transfer = self.get_mut();
        loop {
            if let Break(step) = transfer.advance(cx) {
                return step;
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.source, BodySource::Finished)
    }

    fn size_hint(&self) -> SizeHint {
        self.length
            .map_or_else(SizeHint::default, |length| SizeHint::with_exact(length - self.reporter.delivered))
    }
}

impl Hashing {
    fn new(expected: Digest) -> Self {
        Self { expected, hasher: expected.algorithm().hasher(), held: None }
    }

    fn is_valid(&self) -> bool {
        self.hasher.clone().finish() == self.expected
    }
}

/// Tells when no byte has come for too long. Time in which nobody reads does not count.
struct ReadStall {
    limit: Duration,
    waiting_since: Option<Instant>,
    /// Made at the first wait, and moved only when it fires: a blob has many short waits.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl ReadStall {
    fn new(limit: Duration) -> Self {
        Self { limit, waiting_since: None, alarm: None }
    }

    fn reset(&mut self) {
        self.waiting_since = None;
    }

    fn is_elapsed(&mut self, cx: &mut Context<'_>) -> bool {
        let end = *self.waiting_since.get_or_insert_with(Instant::now) + self.limit;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        while alarm.as_mut().poll(cx).is_ready() {
            if Instant::now() >= end {
                return true;
            }
            alarm.as_mut().reset(end);
        }
        false
    }
}

/// Tells the end of a transfer, once, whatever it is.
struct OutcomeReporter {
    callback: Option<Box<dyn FnOnce(Outcome) + Send>>,
    /// Bytes of the body that were handed on so far.
    delivered: u64,
}

impl OutcomeReporter {
    fn send(&mut self, outcome: Outcome) {
        if let Some(callback) = self.callback.take() {
            callback(outcome);
        }
    }
}

impl Drop for OutcomeReporter {
    fn drop(&mut self) {
        self.send(Outcome::ClientGone { bytes: self.delivered });
    }
}
