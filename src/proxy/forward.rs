//! A request from its head to its answer. The decisions, in the order in which they are made:
//!
//! 1. Who asks? No good token: 401 with the challenge.
//! 2. GET or HEAD? Anything else is a write: 405.
//! 3. Is the path one that the spec allows? If not: 400 or 404, and no upstream hears of it.
//! 4. `/v2/` is answered here; the catalog is denied.
//! 5. Which upstream serves the repository? None: 404.
//! 6. The upstream is asked. No answer: 502 or 504.
//! 7. A manifest: learned from, observed, and answered once the observation is durable or its time is up.
//!    A blob: streamed, resumed and checked; observed at its end. Lists: handed on, their links made the proxy's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderName, LINK};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use super::auth::{self, Permit};
use super::counters::{Answer, Counters};
use super::learn::{CONFIG_BYTES_MAX, Learner, MANIFEST_BYTES_MAX};
use super::observe::{Answered, Asker, Pull, digest_in, media_type_in};
use super::recent::Recent;
use super::respond::{Body, Refusal, empty, full, version_check};
use super::transfer::{Outcome, Transfer, TransferError};
use super::upstream::{Ask, Carried, Target, UpstreamError, Upstreams, What};
use super::{Settings, links};
use crate::clock;
use crate::config::Verify;
use crate::log::Log;
use crate::model::oci::{Digest, ErrorCode, Reference, Route};

/// Largest body of an error that is handed on, in bytes.
const ERROR_BYTES_MAX: u64 = 64 * 1024;
/// Time in which a body that is read whole must have come.
const WHOLE_BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Times that a manifest is asked for when its body breaks off.
const MANIFEST_TRIES: usize = 3;
/// Digests remembered as found right, at least.
const VERIFIED_MIN: usize = 20_000;
/// How long a digest that was found right is not computed again.
const VERIFIED_FOR: Duration = Duration::from_secs(3600);

/// Headers that belong to one connection and not to the answer (RFC 9110 §7.6.1), and those by which the upstream
/// speaks to Landfall.
const NOT_FORWARDED: [HeaderName; 10] = [
    http::header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    http::header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-connection"),
    http::header::TE,
    http::header::TRAILER,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
    http::header::WWW_AUTHENTICATE,
    http::header::SET_COOKIE,
];

/// The data plane: what is behind every listener.
pub struct Proxy {
    log: Log,
    upstreams: Upstreams,
    learner: Learner,
    counters: Counters,
    settings: Settings,
    verified: Arc<Recent<Digest, Instant>>,
}

impl Proxy {
    /// Puts the parts together. Must be called within a tokio runtime: learning in the background begins here.
    pub fn new(log: Log, upstreams: Upstreams, settings: Settings) -> Self {
        let counters = Counters::default();
        let learner = Learner::start(log.clone(), counters.clone());
        let verified = Arc::new(Recent::new(VERIFIED_MIN));
        Self { log, upstreams, learner, counters, settings, verified }
    }

    /// What it counts.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Answers a request that came from the address `client`.
    pub(super) async fn handle(&self, client: Arc<str>, request: Request<Incoming>) -> Response<Body> {
        let (head, _) = request.into_parts();
        let route = Route::parse(head.uri.path());
        let name = route.as_ref().map_or("malformed", |route| name_of(route));
        let asker = Asker::new(client, &head.headers);
        let response = match self.answer(asker, &head.method, &head.uri, &head.headers, route).await {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(),
        };
        self.counters
            .requests
            .get_or_create(&Answer { route: name, status: response.status().as_u16() })
            .inc();
        response
    }

