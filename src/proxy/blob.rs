//! A blob's way: streamed, resumed where the upstream breaks off, checked, and observed at its end.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use http::{HeaderMap, Method, Response, StatusCode};
use hyper::body::Body as _;

use super::forward::{Proxy, forwarded};
use super::learn::CONFIG_BYTES_MAX;
use super::observe::{Answered, Pull, media_type_in};
use super::respond::{Body, Refusal, empty, full};
use super::rooms::Seat;
use super::transfer::{Outcome, Scrutiny, Transfer, part_length_in, total_in};
use super::trust::{Duty, Known, Share, Standing, Verdict};
use super::upstream::{Lane, Resource, Target, UpstreamBody, UpstreamRequest};
use crate::model::oci::{Digest, ErrorCode};

/// A blob that is asked for.
struct Asked {
    target: Target,
    request: UpstreamRequest,
    digest: Digest,
    known: Known,
    /// What it is read in.
    seat: Seat,
}

impl Proxy {
    pub(super) async fn blob(
        &self,
        pull: Pull,
        target: Target,
        mut request: UpstreamRequest,
        by_socket: bool,
    ) -> Result<Response<Body>, Refusal> {
        let Resource::Blob(digest) = request.resource else { return Err(Refusal::bad_gateway("not a blob")) };
        let is_get = request.method == Method::GET;
        let is_whole = is_get && !request.headers().contains_key(RANGE);
        let known = self.trust.of(&digest, is_whole);
        // Bytes that are hashed are read; others go from socket to socket.
        let is_hashed = matches!(known.standing, Standing::Alone | Standing::Shared { is_first: true, .. });
        let mut seat = self.rooms.standing();
        if by_socket && is_get && !is_hashed && self.pipes.are_left() {
            request.lane = Lane::Splice;
        } else if is_get {
            (request.lane, seat) = self.rooms.seat();
        }
        let asked = Asked { target, request, digest, known, seat };
        let response = match self.ask_for_blob(&asked).await {
            Ok(response) => response,
            Err(refusal) => {
                self.note(is_get.then_some(pull), Answered::refused(refusal.status));
                return Err(refusal);
            }
        };
        match response.status() {
            _ if !is_get => Ok(forwarded(response.into_parts().0, empty())),
            StatusCode::OK if self.is_wanted_config(digest, response.headers()) => {
                self.config(pull, asked, response).await
            }
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(self.transfer(pull, asked, response)),
            StatusCode::RANGE_NOT_SATISFIABLE => Ok(unsatisfiable(response.headers())),
            status => {
                if status.is_client_error() || status.is_server_error() {
                    self.note(Some(pull), Answered::refused(status));
                }
                let (head, body) = response.into_parts();
                Ok(self.small(head, body, &asked.request.method).await)
            }
        }
    }

    /// Asks for a blob. An answer that states another length than the blob was found right with, or than that of the part
    /// that it says it is, is another request's that came late, or a lie: the question is put once more, over a new
    /// connection.
    async fn ask_for_blob(&self, asked: &Asked) -> Result<Response<UpstreamBody>, Refusal> {
        let Asked { target, request, digest, known: Known { length, .. }, .. } = asked;
        let length = *length;
        let first = self.send_upstream(target, request).await?;
        let Some(other) = other_length(&first, length) else { return Ok(first) };
        tracing::warn!(repository = target.name(), %digest, length, other, "a blob's answer has another length; it is asked for anew");
        first.into_body().distrust();
        let second = self.send_upstream(target, &request.on_new_connection()).await?;
        let Some(other) = other_length(&second, length) else { return Ok(second) };
        self.counters.digest_mismatches.inc();
        tracing::error!(repository = target.name(), %digest, length, other, "the upstream's blob does not have its length");
        let message = "the upstream registry's blob does not have its length";
        Err(Refusal::new(StatusCode::BAD_GATEWAY, ErrorCode::DigestInvalid, message))
    }

    fn transfer(&self, pull: Pull, asked: Asked, response: Response<UpstreamBody>) -> Response<Body> {
        let Asked { target, request, digest, known, seat } = asked;
        let status = response.status();
        let media_type = media_type_in(response.headers());
        let (scrutiny, duty) = self.scrutiny(known, digest, &response);
        let (log, counters, trust) = (self.log.clone(), self.counters.clone(), self.trust.clone());
        let told = move |verdict| duty.into_iter().for_each(|duty| duty.tell(verdict));
        let done = move |outcome: Outcome| match outcome {
            Outcome::Finished { bytes, resumed, verified: was_verified } => {
                counters.blob_bytes.inc_by(bytes);
                counters.resumed.inc_by(u64::from(resumed));
                if was_verified {
                    trust.found_right(digest, bytes);
                    told(Verdict::Right { length: bytes });
                } else if resumed > 0 {
                    // Made of several answers and not checked as a whole: the next one is.
                    trust.forget(&digest);
                }
                let answered = Answered { status, digest: Some(digest), media_type, bytes, parent: None };
                drop(log.record(pull.observed(answered)));
            }
            Outcome::Broken { bytes } => {
                counters.blob_bytes.inc_by(bytes);
                counters.broken.inc();
                trust.forget(&digest);
                drop(log.record(pull.observed(Answered::refused(StatusCode::BAD_GATEWAY))));
            }
            Outcome::DigestMismatch => {
                counters.digest_mismatches.inc();
                trust.forget(&digest);
                told(Verdict::Wrong);
                tracing::error!(repository = %pull.repository, %digest, "the upstream's blob has another digest");
                drop(log.record(pull.observed(Answered::refused(StatusCode::BAD_GATEWAY))));
            }
            Outcome::ClientGone { bytes } => {
                counters.blob_bytes.inc_by(bytes);
            }
        };
        let (head, body) = Transfer::wrap(response, target, request, scrutiny, done).into_parts();
        forwarded(head, Body::Transfer(Box::new(body.seated(seat))))
    }

