//! The replicas of a log that several share: how far each is.

use axum::extract::State;

use crate::admin::http::answers::List;
use crate::admin::http::caller::Caller;
use crate::admin::http::problem::Problem;
use crate::log::{Log, Peer};
use crate::wire::ReplicaView;

/// Lists the replicas of this log, as each last said how far it is. Empty where the log is not shared.
#[utoipa::path(get, path = "/replicas", tag = "operations", operation_id = "replicas")]
pub(in crate::admin) async fn replicas(
    State(log): State<Log>,
    _: Caller,
) -> Result<List<ReplicaView>, Problem> {
    Ok(List(views(&log)))
}

/// The replicas as the API shows them.
pub(in crate::admin) fn views(log: &Log) -> Vec<ReplicaView> {
    let replicas = log.sharing().map(|sharing| sharing.replicas).unwrap_or_default();
    replicas.into_iter().map(view).collect()
}

fn view(peer: Peer) -> ReplicaView {
    let (changes, left) = (peer.acts, peer.has_left);
    let Peer { name, writer, release, role, shipped, applied, lag, seen_at, is_silent, .. } = peer;
    let lag_seconds = u64::try_from(lag.ms() / 1000).unwrap_or(0);
    let silent = is_silent;
    ReplicaView { name, writer, release, role, shipped, applied, changes, lag_seconds, seen_at, silent, left }
}
