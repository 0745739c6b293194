//! Whose token a request shows, for clients that offer only what it allows.

use http::StatusCode;

use super::caller::Caller;
use super::{Answer, json};
use crate::wire;

/// Tells whose token the request shows, and what it allows.
#[utoipa::path(get, path = "/caller", tag = "administration", operation_id = "caller",
    responses((status = 200, body = wire::Caller)))]
pub(super) async fn caller(Caller { actor, role }: Caller) -> Answer {
    json(StatusCode::OK, &wire::Caller { who: actor.who.into(), role: role.into() })
}
