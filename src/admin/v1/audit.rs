//! The audit trail: each change with its author, its time, its client and its address, read from the log itself.

use axum::extract::State;
use http::Uri;

use crate::admin::http::answers::Json;
use crate::admin::http::fields::Fields;
use crate::admin::http::problem::Problem;
use crate::log::Log;
use crate::model::act::Act;
use crate::model::names::EnvironmentName;
use crate::wire::{AuditEntry, AuditTrail};

/// Entries on one page, unless told.
const PAGE_DEFAULT: usize = 50;
/// Entries on one page at most.
const PAGE_MAX: usize = 500;

/// Tells who changed what, when, through what and from where, the newest first.
///
/// An environment that was deleted can be asked about.
#[utoipa::path(get, path = "/audit", tag = "administration", operation_id = "audit",
    params(
        ("limit" = Option<u16>, Query, description = "Entries on the page; 50 unless told", minimum = 1, maximum = 500),
        ("before" = Option<u64>, Query, description = "Only those before the entry with this `id`", minimum = 0),
        ("environment" = Option<EnvironmentName>, Query, description = "Only what changed in this environment"),
    ))]
pub(super) async fn audit(State(log): State<Log>, uri: Uri) -> Result<Json<AuditTrail>, Problem> {
    let query = Fields::from_query(&uri, &["limit", "before", "environment"])?;
    let limit = query.count("limit", PAGE_MAX)?.unwrap_or(PAGE_DEFAULT);
    let before = before(&query)?;
    let environment = environment(&query)?;
    let (acts, next) = page(&log, before, limit, environment).await?;
    Ok(Json(AuditTrail { entries: acts.into_iter().map(AuditEntry::from).collect(), next }))
}

/// A page of the trail, newest first, and where the next one begins.
pub(in crate::admin) async fn page(
    log: &Log,
    before: u64,
    limit: usize,
    environment: Option<EnvironmentName>,
) -> Result<(Vec<(u64, Act)>, Option<u64>), Problem> {
    let (log, view) = (log.clone(), log.view());
    let read = tokio::task::spawn_blocking(move || {
        // Changes under a former name were changes to it.
        let former = view.directory.former();
        let wanted = |act: &Act| {
            let of = act.action.environment().map(|name| former.today(name));
            environment.as_ref().is_none_or(|name| of == Some(former.today(name)))
        };
        // One more than asked for tells whether there is another page.
        log.acts(before, limit + 1, wanted)
    });
    let mut acts = read.await.map_err(unreadable)?.map_err(unreadable)?;
    let has_more = acts.len() > limit;
    acts.truncate(limit);
    let next = acts.last().map(|(id, _)| *id).filter(|_| has_more);
    Ok((acts, next))
}

pub(in crate::admin) fn before(query: &Fields) -> Result<u64, Problem> {
    let Some(text) = query.text("before")? else { return Ok(u64::MAX) };
    let id = text.parse().ok().filter(|&id: &u64| i64::try_from(id).is_ok());
    id.ok_or_else(|| Problem::invalid("before", "must be the `id` of an entry"))
}

pub(in crate::admin) fn environment(query: &Fields) -> Result<Option<EnvironmentName>, Problem> {
    let Some(text) = query.text("environment")? else { return Ok(None) };
    let bad =
        |error: crate::model::names::BadEnvironmentName| Problem::invalid("environment", error.to_string());
    text.parse().map(Some).map_err(bad)
}

pub(in crate::admin) fn unreadable(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "the log cannot be read for the audit trail");
    Problem::log_unreadable()
}
