//! Environments made, changed and deleted.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use http::StatusCode;

use super::environment::Head;
use super::visitor::{Chrome, Visitor};
use super::{Page, page, to};
use crate::admin::App;
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::admin::v1::environments::{self, EnvironmentChanges, NewEnvironment};
use crate::clock::now;
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

pub(super) async fn create(State(app): State<Arc<App>>, visitor: Visitor, request: Request) -> Page {
    let (admin, fields) = visitor.form(request, &["name", "description", "color"]).await?;
    let name = fields.required_text("name")?.trim().parse();
    let new = NewEnvironment {
        name: name.map_err(|error: BadEnvironmentName| Problem::invalid("name", error.to_string()))?,
        description: fields.text("description")?.map(str::to_owned),
        color: fields.text("color")?.map(str::to_owned),
    };
    let name = environments::make(&app, &admin, new).await?;
    // What an environment needs next is a token.
    Ok(to(&format!("/environments/{name}/tokens")))
}

pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor, params: Params) -> Page {
    let view = app.log.view();
    let environment = params.environment(&view.directory)?;
    let deletion = environments::deletion(environment, &view, now());
    let chrome = visitor.chrome("environments");
    page(StatusCode::OK, &SettingsPage { chrome, head: Head::new(environment, "settings"), deletion })
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    params: Params,
    request: Request,
) -> Page {
    let (admin, fields) = visitor.form(request, &["description", "color"]).await?;
    let changes = EnvironmentChanges {
        description: fields.text("description")?.map(str::to_owned),
        color: fields.text("color")?.map(str::to_owned),
    };
    let name = environments::change(&app, &admin, params.get("env"), changes).await?;
    Ok(to(&format!("/environments/{name}")))
}

pub(super) async fn delete(
    State(app): State<Arc<App>>,
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
    environments::remove(&app, &admin, name, typed).await?;
    Ok(to("/"))
}
