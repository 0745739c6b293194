//! One deployment, on a page that can be named to others.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::StatusCode;

use super::deployment_row::Told;
use super::visitor::{Chrome, Visitor};
use super::{Page, page};
use crate::admin::App;
use crate::admin::http::params::Params;

#[derive(Template)]
#[template(path = "deployment.html")]
struct DeploymentPage {
    chrome: Chrome,
    deployment: Told,
}

pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor, params: Params) -> Page {
    let moment = app.answers.now();
    let chapter = moment.chapter(params.get("id"))?;
    let chrome = visitor.chrome("environments");
    page(StatusCode::OK, &DeploymentPage { chrome, deployment: Told::new(&chapter, moment.at()) })
}
