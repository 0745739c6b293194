//! A blob's way: streamed, resumed where the upstream breaks off, checked, and observed at its end.

use std::time::{Duration, Instant};

use http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use http::{HeaderMap, Method, Response, StatusCode};

use super::forward::{Proxy, forwarded};
use super::learn::CONFIG_BYTES_MAX;
use super::observe::{Answered, Pull, media_type_in};
use super::respond::{Body, Refusal, empty, full};
use super::transfer::{Outcome, Transfer};
use super::upstream::{Ask, Content, Line, Target, What};
use crate::config::Verify;
use crate::model::oci::{Digest, ErrorCode};

/// How long a digest that was found right is not computed again.
const VERIFIED_FOR: Duration = Duration::from_secs(3600);

impl Proxy {
    pub(super) async fn blob(
        &self,
        pull: Pull,
        target: Target,
        mut ask: Ask,
        by_socket: bool,
    ) -> Result<Response<Body>, Refusal> {
        let What::Blob(digest) = ask.what else { return Err(Refusal::bad_gateway("not a blob")) };
        if by_socket && ask.method == Method::GET && self.pipes.are_left() && !self.must_verify(&digest) {
            ask.line = Line::Bare;
        }
        let response = match self.ask(&target, &ask).await {
            Ok(response) => response,
            Err(refusal) => {
                self.note((ask.method == Method::GET).then_some(pull), Answered::refused(refusal.status));
                return Err(refusal);
            }
        };
        match response.status() {
            _ if ask.method == Method::HEAD => Ok(forwarded(response.into_parts().0, empty())),
            StatusCode::OK if self.is_wanted_config(digest, response.headers()) => {
                self.config(pull, target, ask, digest, response).await
            }
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => {
                Ok(self.transfer(pull, target, ask, digest, response))
            }
            StatusCode::RANGE_NOT_SATISFIABLE => Ok(unsatisfiable(response.headers())),
            status => {
                if status.is_client_error() || status.is_server_error() {
                    self.note(Some(pull), Answered::refused(status));
                }
                let (head, body) = response.into_parts();
                Ok(self.small(head, body, &ask.method).await)
            }
        }
    }

    fn transfer(
        &self,
        pull: Pull,
        target: Target,
        ask: Ask,
        digest: Digest,
        response: Response<Content>,
    ) -> Response<Body> {
        let status = response.status();
        let media_type = media_type_in(response.headers());
        let verify = (status == StatusCode::OK && self.must_verify(&digest)).then_some(digest);
        let (log, counters, verified) = (self.log.clone(), self.counters.clone(), self.verified.clone());
        let done = move |outcome: Outcome| match outcome {
            Outcome::Finished { bytes, resumed, verified: was_verified } => {
                counters.blob_bytes.inc_by(bytes);
                counters.resumed.inc_by(u64::from(resumed));
                if was_verified {
                    verified.insert(digest, Instant::now());
                } else if resumed > 0 {
                    // Made of several answers and not checked as a whole: the next one is.
                    verified.remove(&digest);
                }
                let answered = Answered { status, digest: Some(digest), media_type, bytes, parent: None };
                drop(log.record(pull.observed(answered)));
            }
            Outcome::Broken { bytes } => {
                counters.blob_bytes.inc_by(bytes);
                counters.broken.inc();
                verified.remove(&digest);
                drop(log.record(pull.observed(Answered::refused(StatusCode::BAD_GATEWAY))));
            }
            Outcome::DigestMismatch => {
                counters.digest_mismatches.inc();
                tracing::error!(repository = %pull.repository, %digest, "the upstream's blob has another digest");
                drop(log.record(pull.observed(Answered::refused(StatusCode::BAD_GATEWAY))));
            }
            Outcome::ClientGone { bytes } => {
                counters.blob_bytes.inc_by(bytes);
            }
        };
        let (head, body) = Transfer::wrap(response, target, ask, verify, done).into_parts();
        forwarded(head, Body::Transfer(Box::new(body)))
    }

    fn must_verify(&self, digest: &Digest) -> bool {
        match self.settings.verify {
            Verify::Always => true,
            Verify::First => self.verified.get(digest).is_none_or(|at| at.elapsed() > VERIFIED_FOR),
        }
    }

    fn is_wanted_config(&self, digest: Digest, headers: &HeaderMap) -> bool {
        let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        length.is_some_and(|length| length <= CONFIG_BYTES_MAX) && self.learner.wants_config(&digest)
    }

    /// An image config that is not known yet: small, and read whole on its way.
    async fn config(
        &self,
        pull: Pull,
        target: Target,
        ask: Ask,
        digest: Digest,
        response: Response<Content>,
    ) -> Result<Response<Body>, Refusal> {
        let (head, body) = response.into_parts();
        match self.whole(body, CONFIG_BYTES_MAX).await {
            Ok(body) if digest.fits(&body) => {
                self.learner.config(&pull.repository, digest, &body);
                let answered = Answered {
                    status: head.status,
                    digest: Some(digest),
                    media_type: media_type_in(&head.headers),
                    bytes: body.len() as u64,
                    parent: None,
                };
                self.counters.blob_bytes.inc_by(answered.bytes);
                self.note(Some(pull), answered);
                Ok(forwarded(head, full(body)))
            }
            // Whatever is wrong with it, the ordinary way resumes, checks and counts.
            _ => {
                let response = self.ask(&target, &ask).await?;
                Ok(self.transfer(pull, target, ask, digest, response))
            }
        }
    }
}

/// Made here and not handed on: docker-registry declares the whole blob's length and then closes, and a client on a
/// connection that is kept would wait for the rest for ever.
fn unsatisfiable(upstream: &HeaderMap) -> Response<Body> {
    let refusal = Refusal::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        ErrorCode::Unknown,
        "the blob has no bytes in the range that was asked for",
    );
    let mut response = refusal.into_response();
    if let Some(value) = upstream.get(CONTENT_RANGE) {
        response.headers_mut().insert(CONTENT_RANGE, value.clone());
    }
    response
}
