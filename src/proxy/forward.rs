//! A request from its head to its answer. The decisions, in the order in which they are made:
//!
//! 0. Which host is named? None, or two: 400.
//! 1. Who asks? No good token: 401 with the challenge.
//! 2. GET or HEAD? Anything else is a write: 405.
//! 3. Is the path one that the spec allows? If not: 400 or 404, and no upstream hears of it.
//! 4. `/v2/` is answered here; the catalog is denied.
//! 5. Which upstream serves the repository? None: 404.
//! 6. The upstream is asked. No answer: 502 or 504.
//! 7. A manifest: learned from, observed, and answered once the observation is durable or its time is up.
//!    A blob: streamed, resumed and checked; observed at its end. Lists: handed on, their links made the proxy's, and
//!    broken off where the upstream is silent for too long.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{HeaderName, LINK};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tower_http::timeout::TimeoutBody;

use super::auth::{self, Permit};
use super::budget::{BodyBudget, CollectError};
use super::buffers::BufferPermits;
use super::connection::ConnectionInfo;
use super::counters::{Counters, RequestLabels};
use super::learn::Learner;
use super::observe::{ClientIdentity, PendingObservation, ResponseSummary};
use super::respond::{Body, Refusal, empty, full, version_check};
use super::splice::Pipes;
use super::transfer::TransferError;
use super::upstream::{
    Resource, SentCredentials, Target, UpstreamBody, UpstreamError, UpstreamRequest, Upstreams,
};
use super::verification::VerifiedBlobs;
use super::{Settings, links};
use crate::clock;
use crate::deadline::{Deadlines, Elapsed};
use crate::listen::{TrustedProxies, host};
use crate::log::Log;
use crate::model::deployments::PULL;
use crate::model::oci::{ErrorCode, Reference, Route};
use crate::model::registries::{Host, Unrouted};
use crate::model::time::Time;

/// Largest body of an error that is handed on, in bytes.
const ERROR_BYTES_MAX: u64 = 64 * 1024;

/// Registries that no upstream is and that are named in the log.
const UNKNOWN_REGISTRIES_MAX: usize = 16;

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
    pub(super) log: Log,
    upstreams: Upstreams,
    pub(super) learner: Learner,
    pub(super) counters: Counters,
    pub(super) settings: Settings,
    pub(super) trusted: TrustedProxies,
    pub(super) max_wait: Deadlines,
    pub(super) whole_body: Deadlines,
    bodies: BodyBudget,
    /// For blobs that are not.
    pub(super) buffers: BufferPermits,
    pub(super) verified: Arc<VerifiedBlobs>,
    pub(super) pipes: Pipes,
    /// Registries that clients asked for and that no upstream is, as far as the log was told.
    unknown_registries: Mutex<BTreeSet<String>>,
}

impl Proxy {
    /// Puts the parts together; `trusted` speak for their clients. Must be called within a tokio runtime: learning in the background begins here.
    pub fn new(log: Log, upstreams: Upstreams, trusted: TrustedProxies, settings: Settings) -> Self {
        let counters = Counters::default();
        let learner = Learner::start(log.clone(), counters.clone());
        let verified = VerifiedBlobs::new(settings.verify);
        let (max_wait, whole_body) = (Deadlines::new(settings.max_wait), Deadlines::new(settings.whole_body));
        let pipes = Pipes::new(if settings.splice { settings.pipes_max } else { 0 });
        let bodies = BodyBudget::new(counters.whole_bytes.clone());
        Self {
            log,
            upstreams,
            learner,
            counters,
            settings,
            trusted,
            max_wait,
            whole_body,
            bodies,
            buffers: BufferPermits::new(),
            verified,
            pipes,
            unknown_registries: Mutex::default(),
        }
    }

    /// What it counts.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Answers a visitor's request. With `may_splice`, the answer may be a transfer whose socket can be taken.
    pub(super) async fn handle(
        &self,
        connection: &ConnectionInfo,
        request: Request<Incoming>,
        may_splice: bool,
    ) -> Response<Body> {
        let (head, _) = request.into_parts();
        let route = Route::parse(head.uri.path());
        let name = route.as_ref().map_or("malformed", |route| route_label(route));
        let client = ClientIdentity::new(connection.client(&head.headers, &self.trusted), &head.headers);
        let response = match self.answer(connection, client, &head, route, may_splice).await {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(),
        };
        self.counters
            .requests
            .get_or_create(&RequestLabels { route: name, status: response.status().as_u16() })
            .inc();
        response
    }

