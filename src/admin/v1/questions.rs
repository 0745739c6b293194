//! The questions of `answer` over HTTP.

use std::sync::Arc;

use axum::extract::State;
use http::Uri;

use crate::admin::http::answers::{Json, List};
use crate::admin::http::fields::Fields;
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::answer::{Answers, Compare, QUERY_CHARS_MAX, Within};
use crate::model::names::EnvironmentName;
use crate::model::oci::{Malformed, Repository};
use crate::model::time::Time;
use crate::wire;

/// Entries on one page, unless told.
const PAGE_DEFAULT: usize = 20;
/// Entries on one page at most.
const PAGE_MAX: usize = 200;

/// Tells what runs in an environment, now or at a time; a time to come is answered as of now.
#[utoipa::path(get, path = "/environments/{env}/running", tag = "questions", operation_id = "running",
    params(("at" = Option<Time>, Query, description = "As of when: RFC 3339, a date, `yesterday`, or how long ago, e.g. `2h`; now unless told")))]
pub(super) async fn running(
    State(answers): State<Arc<Answers>>,
    params: Params,
    uri: Uri,
) -> Result<Json<wire::Running>, Problem> {
    let query = Fields::from_query(&uri, &["at"])?;
    let moment = answers.as_of(Some(params.get("env")), query.time("at")?).await?;
    Ok(Json(moment.running(params.get("env"))?))
}

/// Lists an environment's deployments, the newest first.
#[utoipa::path(get, path = "/environments/{env}/deployments", tag = "questions", operation_id = "deployments",
    params(
        ("limit" = Option<u16>, Query, description = "Deployments on the page; 20 unless told", minimum = 1, maximum = 200),
        ("before" = Option<String>, Query, description = "Only those before this deployment"),
        ("at" = Option<Time>, Query, description = "As of when: RFC 3339, a date, `yesterday`, or how long ago, e.g. `2h`; now unless told"),
    ))]
pub(super) async fn timeline(
    State(answers): State<Arc<Answers>>,
    params: Params,
    uri: Uri,
) -> Result<Json<wire::Timeline>, Problem> {
    let query = Fields::from_query(&uri, &["limit", "before", "at"])?;
    let limit = query.count("limit", PAGE_MAX)?.unwrap_or(PAGE_DEFAULT);
    let moment = answers.as_of(Some(params.get("env")), query.time("at")?).await?;
    Ok(Json(moment.timeline(params.get("env"), limit, query.text("before")?)?))
}

/// Shows a deployment.
#[utoipa::path(get, path = "/deployments/{id}", tag = "questions", operation_id = "deployment")]
pub(super) async fn deployment(
    State(answers): State<Arc<Answers>>,
    params: Params,
) -> Result<Json<wire::Deployment>, Problem> {
    Ok(Json(answers.now().deployment(params.get("id"))?))
}

/// Shows the pulls behind a deployment.
#[utoipa::path(get, path = "/deployments/{id}/evidence", tag = "questions", operation_id = "evidence")]
pub(super) async fn evidence(
    State(answers): State<Arc<Answers>>,
    params: Params,
) -> Result<Json<wire::Evidence>, Problem> {
    Ok(Json(answers.now().evidence(params.get("id"))?))
}

/// Lists the pulls of people's machines, which changed nothing.
#[utoipa::path(get, path = "/environments/{env}/local", tag = "questions", operation_id = "local")]
pub(super) async fn local(
    State(answers): State<Arc<Answers>>,
    params: Params,
) -> Result<List<wire::LocalPull>, Problem> {
    Ok(List(answers.now().local(params.get("env"))?))
}

/// Tells whether an environment is up to date, and what it lacks, now or at a time: of the releases that were
/// registered by then.
#[utoipa::path(get, path = "/environments/{env}/missing", tag = "questions", operation_id = "missing",
    params(("at" = Option<Time>, Query, description = "As of when: RFC 3339, a date, `yesterday`, or how long ago, e.g. `2h`; now unless told")))]
