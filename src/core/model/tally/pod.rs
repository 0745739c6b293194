//! Containers that are there, whatever runs them.

use std::sync::Arc;

use super::image::ImageName;
use super::owner_key::OwnerKey;
use crate::model::oci::Digest;
use crate::model::report::Reason;

/// The name of a pod within a witness's view.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodKey {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The pod's name.
    pub name: Arc<str>,
}

/// Containers that run together on one node: a pod, or one container of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub key: PodKey,
    /// The object that made it and looks after it.
    pub owner: Option<OwnerKey>,
    /// The hash of its template, which ends the name of the ReplicaSet that made it.
    pub hash: Option<Arc<str>>,
    /// The node; empty before it has one.
    pub node: Arc<str>,
    /// Its containers.
    pub containers: Vec<Container>,
}

/// A container of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: Arc<str>,
    /// Its part in the pod.
    pub role: Role,
    /// The image that it is to run; none where its name cannot be read.
    pub image: Option<ImageName>,
    /// The image that its runtime started.
    pub digest: Option<Digest>,
    /// The state that it is in.
    pub state: ContainerState,
}

/// Parts that containers have in a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One of those that the pod is for.
    Main,
    /// Runs before the others, and ends.
    Init,
    /// Starts before the others, and runs beside them.
    Sidecar,
    /// Added by a person, to look at the others.
    Ephemeral,
}

/// States of containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// It runs.
    Running {
        /// It takes traffic.
        is_ready: bool,
    },
    /// It does not run yet, or not at this moment.
    Waiting(Option<Reason>),
    /// It has ended.
    Ended(Option<Reason>),
}

/// The reason that keeps a container from running; none where it is only on its way, or is done.
pub fn trouble(reason: &str) -> Option<Reason> {
    let on_its_way = ["ContainerCreating", "PodInitializing", "Completed"];
    let reason = Some(reason).filter(|it| !on_its_way.contains(it))?;
    Reason::try_from(Arc::from(reason)).ok()
}

impl Role {
    /// Tells whether what such a container runs is told. A container that prepares a pod, or that a person put into it, says
    /// nothing about the version that the workload runs.
    pub(super) fn is_told(self) -> bool {
        match self {
            Self::Main | Self::Sidecar => true,
            Self::Init | Self::Ephemeral => false,
        }
    }
}