    async fn answer(
        &self,
        connection: &ConnectionInfo,
        client: ClientIdentity,
        head: &http::request::Parts,
        route: Result<Route, crate::model::oci::Malformed>,
        may_splice: bool,
    ) -> Result<Response<Body>, Refusal> {
        let http::request::Parts { method, uri, version, headers, .. } = head;
        host(*version, uri, headers).map_err(Refusal::no_host)?;
        let permit = self.permit(&client, head, route.as_ref().ok())?;
        connection.slot.mark_authenticated();
        if method != Method::GET && method != Method::HEAD {
            return Err(Refusal::read_only());
        }
        let route = route?;
        let (repository, resource) = match &route {
            Route::Base => return Ok(version_check()),
            Route::Catalog => return Err(Refusal::denied("this proxy does not list repositories")),
            Route::Upload => return Err(Refusal::read_only()),
            Route::Manifest(repository, reference) => (repository, Resource::Manifest(reference.clone())),
            Route::Blob(repository, digest) => (repository, Resource::Blob(*digest)),
            Route::Tags(repository) => (repository, Resource::Tags),
            Route::Referrers(repository, digest) => (repository, Resource::Referrers(*digest)),
        };
        let ns = named_registry(uri)?;
        let target =
            self.upstreams.select(repository, ns.as_ref()).map_err(|unrouted| self.no_upstream(unrouted))?;
        let request = UpstreamRequest::new(method.clone(), resource, headers).with_query(uri.query());
        // hyper keeps room for all of this as long as the connection lives, so what is large about it is boxed.
        match PendingObservation::new(&permit, &client, method == Method::HEAD, &route, &target) {
            Some(pending) if matches!(route, Route::Manifest(..)) => {
                Box::pin(self.forward_manifest(pending, target, request)).await
            }
            Some(pending) => Box::pin(self.forward_blob(pending, target, request, may_splice)).await,
            None => Box::pin(self.forward_list(target, request, &route, ns.as_ref())).await,
        }
    }

    /// Step 5. containerd shows nobody a refusal's text and goes on to its next host, so the operator is told here.
    fn no_upstream(&self, unrouted: Unrouted) -> Refusal {
        if let Unrouted::NoRegistry(host) = &unrouted {
            // Whole after each step, whoever panicked.
            let mut logged = self.unknown_registries.lock().unwrap_or_else(PoisonError::into_inner);
            if logged.len() < UNKNOWN_REGISTRIES_MAX && logged.insert(host.to_string()) {
                tracing::warn!("clients ask for images of {host} and get a 404 (said once): {unrouted}");
            }
        }
        unrouted.into()
    }

    /// Step 1. A pull with a token that was good once is an attempt that the environment's people should see.
    fn permit(
        &self,
        client: &ClientIdentity,
        head: &http::request::Parts,
        route: Option<&Route>,
    ) -> Result<Permit, Refusal> {
        auth::authorize(&head.headers, &self.log.view().directory, clock::now()).map_err(|denial| {
            if head.headers.contains_key(http::header::AUTHORIZATION) {
                self.counters.refused_tokens.inc();
            }
            if let (Some(ended), Some(route @ Route::Manifest(repository, _))) = (denial.token, route)
                && let Ok(ns) = Host::of_query(head.uri.query().unwrap_or_default())
                && let Ok(target) = self.upstreams.select(repository, ns.as_ref())
                && let Some(pending) =
                    PendingObservation::refused(&ended, client, head.method == Method::HEAD, route, &target)
            {
                self.log_refused(pending, ended.ended_at);
            }
            denial.refusal
        })
    }

    /// Records a request with a token that is not accepted. It proves nothing, but for what ends a pull that began while
    /// the token was.
    fn log_refused(&self, pending: PendingObservation, ended_at: Option<Time>) {
        let may_end_a_pull = matches!(pending.reference, Reference::Digest(_));
        let observation = pending.complete(ResponseSummary::refused(StatusCode::UNAUTHORIZED));
        if may_end_a_pull && ended_at.is_some_and(|at| observation.at.since(at) <= PULL) {
            drop(self.log.record(observation));
        } else {
            self.log.refuse(observation);
        }
    }

