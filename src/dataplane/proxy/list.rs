//! Lists of a repository: its tags, and the referrers of a digest. Their links lead to the proxy.

use http::header::LINK;
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;
use tower_http::timeout::TimeoutBody;

use super::answer::forwarded;
use super::data_plane::Proxy;
use super::links;
use super::respond::{Body, Refusal};
use super::transfer::TransferError;
use super::upstream::{Target, UpstreamRequest};
use crate::model::oci::Route;
use crate::model::registries::Host;

impl Proxy {
    /// Forwards tags and referrers.
    pub(super) async fn forward_list(
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
}

/// Path of the list here.
fn own_path(route: &Route) -> Option<String> {
    match route {
        Route::Tags(repository) => Some(format!("/v2/{repository}/tags/list")),
        Route::Referrers(repository, digest) => Some(format!("/v2/{repository}/referrers/{digest}")),
        _ => None,
    }
}
