//! The caller whose token a request shows, for clients that offer only what it allows.

use crate::admin::http::answers::Json;
use crate::admin::http::caller::Caller;
use crate::admin::http::problem::Problem;
use crate::wire;

/// Tells whose token the request shows, and what it allows.
#[utoipa::path(get, path = "/caller", tag = "administration", operation_id = "caller")]
pub(super) async fn caller(Caller { actor, role }: Caller) -> Result<Json<wire::Caller>, Problem> {
    Ok(Json(wire::Caller { who: actor.who.into(), role: role.into() }))
}
