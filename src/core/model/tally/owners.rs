//! From a pod to the workload that people know: a Deployment's pods belong to a ReplicaSet, a CronJob's to a Job.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::image::ImageName;
use super::owner_key::OwnerKey;
use super::pod::{Pod, PodKey};
use crate::model::time::Time;

/// An owner of pods: its own owner, and the pods that it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The namespace.
    pub namespace: Arc<str>,
    /// Kind and name.
    pub key: OwnerKey,
    /// The object that made it and looks after it.
    pub parent: Option<OwnerKey>,
    /// The number of pods that it is to have, where it says so.
    pub desired: Option<u64>,
    /// The time when it was made, and its owner's revision that it is.
    pub made: (Time, u64),
    /// The containers of its pods.
    pub templates: Vec<Template>,
}

/// A container as a template has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The container's name.
    pub container: Arc<str>,
    /// The image that it is to run.
    pub image: ImageName,
}

/// A workload within a witness's view.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct WorkloadKey {
    pub(super) namespace: Arc<str>,
    pub(super) key: OwnerKey,
}

/// Everything that looks after pods.
#[derive(Debug, Default)]
pub(super) struct Owners {
    all: BTreeMap<WorkloadKey, Owner>,
    by_parent: BTreeMap<WorkloadKey, BTreeSet<OwnerKey>>,
}

impl WorkloadKey {
    fn new(namespace: &Arc<str>, key: &OwnerKey) -> Self {
        Self { namespace: namespace.clone(), key: key.clone() }
    }

    /// As people write it: `deployment/web`.
    pub(super) fn named(&self) -> Arc<str> {
        format!("{}/{}", self.key.kind, self.key.name).into()
    }
}

impl Owner {
    fn own(&self) -> WorkloadKey {
        WorkloadKey::new(&self.namespace, &self.key)
    }

    /// The workload that it is, or is a part of.
    pub(super) fn workload(&self) -> WorkloadKey {
        WorkloadKey::new(&self.namespace, self.parent.as_ref().unwrap_or(&self.key))
    }
}

impl Owners {
    /// Takes one in. Returns the workloads that may look different now.
    pub(super) fn put(&mut self, owner: Owner) -> Vec<WorkloadKey> {
        let mut touched = vec![owner.workload(), owner.own()];
        touched.extend(self.remove(&owner.own()));
        self.by_parent.entry(owner.workload()).or_default().insert(owner.key.clone());
        self.all.insert(owner.own(), owner);
        touched
    }

    /// Forgets one. Returns the workloads that may look different now.
    pub(super) fn gone(&mut self, namespace: &Arc<str>, key: &OwnerKey) -> Option<WorkloadKey> {
        self.remove(&WorkloadKey::new(namespace, key))
    }

    fn remove(&mut self, own: &WorkloadKey) -> Option<WorkloadKey> {
        let workload = self.all.remove(own)?.workload();
        if let Some(parts) = self.by_parent.get_mut(&workload) {
            parts.remove(&own.key);
            if parts.is_empty() {
                self.by_parent.remove(&workload);
            }
        }
        Some(workload)
    }

    /// All of this kind in a namespace that are not among these.
    pub(super) fn others(
        &self,
        namespace: Option<&str>,
        kind: &str,
        kept: &BTreeSet<(Arc<str>, OwnerKey)>,
    ) -> Vec<(Arc<str>, OwnerKey)> {
        let is_other = |owner: &&Owner| {
            &*owner.key.kind == kind
                && namespace.is_none_or(|namespace| *owner.namespace == *namespace)
                && !kept.contains(&(owner.namespace.clone(), owner.key.clone()))
        };
        self.all.values().filter(is_other).map(|owner| (owner.namespace.clone(), owner.key.clone())).collect()
    }

    /// Everything that is, or is a part of, this workload.
    pub(super) fn of<'a>(&'a self, workload: &'a WorkloadKey) -> impl Iterator<Item = &'a Owner> {
        let parts = self.by_parent.get(workload).into_iter().flatten();
        parts.filter_map(|key| self.all.get(&WorkloadKey::new(&workload.namespace, key)))
    }

    /// Every workload that has a part.
    pub(super) fn workloads(&self) -> impl Iterator<Item = &WorkloadKey> {
        self.by_parent.keys()
    }

    /// The workload of a pod. Where its owner is not known, because that is heard of elsewhere and later, its name tells.
    pub(super) fn workload_of(&self, pod: &Pod) -> Belongs {
        let namespace = &pod.key.namespace;
        let Some(owner) = &pod.owner else {
            let own = OwnerKey { kind: "pod".into(), name: pod.key.name.clone() };
            return Belongs::Surely(WorkloadKey::new(namespace, &own));
        };
        if let Some(owner) = self.all.get(&WorkloadKey::new(namespace, owner)) {
            return Belongs::Surely(owner.workload());
        }
        match guess(owner, pod.hash.as_deref()) {
            Some(parent) => Belongs::Perhaps(WorkloadKey::new(namespace, &parent)),
            None => Belongs::Surely(WorkloadKey::new(namespace, owner)),
        }
    }
}

/// The workload of a pod.
pub(super) enum Belongs {
    /// Its owner says so.
    Surely(WorkloadKey),
    /// Its owner is not known yet, or not any more.
    Perhaps(WorkloadKey),
}

/// The owner of what is not known itself. A Deployment's ReplicaSets are called `NAME-HASH`, and a CronJob's Jobs `NAME-MINUTE`;
/// whatever owns itself is no guess.
fn guess(owner: &OwnerKey, hash: Option<&str>) -> Option<OwnerKey> {
    match &*owner.kind {
        "replicaset" => {
            let name = hash.and_then(|hash| owner.name.strip_suffix(hash)?.strip_suffix('-'));
            Some(name.map_or_else(|| owner.clone(), |name| OwnerKey::new("Deployment", name)))
        }
        "job" => {
            // Minutes since 1970 have eight digits from 1989 to 2160.
            let is_minute = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
            let name = owner.name.rsplit_once('-').filter(|(_, minute)| is_minute(minute));
            Some(name.map_or_else(|| owner.clone(), |(name, _)| OwnerKey::new("CronJob", name)))
        }
        _ => None,
    }
}

/// Pods by the workload that they belong to.
#[derive(Debug, Default)]
pub(super) struct Members(BTreeMap<WorkloadKey, BTreeSet<PodKey>>);

impl Members {
    pub(super) fn join(&mut self, workload: &WorkloadKey, pod: &PodKey) {
        self.0.entry(workload.clone()).or_default().insert(pod.clone());
    }

    pub(super) fn leave(&mut self, workload: &WorkloadKey, pod: &PodKey) {
        if let Some(pods) = self.0.get_mut(workload) {
            pods.remove(pod);
            if pods.is_empty() {
                self.0.remove(workload);
            }
        }
    }

    pub(super) fn of(&self, workload: &WorkloadKey) -> impl Iterator<Item = &PodKey> {
        self.0.get(workload).into_iter().flatten()
    }
}
