//! The feed as server-sent events (HTML, section 9.2): bounded in number, length and memory.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use futures_util::stream::{Stream, poll_fn};
use http::{HeaderMap, Uri};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;

use super::news;
use crate::admin::http::auth::Access;
use crate::admin::http::caller::Caller;
use crate::admin::http::fields::Fields;
use crate::admin::http::problem::Problem;
use crate::admin::state::feed::{Feed, News};
use crate::admin::state::seats::Seat;
use crate::clock::now;
use crate::log::Log;
use crate::model::event::EnvironmentName;

/// Time between two empty lines, so that neither end takes the other for gone; and between two looks at whether the token
/// is still accepted.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream ends after so long; the listener comes back by itself.
const STREAM_TIME_MAX: Duration = Duration::from_secs(30 * 60);
/// A listener that takes nothing for so long is given up.
const READER_TIMEOUT: Duration = Duration::from_secs(10);
/// Events that wait for a slow connection.
const EVENTS_WAITING_MAX: usize = 16;
/// A listener whose stream ended may come back after so long.
const RETRY: Duration = Duration::from_secs(2);

/// The news that a listener wants.
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
/// The stream ends after half an hour and with the server; the listener comes back. An event `missed` counts what a slow
/// listener missed.
#[utoipa::path(get, path = "/events", tag = "questions", operation_id = "events",
    params(
        ("environment" = Option<EnvironmentName>, Query, description = "Only what happens in this environment"),
        ("kinds" = Option<String>, Query, example = "pull,deployment",
            description = "Only events of these kinds: `pull`, `attempt`, `deployment`, `token`, `environment`, `release`, \
                           `admin_token`, `other`, separated by commas"),
    ),
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = 503)))]
pub(super) async fn events(
    State(access): State<Access>,
    State(log): State<Log>,
    State(feed): State<Arc<Feed>>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let query = Fields::from_query(&uri, &["environment", "kinds"])?;
    let wanted = Wanted {
        environment: super::audit::environment(&query)?
            .map(|name| log.view().directory.former().today(&name).clone()),
        kinds: query.text("kinds")?.map(|kinds| kinds.split(',').map(str::to_owned).collect()),
    };
    let seat = feed.seat(&caller.actor).map_err(Problem::too_many_streams)?;
    let news = feed.listen(|sender| {
        tokio::spawn(news::write(log, feed.clone(), sender));
    });
    let (sender, mut events) = mpsc::channel(EVENTS_WAITING_MAX);
    let listener = Listener { access, headers, wanted, closing: feed.closing(), _seat: seat };
    tokio::spawn(listener.serve(news, sender));
    Ok(Sse::new(poll_fn(move |context| events.poll_recv(context).map(|event| event.map(Ok)))))
}

/// A listener, whose stream ends where its token does.
struct Listener {
    access: Access,
    headers: HeaderMap,
    wanted: Wanted,
    closing: watch::Receiver<bool>,
    _seat: Seat,
}

impl Listener {
    /// Sends it the news that it wants, until it goes, is too slow, or may not listen any more.
    async fn serve(mut self, mut news: broadcast::Receiver<News>, events: mpsc::Sender<Event>) {
        let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        let end = tokio::time::sleep(STREAM_TIME_MAX);
        let mut end = std::pin::pin!(end);
        let mut next = Some(Event::default().retry(RETRY).comment("listening"));
        loop {
            if let Some(event) = next.take() {
                let sent = tokio::time::timeout(READER_TIMEOUT, events.send(event)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
            next = tokio::select! {
                received = news.recv() => match received {
                    Ok(news) => self.wanted.wants(&news).then_some(news.event),
                    Err(RecvError::Lagged(count)) => Some(news::missed(count).event),
                    Err(RecvError::Closed) => return,
                },
                _ = heartbeat.tick() => {
                    if !self.access.is_known(&self.headers, now()) {
                        return;
                    }
                    Some(Event::default().comment("heartbeat"))
                }
                () = events.closed() => return,
                _ = self.closing.changed() => return,
                () = &mut end => return,
            };
        }
    }
}
