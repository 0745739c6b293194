//! Environments: made, shown, changed and deleted.

use axum::extract::State;
use http::Uri;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::admin::http::answers::{Created, Json, List, Revoked};
use crate::admin::http::caller::Admin;
use crate::admin::http::fields::{Body, Fields, one_line};
use crate::admin::http::params::{self, Params};
use crate::admin::http::problem::Problem;
use crate::admin::state::changes::Changes;
use crate::clock::now;
use crate::log::{Log, View};
use crate::model::act::Action;
use crate::model::directory::{Directory, Environment};
use crate::model::names::EnvironmentName;
use crate::model::questions;
use crate::model::time::Time;
use crate::wire::{self, Revocation};

/// Environments at most.
const ENVIRONMENTS_MAX: usize = 1_000;
/// Longest description.
const DESCRIPTION_CHARS_MAX: usize = 500;
/// Colours that can be told apart on light and on dark; an environment without a choice gets one by its name.
const PALETTE: [&str; 10] = [
    "#2563eb", "#16a34a", "#d97706", "#dc2626", "#7c3aed", "#0891b2", "#db2777", "#65a30d", "#ea580c",
    "#475569",
];

fn shown(environment: &Environment, view: &View, now: Time) -> wire::Environment {
    let latest = questions::timeline(&view.state, &environment.name, now, 1, None);
    wire::Environment {
        name: environment.name.clone(),
        description: environment.description.clone(),
        color: environment.color.clone(),
        created_at: environment.created_at,
        latest_deployment: latest.deployments.into_iter().next(),
        tokens_active: environment.tokens_active(now),
    }
}

/// A new environment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct NewEnvironment {
    /// Lower-case letters, digits and inner dashes.
    pub(in crate::admin) name: EnvironmentName,
    /// Description for people; one line.
    #[schema(max_length = 500, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*$")]
    pub(in crate::admin) description: Option<String>,
    /// `#rrggbb`; one of ours unless told.
    #[schema(pattern = "^#[0-9A-Fa-f]{6}$")]
    pub(in crate::admin) color: Option<String>,
}

/// Changes to an environment; a field that is not named stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct EnvironmentChanges {
    /// The name from now on. Tokens, history and links of the name before go on.
    pub(in crate::admin) name: Option<EnvironmentName>,
    /// Description for people; one line.
    #[schema(max_length = 500, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*$")]
    pub(in crate::admin) description: Option<String>,
    /// `#rrggbb`
    #[schema(pattern = "^#[0-9A-Fa-f]{6}$")]
    pub(in crate::admin) color: Option<String>,
}

/// Lists the environments.
#[utoipa::path(get, path = "/environments", tag = "environments", operation_id = "list_environments")]
pub(super) async fn list(State(log): State<Log>) -> Result<List<wire::Environment>, Problem> {
    let (view, now) = (log.view(), now());
    let environments = view.directory.environments();
    Ok(List(environments.map(|one| shown(one, &view, now)).collect()))
}

/// Shows an environment.
#[utoipa::path(get, path = "/environments/{env}", tag = "environments", operation_id = "show_environment")]
pub(super) async fn show(State(log): State<Log>, params: Params) -> Result<Json<wire::Environment>, Problem> {
    let view = log.view();
    let environment = params.environment(&view.directory)?;
    Ok(Json(shown(environment, &view, now())))
}

/// Makes an environment.
#[utoipa::path(post, path = "/environments", tag = "environments", operation_id = "create_environment",
    responses((status = 409, description = "It exists already")))]
pub(super) async fn create(
    State(changes): State<Changes>,
    admin: Admin,
    Body(new): Body<NewEnvironment>,
) -> Result<Created<wire::Environment>, Problem> {
    let name = make(&changes, &admin, new).await?;
    named(&changes.view(), &name).map(Created)
}

/// Makes an environment.
pub(in crate::admin) async fn make(
    changes: &Changes,
    admin: &Admin,
    new: NewEnvironment,
) -> Result<EnvironmentName, Problem> {
    let name = new.name;
    let description = description(new.description)?.unwrap_or_default();
    let color = color(new.color)?.unwrap_or_else(|| default_color(&name));

    let decided = changes.decide(admin, |view, _| {
        check_free(&view.directory, &name)?;
        if view.directory.environments().count() >= ENVIRONMENTS_MAX {
            let full = format!("there may be {ENVIRONMENTS_MAX} environments; delete one first");
            return Err(Problem::conflict(full));
        }
        let (name, description, color) = (name.clone(), description.clone(), color.clone());
        Ok((Some(Action::EnvironmentCreated { name, description, color }), ()))
    });
    decided.await?;
    tracing::info!(environment = %name, "environment created");
    Ok(name)
}

