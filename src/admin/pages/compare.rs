//! Two environments side by side, or one at two times.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{StatusCode, Uri};

use super::deployment_row::ItemRow;
use super::page::{Page, page};
use super::parts::{Badge, Choice, Label, choices, count, exact, field_value, link, moment};
use super::visitor::{Chrome, Visitor};
use crate::admin::http::fields::Fields;
use crate::admin::http::problem::Problem;
use crate::admin::state::Settings;
use crate::answer::{self, Answers};
use crate::config::Forges;
use crate::model::time::Time;
use crate::wire::{Ahead, ComparedService, Comparison};
use crate::wording::{compared_as_last_seen, compared_beside};

/// Changes that are listed of one service.
const ITEMS_MAX: usize = 40;

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage {
    chrome: Chrome,
    lefts: Vec<Choice>,
    rights: Vec<Choice>,
    left_at: String,
    right_at: String,
    /// The one service that is compared, where only one is.
    repository: String,
    /// The same of all services.
    all_link: String,
    is_past: bool,
    compared: Option<Compared>,
    too_few: bool,
}

struct Compared {
    left: Side,
    right: Side,
    verdict: String,
    /// Images that run beside the services, in words.
    beside: String,
    /// Age of both sides, and what silence hides.
    seen: String,
    rows: Vec<Row>,
    same: Vec<Row>,
}

/// An environment at its time.
struct Side {
    name: String,
    link: String,
}

struct Row {
    repository: String,
    left: Option<Label>,
    right: Option<Label>,
    relation: Badge,
    facts: String,
    releases: Vec<(String, String)>,
    items: Vec<ItemRow>,
    more: usize,
}

pub(super) async fn show(
    State(answers): State<Arc<Answers>>,
    State(settings): State<Arc<Settings>>,
    visitor: Visitor,
    uri: Uri,
) -> Page {
    let query = Fields::from_query(&uri, &["left", "right", "left_at", "right_at", "repository"])?;
    let today = answers.now();
    let names: Vec<&str> = today.directory().environments().map(|one| one.name.as_str()).collect();
    let chosen = |field: &str, otherwise: usize| -> Result<Option<&str>, Problem> {
        let named = query.text(field)?.filter(|name| !name.is_empty());
        Ok(named.or(names.get(otherwise).copied()))
    };
    let (left, right) = (chosen("left", 0)?, chosen("right", 1)?);
    let time = |field: &str| moment(&query, field).map(|at| at.filter(|at| *at < today.at()));
    let repository = query.text("repository")?.unwrap_or_default();
    let (left_at, right_at) = (time("left_at")?, time("right_at")?);
    let compared = match (left, right) {
        (Some(left), Some(right)) => {
            let sides = answer::Compare { left, right, left_at, right_at };
            let mut comparison = answers.compare(sides).await?;
            comparison
                .services
                .retain(|service| repository.is_empty() || service.repository.as_str() == repository);
            let sides = (Side::new(left, left_at), Side::new(right, right_at));
            Some(Compared::new(&comparison, sides, &settings.forges))
        }
        _ => None,
    };
    page(
        StatusCode::OK,
        &ComparePage {
            chrome: visitor.chrome("compare"),
            too_few: names.is_empty(),
            lefts: choices(&names, left.unwrap_or_default()),
            rights: choices(&names, right.unwrap_or_default()),
            left_at: field_value(left_at),
            right_at: field_value(right_at),
            all_link: link(
                "/compare",
                &[
                    ("left", left),
                    ("left_at", left_at.map(|at| at.to_string()).as_deref()),
                    ("right", right),
                    ("right_at", right_at.map(|at| at.to_string()).as_deref()),
                ],
            ),
            repository: repository.to_owned(),
            is_past: left_at.is_some() || right_at.is_some(),
            compared,
        },
    )
}

impl Side {
    fn new(environment: &str, at: Option<Time>) -> Self {
        let name = match at {
            Some(at) => format!("{environment} at {}", exact(at)),
            None => environment.to_owned(),
        };
        let at = at.map(|at| at.to_string());
        Self { name, link: link(&format!("/environments/{environment}"), &[("at", at.as_deref())]) }
    }
}

impl Compared {
    fn new(comparison: &Comparison, (left, right): (Side, Side), forges: &Forges) -> Self {
        let total = |relation| {
            comparison.services.iter().filter(|service| service.relation == relation).count() as u64
        };
        let differing = comparison.services.iter().filter(|service| service.relation != Ahead::Same).count();
        let (Side { name: left_name, .. }, Side { name: right_name, .. }) = (&left, &right);
        let verdict = match (differing, total(Ahead::LeftAhead), total(Ahead::RightAhead)) {
            (0, ..) => format!("{left_name} and {right_name} run the same."),
            (_, 0, 0) => {
                format!("{left_name} and {right_name} differ in {}.", count(differing as u64, "service"))
            }
            (_, lefts, 0) => format!("{left_name} is ahead in {}.", count(lefts, "service")),
            (_, 0, rights) => format!("{right_name} is ahead in {}.", count(rights, "service")),
            (_, lefts, rights) => {
                format!("{left_name} is ahead in {}, {right_name} in {rights}.", count(lefts, "service"))
            }
        };
        let (same, rows): (Vec<_>, Vec<_>) =
            comparison.services.iter().partition(|service| service.relation == Ahead::Same);
        let row = |service| Row::new(service, forges);
        let rows = rows.into_iter().map(row).collect();
        let beside = compared_beside(comparison, str::to_owned);
        let seen = compared_as_last_seen(comparison);
        Self { left, right, verdict, beside, seen, rows, same: same.into_iter().map(row).collect() }
    }
}

impl Row {
    fn new(service: &ComparedService, forges: &Forges) -> Self {
        let forge = forges.of(&service.repository);
        let mut facts = Vec::new();
        if !service.releases.is_empty() {
            facts.push(count(service.releases.len() as u64, "release"));
        }
        if service.fixes > 0 {
            facts.push(count(service.fixes as u64, "fix"));
        }
        if !service.pull_requests.is_empty() {
            facts.push(count(service.pull_requests.len() as u64, "pull request"));
        }
        let changes: Vec<_> = service.releases.iter().flat_map(|release| &release.changes).collect();
        Self {
            repository: service.repository.to_string(),
            left: service.left.as_ref().map(Label::from),
            right: service.right.as_ref().map(Label::from),
            relation: Badge::of(service.relation.as_str()),
            facts: facts.join(", "),
            releases: service.releases.iter().map(|it| (it.id.clone(), it.version.clone())).collect(),
            more: changes.len().saturating_sub(ITEMS_MAX),
            items: changes.into_iter().take(ITEMS_MAX).map(|change| ItemRow::new(change, forge)).collect(),
        }
    }
}
