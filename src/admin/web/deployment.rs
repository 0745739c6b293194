//! One deployment, on a page that can be named to others.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::StatusCode;

use super::told::Told;
use super::visitor::{Chrome, Visitor};
use super::{Page, page};
use crate::admin::App;
use crate::admin::params::Params;
use crate::admin::problem::Problem;
use crate::clock::now;
use crate::model::questions;

#[derive(Template)]
#[template(path = "deployment.html")]
struct DeploymentPage {
    chrome: Chrome,
    deployment: Told,
}

pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor, params: Params) -> Page {
    let (view, now, id) = (app.log.view(), now(), params.get("id"));
    let unknown = || Problem::not_found(format!("there is no deployment `{id}`"));
    let chapter = questions::chapter(&view.state, id, now).ok_or_else(unknown)?;
    let chrome = visitor.chrome("environments");
    page(StatusCode::OK, &DeploymentPage { chrome, deployment: Told::new(&chapter, now) })
}
