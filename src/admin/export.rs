//! Every observation as JSON Lines, in log order: a trace that `landfall replay` reads.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header;
use hyper::body::Frame;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::problem::Problem;
use super::{Answer, App};
use crate::log::{Events, ReadError};
use crate::model::event::Event;

/// Lines are handed on in chunks of about this size.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks that wait for a slow reader.
const CHUNKS_WAITING_MAX: usize = 4;
/// A reader that takes nothing for so long is given up: an open read keeps the store from reusing its pages.
const READER_TIMEOUT: Duration = Duration::from_secs(30);

type Chunk = Result<Bytes, ReadError>;

/// Hands out every recorded pull as JSON Lines, in log order: what `landfall replay` reads.
#[utoipa::path(get, path = "/export", tag = "operations", operation_id = "export",
    responses((status = 200, body = String, content_type = "application/jsonl")))]
pub(super) async fn export(State(app): State<Arc<App>>) -> Answer {
    let log = app.log.clone();
    let events = tokio::task::spawn_blocking(move || log.events()).await.map_err(|_| Problem::internal())?;
    let events = events.map_err(|error| {
        tracing::error!(%error, "the log cannot be read for an export");
        Problem::internal()
    })?;
    let (sender, chunks) = mpsc::channel(CHUNKS_WAITING_MAX);
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        for chunk in in_chunks(events) {
            let failed = chunk.as_ref().err().map(ToString::to_string);
            let sent = runtime.block_on(tokio::time::timeout(READER_TIMEOUT, sender.send(chunk)));
            if let Some(error) = failed {
                tracing::error!(error, "an export broke off: the log cannot be read");
            }
            // Nobody reads any more.
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    });
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], Body::new(Chunks(chunks))).into_response())
}

fn in_chunks(mut events: Events) -> impl Iterator<Item = Chunk> {
    let mut ended = false;
    std::iter::from_fn(move || {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + 1024);
        while !ended && chunk.len() < CHUNK_BYTES {
            match events.next() {
                Some(Ok((_, Event::Observed(observation)))) => {
                    // An observation is text and numbers: it always has a JSON form.
                    if serde_json::to_writer(&mut chunk, &observation).is_ok() {
                        chunk.push(b'\n');
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    ended = true;
                    return Some(Err(error));
                }
                None => ended = true,
            }
        }
        (!chunk.is_empty()).then(|| Ok(chunk.into()))
    })
}

/// A body of chunks as they come. An error breaks the answer off, so that half an export is never taken for a whole
/// one.
pub(super) struct Chunks<E>(pub(super) mpsc::Receiver<Result<Bytes, E>>);

impl<E> hyper::body::Body for Chunks<E> {
    type Data = Bytes;
    type Error = E;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}
