//! One deployment, on a page that can be named to others.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::StatusCode;

use super::deployment_row::DeploymentRow;
use super::page::{Page, page};
use super::visitor::{Chrome, Visitor};
use crate::admin::http::params::Params;
use crate::admin::state::Settings;
use crate::answer::Answers;

#[derive(Template)]
#[template(path = "deployment.html")]
struct DeploymentPage {
    chrome: Chrome,
    deployment: DeploymentRow,
    /// The page is about the present.
    is_now: bool,
}

pub(super) async fn show(
    State(answers): State<Arc<Answers>>,
    State(settings): State<Arc<Settings>>,
    visitor: Visitor,
    params: Params,
) -> Page {
    let moment = answers.now();
    let detailed = moment.detailed_deployment(params.get("id"))?;
    let running = moment.running(detailed.deployment.environment.as_str())?;
    let deployment = DeploymentRow::new(&detailed, &running, &settings.forges, moment.at());
    page(StatusCode::OK, &DeploymentPage { chrome: visitor.chrome("environments"), deployment, is_now: true })
}
