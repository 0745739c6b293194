//! Forwarding of manifests: requested, verified, learned from, recorded, and answered once the observation is
//! durable or the wait is over.

use std::borrow::Cow;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Method, Response, StatusCode};

use super::answer::forwarded;
use super::budget::CollectError;
use super::data_plane::Proxy;
use super::facts::Document;
use super::headers::{digest_in, media_type_in};
use super::learn::MANIFEST_BYTES_MAX;
use super::observe::{PendingObservation, ResponseSummary};
use super::respond::{Body, Refusal, full};
use super::upstream::{Target, UpstreamRequest};
use crate::model::oci::{Digest, ErrorCode};

/// Requests for one manifest whose body breaks off.
const MANIFEST_TRIES_MAX: usize = 3;

impl Proxy {
    pub(super) async fn forward_manifest(
        &self,
        pending: PendingObservation,
        target: Target,
        request: UpstreamRequest,
    ) -> Result<Response<Body>, Refusal> {
        let announcement = self.log.announce();
        let (answer, summary) = match self.manifest_answer(&pending, &target, &request).await {
            Ok((response, summary)) => (Ok(response), summary),
            Err(refusal) => {
                let summary = ResponseSummary::refused(refusal.status);
                (Err(refusal), summary)
            }
        };
        let receipt = self.log.record(pending.complete(summary));
        drop(announcement);
        // The log counts lost observations; the answer goes out in any case.
        let _ = receipt.durable(&self.max_wait).await;
        answer
    }

    async fn manifest_answer(
        &self,
        pending: &PendingObservation,
        target: &Target,
        request: &UpstreamRequest,
    ) -> Result<(Response<Body>, ResponseSummary), Refusal> {
        let (mut tries, mut request) = (0, Cow::Borrowed(request));
        let (head, body, digest) = loop {
            tries += 1;
            let (head, body) = self.send_upstream(target, &request).await?.into_parts();
            self.learner.apply_response(target, head.status, &head.headers);
            let is_first = matches!(request, Cow::Borrowed(_));
            if is_first && request.method == Method::HEAD && names_another_digest(pending, &head) {
                body.distrust();
                request = Cow::Owned(request.on_new_connection());
                continue;
            }
            if request.method == Method::HEAD || head.status != StatusCode::OK {
                let summary = self.answered_without_body(pending, target, &head, &request.method);
                return Ok((self.forward_small(head, body, &request.method).await, summary));
            }
            let origin = body.origin();
            match self.collect(body, MANIFEST_BYTES_MAX).await {
                Ok(body) => match checked(pending, &head.headers, &body) {
                    Ok(digest) => break (head, body, digest),
                    // This may be the late answer to another request, so the next try uses a new connection.
                    Err(_) if is_first => {
                        origin.distrust();
                        request = Cow::Owned(request.on_new_connection());
                    }
                    Err(refusal) => {
                        self.counters.digest_mismatches.inc();
                        let (repository, reference, digest) =
                            (&pending.repository, &pending.reference, Digest::of(&body));
                        tracing::error!(%repository, %reference, %digest, "a manifest does not match its digest");
                        return Err(refusal);
                    }
                },
                Err(CollectError::TooLarge(_)) => return Err(too_large(pending)),
                Err(CollectError::NoRoom) => return Err(Refusal::overloaded()),
                Err(_) if tries < MANIFEST_TRIES_MAX => {}
                Err(reason) => {
                    tracing::warn!(repository = target.name(), %reason, "a manifest could not be read");
                    return Err(Refusal::bad_gateway(
                        "the upstream registry broke off in the middle of the manifest",
                    ));
                }
            }
        };
        self.learner.manifest(target, &pending.repository, digest, &Document::new(&head.headers, &body));
        let summary = ResponseSummary {
            status: head.status,
            digest: Some(digest),
            media_type: self.learner.artifact_type(&digest).or_else(|| media_type_in(&head.headers)),
            bytes: body.len() as u64,
            parent: self.learner.parent(pending, &digest),
        };
        Ok((forwarded(head, full(body)), summary))
    }

    /// Summarizes a HEAD, a redirect, a 304 or an error.
    fn answered_without_body(
        &self,
        pending: &PendingObservation,
        target: &Target,
        head: &Parts,
        method: &Method,
    ) -> ResponseSummary {
        let found = head.status.is_success() || head.status == StatusCode::NOT_MODIFIED;
        let digest = pending.requested_digest().or_else(|| digest_in(&head.headers)).filter(|_| found);
        if let (Some(digest), &Method::HEAD) = (digest, method) {
            self.learner.seen(target, &pending.repository, digest);
        }
        let artifact = digest.and_then(|digest| self.learner.artifact_type(&digest));
        ResponseSummary {
            status: head.status,
            digest,
            media_type: artifact.or_else(|| media_type_in(&head.headers)).filter(|_| found),
            bytes: 0,
            parent: digest.and_then(|digest| self.learner.parent(pending, &digest)),
        }
    }
}

/// Returns the verified digest of a manifest: the requested one, else the one the upstream states. The body
/// must match both, whatever their algorithms. A signed schema 1 manifest is exempt, because its digest is
/// not that of its bytes; no image has had one for years.
fn checked(pending: &PendingObservation, headers: &HeaderMap, body: &Bytes) -> Result<Digest, Refusal> {
    let stated = digest_in(headers);
    if media_type_in(headers).is_some_and(|media_type| media_type.contains("manifest.v1+prettyjws")) {
        return stated.ok_or_else(|| Refusal::bad_gateway("the upstream registry does not state a digest"));
    }
    let Some(digest) = pending.requested_digest().or(stated) else { return Ok(Digest::of(body)) };
    let other = stated.filter(|stated| *stated != digest);
    if digest.fits(body) && other.is_none_or(|other| other.fits(body)) {
        return Ok(digest);
    }
    Err(Refusal::new(
        StatusCode::BAD_GATEWAY,
        ErrorCode::DigestInvalid,
        "the upstream registry's manifest does not match its digest",
    ))
}

/// Tells whether an answer without a body states the digest of another manifest than the requested one.
fn names_another_digest(pending: &PendingObservation, head: &Parts) -> bool {
    let (asked_for, stated) = (pending.requested_digest(), digest_in(&head.headers));
    head.status == StatusCode::OK
        && asked_for.zip(stated).is_some_and(|(asked_for, stated)| {
            asked_for.algorithm() == stated.algorithm() && asked_for != stated
        })
}

fn too_large(pending: &PendingObservation) -> Refusal {
    let mib = MANIFEST_BYTES_MAX >> 20;
    tracing::warn!(repository = %pending.repository, reference = %pending.reference, "a manifest is longer than {mib} MiB");
    let message = format!("the manifest is longer than {mib} MiB, the most that this proxy forwards");
    Refusal::new(StatusCode::BAD_GATEWAY, ErrorCode::ManifestInvalid, message)
}
