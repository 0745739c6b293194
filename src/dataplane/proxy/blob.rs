//! Forwarding of blobs: streamed, resumed after a broken upstream connection, verified, and recorded at the end.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use http::{HeaderMap, Method, Response, StatusCode};
use hyper::body::Body as _;

use super::answer::forwarded;
use super::buffers::BufferLease;
use super::data_plane::Proxy;
use super::headers::media_type_in;
use super::learn::CONFIG_BYTES_MAX;
use super::observe::{PendingObservation, ResponseSummary};
use super::respond::{Body, Refusal, empty, full};
use super::transfer::{BodyCheck, Outcome, Transfer, part_length_in, total_in};
use super::upstream::{Lane, Resource, Target, UpstreamBody, UpstreamRequest};
use super::verification::{HashLead, HashOutcome, SharedRole, VerificationMode, VerificationPlan};
use crate::model::oci::{Digest, ErrorCode};

/// A request for a blob.
struct BlobRequest {
    target: Target,
    request: UpstreamRequest,
    digest: Digest,
    plan: VerificationPlan,
    /// Buffer permit for reading it.
    lease: BufferLease,
}

impl Proxy {
    pub(super) async fn forward_blob(
        &self,
        pending: PendingObservation,
        target: Target,
        mut request: UpstreamRequest,
        may_splice: bool,
    ) -> Result<Response<Body>, Refusal> {
        let Resource::Blob(digest) = request.resource else { return Err(Refusal::bad_gateway("not a blob")) };
        let is_get = request.method == Method::GET;
        let is_whole = is_get && !request.headers().contains_key(RANGE);
        let plan = self.verified.plan(&digest, is_whole);
        // A blob that is hashed must be read; others can be spliced.
        let is_hashed =
            matches!(plan.mode, VerificationMode::Own | VerificationMode::Shared { is_first: true, .. });
        let mut lease = self.buffers.deferred();
        if may_splice && is_get && !is_hashed && self.pipes.is_available() {
            request.lane = Lane::Splice;
        } else if is_get {
            (request.lane, lease) = self.buffers.acquire();
        }
        let blob = BlobRequest { target, request, digest, plan, lease };
        let response = match self.request_blob(&blob).await {
            Ok(response) => response,
            Err(refusal) => {
                self.record(is_get.then_some(pending), ResponseSummary::refused(refusal.status));
                return Err(refusal);
            }
        };
        match response.status() {
            _ if !is_get => Ok(forwarded(response.into_parts().0, empty())),
            StatusCode::OK if self.is_wanted_config(digest, response.headers()) => {
                self.config(pending, blob, response).await
            }
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(self.transfer(pending, blob, response)),
            StatusCode::RANGE_NOT_SATISFIABLE => Ok(unsatisfiable(response.headers())),
            status => {
                if status.is_client_error() || status.is_server_error() {
                    self.record(Some(pending), ResponseSummary::refused(status));
                }
                let (head, body) = response.into_parts();
                Ok(self.forward_small(head, body, &blob.request.method).await)
            }
        }
    }

    /// Requests a blob. An answer whose length contradicts the verified length, the digest or its own `Content-Range` is
    /// another request's late answer or corrupt. Then the blob is requested once more, over a new connection.
    async fn request_blob(&self, blob: &BlobRequest) -> Result<Response<UpstreamBody>, Refusal> {
        let BlobRequest { target, request, digest, plan: VerificationPlan { length, .. }, .. } = blob;
        let length = *length;
        let wrong_length = |response: &Response<UpstreamBody>| {
            let of_nothing =
                || (request.method == Method::GET).then(|| empty_instead(response, digest)).flatten();
            wrong_length(response, length).or_else(of_nothing)
        };
        let first = self.send_upstream(target, request).await?;
        let Some(other) = wrong_length(&first) else { return Ok(first) };
        tracing::warn!(repository = target.name(), %digest, length, other, "a blob's answer has the wrong length; requesting it again");
        first.into_body().distrust();
        let second = self.send_upstream(target, &request.on_new_connection()).await?;
        let Some(other) = wrong_length(&second) else { return Ok(second) };
        self.counters.digest_mismatches.inc();
        tracing::error!(repository = target.name(), %digest, length, other, "the upstream's blob has the wrong length");
        let message = "the upstream registry's blob has the wrong length";
        Err(Refusal::new(StatusCode::BAD_GATEWAY, ErrorCode::DigestInvalid, message))
    }

    fn transfer(
        &self,
        pending: PendingObservation,
        blob: BlobRequest,
        response: Response<UpstreamBody>,
    ) -> Response<Body> {
        let BlobRequest { target, request, digest, plan, lease } = blob;
        let status = response.status();
        let media_type = media_type_in(response.headers());
        let (check, lead) = self.body_check(plan, digest, &response);
        let (log, counters, verified) = (self.log.clone(), self.counters.clone(), self.verified.clone());
        let publish = move |outcome| lead.into_iter().for_each(|lead| lead.publish(outcome));
        let on_end = move |outcome: Outcome| match outcome {
            Outcome::Finished { bytes, resumed, verified: was_verified } => {
                counters.blob_bytes.inc_by(bytes);
                counters.resumed.inc_by(u64::from(resumed));
                if was_verified {
                    verified.record_verified(digest, bytes);
                    publish(HashOutcome::Match { length: bytes });
                } else if resumed > 0 {
                    // The body came from several answers and was not verified as a whole, so the next
                    // transfer is verified.
                    verified.forget(&digest);
                }
                let summary =
                    ResponseSummary { status, digest: Some(digest), media_type, bytes, parent: None };
                drop(log.record(pending.complete(summary)));
            }
            Outcome::Broken { bytes } => {
                counters.blob_bytes.inc_by(bytes);
                counters.broken.inc();
                verified.forget(&digest);
                drop(log.record(pending.complete(ResponseSummary::refused(StatusCode::BAD_GATEWAY))));
            }
            Outcome::DigestMismatch => {
                counters.digest_mismatches.inc();
                verified.forget(&digest);
                publish(HashOutcome::Mismatch);
                tracing::error!(repository = %pending.repository, %digest, "the upstream's blob does not match its digest");
                drop(log.record(pending.complete(ResponseSummary::refused(StatusCode::BAD_GATEWAY))));
            }
            Outcome::ClientGone { bytes } => {
                counters.blob_bytes.inc_by(bytes);
            }
        };
        let (head, body) = Transfer::wrap(response, target, request, check, on_end).into_parts();
        forwarded(head, Body::Transfer(Box::new(body.with_lease(lease))))
    }

