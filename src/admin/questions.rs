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
use crate::model::event::EnvironmentName;
use crate::model::oci::{Malformed, Repository};
use crate::model::questions;
use crate::model::time::{Span, Time};

/// Deployments on one page, unless told.
const PAGE_DEFAULT: usize = 20;
/// Deployments on one page at most.
const PAGE_MAX: usize = 200;

/// Candidates that `verify` shows at most.
pub(super) const CANDIDATES: usize = 5;
/// Longest description of a change.
const QUERY_CHARS_MAX: usize = 500;
/// The stretch whose changes are told, unless told otherwise.
const CHANGES_SPAN: Span = Span::from_mins(7 * 24 * 60);

/// Tells what runs in an environment, now or at a time; a time to come is answered as of now.
#[utoipa::path(get, path = "/environments/{env}/running", tag = "questions", operation_id = "running",
    params(("at" = Option<Time>, Query, description = "As of when")),
    responses((status = 200, body = questions::Running)))]
pub(super) async fn running(State(app): State<Arc<App>>, params: Params, uri: Uri) -> Answer {
    let at = Fields::from_query(&uri, &["at"])?.time("at")?;
    let (view, now) = (app.log.view(), now());
    let name = &params.environment(&view.directory)?.name;
    match at.filter(|at| *at < now) {
        None => json(StatusCode::OK, &questions::running(&view.state, name, now)),
        Some(at) => json(StatusCode::OK, &questions::running(&state_at(&app, at).await?, name, at)),
    }
}

/// Lists an environment's deployments, the newest first.
#[utoipa::path(get, path = "/environments/{env}/deployments", tag = "questions", operation_id = "deployments",
    params(
        ("limit" = Option<u16>, Query, description = "Deployments on the page; 20 unless told", minimum = 1, maximum = 200),
        ("before" = Option<String>, Query, description = "Only those before this deployment"),
    ),
    responses((status = 200, body = questions::Timeline)))]
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

/// Shows a deployment.
#[utoipa::path(get, path = "/deployments/{id}", tag = "questions", operation_id = "deployment",
    responses((status = 200, body = questions::Deployment)))]
pub(super) async fn deployment(State(app): State<Arc<App>>, params: Params) -> Answer {
    let id = params.get("id");
    let found = questions::deployment(&app.log.view().state, id, now());
    json(StatusCode::OK, &found.ok_or_else(|| unknown_deployment(id))?)
}

/// Shows the pulls behind a deployment.
#[utoipa::path(get, path = "/deployments/{id}/evidence", tag = "questions", operation_id = "evidence",
    responses((status = 200, body = questions::Evidence)))]
pub(super) async fn evidence(State(app): State<Arc<App>>, params: Params) -> Answer {
    let id = params.get("id");
    let found = questions::evidence(&app.log.view().state, id, now());
    json(StatusCode::OK, &found.ok_or_else(|| unknown_deployment(id))?)
}

/// Lists the pulls of people's machines, which changed nothing.
#[utoipa::path(get, path = "/environments/{env}/local", tag = "questions", operation_id = "local",
    responses((status = 200, body = [questions::LocalPull])))]
pub(super) async fn local(State(app): State<Arc<App>>, params: Params) -> Answer {
    let view = app.log.view();
    let name = &params.environment(&view.directory)?.name;
    json(StatusCode::OK, &questions::local(&view.state, name))
}

/// Tells whether an environment is up to date, and what it lacks.
#[utoipa::path(get, path = "/environments/{env}/missing", tag = "questions", operation_id = "missing",
    responses((status = 200, body = questions::Missing)))]
pub(super) async fn missing(State(app): State<Arc<App>>, params: Params) -> Answer {
    let view = app.log.view();
    let name = &params.environment(&view.directory)?.name;
    json(StatusCode::OK, &questions::missing(&view.state, name, now()))
}

/// Tells the history of one service, the newest change first.
#[utoipa::path(get, path = "/environments/{env}/history", tag = "questions", operation_id = "history",
    params(
        ("repository" = Repository, Query, description = "Which service"),
        ("limit" = Option<u16>, Query, description = "Changes; 20 unless told", minimum = 1, maximum = 200),
    ),
    responses((status = 200, body = questions::History)))]
pub(super) async fn history(State(app): State<Arc<App>>, params: Params, uri: Uri) -> Answer {
    let query = Fields::from_query(&uri, &["repository", "limit"])?;
    let limit = query.count("limit", PAGE_MAX)?.unwrap_or(PAGE_DEFAULT);
    let repository: Repository = query
        .required_text("repository")?
        .parse()
        .map_err(|error: Malformed| Problem::invalid("repository", error.to_string()))?;
    let view = app.log.view();
    let name = &params.environment(&view.directory)?.name;
    let unknown = || Problem::not_found(format!("`{name}` was never seen to pull `{repository}`"));
    let history = questions::history(&view.state, name, &repository, now(), limit).ok_or_else(unknown)?;
    json(StatusCode::OK, &history)
}

/// Tells what changed in an environment between two times: in the last week, unless told.
#[utoipa::path(get, path = "/environments/{env}/changes", tag = "questions", operation_id = "changes",
    params(
        ("from" = Option<Time>, Query, description = "From this time on; a week before `until` unless told"),
        ("until" = Option<Time>, Query, description = "Up to this time; now unless told"),
    ),
    responses((status = 200, body = questions::Changes)))]
