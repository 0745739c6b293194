//! A scripted server: the test says what each request is answered with, and reads what was asked.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::images::Image;

/// An answer's body; its error breaks the connection off.
pub type Body = BoxBody<Bytes, std::io::Error>;

/// A running server. It ends with this value.
pub struct Fake {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Request<()>>>>,
    task: JoinHandle<()>,
}

/// A body that is all there.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

impl Fake {
    /// Serves on a free port of 127.0.0.1.
    pub async fn start(
        answer: impl Fn(&Request<Incoming>) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<_>>>::default();
        let (answer, log) = (Arc::new(answer), asked.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, log) = (answer.clone(), log.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    log.lock().unwrap().push(head_of(&request));
                    let response = answer(&request);
                    async move { Ok::<_, Infallible>(response) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, asked, task }
    }

    /// A registry that has one image, under whatever name and tag it is asked for.
    pub async fn holding(image: Image) -> Self {
        Self::start(move |request| {
            let asked = request.uri().path().rsplit('/').next().unwrap();
            let blob = image.blobs.iter().find(|blob| blob.digest == asked);
            let is_manifest = request.uri().path().contains("/manifests/");
            let Some(content) = is_manifest.then_some(&image.manifest).or(blob) else {
                return Response::builder().status(404).body(full("")).unwrap();
            };
            let is_head = request.method() == Method::HEAD;
            let body = if is_head { Bytes::new() } else { content.bytes.clone() };
            let answer = Response::builder().header("content-type", content.media_type);
            let answer = answer.header("docker-content-digest", &content.digest);
            answer.header("content-length", content.bytes.len()).body(full(body)).unwrap()
        })
        .await
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far, as `METHOD /path?query`.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|request| format!("{} {}", request.method(), request.uri())).collect()
    }

    /// Every request so far, with its headers.
    pub fn requests(&self) -> Vec<Request<()>> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn head_of<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.headers_mut() = request.headers().clone();
    head
}