/// Changes an environment's name, description or colour. Tokens and history stay as they are, and its former names lead to it.
#[utoipa::path(patch, path = "/environments/{env}", tag = "environments", operation_id = "update_environment",
    responses((status = 409, description = "Another environment has that name, or had it")))]
pub(super) async fn update(
    State(changes): State<Changes>,
    admin: Admin,
    params: Params,
    Body(wanted): Body<EnvironmentChanges>,
) -> Result<Json<wire::Environment>, Problem> {
    let name = change(&changes, &admin, params.get("env"), wanted).await?;
    named(&changes.view(), &name).map(Json)
}

/// Changes an environment.
pub(in crate::admin) async fn change(
    changes: &Changes,
    admin: &Admin,
    environment: &str,
    wanted: EnvironmentChanges,
) -> Result<EnvironmentName, Problem> {
    let (description, color) = (description(wanted.description)?, color(wanted.color)?);
    if let Some(name) = &wanted.name {
        changes.decide(admin, |view, _| renaming(&view.directory, environment, name)).await?;
    }

    let is_change = description.is_some() || color.is_some();
    let decided = changes.decide(admin, |view, _| {
        let name = params::exactly(&view.directory, environment)?.name.clone();
        let (description, color) = (description.clone(), color.clone());
        let change = Action::EnvironmentUpdated { name: name.clone(), description, color };
        Ok::<_, Problem>((is_change.then_some(change), name))
    });
    let name = decided.await?;
    if is_change {
        tracing::info!(environment = %name, "environment updated");
    }
    Ok(name)
}

/// The action that renames, where the name is another one.
fn renaming(
    directory: &Directory,
    environment: &str,
    to: &EnvironmentName,
) -> Result<(Option<Action>, ()), Problem> {
    let from = params::exactly(directory, environment)?.name.clone();
    if from == *to {
        return Ok((None, ()));
    }
    // One of its own former names may come back.
    if *directory.former().today(to) != from {
        check_free(directory, to)?;
    }
    Ok((Some(Action::EnvironmentRenamed { from, to: to.clone() }), ()))
}

/// No environment has this name, or had it: links and tokens of a former name go on.
fn check_free(directory: &Directory, name: &EnvironmentName) -> Result<(), Problem> {
    match directory.environment(name.as_str()) {
        None => Ok(()),
        Some(other) if other.name == *name => {
            Err(Problem::conflict(format!("the environment `{name}` exists already")))
        }
        Some(other) => Err(Problem::conflict(format!(
            "`{name}` is a former name of the environment `{}`, and still leads to it; choose another",
            other.name
        ))),
    }
}

/// Deletes an environment: revokes every token of it at once and stops tracking it. This cannot be undone.
///
/// Without the right `confirm` nothing changes, and the answer says what would.
#[utoipa::path(delete, path = "/environments/{env}", tag = "environments", operation_id = "delete_environment",
    params(("confirm" = Option<String>, Query, description = "The environment's name once more")),
    responses((status = 204, description = "It is deleted, at every server of the log"),
        (status = 200, description = "It is deleted, and these servers of the log have not confirmed that yet: its tokens are taken there"),
        (status = 409, description = "It was not confirmed")))]
pub(super) async fn delete(
    State(changes): State<Changes>,
    admin: Admin,
    params: Params,
    uri: Uri,
) -> Result<Revoked, Problem> {
    let query = Fields::from_query(&uri, &["confirm"])?;
    remove(&changes, &admin, params.get("env"), query.text("confirm")?).await.map(Revoked)
}

/// Deletes an environment whose name was said once more.
pub(in crate::admin) async fn remove(
    changes: &Changes,
    admin: &Admin,
    environment: &str,
    confirm: Option<&str>,
) -> Result<Revocation, Problem> {
    let decided = changes.decide(admin, |view, now| {
        let environment = params::exactly(&view.directory, environment)?;
        let name = environment.name.clone();
        if confirm != Some(name.as_str()) {
            let what = deletion(environment, view, now);
            return Err(Problem::conflict(format!(
                "nothing was deleted: {what}. To confirm, say its name once more: ?confirm={name}"
            )));
        }
        Ok((Some(Action::EnvironmentDeleted { name: name.clone() }), name))
    });
    let name = decided.await?;
    tracing::info!(environment = %name, "environment deleted");
    Ok(changes.revocation().await)
}

/// The effects of deleting an environment, in words, before it is done.
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

fn named(view: &View, name: &EnvironmentName) -> Result<wire::Environment, Problem> {
    let gone = || Problem::not_found(format!("there is no environment `{name}`"));
    let environment = view.directory.environment(name.as_str()).ok_or_else(gone)?;
    Ok(shown(environment, view, now()))
}

fn description(text: Option<String>) -> Result<Option<String>, Problem> {
    text.map(|text| one_line("description", text, DESCRIPTION_CHARS_MAX)).transpose()
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
