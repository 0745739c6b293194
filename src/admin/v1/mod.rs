//! Version 1 of the API: a file for each kind of thing.

pub(super) mod admin_tokens;
pub(super) mod apply;
pub(super) mod audit;
pub(super) mod backup;
pub(super) mod deploys;
pub(super) mod environments;
pub(super) mod events;
pub(super) mod export;
pub(super) mod instructions;
pub(super) mod news;
pub(super) mod planner;
pub(super) mod questions;
pub(super) mod reach;
pub(super) mod release_edits;
pub(super) mod releases;
pub(super) mod replicas;
pub(super) mod sightings;
mod slips;
pub(super) mod token_views;
pub(super) mod tokens;
pub(super) mod whoami;

use utoipa_axum::router::OpenApiRouter;

use super::http::described::route;
use super::state::App;

/// The routes below `/api/v1`, with what each says about itself; questions in plain English are in `ask`.
pub(super) fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(route!(environments::list))
        .routes(route!(environments::create))
        .routes(route!(environments::show))
        .routes(route!(environments::update))
        .routes(route!(environments::delete))
        .routes(route!(tokens::list))
        .routes(route!(tokens::create))
        .routes(route!(tokens::revoke))
        .routes(route!(tokens::rotate))
        .routes(route!(questions::running))
        .routes(route!(questions::timeline))
        .routes(route!(questions::local))
        .routes(route!(questions::deployment))
        .routes(route!(questions::evidence))
        .routes(route!(questions::missing))
        .routes(route!(questions::retain))
        .routes(route!(questions::history))
        .routes(route!(questions::changes))
        .routes(route!(questions::compare))
        .routes(route!(questions::verify))
        .routes(route!(questions::search))
        .routes(route!(sightings::report))
        .routes(route!(releases::list))
        .routes(route!(releases::create))
        .routes(route!(releases::show))
        .routes(route!(release_edits::edit))
        .routes(route!(release_edits::delete))
        .routes(route!(deploys::create))
        .routes(route!(deploys::show))
        .routes(route!(deploys::list))
        .routes(route!(admin_tokens::list))
        .routes(route!(admin_tokens::create))
        .routes(route!(admin_tokens::revoke))
        .routes(route!(whoami::caller))
        .routes(route!(audit::audit))
        .routes(route!(events::events))
        .routes(route!(export::export))
        .routes(route!(backup::backup))
        .routes(route!(replicas::replicas))
        .routes(route!(replicas::forget))
}
