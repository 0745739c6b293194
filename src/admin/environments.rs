//! Environments: made, shown, changed and deleted.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::IntoResponse;
use http::{StatusCode, Uri};
use serde::Serialize;

use super::caller::Admin;
use super::fields::Fields;
use super::params::{self, Params};
use super::problem::Problem;
use super::{Answer, App, json};
use crate::clock::now;
use crate::log::View;
use crate::model::act::Action;
use crate::model::directory::Environment;
use crate::model::event::{BadEnvironmentName, EnvironmentName};
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
#[derive(Serialize)]
struct EnvironmentView<'a> {
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

/// `GET /api/v1/environments`
pub(super) async fn list(State(app): State<Arc<App>>) -> Answer {
    let (view, now) = (app.log.view(), now());
    let environments = view.directory.environments();
    let shown: Vec<_> = environments.map(|one| EnvironmentView::new(one, &view, now)).collect();
    json(StatusCode::OK, &shown)
}

/// `GET /api/v1/environments/{env}`
pub(super) async fn show(State(app): State<Arc<App>>, params: Params) -> Answer {
    answer(&app, StatusCode::OK, &params.environment(&app.log.view().directory)?.name)
}

/// `POST /api/v1/environments`
pub(super) async fn create(State(app): State<Arc<App>>, admin: Admin, request: Request) -> Answer {
    let fields = Fields::from_body(request.into_body(), &["name", "description", "color"]).await?;
    let name = make(&app, &admin, &fields).await?;
    answer(&app, StatusCode::CREATED, &name)
}

/// Makes the environment that `fields` describe.
pub(super) async fn make(app: &App, admin: &Admin, fields: &Fields) -> Result<EnvironmentName, Problem> {
    let name: EnvironmentName = fields
        .required_text("name")?
        .parse()
        .map_err(|error: BadEnvironmentName| Problem::invalid("name", error.to_string()))?;
    let description = description(fields)?.unwrap_or_default();
    let color = color(fields)?.unwrap_or_else(|| default_color(&name));

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

/// `PATCH /api/v1/environments/{env}`: what is not named stays as it is.
pub(super) async fn update(
    State(app): State<Arc<App>>,
    admin: Admin,
    params: Params,
    request: Request,
) -> Answer {
    let fields = Fields::from_body(request.into_body(), &["description", "color"]).await?;
    let name = change(&app, &admin, params.get("env"), &fields).await?;
    answer(&app, StatusCode::OK, &name)
}

/// Changes what `fields` name.
pub(super) async fn change(
    app: &App,
    admin: &Admin,
    environment: &str,
    fields: &Fields,
) -> Result<EnvironmentName, Problem> {
    let (description, color) = (description(fields)?, color(fields)?);

    let _changing = app.changes.lock().await;
    let name = params::named(&app.log.view().directory, environment)?.name.clone();
    if description.is_some() || color.is_some() {
        app.act(admin, now(), Action::EnvironmentUpdated { name: name.clone(), description, color }).await?;
        tracing::info!(environment = %name, "environment updated");
    }
    Ok(name)
}

/// `DELETE /api/v1/environments/{env}?confirm={env}`
pub(super) async fn delete(State(app): State<Arc<App>>, admin: Admin, params: Params, uri: Uri) -> Answer {
    let query = Fields::from_query(&uri, &["confirm"])?;
    remove(&app, &admin, params.get("env"), query.text("confirm")?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Deletes an environment whose name was said once more.
pub(super) async fn remove(
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
pub(super) fn deletion(environment: &Environment, view: &View, now: Time) -> String {
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

fn description(fields: &Fields) -> Result<Option<String>, Problem> {
    Ok(fields.line("description", DESCRIPTION_CHARS_MAX)?.map(str::to_owned))
}

fn color(fields: &Fields) -> Result<Option<String>, Problem> {
    let Some(text) = fields.text("color")? else { return Ok(None) };
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
