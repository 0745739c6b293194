//! The steps from a request's head to its answer, in order:
//!
//! 0. Validate the host. Missing or ambiguous: 400.
//! 1. Authenticate. No valid token: 401 with the challenge.
//! 2. Check the method. Anything but GET and HEAD is a write: 405.
//! 3. Parse the path. Not allowed by the spec: 400 or 404, without asking an upstream.
//! 4. Answer `/v2/` here; deny the catalog.
//! 5. Select the upstream of the repository. None: 404.
//! 6. Send the request upstream. No answer: 502 or 504.
//! 7. Forward the answer. A manifest is learned from, recorded, and answered once its observation is durable
//!    or the wait is over. A blob is streamed, resumed and verified; it is recorded at its end. Lists get
//!    links to the proxy, and are cut off where the upstream stalls.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderName, LINK};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use parking_lot::Mutex;
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

/// Largest error body that is forwarded, in bytes.
const ERROR_BYTES_MAX: u64 = 64 * 1024;

/// Unknown registries that the server's log mentions.
const UNKNOWN_REGISTRIES_MAX: usize = 16;

/// Hop-by-hop headers (RFC 9110 §7.6.1), and headers of the upstream that are meant for Landfall.
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

/// The data plane behind all listeners.
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
    /// Buffer permits for blobs that are streamed.
    pub(super) buffers: BufferPermits,
    pub(super) verified: Arc<VerifiedBlobs>,
    pub(super) pipes: Pipes,
    /// Registries that clients have named, that have no upstream, and that were logged.
    unknown_registries: Mutex<BTreeSet<String>>,
}

impl Proxy {
    /// Assembles the data plane. `trusted` proxies may name their clients. Must be called in a tokio runtime,
    /// because it spawns the learner.
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

    /// Metrics of the data plane.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Answers a client's request. With `may_splice`, the answer may be a transfer whose socket can be taken.
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
        // hyper keeps space for this future as long as the connection lives, so its large parts are boxed.
        match PendingObservation::new(&permit, &client, method == Method::HEAD, &route, &target) {
            Some(pending) if matches!(route, Route::Manifest(..)) => {
                Box::pin(self.forward_manifest(pending, target, request)).await
            }
            Some(pending) => Box::pin(self.forward_blob(pending, target, request, may_splice)).await,
            None => Box::pin(self.forward_list(target, request, &route, ns.as_ref())).await,
        }
    }

    /// Step 5. containerd hides the text of a refusal and tries its next host, so the operator is told in the log.
    fn no_upstream(&self, unrouted: Unrouted) -> Refusal {
        if let Unrouted::NoRegistry(host) = &unrouted {
            let mut logged = self.unknown_registries.lock();
            if logged.len() < UNKNOWN_REGISTRIES_MAX && logged.insert(host.to_string()) {
                tracing::warn!("clients ask for images of {host} and get a 404 (said once): {unrouted}");
            }
        }
        unrouted.into()
    }

    /// Step 1. Records a pull with a former token as an attempt, so that the environment's people see it.
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

    /// Records a request with an invalid token. It proves nothing, unless it ends a pull that began while the
    /// token was valid.
    fn log_refused(&self, pending: PendingObservation, ended_at: Option<Time>) {
        let may_end_a_pull = matches!(pending.reference, Reference::Digest(_));
        let observation = pending.complete(ResponseSummary::refused(StatusCode::UNAUTHORIZED));
        if may_end_a_pull && ended_at.is_some_and(|at| observation.at.since(at) <= PULL) {
            drop(self.log.record(observation));
        } else {
            self.log.refuse(observation);
        }
    }

    /// Records an observation without waiting for durability.
    pub(super) fn record(&self, pending: Option<PendingObservation>, summary: ResponseSummary) {
        if let Some(pending) = pending {
            drop(self.log.record(pending.complete(summary)));
        }
    }

    /// Sends a request upstream. A refusal of Landfall's own credentials becomes a 502 or 403, because the
    /// client's token is valid.
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
            return Err(Refusal::denied("the upstream registry denies this proxy the repository"));
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

    /// Forwards tags and referrers.
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

    /// Forwards an answer without a body, or with a small one.
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
            // Status and headers are the answer; only the text is lost.
            Err(_) => Refusal::new(
                head.status,
                ErrorCode::Unknown,
                "the upstream registry's reason could not be read",
            )
            .into_response(),
        }
    }

    /// Reads a body whole, within bounds of size, time and memory.
    pub(super) async fn collect(&self, body: UpstreamBody, bytes_max: u64) -> Result<Bytes, CollectError> {
        let read = match self.whole_body.bound(pin!(self.bodies.collect(body, bytes_max))).await {
            Ok(read) => read,
            Err(Elapsed) => {
                Err(CollectError::Broken(format!("it did not arrive within {:?}", self.whole_body.wait())))
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

/// Registry that an image names when containerd pulls through a mirror (`?ns=`).
fn named_registry(uri: &Uri) -> Result<Option<Host>, Refusal> {
    Host::of_query(uri.query().unwrap_or_default()).map_err(|problem| {
        let message = format!("the query's `ns` is {problem}, and only one");
        Refusal::new(StatusCode::BAD_REQUEST, ErrorCode::NameInvalid, message)
    })
}

/// Builds the client's answer from the upstream's status and end-to-end headers.
pub(super) fn forwarded(head: http::response::Parts, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    let mut headers = head.headers;
    // `Connection` names further hop-by-hop headers.
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