    async fn answer(
        &self,
        asker: Asker,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        route: Result<Route, crate::model::oci::Malformed>,
    ) -> Result<Response<Body>, Refusal> {
        let permit = self.permit(&asker, method, headers, route.as_ref().ok())?;
        if method != Method::GET && method != Method::HEAD {
            return Err(Refusal::read_only());
        }
        let route = route?;
        let (repository, what) = match &route {
            Route::Base => return Ok(version_check()),
            Route::Catalog => return Err(Refusal::denied("this proxy does not list repositories")),
            Route::Upload => return Err(Refusal::read_only()),
            Route::Manifest(repository, reference) => (repository, What::Manifest(reference.clone())),
            Route::Blob(repository, digest) => (repository, What::Blob(*digest)),
            Route::Tags(repository) => (repository, What::Tags),
            Route::Referrers(repository, digest) => (repository, What::Referrers(*digest)),
        };
        let ns = uri.query().and_then(namespace);
        let target = self.upstreams.select(repository, ns).ok_or_else(|| {
            let message = "no upstream serves this repository";
            Refusal::new(StatusCode::NOT_FOUND, ErrorCode::NameUnknown, message)
        })?;
        let ask = Ask::new(method.clone(), what, headers).with_query(uri.query());
        match Pull::new(&permit, &asker, method == Method::HEAD, &route) {
            Some(pull) if matches!(route, Route::Manifest(..)) => self.manifest(pull, target, ask).await,
            Some(pull) => self.blob(pull, target, ask).await,
            None => self.list(target, ask, &route).await,
        }
    }

    /// Step 1. A pull with a token that was good once is an attempt that the environment's people should see.
    fn permit(
        &self,
        asker: &Asker,
        method: &Method,
        headers: &HeaderMap,
        route: Option<&Route>,
    ) -> Result<Permit, Refusal> {
        auth::authorize(headers, &self.log.view().directory, clock::now()).map_err(|denial| {
            if headers.contains_key(http::header::AUTHORIZATION) {
                self.counters.refused_tokens.inc();
            }
            let manifest = route.filter(|route| matches!(route, Route::Manifest(..)));
            if let (Some(owner), Some(route)) = (denial.owner, manifest) {
                let pull = Pull::by(owner, asker, method == Method::HEAD, route);
                self.note(pull, Answered::refused(StatusCode::UNAUTHORIZED));
            }
            denial.refusal
        })
    }

    /// Records what nobody waits for.
    fn note(&self, pull: Option<Pull>, answered: Answered) {
        if let Some(pull) = pull {
            drop(self.log.record(pull.observed(answered)));
        }
    }

    /// Records what the client's answer waits for.
    async fn observe(&self, pull: Pull, answered: Answered) {
        // What became of it is counted by the log; the answer goes out in any case.
        let _ = self.log.record(pull.observed(answered)).durable(self.settings.max_wait).await;
    }

    /// Asks the upstream. Its refusal of Landfall's own credentials is no answer for a client, whose token is good.
    async fn ask(&self, target: &Target, ask: &Ask) -> Result<Response<Incoming>, Refusal> {
        let response = target.send(ask).await.map_err(|error| {
            self.counters.upstream_errors.inc();
            self.no_answer(&error)
        })?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        self.counters.upstream_errors.inc();
        if matches!(response.extensions().get::<Carried>(), Some(Carried::Bearer)) {
            return Err(Refusal::denied("the upstream registry does not give this proxy the repository"));
        }
        tracing::error!(repository = target.name(), "the upstream refuses Landfall's credentials");
        Err(Refusal::bad_gateway("the upstream registry refuses this proxy's credentials; tell its operator"))
    }

    fn no_answer(&self, error: &UpstreamError) -> Refusal {
        Refusal::new(error.status(), ErrorCode::Unknown, error.public())
    }

    async fn manifest(&self, pull: Pull, target: Target, ask: Ask) -> Result<Response<Body>, Refusal> {
        let outcome = self.manifest_answer(&pull, &target, &ask).await;
        match outcome {
            Ok((response, answered)) => {
                self.observe(pull, answered).await;
                Ok(response)
            }
            Err(refusal) => {
                self.observe(pull, Answered::refused(refusal.status)).await;
                Err(refusal)
            }
        }
    }

