//! The pages of releases: the list, and one of them with its way through the environments.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{StatusCode, Uri};

use super::deployment_row::ItemRow;
use super::page::{Page, page};
use super::parts::{Badge, Choice, Label, When, choices};
use super::visitor::{Chrome, Visitor};
use crate::admin::http::fields::Fields;
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::answer::Answers;
use crate::model::questions::{Standing, Stay};
use crate::model::releases::Release;
use crate::model::time::Time;
use crate::wire::{self, Source};
use crate::wording::as_last_seen;

/// Releases on the list.
const LISTED_MAX: usize = 100;

#[derive(Template)]
#[template(path = "releases.html")]
struct ReleasesPage {
    chrome: Chrome,
    repositories: Vec<Choice>,
    releases: Vec<ReleaseRow>,
    more: usize,
}

/// A release on the list.
struct ReleaseRow {
    id: String,
    repository: String,
    version: String,
    made: When,
    summary: String,
    environments: Vec<String>,
}

#[derive(Template)]
#[template(path = "release.html")]
struct ReleasePage {
    chrome: Chrome,
    release: wire::Release,
    made: When,
    source: &'static str,
    items: Vec<ItemRow>,
    stays: Vec<StayRow>,
    /// Age of what runs in those, and what silence hides.
    seen: String,
}

/// The course of it in one environment.
struct StayRow {
    environment: String,
    state: Badge,
    story: String,
    since: Option<When>,
    running: Label,
    is_itself: bool,
}

pub(super) async fn list(State(answers): State<Arc<Answers>>, visitor: Visitor, uri: Uri) -> Page {
    let query = Fields::from_query(&uri, &["repository"])?;
    let wanted = query.text("repository")?.unwrap_or_default();
    let moment = answers.now();
    let lines = || moment.state().catalogue().lines();
    let of = lines().filter(|(repository, _)| wanted.is_empty() || repository.as_str() == wanted);
    let mut releases: Vec<(usize, &Arc<Release>)> =
        of.flat_map(|(_, line)| line.releases().iter().enumerate()).collect();
    // The latest that was heard of first; of those heard of at once, the last of its line.
    releases.sort_by_key(|(place, release)| std::cmp::Reverse((release.added_at, *place)));
    let more = releases.len().saturating_sub(LISTED_MAX);
    let shown = releases.into_iter().take(LISTED_MAX);
    let releases = shown.map(|(_, release)| ReleaseRow::new(moment.release(release), moment.at())).collect();
    let repositories = choices(lines().map(|(repository, _)| repository), wanted);
    page(StatusCode::OK, &ReleasesPage { chrome: visitor.chrome("releases"), repositories, releases, more })
}

pub(super) async fn show(State(answers): State<Arc<Answers>>, visitor: Visitor, params: Params) -> Page {
    let (moment, id) = (answers.now(), params.get("id"));
    let now = moment.at();
    let unknown = || {
        Problem::not_found(format!(
            "there is no release `{id}`; `landfall release list` shows which are known"
        ))
    };
    let release = moment.state().catalogue().with_id(id).ok_or_else(unknown)?;
    let trace = moment.trace(release);
    let release = wire::Release::from(release.as_ref());
    page(
        StatusCode::OK,
        &ReleasePage {
            chrome: visitor.chrome("releases"),
            made: When::new(release.created_at, now),
            source: match release.source {
                Source::Registered => "registered",
                Source::Labels => "known from the labels of its image",
                Source::Tag | Source::Unlisted(_) => "known from the tag of its image",
            },
            items: release.changes.iter().map(ItemRow::new).collect(),
            stays: trace.stays.iter().map(|stay| StayRow::new(stay, now)).collect(),
            seen: as_last_seen(trace.stays.iter().map(|stay| (stay.environment.to_string(), &stay.seen))),
            release,
        },
    )
}

impl ReleaseRow {
    fn new(release: wire::Release, now: Time) -> Self {
        let environments = release.environments.unwrap_or_default();
        Self {
            id: release.id,
            repository: release.repository.to_string(),
            version: release.version,
            made: When::new(release.created_at, now),
            summary: release.summary,
            environments: environments.into_iter().map(|place| place.name.to_string()).collect(),
        }
    }
}

impl StayRow {
    fn new(stay: &Stay, now: Time) -> Self {
        let story = match (stay.state, stay.is_itself) {
            (Standing::Live | Standing::RollingOut, true) => "runs it since",
            (Standing::Live | Standing::RollingOut, false) => "has it, in a later release, since",
            (Standing::RolledBack, _) => "had it until",
            (Standing::NotLive, _) => "never had it",
            (Standing::PartlyLive, _) => "has it in a part: two images run beside each other",
            _ => "cannot be told from the releases' order",
        };
        Self {
            environment: stay.environment.to_string(),
            state: Badge::of(wire::Standing::from(stay.state).as_str()),
            story: story.to_owned(),
            since: stay.since.map(|at| When::new(at, now)),
            running: Label::from(&stay.running),
            is_itself: stay.is_itself,
        }
    }
}
