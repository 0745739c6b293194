//! Requests to registries.

use http::header::{
    ACCEPT, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use url::form_urlencoded;

use super::connection::{NO_BODY, OutgoingRequest};
use super::limits::TimeoutClass;
use crate::model::oci::{Digest, Reference};

/// Client headers that are forwarded to a registry. Left out are headers about the client itself except its
/// user agent, hop-by-hop headers, and `Accept-Encoding`, because content must arrive unencoded.
const PASSED: [HeaderName; 8] =
    [ACCEPT, USER_AGENT, RANGE, IF_RANGE, IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];

/// A request to a registry, without the repository's name, which the [`Target`](super::Target) has.
#[derive(Clone, Debug)]
pub struct UpstreamRequest {
    /// GET or HEAD.
    pub method: Method,
    /// Requested object.
    pub resource: Resource,
    /// Client's query, used only for `tags/list` and `referrers`.
    pub query: Option<String>,
    /// Class of connections to use.
    pub lane: Lane,
    timeout_class: TimeoutClass,
    /// Use a new connection, because a kept one delivered a wrong answer.
    pub(super) needs_new_connection: bool,
    headers: HeaderMap,
}

/// Classes of connections, by the size of their reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Small reads, for small answers.
    Small,
    /// Large reads, for blobs.
    Bulk,
    /// The smallest reads, for many concurrent blobs.
    Tight,
    /// A small read for the head; the body's socket is taken afterwards. Over TLS the same as `Small`.
    Splice,
}

/// A registry's object (distribution spec, "Endpoints").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `manifests/<reference>`
    Manifest(Reference),
    /// `blobs/<digest>`
    Blob(Digest),
    /// `tags/list`
    Tags,
    /// `referrers/<digest>`
    Referrers(Digest),
    /// `/v2/` itself ("Determining Support")
    Base,
}

impl UpstreamRequest {
    /// Makes a request with the forwarded ones among the client's headers.
    pub fn new(method: Method, resource: Resource, from: &HeaderMap) -> Self {
        let mut headers = HeaderMap::new();
        for name in PASSED {
            for value in from.get_all(&name) {
                headers.append(name.clone(), value.clone());
            }
        }
        let is_bulk = method == Method::GET && matches!(resource, Resource::Blob(_));
        let lane = if is_bulk { Lane::Bulk } else { Lane::Small };
        let timeout_class = match resource {
            Resource::Manifest(_) | Resource::Blob(_) => TimeoutClass::Content,
            Resource::Tags | Resource::Referrers(_) | Resource::Base => TimeoutClass::Small,
        };
        Self { method, resource, query: None, lane, timeout_class, needs_new_connection: false, headers }
    }

    /// Sets the query.
    pub fn with_query(mut self, query: Option<&str>) -> Self {
        self.query = query.map(str::to_owned);
        self
    }

    /// Copies the request for a new connection.
    pub(in crate::proxy) fn on_new_connection(&self) -> Self {
        Self { needs_new_connection: true, ..self.clone() }
    }

    /// Forwarded headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Copies the request for a part of the object. Removes all conditions but `If-Range`.
    pub(in crate::proxy) fn for_range(&self, range: HeaderValue, etag: Option<HeaderValue>) -> Self {
        let lane = if self.lane == Lane::Splice { Lane::Small } else { self.lane };
        let mut ranged = Self { lane, timeout_class: TimeoutClass::Resume, ..self.clone() };
        for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE] {
            ranged.headers.remove(name);
        }
        ranged.headers.insert(RANGE, range);
        if let Some(etag) = etag {
            ranged.headers.insert(IF_RANGE, etag);
        }
        ranged
    }

    /// Converts the request into an HTTP request to `uri`.
    pub(super) fn outgoing<'a>(
        &'a self,
        uri: &'a Uri,
        authorization: Option<&'a HeaderValue>,
    ) -> OutgoingRequest<'a> {
        OutgoingRequest {
            method: &self.method,
            uri,
            headers: &self.headers,
            authorization,
            body: &NO_BODY,
            timeout_class: self.timeout_class,
            needs_new_connection: self.needs_new_connection,
        }
    }

    /// Path and query at a registry below `base` that knows the repository as `name`.
    pub(in crate::proxy) fn path(&self, base: &str, name: &str) -> String {
        let mut path = match &self.resource {
            Resource::Manifest(reference) => format!("{base}/v2/{name}/manifests/{reference}"),
            Resource::Blob(digest) => format!("{base}/v2/{name}/blobs/{digest}"),
            Resource::Tags => format!("{base}/v2/{name}/tags/list"),
            Resource::Referrers(digest) => format!("{base}/v2/{name}/referrers/{digest}"),
            Resource::Base => format!("{base}/v2/"),
        };
        if let (Resource::Tags | Resource::Referrers(_), Some(query)) = (&self.resource, &self.query) {
            // containerd's `ns` is for Landfall; see `Upstreams::select`.
            let is_ns = |pair: &&str| form_urlencoded::parse(pair.as_bytes()).any(|(key, _)| key == "ns");
            let kept = query.split('&').filter(|pair| !pair.is_empty() && !is_ns(pair));
            for (index, pair) in kept.enumerate() {
                path.push(if index == 0 { '?' } else { '&' });
                path.push_str(pair);
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_end_to_end_headers_go_on() {
        let mut from = HeaderMap::new();
        for (name, value) in [
            ("accept", "application/vnd.oci.image.index.v1+json"),
            ("accept", "*/*"),
            ("range", "bytes=1-2"),
            ("if-none-match", "\"a\""),
            ("user-agent", "containerd/1.7.2"),
            ("authorization", "Basic c2VjcmV0"),
            ("proxy-authorization", "Basic c2VjcmV0"),
            ("cookie", "a=b"),
            ("host", "proxy.example"),
            ("connection", "close"),
            ("te", "trailers"),
            ("accept-encoding", "gzip"),
            ("x-forwarded-for", "10.0.0.1"),
        ] {
            from.append(name, value.parse().unwrap());
        }
        let request = UpstreamRequest::new(Method::GET, Resource::Tags, &from);
        let mut passed: Vec<_> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        passed.sort();
        let expected = [
            ("accept", "*/*"),
            ("accept", "application/vnd.oci.image.index.v1+json"),
            ("if-none-match", "\"a\""),
            ("range", "bytes=1-2"),
            ("user-agent", "containerd/1.7.2"),
        ];
        assert_eq!(passed, expected.map(|(name, value)| (name, value.parse().unwrap())));
    }

    #[test]
    fn a_query_goes_on_where_the_spec_has_one() {
        let digest = Digest::of(b"a");
        let headers = HeaderMap::new();
        let path = |resource, query| {
            UpstreamRequest::new(Method::GET, resource, &headers).with_query(query).path("", "library/a")
        };
        assert_eq!(
            path(Resource::Tags, Some("n=2&ns=r.example&last=a")),
            "/v2/library/a/tags/list?n=2&last=a"
        );
        assert_eq!(path(Resource::Tags, Some("ns=r.example&n%73=r.example")), "/v2/library/a/tags/list");
        assert_eq!(path(Resource::Blob(digest), Some("n=2")), format!("/v2/library/a/blobs/{digest}"));
        assert_eq!(
            path(Resource::Referrers(digest), Some("artifactType=a%2Fb")),
            format!("/v2/library/a/referrers/{digest}?artifactType=a%2Fb")
        );
    }
}
