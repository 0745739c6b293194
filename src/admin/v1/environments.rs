//! Environments: made, shown, changed and deleted.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::IntoResponse;
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::http::caller::Admin;
use crate::admin::http::fields::{BODY_BYTES_MAX, Fields, json_body, line};
use crate::admin::http::params::{self, Params};
use crate::admin::http::problem::Problem;
use crate::admin::{Answer, App, json};
use crate::clock::now;
use crate::log::View;
use crate::model::act::Action;
use crate::model::directory::Environment;
use crate::model::event::EnvironmentName;
use crate::model::questions::{self, Deployment};
use crate::model::time::Time;

/// How many environments there may be.
const ENVIRONMENTS_MAX: usize = 1_000;
/// Longest description.
const DESCRIPTION_CHARS_MAX: usize = 500;
/// Colours that can be told apart on light and on dark; an environment without a choice gets one by its name.
const PALETTE: [&str; 10] = [
    "#2563eb", "#16a34a", "#d97706", "#dc2626", "#7c3aed", "#0891b2", "#db2777", "#65a30d", "#ea580c",
    "#475569",
];

/// An environment as the API shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = Environment)]
pub(in crate::admin) struct EnvironmentView<'a> {
    name: &'a EnvironmentName,
    description: &'a str,
    color: &'a str,
    created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_deployment: Option<Deployment>,
    tokens_active: usize,
}

impl<'a> EnvironmentView<'a> {
    fn new(environment: &'a Environment, view: &View, now: Time) -> Self {
        let latest = questions::timeline(&view.state, &environment.name, now, 1, None);
        Self {
            name: &environment.name,
            description: &environment.description,
            color: &environment.color,
            created_at: environment.created_at,
            latest_deployment: latest.deployments.into_iter().next(),
            tokens_active: environment.tokens_active(now),
        }
    }
}

/// What a new environment is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct NewEnvironment {
    /// Lower-case letters, digits and inner dashes.
    pub(in crate::admin) name: EnvironmentName,
    /// What it is, for people; one line.
    #[schema(max_length = 500, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*$")]
    pub(in crate::admin) description: Option<String>,
    /// `#rrggbb`; one of ours unless told.
    #[schema(pattern = "^#[0-9A-Fa-f]{6}$")]
    pub(in crate::admin) color: Option<String>,
}

/// What is to change; what is not named stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct EnvironmentChanges {
    /// What it is, for people; one line.
    #[schema(max_length = 500, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*$")]
    pub(in crate::admin) description: Option<String>,
    /// `#rrggbb`
    #[schema(pattern = "^#[0-9A-Fa-f]{6}$")]
    pub(in crate::admin) color: Option<String>,
}

/// Lists the environments.
#[utoipa::path(get, path = "/environments", tag = "environments", operation_id = "list_environments",
    responses((status = 200, body = [EnvironmentView])))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Answer {
    let (view, now) = (app.log.view(), now());
    let environments = view.directory.environments();
    let shown: Vec<_> = environments.map(|one| EnvironmentView::new(one, &view, now)).collect();
    json(StatusCode::OK, &shown)
}

/// Shows an environment.
#[utoipa::path(get, path = "/environments/{env}", tag = "environments", operation_id = "show_environment",
    responses((status = 200, body = EnvironmentView)))]
pub(super) async fn show(State(app): State<Arc<App>>, params: Params) -> Answer {
    answer(&app, StatusCode::OK, &params.environment(&app.log.view().directory)?.name)
}

/// Makes an environment.
#[utoipa::path(post, path = "/environments", tag = "environments", operation_id = "create_environment",
    request_body = NewEnvironment,
    responses((status = 201, body = EnvironmentView), (status = 409, description = "It exists already")))]
pub(super) async fn create(State(app): State<Arc<App>>, admin: Admin, request: Request) -> Answer {
    let new: NewEnvironment = json_body(request.into_body(), BODY_BYTES_MAX).await?;
    let name = make(&app, &admin, new).await?;
    answer(&app, StatusCode::CREATED, &name)
}

/// Makes an environment.
pub(in crate::admin) async fn make(
    app: &App,
    admin: &Admin,
    new: NewEnvironment,
) -> Result<EnvironmentName, Problem> {
    let name = new.name;
    let description = description(new.description)?.unwrap_or_default();
    let color = color(new.color)?.unwrap_or_else(|| default_color(&name));

    let _changing = app.changes.lock().await;
    let view = app.log.view();
    if view.directory.environment(name.as_str()).is_some() {
        return Err(Problem::conflict(format!("the environment `{name}` exists already")));
    }
    if view.directory.environments().count() >= ENVIRONMENTS_MAX {
        return Err(Problem::conflict(format!(
            "there may be {ENVIRONMENTS_MAX} environments; delete one first"
        )));
    }
    app.act(admin, now(), Action::EnvironmentCreated { name: name.clone(), description, color }).await?;
    tracing::info!(environment = %name, "environment created");
    Ok(name)
}

