//! A blob on its way to a client: resumed after a broken upstream connection and verified as it passes.
//!
//! A transfer ends cleanly only if the blob is complete. Otherwise the body ends with an error below its
//! declared length, so that no client takes a part for the whole.

mod check;
mod outcome;
mod resume;
mod stall;

use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::header::CONTENT_ENCODING;
use http::{Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};

use super::buffers::BufferLease;
use super::upstream::limits::{RESUME_TRIES_MAX, RESUMES_MAX};
use super::upstream::{BodySocket, Target, UpstreamBody, UpstreamRequest};
use super::verification::SharedHash;
use check::Hashing;
use outcome::OutcomeReporter;
use resume::{ResumePlan, ResumedBody};
use stall::ReadStall;

pub use check::BodyCheck;
pub use outcome::Outcome;
pub(super) use resume::{part_length_in, total_in};

/// Reasons why a body ends below its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The upstream broke off and could not be resumed.
    #[error("the upstream broke off in the middle of a blob")]
    Broken,
    /// The upstream sent more bytes than it had declared.
    #[error("the upstream sent more than it had declared")]
    TooLong,
    /// Too many blobs were in flight.
    #[error("no memory was free for it in time")]
    NoRoom,
    /// The content does not match its digest.
    #[error("the upstream's blob does not match its digest")]
    DigestMismatch,
}

/// Body of an upstream's answer to a GET for a blob.
pub struct Transfer {
    source: BodySource,
    /// Length of the body, where it is known.
    length: Option<u64>,
    /// Bytes received from the upstream so far.
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
    /// The caller splices the bytes and reports them.
    Spliced,
    Finished,
}

type FramePoll = Poll<Option<Result<Frame<Bytes>, TransferError>>>;
/// Either a result for the reader, or another round.
type Progress = ControlFlow<FramePoll>;

impl Transfer {
    /// Wraps the answer that `target` gave to `request`, a GET. `report` is called once, at the end.
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

    /// Reads only under this lease.
    pub(super) fn with_lease(self, lease: BufferLease) -> Self {
        Self { lease, ..self }
    }

    /// Tells whether [`take_socket`](Self::take_socket) returns one.
    pub fn has_socket(&self) -> bool {
        self.hashing.is_none()
            && matches!(&self.source, BodySource::Reading(reading) if reading.body.has_socket())
    }

    /// Takes the body's socket if the bytes need no hashing. The caller moves the bytes and reports them with
    /// [`record_spliced`](Self::record_spliced) and [`resume_after_splice`](Self::resume_after_splice).
    pub fn take_socket(&mut self) -> Option<BodySocket> {
        if !self.has_socket() {
            return None;
        }
        match std::mem::replace(&mut self.source, BodySource::Spliced) {
            BodySource::Reading(reading) => reading.body.into_socket(),
            _ => None,
        }
    }

    /// Longest silence before the upstream counts as broken.
    pub fn stall_limit(&self) -> Duration {
        self.stall.limit
    }

    /// Bytes still to come, where the length is known.
    pub fn remaining(&self) -> Option<u64> {
        self.length.map(|length| length - self.reporter.delivered)
    }

    /// Records bytes that were spliced to the client. The last one ends the transfer. Returns false if the
    /// transfer was stopped.
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

    /// Goes on after the socket ended early: the rest arrives as frames, if the upstream can resume.
    pub fn resume_after_splice(&mut self) {
        let _ = self.resume();
    }

    /// Accepts a chunk from the upstream and returns what may be delivered now.
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

    /// Tells whether the hash, if any, matches. Only valid at the end of a body.
    fn is_valid(&self) -> bool {
        self.hashing.as_ref().is_none_or(Hashing::is_valid)
    }

    /// Tells whether the transfer that this one follows found a mismatch.
    fn is_refuted(&self) -> bool {
        self.followed.as_ref().is_some_and(|shared| !shared.allows(self.length.unwrap_or_default()))
    }

    /// Delivers a chunk. The last one ends the transfer, because hyper does not poll again after a full length.
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

    /// Handles the end of the upstream's body.
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

    /// Requests the missing bytes, if that is possible and tries are left.
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
                    // Registries send no trailers, and they cannot follow a body with a length.
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
