//! The search page: from a description to the changes that it may mean, and the environments where they are live.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{StatusCode, Uri};

use super::deployment_row::ItemRow;
use super::page::{Page, page};
use super::parts::{Badge, Choice, Label, When, choices, exact, field_value, link, moment as moment_of};
use super::visitor::{Chrome, Visitor};
use crate::admin::http::fields::Fields;
use crate::admin::state::Settings;
use crate::answer::{Answers, Moment, QUERY_CHARS_MAX, Within};
use crate::clock;
use crate::config::Forges;
use crate::model::time::Time;
use crate::wire::{Certainty, Match, SearchMatch, ServiceStanding, Standing, Verified};
use crate::wording::{alike, as_last_seen, gone};

/// Changes that are shown.
const FOUND_MAX: usize = 20;

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    chrome: Chrome,
    environments: Vec<Choice>,
    at: String,
    at_field: String,
    /// The time, where the answer is about the past.
    past: Option<String>,
    answer: Option<Answer>,
    /// The reason why what follows is not certain.
    caution: Option<&'static str>,
    /// Findings, the likely apart from the others.
    sections: Vec<Section>,
    /// The query as one word of a command.
    command: String,
}

/// The answer for one environment.
struct Answer {
    state: Badge,
    text: String,
    since: Option<When>,
    services: Vec<ServiceRow>,
}

/// The evidence: one service.
struct ServiceRow {
    repository: String,
    running: Label,
    /// In what way nothing of it runs, where nothing does.
    gone: Option<String>,
    state: Badge,
    since: Option<When>,
    seen: When,
    deployment_id: Option<String>,
}

/// Changes under one title.
struct Section {
    title: &'static str,
    found: Vec<Found>,
}

/// A change that may be meant.
struct Found {
    item: ItemRow,
    release_id: String,
    release: String,
    environments: Vec<Presence>,
    /// Age of where it stands, and what silence hides; the answer for one environment says it itself.
    seen: String,
}

/// The state of a change in one environment.
struct Presence {
    environment: String,
    link: String,
    state: Badge,
    since: Option<When>,
}

pub(super) async fn show(
    State(answers): State<Arc<Answers>>,
    State(settings): State<Arc<Settings>>,
    visitor: Visitor,
    uri: Uri,
) -> Page {
    let forges = &settings.forges;
    let query = Fields::from_query(&uri, &["q", "environment", "at"])?;
    let text = query.one_line("q", QUERY_CHARS_MAX)?.unwrap_or_default().trim().to_owned();
    let name = query.text("environment")?.unwrap_or_default();
    let at = moment_of(&query, "at")?.filter(|at| *at < clock::now());
    let env = Some(name).filter(|name| !name.is_empty());
    let moment = answers.searchable_as_of(env, at.filter(|_| !text.is_empty())).await?;
    // A page about the past counts from then.
    let now = moment.at();
    let names = moment.directory().environments().map(|one| &one.name);
    let mut shown = SearchPage {
        chrome: Chrome { query: text.clone(), ..visitor.chrome("search") },
        environments: choices(names, name),
        at_field: field_value(at),
        at: moment.past().map(|at| at.to_string()).unwrap_or_default(),
        past: moment.past().map(exact),
        answer: None,
        caution: None,
        sections: Vec::new(),
        command: format!("'{}'", text.replace('\'', r"'\''")),
    };
    if text.is_empty() {
        return page(StatusCode::OK, &shown);
    }
    if name.is_empty() {
        let searched = moment.search(&text, FOUND_MAX, Within::default());
        shown.caution = caution(&searched.certainty);
        let found = searched.matches.iter().map(|it| Found::everywhere(it, &moment, forges)).collect();
        let scores = searched.matches.iter().map(|it| it.score);
        shown.sections = sections(&searched.certainty, scores, found);
    } else {
        let verified = moment.verify(name, &text, Within::default())?;
        let found =
            verified.matches.iter().map(|it| Found::in_environment(it, name, &moment, forges)).collect();
        let certainty = match verified.answer {
            Standing::NoSuchChange => Certainty::No,
            Standing::Unknown if verified.confidence.is_none() => Certainty::Perhaps,
            _ => Certainty::Sure,
        };
        shown.sections = sections(&certainty, verified.matches.iter().map(|it| it.score), found);
        shown.answer = Some(Answer::new(verified, now));
    }
    page(StatusCode::OK, &shown)
}