    /// Records what nobody waits for.
    pub(super) fn record(&self, pending: Option<PendingObservation>, summary: ResponseSummary) {
        if let Some(pending) = pending {
            drop(self.log.record(pending.complete(summary)));
        }
    }

    /// Asks the upstream. Its refusal of Landfall's own credentials is no answer for a client, whose token is good.
    pub(super) async fn send_upstream(
        &self,
        target: &Target,
        request: &UpstreamRequest,
    ) -> Result<Response<UpstreamBody>, Refusal> {
        let response = target.send(request).await.map_err(|error| self.upstream_refusal(&error))?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        self.counters.upstream_errors.inc();
        if matches!(response.extensions().get::<SentCredentials>(), Some(SentCredentials::Bearer)) {
            return Err(Refusal::denied("the upstream registry does not give this proxy the repository"));
        }
        tracing::error!(repository = target.name(), "the upstream refuses Landfall's credentials");
        Err(Refusal::bad_gateway("the upstream registry refuses this proxy's credentials; tell its operator"))
    }

    fn upstream_refusal(&self, error: &UpstreamError) -> Refusal {
        let status = error.status();
        let code = match status {
            StatusCode::FORBIDDEN => ErrorCode::Denied,
            StatusCode::TOO_MANY_REQUESTS => ErrorCode::TooManyRequests,
            _ => ErrorCode::Unknown,
        };
        if status.is_server_error() {
            self.counters.upstream_errors.inc();
        }
        Refusal { retry_after: error.retry_after().cloned(), ..Refusal::new(status, code, error.public()) }
    }

    /// Tags and referrers.
    async fn forward_list(
        &self,
        target: Target,
        request: UpstreamRequest,
        route: &Route,
        ns: Option<&Host>,
    ) -> Result<Response<Body>, Refusal> {
        let (mut head, body) = self.send_upstream(&target, &request).await?.into_parts();
        if let Some(path) = own_path(route) {
            links::rewrite(&mut head.headers, LINK, &path, ns);
        }
        if request.method == Method::HEAD || head.status != StatusCode::OK {
            return Ok(self.forward_small(head, body, &request.method).await);
        }
        let body = TimeoutBody::new(target.timeouts().stall, body);
        Ok(forwarded(head, Body::Streamed(body.map_err(|_| TransferError::Broken).boxed_unsync())))
    }

    /// Hands on an answer that has no body, or a small one.
    pub(super) async fn forward_small(
        &self,
        head: http::response::Parts,
        body: UpstreamBody,
        method: &Method,
    ) -> Response<Body> {
        if method == Method::HEAD || head.status == StatusCode::NOT_MODIFIED {
            return forwarded(head, empty());
        }
        match self.collect(body, ERROR_BYTES_MAX).await {
            Ok(body) => forwarded(head, full(body)),
            // The status and its headers are the answer; its text is lost.
            Err(_) => {
                Refusal::new(head.status, ErrorCode::Unknown, "the upstream registry gave no readable reason")
                    .into_response()
            }
        }
    }

    /// Reads a body whole, within a bound and a time, where there is room for it.
    pub(super) async fn collect(&self, body: UpstreamBody, bytes_max: u64) -> Result<Bytes, CollectError> {
        let read = match self.whole_body.bound(pin!(self.bodies.collect(body, bytes_max))).await {
            Ok(read) => read,
            Err(Elapsed) => {
                Err(CollectError::Broken(format!("not all of it came within {:?}", self.whole_body.wait())))
            }
        };
        if let Err(CollectError::NoRoom) = &read {
            self.counters.bodies_without_room.inc();
        }
        read
    }
}

fn route_label(route: &Route) -> &'static str {
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
fn named_registry(uri: &Uri) -> Result<Option<Host>, Refusal> {
    Host::of_query(uri.query().unwrap_or_default()).map_err(|problem| {
        let message = format!("the query's `ns` is {problem}, and only one");
        Refusal::new(StatusCode::BAD_REQUEST, ErrorCode::NameInvalid, message)
    })
}

/// The upstream's answer as it goes to the client: its status and its headers, but for those of one connection.
pub(super) fn forwarded(head: http::response::Parts, body: Body) -> Response<Body> {
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
}
