//! Every observation as JSON Lines, in log order: a trace that `landfall replay` reads.

use std::borrow::Cow;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;

use crate::admin::http::problem::Problem;
use crate::admin::http::stream;
use crate::admin::state::readers::Readers;
use crate::log::{Events, Log, ReadError};
use crate::model::event::Observation;
use crate::model::former_names::FormerNames;

/// Lines are handed on in blocks of about this size.
const BLOCK_BYTES: usize = 64 * 1024;

/// Hands out every recorded pull as JSON Lines, in log order: what `landfall replay` reads.
#[utoipa::path(get, path = "/export", tag = "operations", operation_id = "export",
    responses((status = 200, body = String, content_type = "application/jsonl"), (status = 503)))]
pub(super) async fn export(
    State(log): State<Log>,
    State(readers): State<Readers>,
) -> Result<Response, Problem> {
    let permit = readers.permit().ok_or_else(Problem::too_many_streams)?;
    let former = log.view().directory.former().clone();
    let events = tokio::task::spawn_blocking(move || log.events()).await.map_err(|_| Problem::internal())?;
    let events = events.map_err(|error| {
        tracing::error!(%error, "the log cannot be read for an export");
        Problem::log_unreadable()
    })?;
    let head = [(header::CONTENT_TYPE, "application/jsonl")];
    Ok((head, stream::body("an export", in_blocks(events, former), permit)).into_response())
}

fn in_blocks(mut events: Events, former: FormerNames) -> impl Iterator<Item = Result<Bytes, ReadError>> {
    std::iter::from_fn(move || {
        let mut block = Vec::with_capacity(BLOCK_BYTES + 1024);
        while block.len() < BLOCK_BYTES {
            match events.next() {
                Some(Ok((_, event))) => {
                    let Some(observation) = event.observation() else { continue };
                    let observation = called(observation, &former);
                    // An observation is text and numbers: it always has a JSON form.
                    if serde_json::to_writer(&mut block, &*observation).is_ok() {
                        block.push(b'\n');
                    }
                }
                // Nobody asks for more after this.
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        (!block.is_empty()).then(|| Ok(block.into()))
    })
}

/// The observation under the name that its environment has today: who reads it knows of no other.
fn called<'a>(observation: &'a Observation, former: &FormerNames) -> Cow<'a, Observation> {
    let name = former.today(&observation.environment);
    if *name == observation.environment {
        return Cow::Borrowed(observation);
    }
    Cow::Owned(Observation { environment: name.clone(), ..observation.clone() })
}
