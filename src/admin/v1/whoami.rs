//! Whose token a request shows, for clients that offer only what it allows.

use serde::Serialize;
use utoipa::ToSchema;

use super::audit::By;
use crate::admin::http::answers::Json;
use crate::admin::http::caller::Caller;
use crate::admin::http::problem::Problem;
use crate::model::act::Role;

/// Whose token it is, and what it allows.
#[derive(Serialize, ToSchema)]
#[schema(as = Caller)]
pub(super) struct CallerView {
    #[serde(flatten)]
    who: By,
    role: Role,
}

/// Tells whose token the request shows, and what it allows.
#[utoipa::path(get, path = "/caller", tag = "administration", operation_id = "caller")]
pub(super) async fn caller(Caller { actor, role }: Caller) -> Result<Json<CallerView>, Problem> {
    Ok(Json(CallerView { who: actor.who.into(), role }))
}
