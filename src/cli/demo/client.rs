//! The demo's clients: they ask what containerd and docker ask, in the same order.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use super::credentials::Credentials;
use super::registry::{INDEX, MANIFEST};
use crate::model::oci::Digest;

/// The two ways of pulling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runtime {
    /// containerd, as the kubelet drives it.
    Containerd,
    /// dockerd on somebody's machine.
    Docker,
}

/// A machine that pulls, with what it has already.
pub(super) struct Machine {
    runtime: Runtime,
    architecture: &'static str,
    proxy: SocketAddr,
    credentials: Credentials,
    http: Client<HttpConnector, Empty<Bytes>>,
    held: HashSet<Digest>,
}

/// The content that a pull brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pulled {
    pub(super) digest: Digest,
    /// Bytes of config and layers that came over the wire; 0 where everything was there already.
    pub(super) bytes: u64,
}

/// The reason why a pull did not work.
#[derive(Debug, thiserror::Error)]
pub(super) enum PullError {
    /// The connection failed, or broke off.
    #[error("{path}: no answer: {cause}")]
    NoAnswer {
        /// The path that was asked for.
        path: String,
        /// The cause.
        cause: String,
    },
    /// The answer has another status than a client needs to go on.
    #[error("{path}: answered {found}, expected {expected}")]
    Status {
        /// The path that was asked for.
        path: String,
        /// The status that was needed.
        expected: StatusCode,
        /// The status that came.
        found: StatusCode,
    },
    /// The answer to a HEAD does not say which digest the tag has.
    #[error("{path}: the answer has no Docker-Content-Digest")]
    NoDigest {
        /// The path that was asked for.
        path: String,
    },
    /// The content is not what was asked for.
    #[error("{path}: the content does not have the digest {expected}")]
    Corrupt {
        /// The path that was asked for.
        path: String,
        /// The digest that it should have.
        expected: Digest,
    },
    /// The content is no manifest.
    #[error("{path}: not a manifest: {cause}")]
    NotAManifest {
        /// The path that was asked for.
        path: String,
        /// The fault in it.
        cause: serde_json::Error,
    },
    /// The image is not built for this machine.
    #[error("no image for linux/{0} in the index")]
    NoPlatform(&'static str),
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    digest: Digest,
    platform: Platform,
}

#[derive(Deserialize)]
struct Platform {
    architecture: String,
}

#[derive(Deserialize)]
struct Manifest {
    config: Blob,
    layers: Vec<Blob>,
}

#[derive(Deserialize)]
struct Blob {
    digest: Digest,
}

impl Runtime {
    fn agent(self) -> &'static str {
        match self {
            Self::Containerd => "containerd/1.7.22",
            Self::Docker => {
                r"docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.10.14-linuxkit os/linux arch/arm64 UpstreamClient(Docker-Client/27.3.1 \(darwin\))"
            }
        }
    }
}

impl Machine {
    /// A machine at the address `at`; with none, it shares the system's choice.
    pub(super) fn new(
        runtime: Runtime,
        architecture: &'static str,
        at: Option<IpAddr>,
        proxy: SocketAddr,
        credentials: Credentials,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_local_address(at);
        let http = Client::builder(TokioExecutor::new()).build(connector);
        Self { runtime, architecture, proxy, credentials, http, held: HashSet::new() }
    }

    /// Pulls `repository:tag`, asking only for what this machine does not have.
    pub(super) async fn pull(&mut self, repository: &str, tag: &str) -> Result<Pulled, PullError> {
        let by_tag = format!("/v2/{repository}/manifests/{tag}");
        self.learn_challenge(&by_tag).await?;
        let head = self.ask(Method::HEAD, &by_tag, true, StatusCode::OK).await?;
        let digest = digest_of(&head).ok_or(PullError::NoDigest { path: by_tag })?;
        if self.held.contains(&digest) {
            return Ok(Pulled { digest, bytes: 0 });
        }
        let manifest = self.manifest(repository, digest, media_type_of(&head)).await?;
        let mut bytes = 0;
        for blob in std::iter::once(&manifest.config).chain(&manifest.layers) {
            if !self.held.contains(&blob.digest) {
                let path = format!("/v2/{repository}/blobs/{}", blob.digest);
                bytes += self.fetch(&path, blob.digest).await?.len() as u64;
            }
        }
        Ok(Pulled { digest, bytes })
    }

    /// containerd tries without credentials first, on the very path; docker on `/v2/`, once for each pull.
    async fn learn_challenge(&self, by_tag: &str) -> Result<(), PullError> {
        let (method, path) = match self.runtime {
            Runtime::Containerd => (Method::HEAD, by_tag),
            Runtime::Docker => (Method::GET, "/v2/"),
        };
        self.ask(method, path, false, StatusCode::UNAUTHORIZED).await.map(drop)
    }

    /// The image manifest behind a top-level digest: itself, or this platform's entry of an index.
    async fn manifest(
        &mut self,
        repository: &str,
        top: Digest,
        media_type: String,
    ) -> Result<Manifest, PullError> {
        let path = |digest| format!("/v2/{repository}/manifests/{digest}");
        if self.runtime == Runtime::Containerd {
            self.ask(Method::GET, &path(top), false, StatusCode::UNAUTHORIZED).await?;
        }
        let mut content = self.fetch(&path(top), top).await?;
        let mut read_from = path(top);
        if media_type == INDEX {
            let index: Index = parse(&read_from, &content)?;
            let ours = index.manifests.iter().find(|entry| entry.platform.architecture == self.architecture);
            let platform = ours.ok_or(PullError::NoPlatform(self.architecture))?.digest;
            read_from = path(platform);
            content = self.fetch(&read_from, platform).await?;
        }
        parse(&read_from, &content)
    }

    /// Gets content, checks that it has its digest, and keeps it.
    async fn fetch(&mut self, path: &str, digest: Digest) -> Result<Bytes, PullError> {
        let answer = self.ask(Method::GET, path, true, StatusCode::OK).await?;
        if Digest::of(answer.body()) != digest {
            return Err(PullError::Corrupt { path: path.to_owned(), expected: digest });
        }
        self.held.insert(digest);
        Ok(answer.into_body())
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        authenticated: bool,
        expected: StatusCode,
    ) -> Result<Response<Bytes>, PullError> {
        let no_answer = |cause: String| PullError::NoAnswer { path: path.to_owned(), cause };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.proxy))
            .header(header::USER_AGENT, self.runtime.agent())
            .header(header::ACCEPT, format!("{MANIFEST}, {INDEX}, */*"));
        if authenticated {
            request = request.header(header::AUTHORIZATION, self.credentials.authorization());
        }
        let request = request.body(Empty::new()).map_err(|error| no_answer(error.to_string()))?;
        let answer = self.http.request(request).await.map_err(|error| no_answer(error.to_string()))?;
        let found = answer.status();
        if found != expected {
            return Err(PullError::Status { path: path.to_owned(), expected, found });
        }
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| no_answer(error.to_string()))?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

fn digest_of(answer: &Response<Bytes>) -> Option<Digest> {
    answer.headers().get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

fn media_type_of(answer: &Response<Bytes>) -> String {
    let media_type = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type.unwrap_or_default().to_owned()
}

fn parse<'a, T: Deserialize<'a>>(path: &str, content: &'a [u8]) -> Result<T, PullError> {
    serde_json::from_slice(content).map_err(|cause| PullError::NotAManifest { path: path.to_owned(), cause })
}
