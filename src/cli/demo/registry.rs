//! The demo's registry: the read side of the OCI distribution spec over content held in memory.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::credentials::Credentials;
use crate::model::oci::{Digest, ErrorCode, Reference, Repository, Route};

pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Every repository's content, by name.
#[derive(Default)]
pub(super) struct Shelf(BTreeMap<String, Contents>);

#[derive(Default)]
struct Contents {
    tags: BTreeMap<String, Digest>,
    manifests: HashMap<Digest, Content>,
    blobs: HashMap<Digest, Content>,
}

#[derive(Clone)]
struct Content {
    media_type: &'static str,
    bytes: Bytes,
}

/// The form in which a manifest or an index names content (image spec, "OCI Content Descriptors").
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: &'static str,
    pub(super) digest: Digest,
    /// Bytes.
    pub(super) size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<Value>,
}

struct Served {
    shelf: Shelf,
    /// The one `Authorization` that is let in.
    authorization: String,
}

/// A registry that is being served: private, as most are. It ends when this is dropped.
pub(super) struct Registry {
    pub(super) address: SocketAddr,
    served: Arc<Served>,
    server: tokio::task::JoinHandle<io::Result<()>>,
}

impl Registry {
    /// Serves `shelf` on a free port of the loopback interface, to whoever has `credentials`.
    pub(super) async fn start(shelf: Shelf, credentials: &Credentials) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let served = Arc::new(Served { shelf, authorization: credentials.authorization() });
        let router = Router::new().fallback(answer).with_state(served.clone());
        let server = tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { address, served, server })
    }

    /// The digest that a tag points at.
    pub(super) fn digest(&self, repository: &str, tag: &str) -> Option<Digest> {
        self.served.shelf.digest(repository, tag)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shelf {
    /// Stores a blob.
    pub(super) fn put_blob(
        &mut self,
        repository: &str,
        media_type: &'static str,
        bytes: Bytes,
    ) -> Descriptor {
        put(&mut self.contents(repository).blobs, media_type, bytes)
    }

    /// Stores a manifest or an index.
    pub(super) fn put_manifest(
        &mut self,
        repository: &str,
        media_type: &'static str,
        manifest: &Value,
    ) -> Descriptor {
        put(&mut self.contents(repository).manifests, media_type, manifest.to_string().into())
    }

    /// Points a tag at a manifest.
    pub(super) fn tag(&mut self, repository: &str, tag: &str, digest: Digest) {
        self.contents(repository).tags.insert(tag.to_owned(), digest);
    }

    /// The digest that a tag points at.
    pub(super) fn digest(&self, repository: &str, tag: &str) -> Option<Digest> {
        self.0.get(repository)?.tags.get(tag).copied()
    }

    fn contents(&mut self, repository: &str) -> &mut Contents {
        self.0.entry(repository.to_owned()).or_default()
    }
}

fn put(into: &mut HashMap<Digest, Content>, media_type: &'static str, bytes: Bytes) -> Descriptor {
    let digest = Digest::of(&bytes);
    let size = bytes.len();
    into.insert(digest, Content { media_type, bytes });
    Descriptor { media_type, digest, size, platform: None }
}

type Refusal = (StatusCode, ErrorCode);

async fn answer(State(served): State<Arc<Served>>, request: Request) -> Response {
    let authorization = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    if authorization != Some(served.authorization.as_bytes()) {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"demo registry\"")];
        return (challenge, refuse((StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized))).into_response();
    }
    look_up(&served.shelf, &request).unwrap_or_else(refuse)
}

fn refuse((status, code): Refusal) -> Response {
    let message = status.canonical_reason().unwrap_or_default().to_lowercase();
    let body = json!({ "errors": [{ "code": code.as_str(), "message": message }] });
    (status, Json(body)).into_response()
}

