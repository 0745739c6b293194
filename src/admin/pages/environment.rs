//! The page of an environment: the services that run in it, now or at another time, and its deployments.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{StatusCode, Uri};

use super::deployment_row::DeploymentRow;
use super::page::{Page, page};
use super::parts::{Badge, Label, When, count, exact, field_value, link, moment as moment_of};
use super::visitor::{Chrome, Visitor};
use crate::admin::http::fields::Fields;
use crate::admin::http::params::Params;
use crate::answer::Answers;
use crate::clock::now;
use crate::model::directory::Environment;
use crate::model::time::Time;
use crate::wire::{BesideImage, FailedAttempt, LocalPull, Missing, MissingService, RunningService};
use crate::wording::{as_last_seen, beside_as, beside_label};

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
    services: Vec<ServiceRow>,
    /// Age of what runs, and what silence hides.
    seen: String,
    services_more: usize,
    incomplete: Option<String>,
    missing: Option<Lacking>,
    failing: Vec<FailingRow>,
    failing_more: usize,
    days: Vec<Day>,
    next: Option<String>,
    local: Vec<LocalRow>,
    has_token: bool,
}

struct ServiceRow {
    repository: String,
    label: Label,
    digest: String,
    release_id: Option<String>,
    state: Badge,
    confidence: Badge,
    since: When,
    seen: When,
    is_unconfirmed: bool,
    clients: u32,
    refused_since: Option<When>,
    beside: Vec<BesideRow>,
}

/// An image beside the service's.
struct BesideRow {
    as_what: &'static str,
    label: String,
    digest: String,
    since: When,
    seen: When,
    clients: u32,
}

/// The releases that it lacks.
struct Lacking {
    verdict: String,
    rows: Vec<LackingRow>,
    more: usize,
}

struct LackingRow {
    repository: String,
    running: Label,
    latest: Option<(String, String)>,
    facts: String,
}

/// An image that somebody tries to pull and cannot.
struct FailingRow {
    image: String,
    status: u16,
    cause: String,
    count: u64,
    when: When,
}

struct LocalRow {
    repository: String,
    label: Label,
    client: String,
    reason: String,
    when: When,
}

/// The deployments of one day.
struct Day {
    name: String,
    deployments: Vec<DeploymentRow>,
}

pub(super) async fn show(
    State(answers): State<Arc<Answers>>,
    visitor: Visitor,
    params: Params,
    uri: Uri,
) -> Page {
    let query = Fields::from_query(&uri, &["before", "at"])?;
    let moment = answers.as_of(Some(params.get("env")), moment_of(&query, "at")?).await?;
    let environment = moment.environment(params.get("env"))?;
    let (name, before, now) = (environment.name.as_str(), query.text("before")?, now());
    let running = moment.running(name)?;
    let listed = moment.detailed_timeline(name, PAGE, before)?;
    let rows = listed.deployments.iter().map(|detailed| DeploymentRow::new(detailed, now)).collect();
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
            services_more: running.services.len().saturating_sub(SERVICES_MAX),
            services: running
                .services
                .iter()
                .take(SERVICES_MAX)
                .map(|service| ServiceRow::new(service, now))
                .collect(),
            seen: as_last_seen(
                running.services.iter().map(|service| (service.repository.to_string(), &service.seen)),
            ),
            incomplete: running.incomplete.map(|incomplete| incomplete.text),
            missing: before.is_none().then(|| moment.missing(name)).transpose()?.map(Lacking::new),
            failing_more: running.failing.len().saturating_sub(FAILING_MAX),
            failing: running
                .failing
                .iter()
                .take(FAILING_MAX)
                .map(|attempt| FailingRow::new(attempt, now))
                .collect(),
            days: by_day(rows, now),
            next: listed.next,
            local: moment
                .local(name)?
                .iter()
                .rev()
                .take(LOCAL_MAX)
                .map(|pull| LocalRow::new(pull, now))
                .collect(),
            has_token: environment.tokens_active(now) > 0,
        },
    )
}

