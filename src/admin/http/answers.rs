//! Good answers of handlers.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

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

/// 204: it is done, and there is nothing to say.
pub(in crate::admin) struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}
