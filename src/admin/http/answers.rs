//! Good answers of handlers.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use crate::wire::Revocation;

/// 200, and this.
pub(in crate::admin) use axum::Json;

/// 200, and a list.
pub(in crate::admin) struct List<T>(pub(in crate::admin) Vec<T>);

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        Json(self.0).into_response()
    }
}

/// 201, and what was made.
pub(in crate::admin) struct Created<T>(pub(in crate::admin) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

/// 201 and what was made, or 200 and what was there already.
pub(in crate::admin) enum Stored<T> {
    Created(T),
    Known(T),
}

impl<T: Serialize> IntoResponse for Stored<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Created(made) => Created(made).into_response(),
            Self::Known(known) => Json(known).into_response(),
        }
    }
}

/// 202: it was taken, and this.
pub(in crate::admin) struct Accepted<T>(pub(in crate::admin) T);

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

/// 204 where every server of the log has confirmed a revocation, or 200 and those that have not.
pub(in crate::admin) struct Revoked(pub(in crate::admin) Revocation);

impl IntoResponse for Revoked {
    fn into_response(self) -> Response {
        if self.0.unconfirmed.is_empty() { Done.into_response() } else { Json(self.0).into_response() }
    }
}

/// 204: it is done, and there is nothing to say.
pub(in crate::admin) struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}
