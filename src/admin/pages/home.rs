//! The first page: a card for each environment, and which version runs where.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::StatusCode;

use super::charts::{Chart, rollout, spark};
use super::page::{Page, page};
use super::parts::{Badge, Label, When, count, link, short};
use super::visitor::{Chrome, Visitor};
use crate::admin::state::Settings;
use crate::answer::Answers;
use crate::model::directory::Environment;
use crate::model::questions::{Cell, EnvironmentSummary, Kind, Latest, Mark, Phase, Row};
use crate::model::time::{Span, Time};
use crate::wire::{self, ServiceChange};

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    chrome: Chrome,
    /// A question to begin with.
    example: Option<Example<'a>>,
    cards: Vec<Card<'a>>,
    rows: &'a [Row],
    rows_more: usize,
}

/// A question that the page of questions answers.
struct Example<'a> {
    question: &'a str,
    link: String,
}

/// An environment at a glance.
struct Card<'a> {
    name: &'a str,
    description: &'a str,
    color: &'a str,
    badges: Vec<Badge>,
    latest: Option<LatestView<'a>>,
    seen: Option<When>,
    is_unconfirmed: bool,
    counts: String,
    spark: Chart,
    has_token: bool,
}

/// The latest deployment.
struct LatestView<'a> {
    id: &'a str,
    kind: Badge,
    changes: Vec<ChangeLine<'a>>,
    more: usize,
    when: When,
    nodes: String,
    releases: Option<String>,
    curve: Option<Chart>,
}

/// `payment v12 → v14`
struct ChangeLine<'a> {
    repository: &'a str,
    service: &'a str,
    from: Option<Label>,
    to: Label,
}

pub(super) async fn show(
    State(answers): State<Arc<Answers>>,
    State(settings): State<Arc<Settings>>,
    visitor: Visitor,
) -> Page {
    let example = settings.example_question.as_deref();
    let example = example.map(|question| Example { question, link: link("/ask", &[("q", Some(question))]) });
    let moment = answers.now();
    let overview = moment.overview();
    let settle = moment.state().rules().settle;
    let cards = moment.directory().environments().zip(&overview.environments);
    let cards =
        cards.map(|(environment, summary)| Card::new(environment, summary, settle, moment.at())).collect();
    let (rows, rows_more) = (&overview.rows[..], overview.rows_more);
    let chrome = visitor.chrome("environments");
    page(StatusCode::OK, &HomePage { chrome, example, cards, rows, rows_more })
}

impl<'a> Card<'a> {
    fn new(environment: &'a Environment, summary: &'a EnvironmentSummary, settle: Span, now: Time) -> Self {
        let mut badges: Vec<Badge> =
            summary.state.map(|state| Badge::of(wire::Phase::from(state).as_str())).into_iter().collect();
        badges.extend((summary.failing > 0).then(|| Badge::of("failing")));
        badges.extend(summary.is_incomplete.then(|| Badge::of("incomplete")));
        badges.extend(summary.local_at.is_some().then(|| Badge::of("pulled_locally")));
        badges.extend(
            environment.tokens().any(|it| it.warnings(now).next().is_some()).then(|| Badge::of("warning")),
        );
        let tokens = environment.tokens_active(now) as u64;
        Self {
            name: environment.name.as_str(),
            description: &environment.description,
            color: &environment.color,
            badges,
            latest: summary.latest.as_ref().map(|latest| LatestView::new(latest, now)),
            seen: summary.last_seen_at.map(|at| When::new(at, now)),
            is_unconfirmed: summary.last_seen_at.is_some_and(|at| now.since(at) > settle),
            counts: format!(
                "{} · {}",
                count(summary.services as u64, "service"),
                count(tokens, "active token")
            ),
            spark: spark(&summary.spark),
            has_token: tokens > 0,
        }
    }
}

impl<'a> LatestView<'a> {
    fn new(latest: &'a Latest, now: Time) -> Self {
        let landed: usize = latest.changes.iter().map(|change| change.releases.len()).sum();
        let reverted: usize = latest.changes.iter().map(|change| change.reverted.len()).sum();
        let is_moving = matches!(latest.state, Phase::RollingOut | Phase::Mixed);
        let releases = match (landed, reverted) {
            (_, 1..) => Some(format!("{} taken back", count(reverted as u64, "release"))),
            (1.., 0) if latest.kind != Kind::Initial => Some(count(landed as u64, "release")),
            _ => None,
        };
        Self {
            id: &latest.id,
            kind: Badge::of(wire::Kind::from(latest.kind).as_str()),
            changes: latest.changes.iter().map(ChangeLine::new).collect(),
            more: latest.more,
            when: When::new(latest.started_at, now),
            nodes: count(latest.nodes, "node"),
            releases,
            curve: latest.curve.as_ref().filter(|_| is_moving).map(rollout),
        }
    }
}

impl<'a> ChangeLine<'a> {
    fn new(change: &'a ServiceChange) -> Self {
        Self {
            repository: change.repository.as_str(),
            service: short(&change.repository),
            from: change.from.as_ref().map(Label::from),
            to: Label::from(&change.to),
        }
    }
}

/// The mark behind a version: a shape, and what it means.
fn mark(cell: &Cell) -> Option<(&'static str, String)> {
    match cell.mark {
        Mark::Level => None,
        Mark::Ahead => Some(("▲", "ahead: the latest that runs anywhere".to_owned())),
        Mark::Behind(0) => Some(("▽", "behind: a later release runs elsewhere".to_owned())),
        Mark::Behind(releases) => Some(("▽", format!("behind by {}", count(releases as u64, "release")))),
        Mark::Apart => Some(("◆", "diverged: neither contains the other".to_owned())),
        Mark::Unknown => Some(("?", "which one is later is not known".to_owned())),
    }
}

/// The number beside a shape.
fn lag(cell: &Cell) -> Option<usize> {
    match cell.mark {
        Mark::Behind(releases) if releases > 0 => Some(releases),
        _ => None,
    }
}

fn is_moving(cell: &Cell) -> bool {
    matches!(cell.state, Phase::RollingOut | Phase::Mixed)
}
