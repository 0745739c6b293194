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

use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;

use super::auth::{self, Permit};
use super::client::ConnectionInfo;
use super::counters::RequestLabels;
use super::data_plane::Proxy;
use super::observe::{ClientIdentity, PendingObservation, ResponseSummary};
use super::respond::{Body, Refusal, version_check};
use super::upstream::{Resource, UpstreamRequest};
use crate::clock;
use crate::listen::host;
use crate::model::deployments::PULL;
use crate::model::oci::{ErrorCode, Malformed, Reference, Route};
use crate::model::registries::{Host, Unrouted};
use crate::model::time::Time;

/// Unknown registries that the server's log mentions.
const UNKNOWN_REGISTRIES_MAX: usize = 16;

impl Proxy {
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
        route: Result<Route, Malformed>,
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

    /// Step 1. Records a pull with a former token as an attempt, so that the environment's people see it; with an unknown
    /// secret as an unproven one, where the client names the environment.
    fn permit(
        &self,
        client: &ClientIdentity,
        head: &http::request::Parts,
        route: Option<&Route>,
    ) -> Result<Permit, Refusal> {
        let view = self.log.view();
        auth::authorize(&head.headers, &view.directory, clock::now()).map_err(|denial| {
            if head.headers.contains_key(http::header::AUTHORIZATION) {
                self.counters.refused_tokens.inc();
            }
            let is_told = denial.token.is_some() || denial.named.is_some();
            if let Some(route @ Route::Manifest(repository, _)) = route.filter(|_| is_told)
                && let Ok(ns) = Host::of_query(head.uri.query().unwrap_or_default())
                && let Ok(target) = self.upstreams.select(repository, ns.as_ref())
            {
                let is_head = head.method == Method::HEAD;
                if let Some(ended) = denial.token {
                    let pending = PendingObservation::refused(&ended, client, is_head, route, &target);
                    pending.into_iter().for_each(|pending| self.log_refused(pending, ended.ended_at));
                } else if let Some(named) = denial.named
                    && view.state.knows(target.repository())
                {
                    let pending = PendingObservation::unproven(named, client, is_head, route, &target);
                    pending.into_iter().for_each(|pending| self.log_refused(pending, None));
                }
            }
            match denial.may_be_new && self.log.is_behind() {
                true => Refusal::not_known_yet(),
                false => denial.refusal,
            }
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

/// Registry that an image names when containerd pulls through a mirror (`?ns=`).
fn named_registry(uri: &Uri) -> Result<Option<Host>, Refusal> {
    Host::of_query(uri.query().unwrap_or_default()).map_err(|problem| {
        let message = format!("the query's `ns` is {problem}, and only one");
        Refusal::new(StatusCode::BAD_REQUEST, ErrorCode::NameInvalid, message)
    })
}
