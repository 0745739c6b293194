//! The page of an environment: the services that run in it, now or at another time, and its deployments.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{StatusCode, Uri};

use super::deployment_row::DeploymentRow;
use super::environment_rows::{FailingRow, Lacking, LocalRow, ServiceRow};
use super::page::{Page, page};
use super::parts::{exact, field_value, link, moment as moment_of};
use super::visitor::{Chrome, Visitor};
use crate::admin::http::fields::Fields;
use crate::admin::http::params::Params;
use crate::admin::state::Settings;
use crate::answer::Answers;
use crate::model::directory::Environment;
use crate::model::time::Time;
use crate::wire::RunningService;
use crate::wording::{
    REVISIONS, all_stuck, as_last_seen, bypasses, contradicted, older_revisions, revision, watched_by,
};

/// Deployments on a page.
const PAGE: usize = 25;
/// Services on a page: as many as somebody looks through.
const SERVICES_MAX: usize = 500;
/// Failures on a page.
const FAILING_MAX: usize = 100;
/// Local pulls on a page, the latest ones.
const LOCAL_MAX: usize = 10;

/// The beginning of every page of an environment.
pub(super) struct Head {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) color: String,
    pub(super) tab: &'static str,
}

impl Head {
    pub(super) fn new(environment: &Environment, tab: &'static str) -> Self {
        Self {
            name: environment.name.to_string(),
            description: environment.description.clone(),
            color: environment.color.clone(),
            tab,
        }
    }
}

#[derive(Template)]
#[template(path = "environment.html")]
struct EnvironmentPage {
    chrome: Chrome,
    head: Head,
    at: String,
    past: Option<String>,
    at_field: String,
    compare_link: String,
    search_link: String,
    is_first_page: bool,
    /// The page is about the present, and not about a time in the past.
    is_now: bool,
    services: Vec<ServiceRow>,
    /// Age of what runs, and what silence hides.
    seen: String,
    services_more: usize,
    /// Images that run and were not pulled through this proxy, in words.
    contradicted: String,
    bypass: String,
    /// Witnesses, in words.
    watched: String,
    incomplete: Option<String>,
    missing: Option<Lacking>,
    failing: Vec<FailingRow>,
    failing_more: usize,
    /// Containers that do not run although they should, in words.
    stuck: String,
    days: Vec<Day>,
    next: Option<String>,
    /// Words before the revisions of images that nothing saw run, and those.
    revisions_title: &'static str,
    revisions: Vec<String>,
    /// The number of older ones, in words.
    revisions_more: String,
    local: Vec<LocalRow>,
    has_token: bool,
    /// The host that images are pulled from.
    host: String,
}

/// The deployments of one day.
struct Day {
    name: String,
    deployments: Vec<DeploymentRow>,
}

pub(super) async fn show(
    State(answers): State<Arc<Answers>>,
    State(settings): State<Arc<Settings>>,
    visitor: Visitor,
    params: Params,
    uri: Uri,
) -> Page {
    let query = Fields::from_query(&uri, &["before", "at"])?;
    let moment = answers.as_of(Some(params.get("env")), moment_of(&query, "at")?).await?;
    let environment = moment.environment(params.get("env"))?;
    // A page about the past counts from then.
    let (name, before, now) = (environment.name.as_str(), query.text("before")?, moment.at());
    let running = moment.running(name)?;
    let missing = before.is_none().then(|| moment.missing(name)).transpose()?;
    let listed = moment.detailed_timeline(name, PAGE, before)?;
    let row = |detailed| DeploymentRow::new(detailed, &running, &settings.forges, now);
    let rows = listed.deployments.iter().map(row).collect();
    let lacks = |service: &RunningService| {
        missing.as_ref()?.services.iter().find(|lacking| lacking.repository == service.repository)
    };
    let at = moment.past();
    let written = at.map(|at| at.to_string());
    let this = (Some(name), written.as_deref());
    page(
        StatusCode::OK,
        &EnvironmentPage {
            chrome: visitor.chrome("environments"),
            head: Head::new(environment, "timeline"),
            at: written.clone().unwrap_or_default(),
            past: at.map(exact),
            at_field: field_value(at),
            compare_link: link("/compare", &[("left", this.0), ("left_at", this.1), ("right_at", this.1)]),
            search_link: link("/search", &[("environment", this.0), ("at", this.1)]),
            is_first_page: before.is_none(),
            is_now: at.is_none(),
            services_more: running.services.len().saturating_sub(SERVICES_MAX),
            services: running
                .services
                .iter()
                .take(SERVICES_MAX)
                .map(|service| ServiceRow::new(service, lacks(service), now))
                .collect(),
            seen: as_last_seen(
                running.services.iter().map(|service| (service.repository.to_string(), &service.seen)),
            ),
            stuck: all_stuck(&running, None, str::to_owned),
            contradicted: contradicted(&running.services, str::to_owned),
            watched: watched_by(&running.witnesses, now, str::to_owned),
            bypass: bypasses(&running.bypass, str::to_owned),
            incomplete: running.incomplete.map(|incomplete| incomplete.text),
            missing: missing.as_ref().map(Lacking::new),
            failing_more: running.failing.len().saturating_sub(FAILING_MAX),
            failing: running
                .failing
                .iter()
                .take(FAILING_MAX)
                .map(|attempt| FailingRow::new(attempt, now))
                .collect(),
            days: by_day(rows, now),
            next: listed.next,
            revisions_title: REVISIONS,
            revisions_more: older_revisions(listed.revisions_left_out),
            revisions: listed.revisions.iter().map(|found| revision(found, str::to_owned)).collect(),
            local: moment
                .local(name)?
                .iter()
                .rev()
                .take(LOCAL_MAX)
                .map(|pull| LocalRow::new(pull, now))
                .collect(),
            host: settings.registry_host.clone(),
            has_token: environment.tokens_active(now) > 0,
        },
    )
}

/// Days in UTC: the log's days, the same for everybody.
fn by_day(rows: Vec<DeploymentRow>, now: Time) -> Vec<Day> {
    let today: String = now.to_string().chars().take("2026-03-02".len()).collect();
    let mut days: Vec<Day> = Vec::new();
    for deployment in rows {
        let name = if deployment.day == today {
            "Today (UTC)".to_owned()
        } else {
            format!("{} UTC", deployment.day)
        };
        match days.last_mut() {
            Some(day) if day.name == name => day.deployments.push(deployment),
            _ => days.push(Day { name, deployments: vec![deployment] }),
        }
    }
    days
}
