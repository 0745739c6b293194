//! The router of the admin listener, and the document that describes it.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use http::{HeaderValue, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::http::auth::{self, Access};
use super::http::gate::{self, Gate};
use super::http::in_process::InProcess;
use super::http::openapi;
use super::http::problem::Problem;
use super::state::{App, Settings};
use super::{ask, edge, operations, v1, webhooks};

/// Path of the API.
const API: &str = "/api/v1";

/// Everything that the admin listener serves.
pub(super) fn router(app: App) -> Router {
    if Arc::<Settings>::from_ref(&app).is_edge {
        return edge::router(app, API);
    }
    let (open, head) = open(&app).split_for_parts();
    let (v1, described) = v1::api().split_for_parts();
    let (ask, asked) = ask::api().split_for_parts();
    let document = openapi::finished(head.nest(API, described).nest(API, asked));

    // A tool's requests go the way of everybody's, as its caller. The model behind questions asks none of its own.
    let in_process = |api: Router<App>| {
        let api = with_fallbacks(api).with_state(app.clone());
        InProcess::new(api, document.clone(), FromRef::from_ref(&app))
    };
    let asking = ask::Asking::new(&app, in_process(v1.clone()));
    let v1 = v1.merge(ask.with_state(asking.clone()));
    #[cfg(feature = "mcp")]
    let mcp = super::mcp::router(in_process(v1.clone()), &app);
    let guarded = Router::new().nest(API, with_fallbacks(v1));
    #[cfg(feature = "mcp")]
    let guarded = guarded.merge(mcp);
    let guarded =
        guarded.layer(from_fn_with_state(Access::from_ref(&app), auth::guard)).layer(map_response(uncached));

    let all = open.merge(guarded).merge(openapi::router(openapi::PATH, document));
    #[cfg(feature = "dashboard")]
    let all = all.merge(super::pages::router(&app, asking));
    let all = with_fallbacks(all);
    #[cfg(feature = "dashboard")]
    let all = all.fallback(super::pages::no_such_page);
    all.layer(from_fn_with_state(Gate::from_ref(&app), gate::gate)).with_state(app)
}

/// Routes that need no token. A webhook's sender shows a signature in place of one.
fn open(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(operations::healthz))
        .routes(routes!(operations::readyz))
        .routes(routes!(operations::metrics))
        .routes(routes!(operations::status))
        .merge(webhooks::api(app))
}

fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .fallback(async || Problem::not_found("no such path"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
}

/// Answers change with every pull, and one of them holds a secret: no cache keeps them (RFC 9111 section 5.2.2.5).
async fn uncached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
