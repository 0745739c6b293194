//! The page of replicas: the servers that share a log, and how far each is.

use askama::Template;
use axum::extract::State;
use http::StatusCode;

use super::page::{Page, page};
use super::parts::When;
use super::visitor::{Chrome, Visitor};
use crate::admin::v1::replicas::views;
use crate::clock::now;
use crate::log::Log;
use crate::wire::ReplicaView;
use crate::wording::{applied, lag};

#[derive(Template)]
#[template(path = "replicas.html")]
struct ReplicasPage {
    chrome: Chrome,
    /// The reason why this server does not share.
    trouble: Option<String>,
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
    let content = ReplicasPage {
        chrome: visitor.chrome("replicas"),
        trouble: log.sharing().and_then(|sharing| sharing.trouble),
        held: log.view().late().held,
        replicas: views(&log).into_iter().map(row).collect(),
    };
    page(StatusCode::OK, &content)
}
