//! The log's ground state as a file to keep: what `landfall restore` makes a log of.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Method, header};

use crate::admin::http::caller::Admin;
use crate::admin::http::problem::Problem;
use crate::admin::http::stream;
use crate::admin::state::changes::{Author as _, Changes};
use crate::admin::state::readers::Readers;
use crate::clock::now;
use crate::log::Log;
use crate::model::act::Action;

/// Hands out a backup of the running server: everything that `landfall restore` needs. Pulls go on meanwhile.
///
/// It holds everything that was answered before it was asked for. It has the hashes of all tokens, so a viewer gets none,
/// and the audit trail says who took one. It ends with a checksum; an answer that breaks off is none.
#[utoipa::path(get, path = "/backup", tag = "operations", operation_id = "backup",
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 403), (status = 503)))]
pub(super) async fn backup(
    State(log): State<Log>,
    State(changes): State<Changes>,
    State(readers): State<Readers>,
    admin: Admin,
    method: Method,
) -> Result<Response, Problem> {
    let head = [(header::CONTENT_TYPE, "application/octet-stream")];
    if method == Method::HEAD {
        return Ok(head.into_response());
    }
    let permit = readers.of(admin.actor()).map_err(Problem::too_many_streams)?;
    // First, so that it is in the backup, too.
    changes.append(&admin, now(), Action::BackupTaken).await?;
    let blocks = tokio::task::spawn_blocking(move || log.backup()).await.map_err(|_| Problem::internal())?;
    let blocks = blocks.map_err(|error| {
        tracing::error!(%error, "the log cannot be read for a backup");
        Problem::log_unreadable()
    })?;
    Ok((head, stream::body("a backup", blocks, permit)).into_response())
}
