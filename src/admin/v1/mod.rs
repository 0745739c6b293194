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
pub(super) mod questions;
pub(super) mod releases;
pub(super) mod tokens;
pub(super) mod whoami;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

/// The routes below `/api/v1`, with what each says about itself; questions in plain English are in `ask`.
pub(super) fn api() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(environments::list, environments::create))
        .routes(routes!(environments::show, environments::update, environments::delete))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::rotate))
        .routes(routes!(questions::running))
        .routes(routes!(questions::timeline))
        .routes(routes!(questions::local))
        .routes(routes!(questions::deployment))
        .routes(routes!(questions::evidence))
        .routes(routes!(questions::missing))
        .routes(routes!(questions::history))
        .routes(routes!(questions::changes))
        .routes(routes!(questions::compare))
        .routes(routes!(questions::verify))
        .routes(routes!(questions::search))
        .routes(routes!(releases::list, releases::create))
        .routes(routes!(releases::show))
        .routes(routes!(deploys::create))
        .routes(routes!(deploys::show))
        .routes(routes!(deploys::list))
        .routes(routes!(admin_tokens::list, admin_tokens::create))
        .routes(routes!(admin_tokens::revoke))
        .routes(routes!(whoami::caller))
        .routes(routes!(audit::audit))
        .routes(routes!(events::events))
        .routes(routes!(export::export))
        .routes(routes!(backup::backup))
}
