//! Every observation as JSON Lines, in log order: a trace that `landfall replay` reads.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header;

use crate::admin::http::problem::Problem;
use crate::admin::http::stream;
use crate::admin::{Answer, App};
use crate::log::{Events, ReadError};
use crate::model::event::Event;

/// Lines are handed on in blocks of about this size.
const BLOCK_BYTES: usize = 64 * 1024;

/// Hands out every recorded pull as JSON Lines, in log order: what `landfall replay` reads.
#[utoipa::path(get, path = "/export", tag = "operations", operation_id = "export",
    responses((status = 200, body = String, content_type = "application/jsonl"), (status = 503)))]
pub(super) async fn export(State(app): State<Arc<App>>) -> Answer {
    let (place, log) = (app.readers.place()?, app.log.clone());
    let events = tokio::task::spawn_blocking(move || log.events()).await.map_err(|_| Problem::internal())?;
    let events = events.map_err(|error| {
        tracing::error!(%error, "the log cannot be read for an export");
        Problem::log_unreadable()
    })?;
    let head = [(header::CONTENT_TYPE, "application/jsonl")];
    Ok((head, stream::body("an export", in_blocks(events), place)).into_response())
}

fn in_blocks(mut events: Events) -> impl Iterator<Item = Result<Bytes, ReadError>> {
    std::iter::from_fn(move || {
        let mut block = Vec::with_capacity(BLOCK_BYTES + 1024);
        while block.len() < BLOCK_BYTES {
            match events.next() {
                Some(Ok((_, Event::Observed(observation)))) => {
                    // An observation is text and numbers: it always has a JSON form.
                    if serde_json::to_writer(&mut block, &observation).is_ok() {
                        block.push(b'\n');
                    }
                }
                Some(Ok(_)) => {}
                // Nobody asks for more after this.
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        (!block.is_empty()).then(|| Ok(block.into()))
    })
}
