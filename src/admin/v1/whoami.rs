//! Whose token a request shows, for clients that offer only what it allows.

use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::audit::By;
use crate::admin::http::caller::Caller;
use crate::admin::{Answer, json};
use crate::model::act::Role;

/// Whose token it is, and what it allows.
#[derive(Serialize, ToSchema)]
#[schema(as = Caller)]
struct CallerView {
    #[serde(flatten)]
    who: By,
    role: Role,
}

/// Tells whose token the request shows, and what it allows.
#[utoipa::path(get, path = "/caller", tag = "administration", operation_id = "caller",
    responses((status = 200, body = CallerView)))]
pub(super) async fn caller(Caller { actor, role }: Caller) -> Answer {
    json(StatusCode::OK, &CallerView { who: actor.who.into(), role })
}
