//! The cluster room of a build without the feature `cluster`: no cluster is ever reached. The configuration refuses to name
//! one, so nothing here is called.

use std::convert::Infallible;

use crate::config::ClusterAccess;
use crate::model::deploy::{Found, Planned, Surroundings, Target};
use crate::model::event::EnvironmentName;
use crate::model::secret::Secret;

/// A namespace of a cluster that was reached: there is none.
pub struct Cluster(Infallible);

/// A change of one object.
pub struct Change;

/// Handling of fields that somebody else manages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflicts {
    /// The change is refused.
    Refuse,
    /// The fields become Landfall's.
    TakeOver,
}

/// The reason why a cluster did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The program cannot reach clusters.
    #[error("this landfall was built without the feature `cluster`; run the plan's commands with kubectl")]
    NotBuilt,
    /// Time ran out before all was told.
    #[error("the cluster's API server did not answer in time")]
    TimedOut,
}

impl ClusterError {
    /// Tells whether the change may have been made all the same.
    pub fn is_outcome_unknown(&self) -> bool {
        false
    }

    /// Tells whether the cluster answered, and refused.
    pub fn is_refusal(&self) -> bool {
        false
    }
}

impl Cluster {
    /// Reaches nothing.
    ///
    /// # Errors
    /// Always.
    pub async fn reach(_: &ClusterAccess) -> Result<Self, ClusterError> {
        Err(ClusterError::NotBuilt)
    }

    /// Lists the namespace's workloads and its pull secret.
    ///
    /// # Errors
    /// None: there is no cluster to ask.
    pub async fn surroundings(&self, _: &str, _: &str) -> Result<Surroundings, ClusterError> {
        match self.0 {}
    }

    /// Asks whether the cluster would take all of these changes; nothing is changed.
    ///
    /// # Errors
    /// None: there is no cluster to ask.
    pub async fn dry_run(&self, _: &[Change], _: Conflicts) -> Result<(), ClusterError> {
        match self.0 {}
    }

    /// Makes a change.
    ///
    /// # Errors
    /// None: there is no cluster to ask.
    pub async fn apply(&self, _: &Change, _: Conflicts) -> Result<(), ClusterError> {
        match self.0 {}
    }
}

impl Change {
    /// The name of what it changes.
    pub fn what(&self) -> &str {
        "nothing"
    }

    /// The change of one workload.
    pub fn of_workload(_: &Planned, _: &Target, _: &Found) -> Self {
        Self
    }

    /// The change of a pull secret.
    pub fn of_secret(_: &EnvironmentName, _: &str, _: &Secret) -> Self {
        Self
    }
}