/// Changes an environment's description or colour. Tokens and history stay as they are.
#[utoipa::path(patch, path = "/environments/{env}", tag = "environments", operation_id = "update_environment",
    request_body = EnvironmentChanges, responses((status = 200, body = EnvironmentView)))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    admin: Admin,
    params: Params,
    request: Request,
) -> Answer {
    let changes: EnvironmentChanges = json_body(request.into_body(), BODY_BYTES_MAX).await?;
    let name = change(&app, &admin, params.get("env"), changes).await?;
    answer(&app, StatusCode::OK, &name)
}

/// Changes an environment.
pub(in crate::admin) async fn change(
    app: &App,
    admin: &Admin,
    environment: &str,
    changes: EnvironmentChanges,
) -> Result<EnvironmentName, Problem> {
    let (description, color) = (description(changes.description)?, color(changes.color)?);

    let _changing = app.changes.lock().await;
    let name = params::named(&app.log.view().directory, environment)?.name.clone();
    if description.is_some() || color.is_some() {
        app.act(admin, now(), Action::EnvironmentUpdated { name: name.clone(), description, color }).await?;
        tracing::info!(environment = %name, "environment updated");
    }
    Ok(name)
}

/// Deletes an environment: revokes every token of it at once and stops tracking it. This cannot be undone.
///
/// Without the right `confirm` nothing changes, and the answer says what would.
#[utoipa::path(delete, path = "/environments/{env}", tag = "environments", operation_id = "delete_environment",
    params(("confirm" = Option<String>, Query, description = "The environment's name once more")),
    responses((status = 204, description = "It is deleted"), (status = 409, description = "It was not confirmed")))]
pub(super) async fn delete(State(app): State<Arc<App>>, admin: Admin, params: Params, uri: Uri) -> Answer {
    let query = Fields::from_query(&uri, &["confirm"])?;
    remove(&app, &admin, params.get("env"), query.text("confirm")?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Deletes an environment whose name was said once more.
pub(in crate::admin) async fn remove(
    app: &App,
    admin: &Admin,
    environment: &str,
    confirm: Option<&str>,
) -> Result<(), Problem> {
    let _changing = app.changes.lock().await;
    let view = app.log.view();
    let environment = params::named(&view.directory, environment)?;
    let name = environment.name.clone();
    if confirm != Some(name.as_str()) {
        let what = deletion(environment, &view, now());
        return Err(Problem::conflict(format!(
            "nothing was deleted: {what}. To confirm, say its name once more: ?confirm={name}"
        )));
    }
    app.act(admin, now(), Action::EnvironmentDeleted { name: name.clone() }).await?;
    tracing::info!(environment = %name, "environment deleted");
    Ok(())
}

/// What deleting an environment would do, said before it is done.
pub(in crate::admin) fn deletion(environment: &Environment, view: &View, now: Time) -> String {
    let count = |count: usize, one: &str| match count {
        0 => format!("no {one}"),
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    };
    let name = &environment.name;
    let tokens = count(environment.tokens_active(now), "active token");
    let services = count(questions::running(&view.state, name, now).services.len(), "service");
    format!(
        "deleting `{name}` revokes every token of it at once ({tokens}: whoever pulls with one is \
         refused from then on), stops tracking it and takes its deployments away ({services}), and cannot be undone; \
         the audit trail stays"
    )
}

fn answer(app: &App, status: StatusCode, name: &EnvironmentName) -> Answer {
    let view = app.log.view();
    let gone = || Problem::not_found(format!("there is no environment `{name}`"));
    let environment = view.directory.environment(name.as_str()).ok_or_else(gone)?;
    json(status, &EnvironmentView::new(environment, &view, now()))
}

fn description(text: Option<String>) -> Result<Option<String>, Problem> {
    text.map(|text| line("description", text, DESCRIPTION_CHARS_MAX)).transpose()
}

fn color(text: Option<String>) -> Result<Option<String>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let hex = text.strip_prefix('#').unwrap_or_default();
    if hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(Some(text.to_ascii_lowercase()))
    } else {
        Err(Problem::invalid("color", "must be `#` and six hexadecimal digits, e.g. #16a34a"))
    }
}

fn default_color(name: &EnvironmentName) -> String {
    let index = crc32fast::hash(name.as_str().as_bytes()) as usize % PALETTE.len();
    PALETTE[index].to_owned()
}
