//! A plan of a deploy: made for an administrator, shown to everybody, applied where Landfall has access to the cluster.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use http::StatusCode;

use super::deployment_row::ItemRow;
use super::page::{Page, page, to};
use super::parts::{Badge, When, count};
use super::sentence::Sentence;
use super::visitor::{Chrome, Visitor};
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::admin::state::Settings;
use crate::admin::v1::apply::Executor;
use crate::admin::v1::deploys;
use crate::admin::v1::planner::Planner;
use crate::clock::now;
use crate::cluster::Conflicts;
use crate::config::Forge;
use crate::model::deploy::Wish;
use crate::model::oci::Malformed;
use crate::model::time::Time;
use crate::wire::{Balance, Deploy, DeployState};
use crate::wording::{deploy_seen, stuck};

/// Changes that are listed of what comes or goes.
const ITEMS_MAX: usize = 40;

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanPage {
    chrome: Chrome,
    plan: Deploy,
    kind: Badge,
    /// The progress of it beyond the plan.
    state: Option<String>,
    planned: When,
    warnings: Vec<Sentence>,
    stuck: Vec<String>,
    causes: Vec<Sentence>,
    seen: String,
    gained: Weight,
    lost: Weight,
    commands: String,
    can_apply: bool,
}

/// Releases that come or go.
struct Weight {
    releases: Vec<(String, String)>,
    facts: String,
    items: Vec<ItemRow>,
    more: usize,
}

/// Plans what puts one version of a service into an environment.
pub(super) async fn make(
    State(executor): State<Executor>,
    visitor: Visitor,
    params: Params,
    request: Request,
) -> Page {
    let (admin, fields) = visitor.form(request, &["repository", "version"]).await?;
    let repository = fields.required_text("repository")?.parse();
    let wish = Wish {
        repository: Some(
            repository.map_err(|error: Malformed| Problem::invalid("repository", error.to_string()))?,
        ),
        version: Some(fields.required_text("version")?.to_owned()),
        ..Wish::default()
    };
    let plan = deploys::make(&executor, admin, params.get("env"), &wish, false, Conflicts::Refuse).await?;
    Ok(to(&format!("/deploys/{}", plan.id)))
}

/// Tells what a plan means and how far it is.
pub(super) async fn show(
    State(planner): State<Planner>,
    State(settings): State<Arc<Settings>>,
    visitor: Visitor,
    params: Params,
) -> Page {
    let now = now();
    let plan = planner.followed(&planner.view(), params.get("id"), now)?;
    let can_apply = plan.state == DeployState::Planned && planner.has_cluster(&plan.environment);
    let forge = settings.forges.of(&plan.release.repository).cloned();
    let chrome = visitor.chrome("environments");
    page(StatusCode::OK, &PlanPage::new(plan, chrome, can_apply, forge.as_ref(), now))
}

/// Applies a plan as it was made.
pub(super) async fn apply(
    State(executor): State<Executor>,
    visitor: Visitor,
    params: Params,
    request: Request,
) -> Page {
    let (admin, _) = visitor.form(request, &[]).await?;
    let id = params.get("id");
    executor.apply_known(admin, id, None, Conflicts::Refuse).await?;
    Ok(to(&format!("/deploys/{id}")))
}

impl PlanPage {
    fn new(plan: Deploy, chrome: Chrome, can_apply: bool, forge: Option<&Forge>, now: Time) -> Self {
        Self {
            chrome,
            kind: Badge::of(plan.kind.as_str()),
            state: (plan.state != DeployState::Planned).then(|| plan.state.as_str().replace('_', " ")),
            planned: When::new(plan.planned_at, now),
            warnings: plan.warnings.iter().map(|warning| Sentence::new(&warning.text)).collect(),
            stuck: plan.stuck.iter().map(|workload| stuck(workload, str::to_owned)).collect(),
            causes: plan.causes.iter().map(|cause| Sentence::new(cause)).collect(),
            seen: deploy_seen(&plan),
            gained: Weight::new(&plan.gained, forge),
            lost: Weight::new(&plan.lost, forge),
            commands: plan.commands.join("\n"),
            can_apply,
            plan,
        }
    }
}

impl Weight {
    fn new(balance: &Balance, forge: Option<&Forge>) -> Self {
        let releases = &balance.releases;
        let mut facts = vec![count(releases.len() as u64, "release")];
        facts.extend((balance.fixes > 0).then(|| count(balance.fixes as u64, "fix")));
        let changes: Vec<_> = releases.iter().flat_map(|release| &release.changes).collect();
        Self {
            releases: releases.iter().map(|it| (it.id.clone(), it.version.clone())).collect(),
            facts: facts.join(", "),
            more: changes.len().saturating_sub(ITEMS_MAX),
            items: changes.into_iter().take(ITEMS_MAX).map(|change| ItemRow::new(change, forge)).collect(),
        }
    }
}
