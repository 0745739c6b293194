//! The first page: what somebody should look at, a card for each environment, and which version runs where.

use std::cmp::Reverse;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{HeaderMap, StatusCode, Uri};

use super::attention::Attention;
use super::card::Card;
use super::chrome::Chrome;
use super::page::{Page, page};
use super::parts::{Choice, choices, count, link};
use super::pins::Pins;
use super::visitor::Visitor;
use crate::admin::http::fields::Fields;
use crate::admin::http::problem::Problem;
use crate::admin::state::Settings;
use crate::answer::Answers;
use crate::model::questions::{Cell, Mark, Phase, Row};
use crate::model::time::{Time, ago};

/// Longest text to filter by.
const FILTER_CHARS_MAX: usize = 100;
/// Orders of the environments; the first unless told.
const ORDERS: [&str; 2] = ["latest first", "by name"];
/// Groupings of the environments; the first unless told.
const GROUPINGS: [&str; 2] = ["no groups", "by first part of the name"];

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    chrome: Chrome,
    /// The page's own address.
    here: String,
    /// A question to begin with.
    example: Option<Example<'a>>,
    attention: Attention<'a>,
    /// There is an environment, though the filter may hide it.
    has_environments: bool,
    filter: &'a str,
    services: &'a str,
    orders: Vec<Choice>,
    groupings: Vec<Choice>,
    groups: Vec<Group<'a>>,
    columns: Vec<(usize, &'a str)>,
    rows: Vec<&'a Row>,
    rows_more: usize,
    now: Time,
}

/// A question that the page of questions answers.
struct Example<'a> {
    question: &'a str,
    link: String,
}

/// Environments under one heading; without one where they are not grouped.
struct Group<'a> {
    name: &'a str,
    cards: Vec<Card<'a>>,
}

/// A visitor's choices.
struct Chosen<'q> {
    filter: &'q str,
    services: &'q str,
    order: &'q str,
    grouping: &'q str,
}

pub(super) async fn show(
    State(answers): State<Arc<Answers>>,
    State(settings): State<Arc<Settings>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
) -> Page {
    let example = settings.example_question.as_deref();
    let example = example.map(|question| Example { question, link: link("/ask", &[("q", Some(question))]) });
    let query = Fields::from_query(&uri, &["filter", "services", "order", "group"])?;
    let chosen = Chosen::of(&query)?;
    let moment = answers.now();
    let overview = moment.overview();
    let (directory, now) = (moment.directory(), moment.at());
    let fits = |name: &str, description: &str| has(name, chosen.filter) || has(description, chosen.filter);
    let all = directory.environments().zip(&overview.environments).enumerate();
    let mut shown: Vec<_> = all.filter(|(_, (it, _))| fits(it.name.as_str(), &it.description)).collect();
    let pins = Pins::of(&headers, directory.former());
    shown.sort_by_key(|(_, (it, _))| !pins.has(&it.name));
    let cards = shown.iter().map(|(place, (environment, summary))| {
        let card = Card::new(environment, summary, behind(&overview.rows, *place), now);
        Card { is_pinned: pins.has(&environment.name), ..card }
    });
    let rows = overview.rows.iter().filter(|row| {
        let runs = || shown.iter().any(|(place, _)| row.cells[*place].is_some());
        has(row.repository.as_str(), chosen.services) && runs()
    });
    page(
        StatusCode::OK,
        &HomePage {
            chrome: visitor.chrome("environments"),
            here: uri.to_string(),
            example,
            attention: Attention::new(&overview.attention, now),
            has_environments: directory.environments().next().is_some(),
            filter: chosen.filter,
            services: chosen.services,
            orders: choices(ORDERS, chosen.order),
            groupings: choices(GROUPINGS, chosen.grouping),
            groups: grouped(cards.collect(), &chosen),
            columns: shown.iter().map(|(place, (it, _))| (*place, it.name.as_str())).collect(),
            rows: rows.collect(),
            rows_more: overview.rows_more,
            now,
        },
    )
}

impl<'q> Chosen<'q> {
    fn of(query: &'q Fields) -> Result<Self, Problem> {
        let text = |field| Ok::<_, Problem>(query.one_line(field, FILTER_CHARS_MAX)?.unwrap_or_default());
        Ok(Self {
            filter: text("filter")?.trim(),
            services: text("services")?.trim(),
            order: text("order")?,
            grouping: text("group")?,
        })
    }
}

/// Letters of either case are the same.
fn has(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

/// The number of services that lack a release in the environment at `place`.
fn behind(rows: &[Row], place: usize) -> usize {
    rows.iter().filter_map(|row| row.cells[place].as_ref()).filter(|cell| cell.lacks > 0).count()
}

/// Cards in the order and under the headings that were chosen, after those that are pinned.
fn grouped<'a>(mut cards: Vec<Card<'a>>, chosen: &Chosen<'_>) -> Vec<Group<'a>> {
    if chosen.order != ORDERS[1] {
        cards.sort_by_key(|card| Reverse(card.moved_at));
    }
    let (pinned, cards): (Vec<_>, Vec<_>) = cards.into_iter().partition(|card| card.is_pinned);
    let rest = if pinned.is_empty() { "" } else { "Others" };
    let mut groups: Vec<Group<'a>> = Vec::new();
    groups.extend((!pinned.is_empty()).then_some(Group { name: "Pinned", cards: pinned }));
    for card in cards {
        let part: &'a str = card.name.split('-').next().unwrap_or_default();
        let name = if chosen.grouping == GROUPINGS[1] { part } else { rest };
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.cards.push(card),
            None => groups.push(Group { name, cards: vec![card] }),
        }
    }
    groups
}

impl HomePage<'_> {
    /// The cells of a row, one for each environment that is shown.
    fn cells<'r>(&self, row: &'r Row) -> Vec<Option<&'r Cell>> {
        self.columns.iter().map(|(place, _)| row.cells[*place].as_ref()).collect()
    }

    /// `3 min ago`
    fn age(&self, cell: &Cell) -> String {
        ago(self.now, cell.last_seen_at)
    }
}

/// The mark behind a version: a shape with its word, and what it means.
fn mark(cell: &Cell) -> Option<(String, String)> {
    let (shape, says) = match (cell.lacks, cell.mark) {
        (lacks @ 1.., _) => {
            return Some((
                format!("▽ {lacks} behind"),
                format!("It lacks {}.", count(lacks as u64, "release")),
            ));
        }
        (0, Mark::Level) => return None,
        (0, Mark::Ahead) => ("▲", "Others run an earlier release."),
        (0, Mark::Behind(_)) => ("▽", "A later release runs elsewhere."),
        (0, Mark::Apart) => ("◆", "Diverged: neither contains the other."),
        (0, Mark::Unknown) => ("?", "Nobody knows which one is later."),
    };
    Some((shape.to_owned(), says.to_owned()))
}

fn is_moving(cell: &Cell) -> bool {
    matches!(cell.state, Phase::RollingOut | Phase::Mixed)
}