    async fn manifest_answer(
        &self,
        pull: &Pull,
        target: &Target,
        ask: &Ask,
    ) -> Result<(Response<Body>, Answered), Refusal> {
        let mut tries = 0;
        let (head, body) = loop {
            tries += 1;
            let (head, body) = self.ask(target, ask).await?.into_parts();
            if ask.method == Method::HEAD || head.status != StatusCode::OK {
                let answered = self.answered_without_body(pull, target, &head, &ask.method);
                return Ok((self.small(head, body, &ask.method).await, answered));
            }
            match whole(body, MANIFEST_BYTES_MAX).await {
                Ok(body) => break (head, body),
                Err(_) if tries < MANIFEST_TRIES => {}
                Err(reason) => {
                    tracing::warn!(repository = target.name(), reason, "a manifest could not be read");
                    return Err(Refusal::bad_gateway(
                        "the upstream registry broke off in the middle of the manifest",
                    ));
                }
            }
        };
        let digest = self.checked(pull, &head.headers, &body)?;
        self.learner.manifest(target, &pull.repository, digest, &body);
        let answered = Answered {
            status: head.status,
            digest: Some(digest),
            media_type: media_type_in(&head.headers),
            bytes: body.len() as u64,
            parent: self.learner.parent(&digest),
        };
        Ok((forwarded(head, full(body)), answered))
    }

    /// What a HEAD, a redirect, a 304 or an error tells.
    fn answered_without_body(
        &self,
        pull: &Pull,
        target: &Target,
        head: &http::response::Parts,
        method: &Method,
    ) -> Answered {
        let asked_for = match &pull.reference {
            Reference::Digest(digest) => Some(*digest),
            Reference::Tag(_) => None,
        };
        let found = head.status.is_success() || head.status == StatusCode::NOT_MODIFIED;
        let digest = digest_in(&head.headers).or(asked_for).filter(|_| found);
        if let (Some(digest), &Method::HEAD) = (digest, method) {
            self.learner.seen(target, &pull.repository, digest);
        }
        Answered {
            status: head.status,
            digest,
            media_type: media_type_in(&head.headers).filter(|_| found),
            bytes: 0,
            parent: digest.and_then(|digest| self.learner.parent(&digest)),
        }
    }

    /// The digest of a manifest's body, which must be the one that was asked for, and the one that the upstream
    /// says it is. The digest of a signed schema 1 manifest is not that of its bytes; no image has had one for years.
    fn checked(&self, pull: &Pull, headers: &HeaderMap, body: &Bytes) -> Result<Digest, Refusal> {
        let stated = digest_in(headers);
        if media_type_in(headers).is_some_and(|media_type| media_type.contains("manifest.v1+prettyjws")) {
            return stated
                .ok_or_else(|| Refusal::bad_gateway("the upstream registry does not state a digest"));
        }
        let digest = Digest::of(body);
        let asked_for = match &pull.reference {
            Reference::Digest(asked_for) => Some(*asked_for),
            Reference::Tag(_) => None,
        };
        if [stated, asked_for].into_iter().flatten().all(|expected| expected == digest) {
            return Ok(digest);
        }
        self.counters.digest_mismatches.inc();
        tracing::error!(repository = %pull.repository, reference = %pull.reference, %digest, "a manifest has another digest");
        Err(Refusal::new(
            StatusCode::BAD_GATEWAY,
            ErrorCode::DigestInvalid,
            "the upstream registry's manifest does not have its digest",
        ))
    }

