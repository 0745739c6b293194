//! The pages of releases: the list, and one of them with its way through the environments.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{StatusCode, Uri};

use super::deployment_row::ItemRow;
use super::mention::Mention;
use super::page::{Page, page};
use super::parts::{Badge, Choice, Label, When, choices};
use super::visitor::{Chrome, Visitor};
use crate::admin::http::fields::Fields;
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::admin::state::Settings;
use crate::answer::Answers;
use crate::model::questions::{Standing, Stay};
use crate::model::releases::Release;
use crate::model::time::Time;
use crate::wire::{self, Missing, Source};
use crate::wording::as_last_seen;

/// Releases on the list.
const LISTED_MAX: usize = 100;

/// Longest text to search for.
const SEARCH_CHARS_MAX: usize = 200;

#[derive(Template)]
#[template(path = "releases.html")]
struct ReleasesPage {
    chrome: Chrome,
    search: String,
    repositories: Vec<Choice>,
    absences: Vec<Choice>,
    /// There is a release, though what was chosen may hide it.
    has_releases: bool,
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
    revision: Option<Mention>,
    parents: Vec<Parent>,
    items: Vec<ItemRow>,
    stays: Vec<StayRow>,
    /// Age of what runs in those, and what silence hides.
    seen: String,
}

/// A version or revision that a release was built upon, and its page where it is known.
struct Parent {
    name: String,
    id: Option<String>,
}

/// The course of it in one environment.
struct StayRow {
    environment: String,
    state: Badge,
    story: String,
    since: Option<When>,
    /// Words before the image that runs, or ran last.
    then: &'static str,
    running: Label,
    is_itself: bool,
}

pub(super) async fn list(State(answers): State<Arc<Answers>>, visitor: Visitor, uri: Uri) -> Page {
    let query = Fields::from_query(&uri, &["q", "repository", "absent"])?;
    let search = query.one_line("q", SEARCH_CHARS_MAX)?.unwrap_or_default().trim();
    let wanted = query.text("repository")?.unwrap_or_default();
    let absent = query.text("absent")?.unwrap_or_default();
    let moment = answers.now();
    let absences = moment.directory().environments().map(|one| (one.name.as_str(), absent));
    let absences = absences.map(|(name, absent)| Choice {
        value: name.to_owned(),
        label: format!("not in {name} yet"),
        is_chosen: name == absent,
    });
    let missing = if absent.is_empty() { None } else { Some(moment.missing(absent)?) };
    let lines = || moment.state().catalogue().lines();
    let of = lines().filter(|(repository, _)| wanted.is_empty() || repository.as_str() == wanted);
    let mut releases: Vec<(usize, &Arc<Release>)> =
        of.flat_map(|(_, line)| line.releases().iter().enumerate()).collect();
    releases.retain(|(_, release)| {
        fits(release, search) && missing.as_ref().is_none_or(|missing| lacks(missing, release))
    });
    // The latest that was heard of first; of those heard of at once, the last of its line.
    releases.sort_by_key(|(place, release)| std::cmp::Reverse((release.added_at, *place)));
    let more = releases.len().saturating_sub(LISTED_MAX);
    let shown = releases.into_iter().take(LISTED_MAX);
    let releases = shown.map(|(_, release)| ReleaseRow::new(moment.release(release), moment.at())).collect();
    page(
        StatusCode::OK,
        &ReleasesPage {
            chrome: visitor.chrome("releases"),
            search: search.to_owned(),
            repositories: choices(lines().map(|(repository, _)| repository), wanted),
            absences: absences.collect(),
            has_releases: lines().next().is_some(),
            releases,
            more,
        },
    )
}

/// Tells whether every word of `search` is in the release's version, repository, notes, or the numbers of its changes.
fn fits(release: &Release, search: &str) -> bool {
    search.to_lowercase().split_whitespace().all(|word| {
        let has = |text: &str| text.to_lowercase().contains(word);
        let number = word.trim_start_matches('#').parse::<u64>().ok();
        has(&release.version)
            || has(release.repository.as_str())
            || release.revision.as_deref().is_some_and(|revision| revision.starts_with(word))
            || release.changes.iter().any(|change| {
                has(&change.title) || number.is_some_and(|it| [change.pr, change.issue].contains(&Some(it)))
            })
    })
}

/// Tells whether an environment lacks a release; whatever it never ran any of, it lacks.
fn lacks(missing: &Missing, release: &Release) -> bool {
    match missing.services.iter().find(|service| service.repository == release.repository) {
        // Nothing of a service is missing while nothing of it runs.
        None => missing.absent.iter().all(|service| service.repository != release.repository),
        Some(service) => service.missing.iter().any(|lacking| lacking.id == release.id),
    }
}

pub(super) async fn show(
    State(answers): State<Arc<Answers>>,
    State(settings): State<Arc<Settings>>,
    visitor: Visitor,
    params: Params,
) -> Page {
    let (moment, id) = (answers.now(), params.get("id"));
    let now = moment.at();
    let unknown = || {
        Problem::not_found(format!(
            "there is no release `{id}`; `landfall release list` shows which are known"
        ))
    };
    let release = moment.state().catalogue().with_id(id).ok_or_else(unknown)?;
    let trace = moment.trace(release);
    let line = moment.state().catalogue().of(&release.repository);
    let parents = release.parents.iter().map(|name| Parent {
        id: line.iter().find(|other| is_named(other, name)).map(|other| other.id.clone()),
        name: name.clone(),
    });
    let parents = parents.collect();
    let release = wire::Release::from(release.as_ref());
    let forge = settings.forges.of(&release.repository);
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
            parents,
            items: release.changes.iter().map(|change| ItemRow::new(change, forge)).collect(),
            revision: release.revision.as_deref().map(|revision| Mention::of_commit(revision, forge)),
            stays: trace.stays.iter().map(|stay| StayRow::new(stay, now)).collect(),
            seen: as_last_seen(trace.stays.iter().map(|stay| (stay.environment.to_string(), &stay.seen))),
            release,
        },
    )
}

/// Tells whether a version or revision is that of a release.
fn is_named(release: &Release, name: &str) -> bool {
    release.version == name || release.revision.as_deref() == Some(name)
}

impl ReleaseRow {
    fn new(release: wire::Release, now: Time) -> Self {
        let version = release.label();
        let environments = release.environments.unwrap_or_default();
        Self {
            version,
            id: release.id,
            repository: release.repository.to_string(),
            made: When::new(release.created_at, now),
            summary: release.summary,
            environments: environments.into_iter().map(|place| place.name.to_string()).collect(),
        }
    }
}

impl StayRow {
    fn new(stay: &Stay, now: Time) -> Self {
        let story = match (stay.state, stay.is_itself) {
            _ if stay.absent.is_some() => "runs nothing of the service since",
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
            since: stay
                .absent
                .as_ref()
                .map(|absence| absence.since)
                .or(stay.since)
                .map(|at| When::new(at, now)),
            then: if stay.absent.is_some() { "the last was" } else { "now" },
            running: Label::from(&stay.running),
            is_itself: stay.is_itself,
        }
    }
}
