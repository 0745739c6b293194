//! Whose token a request shows, for clients that offer only what it allows.

use axum::response::IntoResponse;
use http::StatusCode;
use serde::Serialize;

use super::Answer;
use super::caller::Caller;
use crate::model::act::{Role, Who};
use crate::model::event::TokenId;

#[derive(Serialize)]
struct CallerView<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a TokenId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    role: Role,
}

/// `GET /api/v1/caller`
pub(super) async fn caller(caller: Caller) -> Answer {
    let (kind, id, name) = match &caller.actor.who {
        Who::Unknown => ("unknown", None, None),
        Who::TokenFile => ("token_file", None, None),
        Who::AdminToken { id, name } => ("admin_token", Some(id), Some(name.as_str())),
    };
    let view = CallerView { kind, id, name, role: caller.role };
    Ok((StatusCode::OK, axum::Json(view)).into_response())
}