    async fn blob(&self, pull: Pull, target: Target, ask: Ask) -> Result<Response<Body>, Refusal> {
        let response = match self.ask(&target, &ask).await {
            Ok(response) => response,
            Err(refusal) => {
                self.note((ask.method == Method::GET).then_some(pull), Answered::refused(refusal.status));
                return Err(refusal);
            }
        };
        let What::Blob(digest) = ask.what else { return Err(Refusal::bad_gateway("not a blob")) };
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
        response: Response<Incoming>,
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
        forwarded(head, body.boxed_unsync())
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
        response: Response<Incoming>,
    ) -> Result<Response<Body>, Refusal> {
        let (head, body) = response.into_parts();
        match whole(body, CONFIG_BYTES_MAX).await {
            Ok(body) if Digest::of(&body) == digest => {
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

    /// Tags and referrers.
    async fn list(&self, target: Target, ask: Ask, route: &Route) -> Result<Response<Body>, Refusal> {
        let (mut head, body) = self.ask(&target, &ask).await?.into_parts();
        if let Some(path) = own_path(route) {
            links::rewrite(&mut head.headers, LINK, &path);
        }
        if ask.method == Method::HEAD || head.status != StatusCode::OK {
            return Ok(self.small(head, body, &ask.method).await);
        }
        Ok(forwarded(head, body.map_err(|_| TransferError::Broken).boxed_unsync()))
    }

    /// Hands on an answer that has no body, or a small one.
    async fn small(&self, head: http::response::Parts, body: Incoming, method: &Method) -> Response<Body> {
        if method == Method::HEAD || head.status == StatusCode::NOT_MODIFIED {
            return forwarded(head, empty());
        }
        match whole(body, ERROR_BYTES_MAX).await {
            Ok(body) => forwarded(head, full(body)),
            // The status and its headers are the answer; its text is lost.
            Err(_) => {
                Refusal::new(head.status, ErrorCode::Unknown, "the upstream registry gave no readable reason")
                    .into_response()
            }
        }
    }
}

fn name_of(route: &Route) -> &'static str {
    match route {
        Route::Base => "base",
        Route::Manifest(..) => "manifest",
        Route::Blob(..) => "blob",
        Route::Tags(_) => "tags",
        Route::Referrers(..) => "referrers",
        Route::Catalog => "catalog",
        Route::Upload => "upload",
    }
}

fn own_path(route: &Route) -> Option<String> {
    match route {
        Route::Tags(repository) => Some(format!("/v2/{repository}/tags/list")),
        Route::Referrers(repository, digest) => Some(format!("/v2/{repository}/referrers/{digest}")),
        _ => None,
    }
}

/// containerd's `?ns=`: the registry that an image names, when it asks through a mirror.
fn namespace(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("ns="))
}

/// Reads a body whole, within a bound and a time.
async fn whole(body: Incoming, bytes_max: u64) -> Result<Bytes, String> {
    let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    match tokio::time::timeout(WHOLE_BODY_TIMEOUT, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("not all of it came within {WHOLE_BODY_TIMEOUT:?}")),
    }
}

/// The upstream's answer as it goes to the client: its status and its headers, but for those of one connection.
fn forwarded(head: http::response::Parts, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    let mut headers = head.headers;
    // `Connection` names further headers that go no further.
    let named: Vec<HeaderName> = headers
        .get_all(http::header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in NOT_FORWARDED.iter().chain(&named) {
        headers.remove(name);
    }
    *response.headers_mut() = headers;
    response
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
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_belongs_to_one_connection_stays_there() {
        let mut head = Response::new(()).into_parts().0;
        for (name, value) in [
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("www-authenticate", "Bearer realm=\"https://inside\""),
            ("set-cookie", "a=b"),
            ("etag", "\"e\""),
            ("docker-content-digest", "sha256:1"),
            ("retry-after", "7"),
        ] {
            head.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let response = forwarded(head, empty());
        let mut names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["docker-content-digest", "etag", "retry-after"]);
    }

    #[test]
    fn the_namespace_is_read_from_the_query() {
        assert_eq!(namespace("ns=docker.io"), Some("docker.io"));
        assert_eq!(namespace("n=5&ns=r.example:5000"), Some("r.example:5000"));
        assert_eq!(namespace("n=5"), None);
    }
}
