//! A cluster's word on an environment's workloads, and the workloads that a repository goes to.

use super::image;
use crate::model::oci::Repository;
use crate::model::planned::{SilentContainer, Target, Workload, WorkloadKind};
use crate::model::registries::Registries;

/// A cluster's word on an environment's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The namespace.
    pub namespace: String,
    /// Its workloads.
    pub workloads: Vec<Found>,
    /// The environment's pull secret.
    pub secret: PullSecret,
}

/// A workload as its cluster has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// The containers of its pods.
    pub containers: Vec<Container>,
    /// The pull secrets that its pods name themselves.
    pub pull_secrets: Vec<String>,
}

/// A container of a workload's pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image, as the workload names it.
    pub image: String,
    /// It runs, and ends, before the others start.
    pub is_init: bool,
    /// `imagePullPolicy`, as the API server filled it in.
    pub pull_policy: String,
}

/// An environment's pull secret, as its cluster has it. Its contents are not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullSecret {
    /// There is none.
    Absent,
    /// There is a secret of that name, and it is none to pull with.
    OtherKind,
    /// It has no password for the proxy's host.
    OtherHost,
    /// It has a password for the proxy's host.
    Holds {
        /// The password's SHA-256.
        sha256: [u8; 32],
    },
}

impl Target {
    /// KIND/NAME, as kubectl takes it.
    pub fn workload(&self) -> Workload {
        Workload { kind: self.kind, name: self.name.clone(), container: None }
    }

    /// Every container whose image changes.
    pub fn all_containers(&self) -> impl Iterator<Item = &String> {
        self.init_containers.iter().chain(&self.containers)
    }

    /// Tells whether the cluster still has the workload with these containers.
    pub fn is_there(&self, found: &Found) -> bool {
        let has = |name: &String, is_init| {
            found.containers.iter().any(|it| it.name == *name && it.is_init == is_init)
        };
        self.is(found)
            && self.containers.iter().all(|name| has(name, false))
            && self.init_containers.iter().all(|name| has(name, true))
    }

    /// Tells whether it is that workload.
    pub fn is(&self, found: &Found) -> bool {
        (self.kind, &self.name) == (found.kind, &found.name)
    }
}

impl Surroundings {
    /// The workloads that a deploy of `repository` goes to: `only` this one, or all whose containers use it. A container
    /// that `only` names is meant whatever image it has.
    pub(super) fn targets(
        &self,
        repository: &Repository,
        registries: &Registries,
        only: Option<&Workload>,
    ) -> Vec<Target> {
        let is_meant =
            |found: &&Found| only.is_none_or(|it| (it.kind, &it.name) == (found.kind, &found.name));
        let named = only.and_then(|it| it.container.as_deref());
        let uses = |container: &&Container| match named {
            Some(name) => container.name == name,
            None => image::is_of(&container.image, repository, registries),
        };
        let target = |found: &Found| {
            let (init, main): (Vec<&Container>, Vec<&Container>) =
                found.containers.iter().filter(uses).partition(|container| container.is_init);
            let names = |containers: Vec<&Container>| {
                containers.into_iter().map(|container| container.name.clone()).collect()
            };
            Target {
                kind: found.kind,
                name: found.name.clone(),
                containers: names(main),
                init_containers: names(init),
            }
        };
        let targets = self.workloads.iter().filter(is_meant).map(target);
        targets.filter(|target| target.all_containers().next().is_some()).collect()
    }

    /// Containers of `targets` whose policy keeps nodes from asking for an image that they hold.
    pub(super) fn silent<'a>(&'a self, targets: &'a [Target]) -> impl Iterator<Item = SilentContainer> {
        let of_one = |target: &'a Target| {
            let found = self.workloads.iter().filter(|found| target.is(found));
            let containers = found.flat_map(|found| &found.containers);
            let silent = containers.filter(|it| {
                it.pull_policy != "Always" && target.all_containers().any(|name| *name == it.name)
            });
            silent.map(|it| SilentContainer {
                container: format!("{}:{}", target.workload(), it.name),
                policy: it.pull_policy.clone(),
            })
        };
        targets.iter().flat_map(of_one)
    }
}
