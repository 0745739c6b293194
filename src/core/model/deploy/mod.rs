//! The way of a release to an environment: found, planned, and followed until its pulls arrive.
//!
//! ```text
//! Wish → find → one release, or several candidates and nothing done
//!             → plan → Planned, aimed at workloads where a cluster says which (into the log)
//!             → follow, commands, texts → Deploy (the view)
//! ```
//!
//! Nothing here changes a cluster: a plan is what somebody may run, or `cluster` may apply, and what it would mean. The
//! record of it ([`Planned`]) has facts alone; commands and sentences are made of it where it is shown.
#![doc = include_str!("README.md")]

mod aim;
mod cautions;
mod commands;
mod deploys;
mod find;
mod follow;
mod found;
mod image;
mod passage;
mod plan;
#[cfg(test)]
mod tests;
mod texts;
mod workload;
mod world;

pub use aim::Cluster;
pub use commands::{VERSION_LABEL, label, pull_secret};
pub use deploys::{Deploys, Followed, Interruption};
pub use find::{CANDIDATES_MAX, NoPlan, Wish, that_runs};
pub use follow::{follow, follow_all, outdated};
pub use found::{Container, Found, PullSecret, Surroundings};
pub use plan::plan;
pub use workload::{BadWorkload, Place, is_namespace};
pub use world::World;

pub use super::planned::{Aim, DeployKind, Planned, TARGETS_MAX, Target, Workload, WorkloadKind};

use crate::wire::{self, in_words};

in_words! {
    DeployKind => DeployKind { Initial, Upgrade, Rollback, Rebuild, Changed, Unchanged }
    WorkloadKind => WorkloadKind { Deployment, StatefulSet, DaemonSet, CronJob }
}

impl From<&Target> for wire::DeployTarget {
    fn from(target: &Target) -> Self {
        let Target { kind, name, containers, init_containers } = target.clone();
        Self { kind: kind.into(), name, containers, init_containers }
    }
}

impl From<&Interruption> for wire::Interruption {
    fn from(interruption: &Interruption) -> Self {
        let Interruption { at, applied, not_applied, why, is_open: _ } = interruption.clone();
        Self { at, applied, not_applied, why }
    }
}