fn look_up(shelf: &Shelf, request: &Request) -> Result<Response, Refusal> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err((StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported));
    }
    let unknown = |code| (StatusCode::NOT_FOUND, code);
    let contents = |name: &Repository| shelf.0.get(name.as_str()).ok_or(unknown(ErrorCode::NameUnknown));
    match Route::parse(request.uri().path()).map_err(|malformed| unknown(malformed.code()))? {
        Route::Base => Ok(Json(json!({})).into_response()),
        Route::Manifest(name, reference) => {
            let contents = contents(&name)?;
            let digest = match &reference {
                Reference::Tag(tag) => contents.tags.get(tag.as_str()).copied(),
                Reference::Digest(digest) => Some(*digest),
            };
            let found = digest.and_then(|digest| Some((digest, contents.manifests.get(&digest)?)));
            let (digest, content) = found.ok_or(unknown(ErrorCode::ManifestUnknown))?;
            Ok(serve(digest, content, request))
        }
        Route::Blob(name, digest) => {
            // Manifests are content too: containerd may fetch one as a blob.
            let contents = contents(&name)?;
            let content = contents.blobs.get(&digest).or_else(|| contents.manifests.get(&digest));
            Ok(serve(digest, content.ok_or(unknown(ErrorCode::BlobUnknown))?, request))
        }
        Route::Tags(name) => {
            let tags: Vec<&String> = contents(&name)?.tags.keys().collect();
            Ok(Json(json!({ "name": name, "tags": tags })).into_response())
        }
        Route::Referrers(..) => {
            let none = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] });
            Ok(([(header::CONTENT_TYPE, INDEX)], none.to_string()).into_response())
        }
        Route::Catalog | Route::Upload => Err((StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported)),
    }
}

/// Content as it is, or the part of it that `Range` names. To a HEAD, hyper sends the head alone.
fn serve(digest: Digest, content: &Content, request: &Request) -> Response {
    let mut response = Response::builder()
        .header("docker-content-digest", digest.to_string())
        .header(header::ETAG, format!("\"{digest}\""))
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CONTENT_TYPE, content.media_type);
    let size = content.bytes.len();
    let body = match range(request.headers(), size) {
        Asked::Whole => content.bytes.clone(),
        Asked::Part { first, end } => {
            let last = end - 1;
            response = response
                .status(StatusCode::PARTIAL_CONTENT)
                .header(header::CONTENT_RANGE, format!("bytes {first}-{last}/{size}"));
            content.bytes.slice(first..end)
        }
        Asked::Outside => {
            response = response
                .status(StatusCode::RANGE_NOT_SATISFIABLE)
                .header(header::CONTENT_RANGE, format!("bytes */{size}"));
            Bytes::new()
        }
    };
    // Nothing in these headers can fail to parse; if one did, the answer says so instead of being wrong.
    response.body(Body::from(body)).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

enum Asked {
    Whole,
    /// The bytes `first..end`.
    Part {
        first: usize,
        end: usize,
    },
    Outside,
}

