//! The cluster of an environment, reached and asked what it has.

use std::error::Error as _;

use crate::admin::http::problem::Problem;
use crate::cluster::{Cluster, ClusterError};
use crate::config::ClusterAccess;
use crate::model::deploy::{Surroundings, pull_secret};
use crate::model::event::EnvironmentName;

/// A cluster that was reached, and what it has.
pub(super) struct Reached {
    pub(super) cluster: Cluster,
    pub(super) around: Surroundings,
}

impl Reached {
    /// Asks the cluster that `access` leads to about the namespace of `env`, whose pull secret is for `registry_host`.
    pub(super) async fn new(
        registry_host: &str,
        env: &EnvironmentName,
        access: &ClusterAccess,
    ) -> Result<Self, ClusterError> {
        let reached = async {
            let cluster = Cluster::reach(access).await?;
            let around = cluster.surroundings(&pull_secret(env), registry_host).await?;
            Ok(Self { cluster, around })
        };
        reached.await.inspect_err(|error| log(env, error))
    }
}

/// Logs what a cluster did not do. The error's inner text goes nowhere else.
pub(super) fn log(env: &EnvironmentName, error: &ClusterError) {
    let inside = error.source().map(ToString::to_string).unwrap_or_default();
    tracing::warn!(environment = %env, %error, %inside, "a cluster did not do what it was asked");
}

/// Nobody gave Landfall access to the environment's cluster.
pub(super) fn no_access() -> Problem {
    Problem::conflict(
        "nothing was applied: this server has no access to a cluster ([[cluster]] in its configuration gives it). Plan \
         without applying, run the plan's commands with kubectl, and follow it: landfall deploy --follow ID",
    )
}

/// The cluster did not say what it has.
pub(super) fn unreached(error: &ClusterError) -> Problem {
    Problem::cluster(error, &format!("nothing was applied: {error}"))
}