    /// Chooses how the answer's body is checked, and whether other transfers rely on it. Partial answers
    /// cannot be hashed.
    fn body_check(
        &self,
        plan: VerificationPlan,
        digest: Digest,
        response: &Response<UpstreamBody>,
    ) -> (BodyCheck, Option<HashLead>) {
        if response.status() != StatusCode::OK {
            return (BodyCheck::Length(plan.length), None);
        }
        let is_encoded = response.headers().contains_key(CONTENT_ENCODING);
        let length = response.body().size_hint().exact().filter(|_| !is_encoded);
        match plan.mode {
            VerificationMode::Trusted => (BodyCheck::Length(plan.length), None),
            VerificationMode::Own => (BodyCheck::Hash(digest), None),
            VerificationMode::Shared { shared, .. } => {
                match self.verified.assign_role(shared, digest, length) {
                    SharedRole::Lead(lead) => (BodyCheck::Hash(digest), Some(lead)),
                    SharedRole::Follow(shared) => (BodyCheck::Follow(shared), None),
                    SharedRole::Own => (BodyCheck::Hash(digest), None),
                }
            }
        }
    }

    fn is_wanted_config(&self, digest: Digest, headers: &HeaderMap) -> bool {
        declared_length(headers).is_some_and(|length| length <= CONFIG_BYTES_MAX)
            && self.learner.wants_config(&digest)
    }

    /// Forwards a small image config that is not known yet. Reads it whole to learn from it.
    async fn config(
        &self,
        pending: PendingObservation,
        blob: BlobRequest,
        response: Response<UpstreamBody>,
    ) -> Result<Response<Body>, Refusal> {
        let digest = blob.digest;
        let (head, body) = response.into_parts();
        match self.collect(body, CONFIG_BYTES_MAX).await {
            Ok(body) if digest.fits(&body) => {
                self.learner.config(&pending.repository, digest, &body);
                let summary = ResponseSummary {
                    status: head.status,
                    digest: Some(digest),
                    media_type: media_type_in(&head.headers),
                    bytes: body.len() as u64,
                    parent: None,
                };
                self.verified.record_verified(digest, summary.bytes);
                self.counters.blob_bytes.inc_by(summary.bytes);
                self.record(Some(pending), summary);
                Ok(forwarded(head, full(body)))
            }
            // The streaming path resumes, verifies and counts, whatever went wrong here.
            _ => {
                let response = self.request_blob(&blob).await?;
                Ok(self.transfer(pending, blob, response))
            }
        }
    }
}

/// Returns a length in the answer that contradicts the blob's known `length` or the answer's own `Content-Range`.
fn wrong_length<B>(response: &Response<B>, length: Option<u64>) -> Option<u64> {
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

/// Returns the length of an answer without content whose digest is not that of nothing. Its body has no byte at which a
/// transfer could still fail, so a client would take it for the whole blob.
fn empty_instead<B>(response: &Response<B>, digest: &Digest) -> Option<u64> {
    let is_whole = response.status() == StatusCode::OK && !response.headers().contains_key(CONTENT_ENCODING);
    declared_length(response.headers()).filter(|length| is_whole && *length == 0 && !digest.fits(&[]))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Builds a new 416 instead of forwarding the upstream's. docker-registry declares the whole blob's length
/// and then closes; a client on a kept-alive connection would wait for that body for ever.
fn unsatisfiable(upstream: &HeaderMap) -> Response<Body> {
    let refusal = Refusal::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        ErrorCode::Unknown,
        "the blob has no bytes in the requested range",
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
    fn nothing_is_no_blob_but_the_one_of_nothing() {
        for (content, status, lines, expected) in [
            (&b"a blob"[..], 200, &[("content-length", "0")][..], Some(0)),
            (b"", 200, &[("content-length", "0")], None),
            (b"a blob", 200, &[("content-length", "6")], None),
            (b"a blob", 200, &[], None),
            (b"a blob", 200, &[("content-length", "0"), ("content-encoding", "gzip")], None),
            (b"a blob", 204, &[("content-length", "0")], None),
        ] {
            let mut response = Response::builder().status(status);
            for (name, value) in lines {
                response = response.header(*name, *value);
            }
            let response = response.body(()).unwrap();
            assert_eq!(empty_instead(&response, &Digest::of(content)), expected, "{status} {lines:?}");
        }
    }

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
                wrong_length(&response.body(()).unwrap(), length),
                expected,
                "{status} {lines:?} {length:?}"
            );
        }
    }
}
