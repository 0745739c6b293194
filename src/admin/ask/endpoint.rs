//! The endpoint of a language model: one request, one answer, or why there is none.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::chat;
use super::pieces::Pieces;
use crate::config;
use crate::tls;

/// Time that a connection is kept without a request: below what servers allow, for a request on one that the other side is
/// closing just then is lost. Some close after 5 s.
const IDLE_MAX: Duration = Duration::from_secs(3);
/// Conversations at once; a further question gets the answer that it would get without a model.
const CONVERSATIONS_MAX: usize = 4;
/// Longest answer that is read: a model's words and calls, not its thoughts.
const REPLY_BYTES_MAX: usize = 256 * 1024;

/// The reason why a model gave no answer. No text of the endpoint's is in it, and no key.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{CONVERSATIONS_MAX} questions are with it already")]
    Busy,
    #[error("there was none within {} s", .0.as_secs_f32())]
    Late(Duration),
    #[error("its endpoint cannot be reached: {0}")]
    Unreachable(String),
    #[error("its endpoint answered with status {}", .0.as_u16())]
    Status(StatusCode),
    #[error("its endpoint's answer is none of Chat Completions: {0}")]
    Garbage(String),
    #[error("it said nothing")]
    Silent,
    #[error("it looked nothing up, so nothing proves what it said")]
    Unproven,
    #[error("it went on looking things up and came to no end")]
    Endless,
}

impl Failure {
    /// The same for whoever asked, who need not know where the endpoint is.
    pub(super) fn for_clients(&self) -> String {
        match self {
            Self::Unreachable(_) | Self::Status(_) | Self::Garbage(_) => "its endpoint failed".to_owned(),
            other => other.to_string(),
        }
    }
}

/// An OpenAI-compatible endpoint.
pub(super) struct Endpoint {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: String,
    pub(super) model: String,
    authorization: Option<HeaderValue>,
    pub(super) timeout: Duration,
    turns: Semaphore,
}

impl Endpoint {
    /// The endpoint that the settings name. Nothing is asked yet.
    ///
    /// # Errors
    /// TLS, or the key, cannot be used; in words.
    pub(super) fn new(ask: &config::AskConfig) -> Result<Self, String> {
        let tls = tls::client_config(None).map_err(|error| error.to_string())?;
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let authorization = ask.api_key.as_ref().map(|key| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", key.reveal()))?;
            value.set_sensitive(true);
            Ok(value)
        });
        let wrong = |_: http::header::InvalidHeaderValue| "the API key is no header's value".to_owned();
        Ok(Self {
            http: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_MAX)
                .build(connector),
            url: format!("{}/chat/completions", ask.model_url.as_str().trim_end_matches('/')),
            model: ask.model.clone(),
            authorization: authorization.transpose().map_err(wrong)?,
            timeout: ask.timeout,
            turns: Semaphore::new(CONVERSATIONS_MAX),
        })
    }

    /// The right to begin a conversation.
    pub(super) fn turn(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.turns.try_acquire().map_err(|_| Failure::Busy)
    }

    /// Sends a conversation as JSON; returns what the model says next, and lets `hear` have its words as they come, where
    /// they come one by one. Redirects are not followed. There is no timeout here: the whole conversation has one.
    pub(super) async fn say(&self, conversation: String, hear: impl Fn(&str)) -> Result<chat::Said, Failure> {
        let mut request = Request::builder().method(Method::POST).uri(&self.url);
        request = request.header(header::CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Full::from(conversation));
        let request = request.map_err(|error| Failure::Unreachable(error.to_string()))?;
        let response = self.http.request(request).await;
        let response = response.map_err(|error| {
            // Its own text says only that something failed.
            Failure::Unreachable(error.source().map_or_else(|| error.to_string(), ToString::to_string))
        })?;
        if response.status() != StatusCode::OK {
            return Err(Failure::Status(response.status()));
        }
        let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let is_stream = media_type.is_some_and(|it| it.starts_with("text/event-stream"));
        let body = Limited::new(response.into_body(), REPLY_BYTES_MAX);
        if is_stream { piecewise(body, hear).await } else { whole(body).await }
    }
}

/// A text that comes word by word.
async fn piecewise(mut body: Limited<Incoming>, hear: impl Fn(&str)) -> Result<chat::Said, Failure> {
    let mut pieces = Pieces::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::Garbage(error.to_string()))?;
        let Some(bytes) = frame.data_ref() else { continue };
        let garbled = |_| Failure::Garbage("one of its pieces is no JSON of theirs".to_owned());
        pieces.take(bytes, &hear).map_err(garbled)?;
    }
    Ok(pieces.whole())
}

async fn whole(body: Limited<Incoming>) -> Result<chat::Said, Failure> {
    let body = body.collect().await;
    let body = body.map_err(|error| Failure::Garbage(error.to_string()))?.to_bytes();
    let garbage = |error: serde_json::Error| Failure::Garbage(format!("at byte {}", error.column()));
    let reply: chat::Reply = serde_json::from_slice(&body).map_err(garbage)?;
    let first = reply.choices.into_iter().next();
    first.map(|choice| choice.message).ok_or_else(|| Failure::Garbage("it has no choices".to_owned()))
}
