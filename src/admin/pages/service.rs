//! The page of a service: the version that each environment runs, its history, what fails, and its releases.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{StatusCode, Uri};

use super::environment_rows::{BesideRow, FailingRow};
use super::lag::Lag;
use super::page::{Page, page};
use super::parts::{
    Back, Badge, Choice, Label, When, choices, exact, field_value, link, moment as moment_of, short,
    with_before,
};
use super::visitor::{Chrome, Visitor};
use crate::admin::http::fields::Fields;
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::answer::{Answers, Moment};
use crate::model::oci::{Malformed, Repository};
use crate::model::questions::{Across, Place, Step};
use crate::model::time::Time;
use crate::wire::Release;
use crate::wording::{REVISIONS, as_last_seen, revision, stuck, told};

/// Changes of the history on the page.
const STEPS_MAX: usize = 40;
/// Releases on the page, the latest.
const RELEASES_MAX: usize = 30;

#[derive(Template)]
#[template(path = "service.html")]
struct ServicePage {
    chrome: Chrome,
    repository: String,
    service: String,
    at: String,
    at_field: String,
    past: Option<String>,
    environments: Vec<Choice>,
    places: Vec<PlaceRow>,
    /// Age of what runs, and what silence hides.
    seen: String,
    failing: Vec<(String, FailingRow)>,
    /// Containers that do not run although they should, in words.
    stuck: Vec<(String, String)>,
    steps: Vec<StepRow>,
    is_cut: bool,
    /// Words before the revisions of images that nothing saw run, and those, each with its environment.
    revisions_title: &'static str,
    revisions: Vec<(String, String)>,
    releases: Vec<ReleaseRow>,
    releases_more: usize,
    releases_link: String,
}

/// The service in one environment.
struct PlaceRow {
    environment: String,
    label: Label,
    digest: String,
    release_id: Option<String>,
    state: Badge,
    lag: Option<Lag>,
    since: When,
    seen: When,
    clients: u32,
    /// Sightings of its workloads, in words.
    told: String,
    beside: Vec<BesideRow>,
    compare_link: Option<String>,
    back_to: Option<Back>,
}

/// One change of it.
struct StepRow {
    id: String,
    environment: String,
    kind: Badge,
    state: Badge,
    from: Option<Label>,
    to: Label,
    when: When,
    compare_link: String,
}

/// One release of it, and the environments that run it.
struct ReleaseRow {
    id: String,
    version: String,
    made: When,
    summary: String,
    environments: Vec<String>,
}

pub(super) async fn show(
    State(answers): State<Arc<Answers>>,
    visitor: Visitor,
    params: Params,
    uri: Uri,
) -> Page {
    let query = Fields::from_query(&uri, &["environment", "at"])?;
    let name = params.get("repository");
    let repository: Repository = name.parse().map_err(|_: Malformed| unknown(name))?;
    let of = query.text("environment")?.filter(|name| !name.is_empty());
    let moment = answers.as_of(of, moment_of(&query, "at")?).await?;
    let across = moment.across(&repository, of, STEPS_MAX)?;
    let (releases, releases_more) = releases(&moment, &repository, &across);
    if across.places.is_empty() && across.failing.is_empty() && across.stuck.is_empty() && releases.is_empty()
    {
        return Err(unknown(name).into());
    }
    let (now, at) = (moment.at(), moment.past());
    let names = across.places.iter().map(|place| &place.environment);
    page(
        StatusCode::OK,
        &ServicePage {
            chrome: visitor.chrome("environments"),
            repository: name.to_owned(),
            service: short(&repository).to_owned(),
            at: at.map(|at| at.to_string()).unwrap_or_default(),
            at_field: field_value(at),
            past: at.map(exact),
            environments: choices(names, of.unwrap_or_default()),
            seen: as_last_seen(
                across.places.iter().map(|place| (place.environment.to_string(), &place.running.seen)),
            ),
            failing: across
                .failing
                .iter()
                .map(|(name, attempt)| (name.to_string(), FailingRow::new(attempt, now)))
                .collect(),
            stuck: across
                .stuck
                .iter()
                .map(|(name, workload)| (name.to_string(), stuck(workload, str::to_owned)))
                .collect(),
            steps: across.history.iter().map(|step| StepRow::new(step, now)).collect(),
            is_cut: across.is_cut,
            revisions_title: REVISIONS,
            revisions: across
                .revisions
                .iter()
                .map(|(name, found)| (name.to_string(), revision(found, str::to_owned)))
                .collect(),
            places: across.places.iter().map(|place| PlaceRow::new(place, now)).collect(),
            releases,
            releases_more,
            releases_link: link("/releases", &[("repository", Some(name))]),
        },
    )
}

fn unknown(name: &str) -> Problem {
    Problem::not_found(format!("no environment pulled `{name}`, and no release of it is known"))
}

/// The latest releases of it, and how many there are besides.
fn releases(moment: &Moment<'_>, repository: &Repository, across: &Across) -> (Vec<ReleaseRow>, usize) {
    let all = moment.state().catalogue().of(repository);
    let latest = all.iter().rev().take(RELEASES_MAX);
    let rows = latest.map(|release| ReleaseRow::new(&Release::from(release.as_ref()), across, moment.at()));
    (rows.collect(), all.len().saturating_sub(RELEASES_MAX))
}

impl PlaceRow {
    fn new(place: &Place, now: Time) -> Self {
        let Place { environment, running, missing, before } = place;
        let missing = missing.as_ref();
        let is_later = |version: &str| {
            missing.is_some_and(|it| it.missing.iter().any(|release| release.version == version))
        };
        let compared = || with_before(environment, Some(&running.repository), running.since, None);
        Self {
            environment: environment.to_string(),
            label: Label::new(running.version.as_deref(), running.digest),
            digest: running.digest.short(),
            release_id: running.release_id.clone(),
            state: Badge::stands(&running.state, &running.confidence),
            lag: missing.and_then(Lag::of),
            since: When::new(running.absent.as_ref().map_or(running.since, |absence| absence.since), now),
            seen: When::new(running.seen.last_seen_at, now),
            clients: running.clients,
            told: told(running),
            beside: running.beside.iter().map(|image| BesideRow::new(image, now)).collect(),
            compare_link: before.as_ref().map(|_| compared()),
            back_to: before
                .as_ref()
                .and_then(|image| image.version.as_deref())
                .map(|version| Back::to(version, is_later(version))),
        }
    }
}

impl StepRow {
    fn new(step: &Step, now: Time) -> Self {
        let Step { environment, id, change } = step;
        Self {
            id: id.clone(),
            environment: environment.to_string(),
            kind: Badge::of(change.kind.as_str()),
            state: Badge::stands(&change.state, &change.confidence),
            from: change.from.as_ref().map(Label::from),
            to: Label::from(&change.to),
            when: When::new(change.started_at, now),
            compare_link: with_before(
                environment,
                Some(&change.repository),
                change.started_at,
                change.settled_at,
            ),
        }
    }
}

impl ReleaseRow {
    fn new(release: &Release, across: &Across, now: Time) -> Self {
        let runs =
            |place: &&Place| place.running.runs() && place.running.release_id.as_ref() == Some(&release.id);
        Self {
            id: release.id.clone(),
            version: release.version.clone(),
            made: When::new(release.created_at, now),
            summary: release.summary.clone(),
            environments: across
                .places
                .iter()
                .filter(runs)
                .map(|place| place.environment.to_string())
                .collect(),
        }
    }
}
