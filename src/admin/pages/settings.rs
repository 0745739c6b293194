//! Environments made, changed and deleted.

use askama::Template;
use axum::extract::{Request, State};
use http::StatusCode;

use super::environment::Head;
use super::page::{Page, page, to};
use super::visitor::{Chrome, Visitor};
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::admin::state::changes::Changes;
use crate::admin::v1::environments::{self, EnvironmentChanges, NewEnvironment};
use crate::clock::now;
use crate::log::Log;
use crate::model::event::BadEnvironmentName;

#[derive(Template)]
#[template(path = "new.html")]
struct NewPage {
    chrome: Chrome,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    chrome: Chrome,
    head: Head,
    deletion: String,
}

/// The form for a new environment.
pub(super) async fn blank(visitor: Visitor) -> Page {
    page(StatusCode::OK, &NewPage { chrome: visitor.chrome("environments") })
}

pub(super) async fn create(State(changes): State<Changes>, visitor: Visitor, request: Request) -> Page {
    let (admin, fields) = visitor.form(request, &["name", "description", "color"]).await?;
    let name = fields.required_text("name")?.trim().parse();
    let new = NewEnvironment {
        name: name.map_err(|error: BadEnvironmentName| Problem::invalid("name", error.to_string()))?,
        description: fields.text("description")?.map(str::to_owned),
        color: fields.text("color")?.map(str::to_owned),
    };
    let name = environments::make(&changes, &admin, new).await?;
    // The next thing that an environment needs is a token.
    Ok(to(&format!("/environments/{name}/tokens")))
}

pub(super) async fn show(State(log): State<Log>, visitor: Visitor, params: Params) -> Page {
    let view = log.view();
    let environment = params.environment(&view.directory)?;
    let deletion = environments::deletion(environment, &view, now());
    let chrome = visitor.chrome("environments");
    page(StatusCode::OK, &SettingsPage { chrome, head: Head::new(environment, "settings"), deletion })
}

pub(super) async fn change(
    State(changes): State<Changes>,
    visitor: Visitor,
    params: Params,
    request: Request,
) -> Page {
    let (admin, fields) = visitor.form(request, &["name", "description", "color"]).await?;
    let name = fields.text("name")?.map(|name| name.trim().parse()).transpose();
    let wanted = EnvironmentChanges {
        name: name.map_err(|error: BadEnvironmentName| Problem::invalid("name", error.to_string()))?,
        description: fields.text("description")?.map(str::to_owned),
        color: fields.text("color")?.map(str::to_owned),
    };
    let name = environments::change(&changes, &admin, params.get("env"), wanted).await?;
    Ok(to(&format!("/environments/{name}")))
}

pub(super) async fn delete(
    State(changes): State<Changes>,
    visitor: Visitor,
    params: Params,
    request: Request,
) -> Page {
    let (admin, fields) = visitor.form(request, &["confirm"]).await?;
    let (name, typed) = (params.get("env"), fields.text("confirm")?.map(str::trim));
    if typed != Some(name) {
        let wrong = format!("nothing was deleted: to delete `{name}`, type its name, {name}, into the field");
        return Err(Problem::conflict(wrong).into());
    }
    let told = environments::remove(&changes, &admin, name, typed).await?;
    // That page names the servers which take its tokens still.
    Ok(to(if told.unconfirmed.is_empty() { "/" } else { "/replicas" }))
}
