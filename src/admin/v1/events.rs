//! What happens, as server-sent events (HTML, section 9.2): bounded in number, length and memory.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::{HeaderMap, Uri, header};
use hyper::body::Frame;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc};
use tokio::time::Instant;

use super::news::{self, News};
use crate::admin::http::auth::is_known;
use crate::admin::http::fields::Fields;
use crate::admin::http::problem::Problem;
use crate::admin::{Answer, App};
use crate::clock::now;
use crate::model::event::EnvironmentName;

/// A line that says nothing, so that neither end takes the other for gone; also how often it is asked whether the
/// token is still accepted.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream ends after so long; the listener comes back by itself.
const STREAM_TIME_MAX: Duration = Duration::from_secs(30 * 60);
/// A listener that takes nothing for so long is given up.
const READER_TIMEOUT: Duration = Duration::from_secs(10);
/// Events that wait for a slow connection.
const FRAMES_WAITING_MAX: usize = 16;
/// The first bytes: that it works, and that a listener whose stream ended may come back after two seconds.
const GREETING: &[u8] = b"retry: 2000\n: listening\n\n";
const BEAT: &[u8] = b": heartbeat\n\n";

/// Which news a listener wants.
struct Wanted {
    environment: Option<EnvironmentName>,
    kinds: Option<Vec<String>>,
}

impl Wanted {
    fn wants(&self, news: &News) -> bool {
        let is_here =
            self.environment.is_none() || news.environment.is_none() || news.environment == self.environment;
        let is_kind = |kinds: &Vec<String>| kinds.iter().any(|kind| kind == news.kind);
        news.kind == "missed" || is_here && self.kinds.as_ref().is_none_or(is_kind)
    }
}

/// Tells what happens from now on, as server-sent events: pulls, deployments and changes.
///
/// The stream ends after half an hour and with the server; whoever listens comes back. What a slow listener missed is
/// told as `missed`.
#[utoipa::path(get, path = "/events", tag = "questions", operation_id = "events",
    params(
        ("environment" = Option<EnvironmentName>, Query, description = "Only what happens in this environment"),
        ("kinds" = Option<String>, Query, example = "pull,deployment",
            description = "Only events of these kinds: `pull`, `attempt`, `deployment`, `token`, `environment`, `release`, \
                           `admin_token`, `other`, separated by commas"),
    ),
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = 503)))]
pub(super) async fn events(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Answer {
    let query = Fields::from_query(&uri, &["environment", "kinds"])?;
    let wanted = Wanted {
        environment: super::audit::environment(&query)?,
        kinds: query.text("kinds")?.map(|kinds| kinds.split(',').map(str::to_owned).collect()),
    };
    let place = app.feed.places.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::too_many_streams())?;
    let news = app.feed.listen(&app);
    let (sender, frames) = mpsc::channel(FRAMES_WAITING_MAX);
    tokio::spawn(stream(app, headers, wanted, news, sender, place));
    let head = [(header::CONTENT_TYPE, "text/event-stream")];
    Ok((head, Body::new(Frames(frames))).into_response())
}

async fn stream(
    app: Arc<App>,
    headers: HeaderMap,
    wanted: Wanted,
    mut news: broadcast::Receiver<News>,
    frames: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
) {
    let mut closing = app.feed.closing();
    let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    let end = tokio::time::sleep(STREAM_TIME_MAX);
    let mut end = std::pin::pin!(end);
    let mut next = Some(Bytes::from_static(GREETING));
    loop {
        if let Some(frame) = next.take() {
            let sent = tokio::time::timeout(READER_TIMEOUT, frames.send(frame)).await;
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
        next = tokio::select! {
            told = news.recv() => match told {
                Ok(news) => wanted.wants(&news).then_some(news.frame),
                Err(RecvError::Lagged(count)) => Some(news::missed(count).frame),
                Err(RecvError::Closed) => return,
            },
            _ = heartbeat.tick() => {
                if !is_known(&app, &headers, now()) {
                    return;
                }
                Some(Bytes::from_static(BEAT))
            }
            () = frames.closed() => return,
            _ = closing.changed() => return,
            () = &mut end => return,
        };
    }
}

/// Events as they come. A stream has no end that could come too soon.
struct Frames(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|frame| frame.map(Frame::data).map(Ok))
    }
}