fn caution(certainty: &Certainty) -> Option<&'static str> {
    match certainty {
        Certainty::Sure => None,
        Certainty::Perhaps => Some("It is not certain which change is meant; one of these may be."),
        Certainty::No | Certainty::Unlisted(_) => Some("No matching change. These are only the nearest."),
    }
}

/// The change, or those that may as well be meant; and, apart from them, what is near.
fn sections(certainty: &Certainty, scores: impl Iterator<Item = f64>, mut found: Vec<Found>) -> Vec<Section> {
    let (title, likely) = match certainty {
        Certainty::Sure => ("The change", 1),
        Certainty::Perhaps => ("Changes that may be meant", alike(scores)),
        Certainty::No | Certainty::Unlisted(_) => ("", 0),
    };
    let others = found.split_off(likely.min(found.len()));
    let all = [Section { title, found }, Section { title: "Less likely", found: others }];
    all.into_iter().filter(|section| !section.found.is_empty()).collect()
}

/// The page of an environment at the same moment.
fn to_environment(name: &str, moment: &Moment<'_>) -> String {
    let at = moment.past().map(|at| at.to_string());
    link(&format!("/environments/{name}"), &[("at", at.as_deref())])
}

impl Answer {
    fn new(verified: Verified, now: Time) -> Self {
        let is_certain = verified.confidence.is_some();
        let services = verified.matches.first().filter(|_| is_certain).map(|best| &best.services);
        let row = |service: &ServiceStanding| ServiceRow {
            repository: service.repository.to_string(),
            running: Label::from(&service.running),
            gone: service.absent.as_ref().map(gone),
            state: Badge::of(service.state.as_str()),
            since: service.since.map(|at| When::new(at, now)),
            seen: When::new(service.seen.last_seen_at, now),
            deployment_id: service.deployment_id.clone(),
        };
        let state = Badge::of(verified.answer.as_str());
        let state = match &verified.confidence {
            Some(confidence) => state.and(confidence),
            None => state,
        };
        Self {
            state,
            services: services.into_iter().flatten().map(row).collect(),
            text: verified.text,
            since: verified.since.map(|at| When::new(at, now)),
        }
    }
}

impl Found {
    fn everywhere(found: &SearchMatch, moment: &Moment<'_>, forges: &Forges) -> Self {
        let now = moment.at();
        let environments = found.environments.iter().map(|place| Presence {
            environment: place.name.to_string(),
            link: to_environment(place.name.as_str(), moment),
            state: Badge::of(place.state.as_str()),
            since: place.since.map(|at| When::new(at, now)),
        });
        Self {
            item: ItemRow::new(&found.change, forges.of(&found.release.repository)),
            release_id: found.release.id.clone(),
            release: format!("{} {}", found.release.repository, found.release.label()),
            environments: environments.collect(),
            seen: as_last_seen(found.environments.iter().map(|it| (it.name.to_string(), &it.seen))),
        }
    }

    fn in_environment(found: &Match, environment: &str, moment: &Moment<'_>, forges: &Forges) -> Self {
        let now = moment.at();
        let place = Presence {
            environment: environment.to_owned(),
            link: to_environment(environment, moment),
            state: Badge::of(found.state.as_str()),
            since: found.since.map(|at| When::new(at, now)),
        };
        Self {
            item: ItemRow::new(&found.change, forges.of(&found.release.repository)),
            release_id: found.release.id.clone(),
            release: format!("{} {}", found.release.repository, found.release.label()),
            environments: vec![place],
            seen: String::new(),
        }
    }
}
