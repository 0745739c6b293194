//! Requests to the daemon: HTTP over its socket, a connection for each.

use std::path::PathBuf;
use std::time::Duration;

use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::read::{Image, Inspected, RawContainer};

/// Longest wait for an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest answer.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Events of containers. One line for each; what it says does not matter.
const EVENTS: &str = "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D";

/// Reasons why the daemon cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("cannot connect to {0}: {1}")]
    Connect(String, #[source] std::io::Error),
    #[error("the daemon broke off: {0}")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the daemon does not answer in time")]
    Late,
    #[error("the daemon refuses {0} ({1})")]
    Refused(String, StatusCode),
    #[error("the answer is not that of a Docker daemon: {0}")]
    NotDocker(#[from] serde_json::Error),
}

/// The daemon.
pub(super) struct Api {
    socket: PathBuf,
}

/// The events of the daemon.
pub(super) struct Events(Incoming);

impl Events {
    /// Waits for something to happen.
    pub(super) async fn next(&mut self) -> Result<(), ApiError> {
        match self.0.frame().await {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(ApiError::Broken(error.into())),
            None => Err(ApiError::Broken("it ended its events".into())),
        }
    }
}

impl Api {
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// The answer to a request; none where there is no such thing.
    async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, ApiError> {
        let answer = async {
            let (status, body) = self.request(path).await?;
            let body =
                Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(ApiError::Broken)?.to_bytes();
            match status {
                StatusCode::OK => Ok(Some(serde_json::from_slice(&body)?)),
                StatusCode::NOT_FOUND => Ok(None),
                status => Err(ApiError::Refused(path.to_owned(), status)),
            }
        };
        timeout(ANSWER_TIME_MAX, answer).await.map_err(|_| ApiError::Late)?
    }

    /// The answer to a request for what is always there.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        let found = self.find(path).await?;
        found.ok_or_else(|| ApiError::Refused(path.to_owned(), StatusCode::NOT_FOUND))
    }

    /// The fixed part of a container, and its image; none where it is gone.
    pub(super) async fn inspect(&self, id: &str) -> Result<Option<Inspected>, ApiError> {
        let Some(container) = self.find::<RawContainer>(&format!("/containers/{id}/json")).await? else {
            return Ok(None);
        };
        // An image may be removed while a container runs it.
        let image: Option<Image> = self.find(&format!("/images/{}/json", container.image)).await?;
        Ok(Some(Inspected::new(container, image.unwrap_or_default())))
    }

    /// The events from now on.
    pub(super) async fn events(&self) -> Result<Events, ApiError> {
        let answer = timeout(ANSWER_TIME_MAX, self.request(EVENTS)).await.map_err(|_| ApiError::Late)?;
        match answer? {
            (StatusCode::OK, body) => Ok(Events(body)),
            (status, _) => Err(ApiError::Refused(EVENTS.to_owned(), status)),
        }
    }

    async fn request(&self, path: &str) -> Result<(StatusCode, Incoming), ApiError> {
        let broken = |error: hyper::Error| ApiError::Broken(error.into());
        let stream = UnixStream::connect(&self.socket).await;
        let stream = stream.map_err(|error| ApiError::Connect(self.socket.display().to_string(), error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Ends with the answer's body, or when nobody waits for it any more.
        tokio::spawn(connection);
        let request = Request::get(path).header(header::HOST, "docker").body(Empty::<Bytes>::new());
        let request = request.map_err(|error| ApiError::Broken(error.into()))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        Ok((response.status(), response.into_body()))
    }
}