pub(super) async fn missing(
    State(answers): State<Arc<Answers>>,
    params: Params,
    uri: Uri,
) -> Result<Json<wire::Missing>, Problem> {
    let query = Fields::from_query(&uri, &["at"])?;
    let moment = answers.as_of(Some(params.get("env")), query.time("at")?).await?;
    Ok(Json(moment.missing(params.get("env"))?))
}

/// Tells which images must not be deleted from the registry, and why: those that run, that a rollback would ask for, that were
/// pulled within 30 days.
#[utoipa::path(get, path = "/retain", tag = "questions", operation_id = "retain",
    params(
        ("repository" = Option<Repository>, Query, description = "Those of this repository alone; the end of its name is enough where it fits no other"),
        ("at" = Option<Time>, Query, description = "As of when: RFC 3339, a date, `yesterday`, or how long ago, e.g. `2h`; now unless told"),
    ),
    responses((status = 404, description = "No repository that is known has this name")))]
pub(super) async fn retain(
    State(answers): State<Arc<Answers>>,
    uri: Uri,
) -> Result<Json<wire::Retained>, Problem> {
    let query = Fields::from_query(&uri, &["repository", "at"])?;
    let moment = answers.as_of(None, query.time("at")?).await?;
    Ok(Json(moment.retain(query.text("repository")?)?))
}

/// Tells the history of one service, the newest change first.
#[utoipa::path(get, path = "/environments/{env}/history", tag = "questions", operation_id = "history",
    params(
        ("repository" = Repository, Query, description = "Which service; the end of its name is enough where it fits no other"),
        ("limit" = Option<u16>, Query, description = "Changes; 20 unless told", minimum = 1, maximum = 200),
        ("at" = Option<Time>, Query, description = "As of when: RFC 3339, a date, `yesterday`, or how long ago, e.g. `2h`; now unless told"),
    ))]
pub(super) async fn history(
    State(answers): State<Arc<Answers>>,
    params: Params,
    uri: Uri,
) -> Result<Json<wire::History>, Problem> {
    let query = Fields::from_query(&uri, &["repository", "limit", "at"])?;
    let limit = query.count("limit", PAGE_MAX)?.unwrap_or(PAGE_DEFAULT);
    let repository = named(query.required_text("repository")?)?;
    let moment = answers.as_of(Some(params.get("env")), query.time("at")?).await?;
    Ok(Json(moment.history(params.get("env"), repository, limit)?))
}

/// Tells what changed in an environment between two times, as it looked at `at`: in the week before that, unless told.
#[utoipa::path(get, path = "/environments/{env}/changes", tag = "questions", operation_id = "changes",
    params(
        ("from" = Option<Time>, Query, description = "From this time on; a week before `until` unless told"),
        ("until" = Option<Time>, Query, description = "Up to this time; `at` unless told"),
        ("at" = Option<Time>, Query, description = "As of when: RFC 3339, a date, `yesterday`, or how long ago, e.g. `2h`; now unless told"),
    ))]
pub(super) async fn changes(
    State(answers): State<Arc<Answers>>,
    params: Params,
    uri: Uri,
) -> Result<Json<wire::Changes>, Problem> {
    let query = Fields::from_query(&uri, &["from", "until", "at"])?;
    let (from, until) = (query.beginning("from")?, query.time("until")?);
    let moment = answers.as_of(Some(params.get("env")), query.time("at")?).await?;
    Ok(Json(moment.changes(params.get("env"), from, until)?))
}

/// Compares two environments, or one with itself at another time.
#[utoipa::path(get, path = "/compare", tag = "questions", operation_id = "compare",
    params(
        ("left" = EnvironmentName, Query, description = "An environment"),
        ("right" = EnvironmentName, Query, description = "The other one, or the same"),
        ("at" = Option<Time>, Query, description = "When both are looked at; now unless told"),
        ("left_at" = Option<Time>, Query, description = "When the left one is looked at; `at` unless told"),
        ("right_at" = Option<Time>, Query, description = "When the right one is looked at; `at` unless told"),
    ),
    responses((status = 404, description = "There is no such environment")))]
