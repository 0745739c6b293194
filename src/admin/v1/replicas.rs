//! The replicas of a log that several share: how far each is, and forgetting one that is gone.

use axum::extract::State;

use crate::admin::http::answers::{Done, List};
use crate::admin::http::caller::{Admin, Caller};
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::admin::state::changes::Changes;
use crate::log::{Log, Peer};
use crate::model::act::Action;
use crate::model::time::Span;
use crate::wire::ReplicaView;

/// Lists the replicas of this log, as each last said how far it is. Empty where the log is not shared.
#[utoipa::path(get, path = "/replicas", tag = "operations", operation_id = "replicas")]
pub(in crate::admin) async fn replicas(
    State(log): State<Log>,
    _: Caller,
) -> Result<List<ReplicaView>, Problem> {
    Ok(List(views(&log)))
}

/// Forgets a replica that is gone for good: it is listed no more, and answers and alerts wait for it no more.
///
/// Pulls that it never shipped stay unknown. One that is heard again is listed again, and ships what it has.
#[utoipa::path(delete, path = "/replicas/{name}", tag = "operations", operation_id = "forget_replica",
    responses((status = 204, description = "It is forgotten"),
        (status = 409, description = "It was heard within the last minute")))]
pub(super) async fn forget(
    State(log): State<Log>,
    State(changes): State<Changes>,
    admin: Admin,
    params: Params,
) -> Result<Done, Problem> {
    end(&log, &changes, &admin, params.get("name")).await?;
    Ok(Done)
}

/// Forgets the replica of this name.
pub(in crate::admin) async fn end(
    log: &Log,
    changes: &Changes,
    admin: &Admin,
    name: &str,
) -> Result<(), Problem> {
    let decided = changes.decide(admin, |_, _| {
        let replica = views(log).into_iter().find(|replica| replica.name == name);
        let replica = replica.ok_or_else(|| Problem::not_found(format!("there is no replica `{name}`")))?;
        if !replica.can_be_forgotten() {
            return Err(Problem::conflict(format!(
                "`{name}` was heard {} s ago, so it is not gone. Stop it, or revoke its credentials in NATS where nobody can, and \
                 forget it once it has been silent for a minute",
                replica.silence_seconds
            )));
        }
        let name = name.to_owned();
        Ok((Some(Action::ReplicaForgotten { name, seen_at: replica.seen_at }), ()))
    });
    decided.await?;
    tracing::info!(replica = name, "replica forgotten");
    Ok(())
}

/// The replicas as the API shows them.
pub(in crate::admin) fn views(log: &Log) -> Vec<ReplicaView> {
    let replicas = log.sharing().map(|sharing| sharing.replicas).unwrap_or_default();
    replicas.into_iter().map(view).collect()
}

fn view(peer: Peer) -> ReplicaView {
    let (changes, left) = (peer.acts, peer.has_left);
    let Peer {
        name,
        writer,
        release,
        role,
        shipped,
        applied,
        lag,
        silence,
        seen_at,
        set_aside,
        is_silent,
        ..
    } = peer;
    let seconds = |span: Span| u64::try_from(span.ms() / 1000).unwrap_or(0);
    ReplicaView {
        name,
        writer,
        release,
        role,
        shipped,
        applied,
        changes,
        lag_seconds: seconds(lag),
        seen_at,
        silence_seconds: seconds(silence),
        set_aside,
        silent: is_silent,
        left,
    }
}
