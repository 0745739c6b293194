//! The control plane of an edge: probes, figures, and how far the replicas are. It has neither history nor the right to change
//! anything, so everything else is for a full replica, and the answer says so.

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::http::auth::{self, Access};
use super::http::described::route;
use super::http::gate::{self, Gate};
use super::http::problem::Problem;
use super::state::App;
use super::{operations, v1};

/// Everything that the admin listener of an edge serves; the API lies below `api`.
pub(super) fn router(app: App, api: &str) -> Router {
    let open = OpenApiRouter::new()
        .routes(routes!(operations::healthz))
        .routes(routes!(operations::readyz))
        .routes(routes!(operations::metrics))
        .routes(routes!(operations::status));
    let guarded = OpenApiRouter::new().nest(api, OpenApiRouter::new().routes(route!(v1::replicas::replicas)));
    let guarded = Router::from(guarded).layer(from_fn_with_state(Access::from_ref(&app), auth::guard));
    let elsewhere = async || Problem::edge();
    let all = Router::from(open).merge(guarded).fallback(elsewhere).method_not_allowed_fallback(elsewhere);
    all.layer(from_fn_with_state(Gate::from_ref(&app), gate::gate)).with_state(app)
}
