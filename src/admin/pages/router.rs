//! The routes of the dashboard, its assets, and the headers that every page has.

use axum::Router;
use axum::middleware::{from_extractor_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use super::page::guarded;
use super::visitor::Visitor;
use super::{
    activity, ask, compare, deployment, environment, home, insights, login, pins, plan, releases, replicas,
    retain, search, service, settings, tokens,
};
use crate::admin::ask::Asking;
use crate::admin::state::App;

/// The routes of pages. Nobody sees one, or does anything there, without a session: the layer asks for a [`Visitor`]
/// whatever a handler takes. The login and the assets are for everybody.
pub(in crate::admin) fn router(app: &App, asking: Asking) -> Router<App> {
    let pages = Router::new()
        .route("/", get(home::show))
        .route("/pins", post(pins::pin))
        .route("/environments", get(settings::blank).post(settings::create))
        .route("/environments/{env}", get(environment::show))
        .route("/environments/{env}/tokens", get(tokens::list).post(tokens::create))
        .route("/environments/{env}/tokens/{id}", get(tokens::created))
        .route("/environments/{env}/tokens/{id}/revoke", post(tokens::revoke))
        .route("/environments/{env}/tokens/{id}/rotate", post(tokens::rotate))
        .route("/environments/{env}/settings", get(settings::show).post(settings::change))
        .route("/environments/{env}/delete", post(settings::delete))
        .route("/environments/{env}/deploys", post(plan::make))
        .route("/deploys/{id}", get(plan::show))
        .route("/deploys/{id}/apply", post(plan::apply))
        .route("/services/{*repository}", get(service::show))
        .route("/deployments/{id}", get(deployment::show))
        .route("/compare", get(compare::show))
        .route("/releases", get(releases::list))
        .route("/releases/{id}", get(releases::show))
        .route("/search", get(search::show))
        .route("/insights", get(insights::show))
        .route("/activity", get(activity::show))
        .route("/replicas", get(replicas::show))
        .route("/retain", get(retain::show))
        .route("/replicas/{name}/forget", post(replicas::forget))
        .route_layer(from_extractor_with_state::<Visitor, App>(app.clone()));
    let asks = ask::router(app, asking, pages.clone());
    Router::new()
        .route("/login", get(login::form).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/style.css", get(async || asset("text/css; charset=utf-8", include_str!("assets/style.css"))))
        .route(
            "/app.js",
            get(async || asset("text/javascript; charset=utf-8", include_str!("assets/app.js"))),
        )
        .route(
            "/ask.js",
            get(async || asset("text/javascript; charset=utf-8", include_str!("assets/ask.js"))),
        )
        .route("/icon.svg", get(async || asset("image/svg+xml", include_str!("assets/icon.svg"))))
        .merge(pages)
        .merge(asks)
        .layer(map_response(async |response: Response| guarded(response)))
        // A page's proof of its session may be compressed beside what a visitor searched for: no other site's page can
        // make a browser ask with the session's cookie (SameSite=Strict), so nobody can compare lengths.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}

fn asset(media_type: &'static str, text: &'static str) -> impl IntoResponse {
    // A new release is seen after an hour at the latest.
    ([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "private, max-age=3600")], text)
}