/// A single byte range (RFC 9110, section 14.1.2). A range that does not parse, and several ranges, get the whole.
fn range(headers: &HeaderMap, size: usize) -> Asked {
    let text = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) = text.and_then(|text| text.strip_prefix("bytes=")?.split_once('-')) else {
        return Asked::Whole;
    };
    let (first, end) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) if last.is_empty() => (first, size),
        (Err(_), Ok(tail)) if first.is_empty() => (size.saturating_sub(tail), size),
        _ => return Asked::Whole,
    };
    if first < end { Asked::Part { first, end } } else { Asked::Outside }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::client::{Machine, Pulled, Runtime};
    use super::*;

    const REPOSITORY: &str = "shop/payment-service";

    fn credentials() -> Credentials {
        Credentials { username: "puller".to_owned(), secret: "colons:are:allowed".to_owned() }
    }

    async fn start() -> (Registry, Digest) {
        let shelf = crate::cli::demo::images::shelf();
        let digest = shelf.digest(REPOSITORY, "v2.3.1").unwrap();
        (Registry::start(shelf, &credentials()).await.unwrap(), digest)
    }

    async fn get(at: SocketAddr, path: &str, range: &str) -> Response<Bytes> {
        use http_body_util::{BodyExt as _, Empty};
        use hyper_util::{client::legacy::Client, rt::TokioExecutor};
        let request = Request::get(format!("http://{at}{path}"))
            .header(header::AUTHORIZATION, credentials().authorization())
            .header(header::RANGE, range)
            .body(Empty::<Bytes>::new())
            .unwrap();
        let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
        let (head, body) = answer.into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    #[tokio::test]
    async fn both_runtimes_pull_an_index_and_then_only_what_is_new() {
        let (registry, digest) = start().await;
        for (runtime, architecture) in [(Runtime::Containerd, "amd64"), (Runtime::Docker, "arm64")] {
            let mut machine = Machine::new(runtime, architecture, None, registry.address, credentials());
            let first = machine.pull(REPOSITORY, "v2.3.0").await.unwrap();
            let second = machine.pull(REPOSITORY, "v2.3.1").await.unwrap();
            assert_eq!(second.digest, digest);
            assert!(first.bytes > 500_000, "with the base layer: {first:?}");
            assert!((1..10_000).contains(&second.bytes), "without the base layer: {second:?}");
            let again = machine.pull(REPOSITORY, "v2.3.1").await.unwrap();
            assert_eq!(again, Pulled { digest, bytes: 0 });
        }
    }

    #[tokio::test]
    async fn ranges_are_those_of_rfc_9110() {
        let (registry, digest) = start().await;
        let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
        let whole = get(registry.address, &path, "").await;
        assert_eq!(Digest::of(whole.body()), digest);
        let size = whole.body().len();
        let part = |first: usize, end: usize| {
            (206, format!("bytes {first}-{}/{size}", end - 1), whole.body().slice(first..end))
        };
        let outside = || (416, format!("bytes */{size}"), Bytes::new());
        for (asked, (status, content_range, body)) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=7-", part(7, size)),
            ("bytes=-5", part(size - 5, size)),
            ("bytes=10-999999", part(10, size)),
            ("bytes=999999-", outside()),
            ("bytes=-0", outside()),
        ] {
            let answer = get(registry.address, &path, asked).await;
            assert_eq!(answer.status().as_u16(), status, "{asked}");
            assert_eq!(answer.headers()[header::CONTENT_RANGE], content_range, "{asked}");
            assert_eq!(answer.body(), &body, "{asked}");
        }
    }

    #[tokio::test]
    async fn what_is_not_there_says_which() {
        let (registry, _) = start().await;
        let nothing = Digest::of(b"nothing");
        for (path, status, code) in [
            ("/v2/".to_owned(), 200, "{}"),
            (format!("/v2/{REPOSITORY}/tags/list"), 200, r#"["v2.3.0","v2.3.1","v2.3.2"]"#),
            (format!("/v2/{REPOSITORY}/referrers/{nothing}"), 200, r#""manifests":[]"#),
            (format!("/v2/{REPOSITORY}/manifests/v9"), 404, "MANIFEST_UNKNOWN"),
            (format!("/v2/{REPOSITORY}/manifests/{nothing}"), 404, "MANIFEST_UNKNOWN"),
            (format!("/v2/{REPOSITORY}/blobs/{nothing}"), 404, "BLOB_UNKNOWN"),
            ("/v2/shop/none/manifests/v1".to_owned(), 404, "NAME_UNKNOWN"),
            ("/v2/_catalog".to_owned(), 405, "UNSUPPORTED"),
        ] {
            let answer = get(registry.address, &path, "").await;
            assert_eq!(answer.status().as_u16(), status, "{path}");
            let body = String::from_utf8_lossy(answer.body());
            assert!(body.contains(code), "{path}: {body}");
        }
    }
}
