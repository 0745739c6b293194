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

#[derive(Template)]
#[template(path = "deployment.html")]
struct DeploymentPage {
    chrome: Chrome,
    deployment: Told,
}

pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor, params: Params) -> Page {
    let moment = app.answers.now();
    let detailed = moment.detailed_deployment(params.get("id"))?;
    let chrome = visitor.chrome("environments");
    page(StatusCode::OK, &DeploymentPage { chrome, deployment: Told::new(&detailed, moment.at()) })
}
