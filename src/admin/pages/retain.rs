//! The page of images that must stay in the registry, and why.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{StatusCode, Uri};

use super::page::{Page, page};
use super::parts::{Choice, When, choices};
use super::visitor::{Chrome, Visitor};
use crate::admin::http::fields::Fields;
use crate::answer::Answers;
use crate::model::oci::{Digest, Repository};
use crate::wire::RetainedImage;
use crate::wording::{kept_because, retained};

/// Images on the page.
const LISTED_MAX: usize = 200;

#[derive(Template)]
#[template(path = "retain.html")]
struct RetainPage {
    chrome: Chrome,
    said: String,
    repositories: Vec<Choice>,
    images: Vec<Row>,
    more: usize,
}

struct Row {
    repository: Repository,
    version: String,
    digest: Digest,
    reason: String,
    since: Option<When>,
}

pub(super) async fn show(State(answers): State<Arc<Answers>>, visitor: Visitor, uri: Uri) -> Page {
    let query = Fields::from_query(&uri, &["repository"])?;
    let wanted = query.text("repository")?.unwrap_or_default();
    let moment = answers.now();
    let kept = moment.retain((!wanted.is_empty()).then_some(wanted))?;
    let row = |image: &RetainedImage| Row {
        repository: image.repository.clone(),
        version: image.version.clone().unwrap_or_else(|| "-".to_owned()),
        digest: image.digest,
        reason: kept_because(image),
        since: image.reasons.first().map(|reason| When::new(reason.since, kept.at)),
    };
    let state = moment.state();
    let mut all: Vec<&Repository> =
        state.environments().flat_map(|(_, it)| it.services()).map(|(name, _)| name).collect();
    all.sort_unstable();
    all.dedup();
    let content = RetainPage {
        chrome: visitor.chrome("releases"),
        said: retained(&kept),
        repositories: choices(all, wanted),
        images: kept.digests.iter().take(LISTED_MAX).map(row).collect(),
        more: kept.digests.len().saturating_sub(LISTED_MAX),
    };
    page(StatusCode::OK, &content)
}