pub(super) async fn compare(
    State(answers): State<Arc<Answers>>,
    uri: Uri,
) -> Result<Json<wire::Comparison>, Problem> {
    let query = Fields::from_query(&uri, &["left", "right", "at", "left_at", "right_at"])?;
    let at = query.time("at")?;
    let sides = Compare {
        left: query.required_text("left")?,
        right: query.required_text("right")?,
        left_at: query.time("left_at")?.or(at),
        right_at: query.time("right_at")?.or(at),
    };
    Ok(Json(answers.compare(sides).await?))
}

/// Tells whether a fix is live in an environment, from a loose description of it, now or at a time: by the pulls and the
/// releases that were known by then. The answer says how old it is, and what silence since then would hide.
#[utoipa::path(get, path = "/verify", tag = "questions", operation_id = "verify",
    params(
        ("environment" = EnvironmentName, Query, description = "Where"),
        ("q" = String, Query, description = "What the change is about, in a line", min_length = 1, max_length = 500, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*[!-~][^\\u0000-\\u001F\\u007F-\\u009F]*$"),
        ("at" = Option<Time>, Query, description = "As of when: RFC 3339, a date, `yesterday`, or how long ago, e.g. `2h`; now unless told"),
    ),
    responses((status = 404, description = "There is no such environment")))]
pub(super) async fn verify(
    State(answers): State<Arc<Answers>>,
    uri: Uri,
) -> Result<Json<wire::Verified>, Problem> {
    let query = Fields::from_query(&uri, &["environment", "q", "at"])?;
    let (text, name) = (searched(&query)?, query.required_text("environment")?);
    let moment = answers.searchable_as_of(Some(name), query.time("at")?).await?;
    Ok(Json(moment.verify(name, text, Within::default())?))
}

/// Finds changes by a loose description, the best match first, and tells where each is live.
#[utoipa::path(get, path = "/search", tag = "questions", operation_id = "search",
    params(
        ("q" = String, Query, description = "What the change is about, in a line", min_length = 1, max_length = 500, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*[!-~][^\\u0000-\\u001F\\u007F-\\u009F]*$"),
        ("repository" = Option<Repository>, Query, description = "Only in this repository; the end of its name is enough where it fits no other"),
        ("limit" = Option<u16>, Query, description = "Matches; 20 unless told", minimum = 1, maximum = 200),
    ),
    responses((status = 404, description = "There is no such repository")))]
pub(super) async fn search(
    State(answers): State<Arc<Answers>>,
    uri: Uri,
) -> Result<Json<wire::Searched>, Problem> {
    let query = Fields::from_query(&uri, &["q", "repository", "limit"])?;
    let text = searched(&query)?;
    let limit = query.count("limit", PAGE_MAX)?.unwrap_or(PAGE_DEFAULT);
    let moment = answers.now();
    let within = query.text("repository")?.map(|text| Ok::<_, Problem>(moment.repository(named(text)?)?));
    let within = within.transpose()?;
    Ok(Json(moment.search(text, limit, Within(within.as_ref().map(Repository::as_str)))))
}

/// A repository's name, or the end of it.
fn named(text: &str) -> Result<&str, Problem> {
    let checked = text.parse::<Repository>();
    checked.map(|_| text).map_err(|error: Malformed| Problem::invalid("repository", error.to_string()))
}

/// The description to search for.
pub(in crate::admin) fn searched(query: &Fields) -> Result<&str, Problem> {
    match query.one_line("q", QUERY_CHARS_MAX)?.map(str::trim) {
        None => Err(Problem::invalid("q", "is missing")),
        Some("") => Err(Problem::invalid("q", "must not be empty")),
        Some(text) => Ok(text),
    }
}