/// Days in UTC: the log's days, the same for everybody.
fn by_day(rows: Vec<DeploymentRow>, now: Time) -> Vec<Day> {
    let today: String = now.to_string().chars().take("2026-03-02".len()).collect();
    let mut days: Vec<Day> = Vec::new();
    for deployment in rows {
        let name = if deployment.day == today { "Today".to_owned() } else { deployment.day.clone() };
        match days.last_mut() {
            Some(day) if day.name == name => day.deployments.push(deployment),
            _ => days.push(Day { name, deployments: vec![deployment] }),
        }
    }
    days
}

impl BesideRow {
    fn new(image: &BesideImage, now: Time) -> Self {
        Self {
            as_what: beside_as(image),
            label: beside_label(image),
            digest: image.digest.short(),
            since: When::new(image.since, now),
            seen: When::new(image.seen.last_seen_at, now),
            clients: image.clients,
        }
    }
}

impl ServiceRow {
    fn new(service: &RunningService, now: Time) -> Self {
        Self {
            repository: service.repository.to_string(),
            label: Label::new(service.version.as_deref(), service.digest),
            digest: service.digest.short(),
            release_id: service.release_id.clone(),
            state: Badge::of(service.state.as_str()),
            confidence: Badge::of(service.confidence.as_str()),
            since: When::new(service.since, now),
            seen: When::new(service.seen.last_seen_at, now),
            is_unconfirmed: service.seen.unconfirmed_since.is_some(),
            clients: service.clients,
            refused_since: service.refused_since.map(|at| When::new(at, now)),
            beside: service.beside.iter().map(|image| BesideRow::new(image, now)).collect(),
        }
    }
}

impl Lacking {
    fn new(missing: Missing) -> Self {
        let behind: Vec<&MissingService> = missing.services.iter().filter(|it| !it.up_to_date).collect();
        let lacking = behind.iter().filter(|it| !it.missing.is_empty()).count();
        let verdict = match lacking as u64 {
            0 if missing.services.is_empty() => String::new(),
            0 if !missing.up_to_date => "Whether it is up to date is not known.".to_owned(),
            0 => "Up to date, as far as releases are known.".to_owned(),
            one => format!("Not up to date: {} behind.", count(one, "service")),
        };
        let more = behind.len().saturating_sub(SERVICES_MAX);
        let rows = behind.into_iter().take(SERVICES_MAX).map(LackingRow::new).collect();
        Self { verdict, rows, more }
    }
}

impl LackingRow {
    fn new(service: &MissingService) -> Self {
        let releases = |releases: usize| (releases > 0).then(|| count(releases as u64, "release"));
        let mut facts: Vec<String> = releases(service.missing.len()).into_iter().collect();
        facts
            .extend(releases(service.unordered.len()).map(|releases| format!("{releases} of unknown order")));
        facts.extend((service.fixes > 0).then(|| count(service.fixes as u64, "fix")));
        Self {
            repository: service.repository.to_string(),
            running: Label::from(&service.running),
            latest: service.latest.as_ref().map(|latest| (latest.id.clone(), latest.version.clone())),
            facts: facts.join(", "),
        }
    }
}

impl FailingRow {
    fn new(attempt: &FailedAttempt, now: Time) -> Self {
        Self {
            image: if attempt.unproven {
                attempt.repository.to_string()
            } else {
                format!("{} {}", attempt.repository, attempt.reference)
            },
            status: attempt.status,
            cause: attempt.cause.to_string(),
            count: attempt.count,
            when: When::new(attempt.last_at, now),
        }
    }
}

impl LocalRow {
    fn new(pull: &LocalPull, now: Time) -> Self {
        Self {
            repository: pull.repository.to_string(),
            label: Label::new(pull.version.as_deref(), pull.digest),
            client: pull.client.to_string(),
            reason: pull.reason.to_string(),
            when: When::new(pull.at, now),
        }
    }
}
