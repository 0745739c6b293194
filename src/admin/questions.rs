//! The questions of `model::questions` over HTTP.

use std::sync::Arc;

use axum::extract::State;
use http::{StatusCode, Uri};

use super::fields::Fields;
use super::params::Params;
use super::problem::Problem;
use super::{Answer, App, json};
use crate::clock::now;
use crate::log::PastError;
use crate::model::deployments;
use crate::model::questions;
use crate::model::time::Time;

/// Deployments on one page, unless told.
const PAGE_DEFAULT: usize = 20;
/// Deployments on one page at most.
const PAGE_MAX: usize = 200;

/// `GET /api/v1/environments/{env}/running?at=T`; a time to come is answered as of now.
pub(super) async fn running(State(app): State<Arc<App>>, params: Params, uri: Uri) -> Answer {
    let at = Fields::from_query(&uri, &["at"])?.time("at")?;
    let (view, now) = (app.log.view(), now());
    let name = &params.environment(&view.directory)?.name;
    match at.filter(|at| *at < now) {
        None => json(StatusCode::OK, &questions::running(&view.state, name, now)),
        Some(at) => json(StatusCode::OK, &questions::running(&state_at(&app, at).await?, name, at)),
    }
}

/// `GET /api/v1/environments/{env}/deployments?limit=&before=`, newest first.
pub(super) async fn timeline(State(app): State<Arc<App>>, params: Params, uri: Uri) -> Answer {
    let query = Fields::from_query(&uri, &["limit", "before"])?;
    let limit = query.count("limit", PAGE_MAX)?.unwrap_or(PAGE_DEFAULT);
    let before = query.text("before")?;
    let (view, now) = (app.log.view(), now());
    let name = &params.environment(&view.directory)?.name;
    let is_known =
        |id| questions::deployment(&view.state, id, now).is_some_and(|found| found.environment == *name);
    if before.is_some_and(|id| !is_known(id)) {
        return Err(Problem::invalid("before", format!("must be a deployment of {name}")));
    }
    json(StatusCode::OK, &questions::timeline(&view.state, name, now, limit, before))
}

/// `GET /api/v1/deployments/{id}`
pub(super) async fn deployment(State(app): State<Arc<App>>, params: Params) -> Answer {
    let id = params.get("id");
    let found = questions::deployment(&app.log.view().state, id, now());
    json(StatusCode::OK, &found.ok_or_else(|| unknown_deployment(id))?)
}

/// `GET /api/v1/deployments/{id}/evidence`
pub(super) async fn evidence(State(app): State<Arc<App>>, params: Params) -> Answer {
    let id = params.get("id");
    let found = questions::evidence(&app.log.view().state, id, now());
    json(StatusCode::OK, &found.ok_or_else(|| unknown_deployment(id))?)
}

/// `GET /api/v1/environments/{env}/local`
pub(super) async fn local(State(app): State<Arc<App>>, params: Params) -> Answer {
    let view = app.log.view();
    let name = &params.environment(&view.directory)?.name;
    json(StatusCode::OK, &questions::local(&view.state, name))
}

fn unknown_deployment(id: &str) -> Problem {
    Problem::not_found(format!("there is no deployment `{id}`"))
}

/// What the log said at `at`: folded again, on a thread that may block.
async fn state_at(app: &App, at: Time) -> Result<deployments::State, Problem> {
    let _refolding = app.refolds.lock().await;
    let log = app.log.clone();
    match tokio::task::spawn_blocking(move || log.view_at(at)).await {
        Ok(Ok(view)) => Ok(view.state),
        Ok(Err(PastError::Removed { before })) => Err(Problem::invalid(
            "at",
            format!("must not be before {before}: older observations were removed"),
        )),
        Ok(Err(error)) => {
            tracing::error!(%error, "the log cannot be read for an answer about the past");
            Err(Problem::internal())
        }
        Err(error) => {
            tracing::error!(%error, "the fold for an answer about the past ended early");
            Err(Problem::internal())
        }
    }
}
