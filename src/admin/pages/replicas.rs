//! The page of replicas: the servers that share a log, how far each is, and forgetting one that is gone.

use askama::Template;
use axum::extract::{Request, State};
use http::StatusCode;

use super::page::{Page, page, to};
use super::parts::When;
use super::visitor::{Chrome, Visitor};
use crate::admin::http::params::Params;
use crate::admin::state::changes::Changes;
use crate::admin::v1::replicas::{self, views};
use crate::clock::now;
use crate::log::Log;
use crate::wire::ReplicaView;
use crate::wording::{applied, lag, set_aside, unconfirmed};

/// The thing that servers have not confirmed.
pub(super) const LATEST: &str = "the latest change";

#[derive(Template)]
#[template(path = "replicas.html")]
struct ReplicasPage {
    chrome: Chrome,
    /// The reason why this server does not share.
    trouble: Option<String>,
    /// Servers that have not confirmed the latest change.
    unconfirmed: Option<String>,
    /// Edges of which messages were set aside.
    warnings: Vec<String>,
    /// Evidence that came late and waits for its writer to catch up: how much.
    held: u64,
    replicas: Vec<Row>,
}

struct Row {
    seen: When,
    lag: String,
    applied: String,
    replica: ReplicaView,
}

pub(super) async fn show(State(log): State<Log>, visitor: Visitor) -> Page {
    let now = now();
    let row = |replica: ReplicaView| Row {
        seen: When::new(replica.seen_at, now),
        lag: lag(&replica),
        applied: applied(&replica),
        replica,
    };
    let replicas = views(&log);
    let content = ReplicasPage {
        chrome: visitor.chrome("replicas"),
        trouble: log.sharing().and_then(|sharing| sharing.trouble),
        unconfirmed: unconfirmed(LATEST, &log.unconfirmed()),
        held: log.view().late().held,
        warnings: replicas.iter().filter_map(set_aside).collect(),
        replicas: replicas.into_iter().map(row).collect(),
    };
    page(StatusCode::OK, &content)
}

pub(super) async fn forget(
    State(log): State<Log>,
    State(changes): State<Changes>,
    visitor: Visitor,
    params: Params,
    request: Request,
) -> Page {
    let (admin, _) = visitor.form(request, &[]).await?;
    replicas::end(&log, &changes, &admin, params.get("name")).await?;
    Ok(to("/replicas"))
}
