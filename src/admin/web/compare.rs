//! Two environments side by side, or one at two times.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{StatusCode, Uri};

use super::parts::{Badge, Choice, Label, choices, count, exact, field_value, moment};
use super::told::ToldItem;
use super::visitor::{Chrome, Visitor};
use super::{Page, page};
use crate::admin::App;
use crate::admin::fields::Fields;
use crate::admin::params;
use crate::admin::questions::state_at;
use crate::clock::now;
use crate::model::questions::{self, Ahead, ComparedService, Comparison, Side};

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
    compared: Option<Compared>,
    too_few: bool,
}

struct Compared {
    left: String,
    right: String,
    verdict: String,
    rows: Vec<Row>,
    same: Vec<Row>,
}

struct Row {
    repository: String,
    left: Option<Label>,
    right: Option<Label>,
    relation: Badge,
    facts: String,
    releases: Vec<(String, String)>,
    items: Vec<ToldItem>,
    more: usize,
}

pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor, uri: Uri) -> Page {
    let query = Fields::from_query(&uri, &["left", "right", "left_at", "right_at"])?;
    let (view, now) = (app.log.view(), now());
    let names: Vec<String> = view.directory.environments().map(|one| one.name.to_string()).collect();
    let of = |field: &str, otherwise: usize| -> Result<Option<String>, _> {
        let named = query.text(field)?.filter(|name| !name.is_empty());
        Ok::<_, crate::admin::problem::Problem>(
            named.or(names.get(otherwise).map(String::as_str)).map(str::to_owned),
        )
    };
    let (left, right) = (of("left", 0)?, of("right", 1)?);
    let time = |field: &str| moment(&query, field).map(|at| at.filter(|at| *at < now));
    let (left_at, right_at) = (time("left_at")?, time("right_at")?);
    let compared = match (&left, &right) {
        (Some(left), Some(right)) => {
            let (left, right) =
                (&params::named(&view.directory, left)?.name, &params::named(&view.directory, right)?.name);
            let (mut left_state, mut right_state) = (None, None);
            if let Some(at) = left_at {
                left_state = Some(state_at(&app, at).await?);
            }
            if let Some(at) = right_at {
                right_state = Some(state_at(&app, at).await?);
            }
            let side = |state, environment, at: Option<_>| Side { state, environment, at: at.unwrap_or(now) };
            let left = side(left_state.as_ref().unwrap_or(&view.state), left, left_at);
            let right = side(right_state.as_ref().unwrap_or(&view.state), right, right_at);
            let named = |side: &Side<'_>, at: Option<_>| match at {
                Some(at) => format!("{} at {}", side.environment, exact(at)),
                None => side.environment.to_string(),
            };
            let names = (named(&left, left_at), named(&right, right_at));
            Some(Compared::new(questions::compare(left, right), names))
        }
        _ => None,
    };
    page(
        StatusCode::OK,
        &ComparePage {
            chrome: visitor.chrome("compare"),
            too_few: names.is_empty(),
            lefts: choices(&names, left.as_deref().unwrap_or_default()),
            rights: choices(&names, right.as_deref().unwrap_or_default()),
            left_at: field_value(left_at),
            right_at: field_value(right_at),
            compared,
        },
    )
}

impl Compared {
    fn new(comparison: Comparison, (left, right): (String, String)) -> Self {
        let total = |relation| {
            comparison.services.iter().filter(|service| service.relation == relation).count() as u64
        };
        let differing = comparison.services.iter().filter(|service| service.relation != Ahead::Same).count();
        let verdict = match (differing, total(Ahead::LeftAhead), total(Ahead::RightAhead)) {
            (0, ..) => format!("{left} and {right} run the same."),
            (_, 0, 0) => format!("{left} and {right} differ in {}.", count(differing as u64, "service")),
            (_, lefts, 0) => format!("{left} is ahead in {}.", count(lefts, "service")),
            (_, 0, rights) => format!("{right} is ahead in {}.", count(rights, "service")),
            (_, lefts, rights) => {
                format!("{left} is ahead in {}, {right} in {rights}.", count(lefts, "service"))
            }
        };
        let (same, rows): (Vec<_>, Vec<_>) =
            comparison.services.iter().partition(|service| service.relation == Ahead::Same);
        let rows = rows.into_iter().map(Row::new).collect();
        Self { left, right, verdict, rows, same: same.into_iter().map(Row::new).collect() }
    }
}

impl Row {
    fn new(service: &ComparedService) -> Self {
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
            relation: Badge::of(relation(service.relation)),
            facts: facts.join(", "),
            releases: service.releases.iter().map(|it| (it.id.clone(), it.version.clone())).collect(),
            more: changes.len().saturating_sub(ITEMS_MAX),
            items: changes.into_iter().take(ITEMS_MAX).map(ToldItem::new).collect(),
        }
    }
}

/// The relation as it is written in JSON.
fn relation(relation: Ahead) -> &'static str {
    match relation {
        Ahead::Same => "same",
        Ahead::LeftAhead => "left_ahead",
        Ahead::RightAhead => "right_ahead",
        Ahead::Diverged => "diverged",
        Ahead::LeftOnly => "left_only",
        Ahead::RightOnly => "right_only",
        Ahead::Unknown => "unknown",
    }
}