pub(super) async fn changes(State(app): State<Arc<App>>, params: Params, uri: Uri) -> Answer {
    let query = Fields::from_query(&uri, &["from", "until"])?;
    let (view, now) = (app.log.view(), now());
    let name = &params.environment(&view.directory)?.name;
    let until = query.time("until")?.unwrap_or(now);
    let from = query.time("from")?.unwrap_or(until - CHANGES_SPAN);
    if from > until {
        return Err(Problem::invalid("from", "must not be after `until`"));
    }
    json(StatusCode::OK, &questions::changes(&view.state, name, from, until, now))
}

/// Compares two environments, or one with itself at another time.
#[utoipa::path(get, path = "/compare", tag = "questions", operation_id = "compare",
    params(
        ("left" = EnvironmentName, Query, description = "An environment"),
        ("right" = EnvironmentName, Query, description = "The other one, or the same"),
        ("left_at" = Option<Time>, Query, description = "When the left one is looked at; now unless told"),
        ("right_at" = Option<Time>, Query, description = "When the right one is looked at; now unless told"),
    ),
    responses((status = 200, body = questions::Comparison), (status = 404, description = "There is no such environment")))]
pub(super) async fn compare(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let query = Fields::from_query(&uri, &["left", "right", "left_at", "right_at"])?;
    let (view, now) = (app.log.view(), now());
    let environment = |field: &str| -> Result<&EnvironmentName, Problem> {
        let name = query.required_text(field)?;
        let unknown = || Problem::not_found(format!("{field}: there is no environment `{name}`"));
        view.directory.environment(name).map(|environment| &environment.name).ok_or_else(unknown)
    };
    let (left, right) = (environment("left")?, environment("right")?);
    let time = |field: &str| query.time(field).map(|at| at.filter(|at| *at < now));
    let (left_at, right_at) = (time("left_at")?, time("right_at")?);
    let left_state = match left_at {
        Some(at) => Some(state_at(&app, at).await?),
        None => None,
    };
    let right_state = match right_at {
        Some(at) => Some(state_at(&app, at).await?),
        None => None,
    };
    let left = questions::Side {
        state: left_state.as_ref().unwrap_or(&view.state),
        environment: left,
        at: left_at.unwrap_or(now),
    };
    let right = questions::Side {
        state: right_state.as_ref().unwrap_or(&view.state),
        environment: right,
        at: right_at.unwrap_or(now),
    };
    json(StatusCode::OK, &questions::compare(left, right))
}

/// Tells whether a fix is live in an environment, from a loose description of it.
#[utoipa::path(get, path = "/verify", tag = "questions", operation_id = "verify",
    params(
        ("environment" = EnvironmentName, Query, description = "Where"),
        ("q" = String, Query, description = "What the change is about, in a line", min_length = 1, max_length = 500, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*[!-~][^\\u0000-\\u001F\\u007F-\\u009F]*$"),
    ),
    responses((status = 200, body = questions::Verified), (status = 404, description = "There is no such environment")))]
pub(super) async fn verify(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let query = Fields::from_query(&uri, &["environment", "q"])?;
    let text = searched(&query)?;
    let (view, name) = (app.log.view(), query.required_text("environment")?);
    let unknown = || Problem::not_found(format!("there is no environment `{name}`"));
    let environment = &view.directory.environment(name).ok_or_else(unknown)?.name;
    let found = app.find(&view.state, text, CANDIDATES, |_| true);
    json(StatusCode::OK, &questions::verify(&view.state, environment, text, &found, now()))
}

/// Finds changes by a loose description, the best match first, and tells where each is live.
#[utoipa::path(get, path = "/search", tag = "questions", operation_id = "search",
    params(
        ("q" = String, Query, description = "What the change is about, in a line", min_length = 1, max_length = 500, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*[!-~][^\\u0000-\\u001F\\u007F-\\u009F]*$"),
        ("repository" = Option<Repository>, Query, description = "Only in this repository"),
        ("limit" = Option<u16>, Query, description = "Matches; 20 unless told", minimum = 1, maximum = 200),
    ),
    responses((status = 200, body = questions::Searched)))]
pub(super) async fn search(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let query = Fields::from_query(&uri, &["q", "repository", "limit"])?;
    let text = searched(&query)?;
    let repository: Option<Repository> = query
        .text("repository")?
        .map(|text| {
            text.parse().map_err(|error: Malformed| Problem::invalid("repository", error.to_string()))
        })
        .transpose()?;
    let limit = query.count("limit", PAGE_MAX)?.unwrap_or(PAGE_DEFAULT);
    let view = app.log.view();
    let found =
        app.find(&view.state, text, limit, |candidate| repository.as_ref().is_none_or(|it| it == candidate));
    json(StatusCode::OK, &questions::search(&view.state, text, &found, now()))
}

/// What to search for.
pub(super) fn searched(query: &Fields) -> Result<&str, Problem> {
    match query.line("q", QUERY_CHARS_MAX)?.map(str::trim) {
        None => Err(Problem::invalid("q", "is missing")),
        Some("") => Err(Problem::invalid("q", "must not be empty")),
        Some(text) => Ok(text),
    }
}

fn unknown_deployment(id: &str) -> Problem {
    Problem::not_found(format!("there is no deployment `{id}`"))
}

/// What the log said at `at`: folded again, on a thread that may block.
pub(super) async fn state_at(app: &App, at: Time) -> Result<deployments::State, Problem> {
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