    /// How an answer is looked at, and whether others rely on that. A part cannot be hashed.
    fn scrutiny(
        &self,
        known: Known,
        digest: Digest,
        response: &Response<UpstreamBody>,
    ) -> (Scrutiny, Option<Duty>) {
        if response.status() != StatusCode::OK {
            return (Scrutiny::Length(known.length), None);
        }
        let is_encoded = response.headers().contains_key(CONTENT_ENCODING);
        let length = response.body().size_hint().exact().filter(|_| !is_encoded);
        match known.standing {
            Standing::Trusted => (Scrutiny::Length(known.length), None),
            Standing::Alone => (Scrutiny::Hash(digest), None),
            Standing::Shared { check, .. } => match self.trust.share(check, digest, length) {
                Share::Hashed(duty) => (Scrutiny::Hash(digest), Some(duty)),
                Share::Beside(check) => (Scrutiny::Beside(check), None),
                Share::Alone => (Scrutiny::Hash(digest), None),
            },
        }
    }

    fn is_wanted_config(&self, digest: Digest, headers: &HeaderMap) -> bool {
        declared_length(headers).is_some_and(|length| length <= CONFIG_BYTES_MAX)
            && self.learner.wants_config(&digest)
    }

    /// An image config that is not known yet: small, and read whole on its way.
    async fn config(
        &self,
        pull: Pull,
        asked: Asked,
        response: Response<UpstreamBody>,
    ) -> Result<Response<Body>, Refusal> {
        let digest = asked.digest;
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
                self.trust.found_right(digest, answered.bytes);
                self.counters.blob_bytes.inc_by(answered.bytes);
                self.note(Some(pull), answered);
                Ok(forwarded(head, full(body)))
            }
            // Whatever is wrong with it, the ordinary way resumes, checks and counts.
            _ => {
                let response = self.ask_for_blob(&asked).await?;
                Ok(self.transfer(pull, asked, response))
            }
        }
    }
}

/// A length in an answer that is wrong: not `length`, that of the whole blob where it is known, or not that of the part that
/// the answer says it is.
fn other_length<B>(response: &Response<B>, length: Option<u64>) -> Option<u64> {
    let headers = response.headers();
    let declared = declared_length(headers).filter(|_| !headers.contains_key(CONTENT_ENCODING));
    let unless =
        |expected: Option<u64>| move |stated: &u64| expected.is_some_and(|expected| *stated != expected);
    match response.status() {
        StatusCode::OK => declared.filter(unless(length)),
        StatusCode::PARTIAL_CONTENT => {
            let whole = total_in(headers).filter(unless(length));
            whole.or_else(|| declared.filter(unless(part_length_in(response))))
        }
        _ => None,
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    type Lines<'a> = &'a [(&'static str, &'a str)];

    #[test]
    fn a_length_that_cannot_be_the_blobs_is_seen() {
        let part = ("content-range", "bytes 10-19/100");
        let cases: [(u16, Lines<'_>, Option<u64>, Option<u64>); 13] = [
            (200, &[("content-length", "100")], Some(100), None),
            (200, &[("content-length", "99")], Some(100), Some(99)),
            (200, &[("content-length", "99")], None, None),
            (200, &[("content-length", "99"), ("content-encoding", "gzip")], Some(100), None),
            (200, &[], Some(100), None),
            (206, &[part, ("content-length", "10")], Some(100), None),
            (206, &[part, ("content-length", "10")], Some(101), Some(100)),
            (206, &[part, ("content-length", "9")], Some(100), Some(9)),
            (206, &[part, ("content-length", "11")], None, Some(11)),
            (206, &[part], None, None),
            (206, &[("content-range", "bytes 10-19/*"), ("content-length", "10")], Some(100), None),
            (
                206,
                &[("content-type", "multipart/byteranges; boundary=b"), ("content-length", "9")],
                Some(100),
                None,
            ),
            (404, &[("content-length", "9")], Some(100), None),
        ];
        for (status, lines, length, expected) in cases {
            let mut response = Response::builder().status(status);
            for (name, value) in lines {
                response = response.header(*name, *value);
            }
            assert_eq!(
                other_length(&response.body(()).unwrap(), length),
                expected,
                "{status} {lines:?} {length:?}"
            );
        }
    }
}
