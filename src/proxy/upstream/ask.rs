//! What is asked of a registry.

use http::header::{
    ACCEPT, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use url::form_urlencoded;

use super::channel::{NO_BODY, Outgoing};
use crate::model::oci::{Digest, Reference};

/// The request headers that go on to a registry. Nothing about Landfall's client but its agent, nothing that
/// belongs to one connection, and not what it accepts compressed: nothing is.
const PASSED: [HeaderName; 8] =
    [ACCEPT, USER_AGENT, RANGE, IF_RANGE, IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];

/// A request for a registry, without the repository's name, which the [`Target`](super::Target) knows.
#[derive(Clone, Debug)]
pub struct Ask {
    /// GET or HEAD.
    pub method: Method,
    /// What for.
    pub what: What,
    /// The query of `tags/list` and `referrers`, as the client wrote it. Not used for anything else.
    pub query: Option<String>,
    /// The kind of connection that it goes over.
    pub line: Line,
    wait: Wait,
    /// Over a new connection: what comes over one that was kept was no answer to this request.
    pub(super) is_anew: bool,
    headers: HeaderMap,
}

/// What is waited for, which says how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// A manifest or a blob, which the registry may have to fetch first.
    Content,
    /// The rest of a blob that has begun to come: a silence like any other in its middle.
    Rest,
    /// What a registry or a token server has at hand.
    Small,
}

/// Kinds of connections, by what their answers are read with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Small reads, for small answers.
    Small,
    /// Large reads, for blobs.
    Bulk,
    /// The smallest reads, for blobs when there are many.
    Tight,
    /// A small read for the head, since the rest of the answer is taken with its socket. Where the registry speaks TLS,
    /// as `Bulk`.
    Bare,
}

/// The object of a request (distribution spec, "Endpoints").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
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

impl Ask {
    /// A request with those of the client's headers that are for the registry.
    pub fn new(method: Method, what: What, from: &HeaderMap) -> Self {
        let mut headers = HeaderMap::new();
        for name in PASSED {
            for value in from.get_all(&name) {
                headers.append(name.clone(), value.clone());
            }
        }
        let is_bulk = method == Method::GET && matches!(what, What::Blob(_));
        let line = if is_bulk { Line::Bulk } else { Line::Small };
        let wait = match what {
            What::Manifest(_) | What::Blob(_) => Wait::Content,
            What::Tags | What::Referrers(_) | What::Base => Wait::Small,
        };
        Self { method, what, query: None, line, wait, is_anew: false, headers }
    }

    /// The same request with another query.
    pub fn with_query(mut self, query: Option<&str>) -> Self {
        self.query = query.map(str::to_owned);
        self
    }

    /// The same request, over a new connection.
    pub(in crate::proxy) fn anew(&self) -> Self {
        Self { is_anew: true, ..self.clone() }
    }

    /// What goes on to the registry.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The same request for a part of the object, unconditional but for `If-Range`.
    pub(in crate::proxy) fn part(&self, range: HeaderValue, etag: Option<HeaderValue>) -> Self {
        let line = if self.line == Line::Bare { Line::Small } else { self.line };
        let mut part = Self { line, wait: Wait::Rest, ..self.clone() };
        for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE] {
            part.headers.remove(name);
        }
        part.headers.insert(RANGE, range);
        if let Some(etag) = etag {
            part.headers.insert(IF_RANGE, etag);
        }
        part
    }

    /// The request as it goes to `uri`.
    pub(super) fn outgoing<'a>(
        &'a self,
        uri: &'a Uri,
        authorization: Option<&'a HeaderValue>,
    ) -> Outgoing<'a> {
        Outgoing {
            method: &self.method,
            uri,
            headers: &self.headers,
            authorization,
            body: &NO_BODY,
            wait: self.wait,
            is_anew: self.is_anew,
        }
    }

    /// The path and query at a registry below `base` that knows the repository as `name`.
    pub(in crate::proxy) fn path(&self, base: &str, name: &str) -> String {
        let mut path = match &self.what {
            What::Manifest(reference) => format!("{base}/v2/{name}/manifests/{reference}"),
            What::Blob(digest) => format!("{base}/v2/{name}/blobs/{digest}"),
            What::Tags => format!("{base}/v2/{name}/tags/list"),
            What::Referrers(digest) => format!("{base}/v2/{name}/referrers/{digest}"),
            What::Base => format!("{base}/v2/"),
        };
        if let (What::Tags | What::Referrers(_), Some(query)) = (&self.what, &self.query) {
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
        let ask = Ask::new(Method::GET, What::Tags, &from);
        let mut passed: Vec<_> =
            ask.headers().iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
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
        let path =
            |what, query| Ask::new(Method::GET, what, &headers).with_query(query).path("", "library/a");
        assert_eq!(path(What::Tags, Some("n=2&ns=r.example&last=a")), "/v2/library/a/tags/list?n=2&last=a");
        assert_eq!(path(What::Tags, Some("ns=r.example&n%73=r.example")), "/v2/library/a/tags/list");
        assert_eq!(path(What::Blob(digest), Some("n=2")), format!("/v2/library/a/blobs/{digest}"));
        assert_eq!(
            path(What::Referrers(digest), Some("artifactType=a%2Fb")),
            format!("/v2/library/a/referrers/{digest}?artifactType=a%2Fb")
        );
    }
}
