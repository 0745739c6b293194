//! The containers that are there, by the workload that people know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::image::ImageName;
use super::owner_key::OwnerKey;
use super::owners::{Belongs, Members, Owner, Owners, WorkloadKey};
use super::pod::{Container, ContainerState, Pod, PodKey};
use super::said::{Place, Stand};
use crate::model::time::Time;

/// The containers that are there.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pods: BTreeMap<PodKey, (Pod, WorkloadKey)>,
    owners: Owners,
    /// Pods by their workload, and by their owner.
    members: Members,
    owned: Members,
    /// Workloads that may look different.
    touched: BTreeSet<WorkloadKey>,
}

/// A revision that a workload had, and the image that a container of it named.
pub(super) struct Revision<'a> {
    pub(super) at: Time,
    pub(super) workload: WorkloadKey,
    pub(super) container: &'a Arc<str>,
    pub(super) image: &'a ImageName,
}

impl Tally {
    pub(super) fn put_pod(&mut self, pod: Pod) {
        let before = self.pods.get(&pod.key);
        if before.is_some_and(|(before, _)| *before == pod) {
            return;
        }
        let workload = match (self.owners.workload_of(&pod), before) {
            (Belongs::Surely(workload), _) => workload,
            // Its owner was deleted before it.
            (Belongs::Perhaps(_), Some((before, workload))) if before.owner == pod.owner => workload.clone(),
            (Belongs::Perhaps(workload), _) => workload,
        };
        self.remove_pod(&pod.key);
        self.place(pod, workload);
    }

    fn place(&mut self, pod: Pod, workload: WorkloadKey) {
        if let Some(owner) = owner_of(&pod) {
            self.owned.join(&owner, &pod.key);
        }
        self.members.join(&workload, &pod.key);
        self.touched.insert(workload.clone());
        self.pods.insert(pod.key.clone(), (pod, workload));
    }

    pub(super) fn remove_pod(&mut self, key: &PodKey) {
        let Some((pod, workload)) = self.pods.remove(key) else { return };
        if let Some(owner) = owner_of(&pod) {
            self.owned.leave(&owner, key);
        }
        self.members.leave(&workload, key);
        self.touched.insert(workload);
    }

    /// All pods of a namespace, or of all.
    pub(super) fn all_pods(&mut self, namespace: Option<&str>, pods: Vec<Pod>) {
        let kept: BTreeSet<PodKey> = pods.iter().map(|pod| pod.key.clone()).collect();
        let is_other = |key: &&PodKey| {
            namespace.is_none_or(|namespace| *key.namespace == *namespace) && !kept.contains(*key)
        };
        let others: Vec<PodKey> = self.pods.keys().filter(is_other).cloned().collect();
        others.iter().for_each(|key| self.remove_pod(key));
        pods.into_iter().for_each(|pod| self.put_pod(pod));
    }

    pub(super) fn put_owner(&mut self, owner: Owner) {
        let (own, workload) =
            (WorkloadKey { namespace: owner.namespace.clone(), key: owner.key.clone() }, owner.workload());
        self.touched.extend(self.owners.put(owner));
        let strayed = |key: &&PodKey| self.pods.get(key).is_some_and(|(_, placed)| *placed != workload);
        let strayed: Vec<PodKey> = self.owned.of(&own).filter(strayed).cloned().collect();
        for key in strayed {
            if let Some((pod, _)) = self.pods.get(&key).cloned() {
                self.remove_pod(&key);
                self.place(pod, workload.clone());
            }
        }
    }

    pub(super) fn remove_owner(&mut self, namespace: &Arc<str>, key: &OwnerKey) {
        self.touched.extend(self.owners.gone(namespace, key));
    }

    /// All owners of a kind in a namespace, or in all.
    pub(super) fn all_owners(&mut self, namespace: Option<&str>, kind: &str, owners: Vec<Owner>) {
        let kept = owners.iter().map(|owner| (owner.namespace.clone(), owner.key.clone())).collect();
        for (namespace, key) in self.owners.others(namespace, kind, &kept) {
            self.remove_owner(&namespace, &key);
        }
        owners.into_iter().for_each(|owner| self.put_owner(owner));
    }

    /// The workloads that may look different than when this was asked last.
    pub(super) fn take_touched(&mut self) -> BTreeSet<WorkloadKey> {
        std::mem::take(&mut self.touched)
    }

    /// Every workload that is there.
    pub(super) fn workloads(&self) -> BTreeSet<WorkloadKey> {
        let of_pods = self.pods.values().map(|(_, workload)| workload);
        of_pods.chain(self.owners.workloads()).cloned().collect()
    }

    /// All that a workload runs, in the places where it is to run something, where it runs something, and in those that were
    /// told of.
    pub(super) fn stands<'a>(
        &self,
        workload: &WorkloadKey,
        told: impl Iterator<Item = &'a Place>,
    ) -> BTreeMap<Place, Stand> {
        let mut stands: BTreeMap<Place, Stand> =
            told.map(|place| (place.clone(), Stand::default())).collect();
        let newest = self.owners.of(workload).max_by_key(|owner| (owner.made.1, owner.made.0, &owner.key));
        for template in newest.iter().flat_map(|owner| &owner.templates) {
            let place = Place::of(&template.container, &template.image);
            stands.entry(place).or_default().is_wanted = true;
        }
        for (pod, _) in self.members.of(workload).filter_map(|key| self.pods.get(key)) {
            pod.containers.iter().for_each(|container| count(&mut stands, pod, container));
        }
        let desired =
            self.owners.of(workload).filter_map(|owner| owner.desired).reduce(|sum, more| sum + more);
        let is_gone = !self.exists(workload);
        for stand in stands.values_mut() {
            (stand.desired, stand.is_gone) = (desired, is_gone);
            // Without a template nobody knows where it runs something next.
            stand.is_wanted |= newest.is_none();
        }
        stands
    }

    /// Tells whether a workload is there: itself, a part of it, or a pod.
    fn exists(&self, workload: &WorkloadKey) -> bool {
        self.owners.of(workload).next().is_some() || self.members.of(workload).next().is_some()
    }

    /// The revisions of workloads, oldest first. A tag may have moved since, so what runs by it now tells no digest.
    pub(super) fn revisions(&self) -> Vec<Revision<'_>> {
        let workloads = self.owners.workloads();
        let owners = workloads.flat_map(|workload| self.owners.of(workload).filter(|it| it.parent.is_some()));
        let mut revisions: Vec<_> = owners
            .filter(|owner| &*owner.key.kind == "replicaset")
            .flat_map(|owner| owner.templates.iter().map(move |template| (owner, template)))
            .map(|(owner, template)| {
                let (at, workload) = (owner.made.0, owner.workload());
                Revision { at, workload, container: &template.container, image: &template.image }
            })
            .collect();
        revisions.sort_by_key(|revision| revision.at);
        revisions
    }
}

fn owner_of(pod: &Pod) -> Option<WorkloadKey> {
    pod.owner.as_ref().map(|key| WorkloadKey { namespace: pod.key.namespace.clone(), key: key.clone() })
}

/// Takes a container into account. One that runs an image without a digest, as from an archive, cannot be told.
fn count(stands: &mut BTreeMap<Place, Stand>, pod: &Pod, container: &Container) {
    let Some(image) = container.image.as_ref().filter(|_| container.role.is_told()) else { return };
    let stand = stands.entry(Place::of(&container.name, image)).or_default();
    match &container.state {
        ContainerState::Running { is_ready } => {
            if let Some(digest) = container.digest.as_ref().or(image.digest.as_ref()) {
                stand.count(digest, image, *is_ready, &pod.node);
            }
        }
        ContainerState::Waiting(Some(reason)) | ContainerState::Ended(Some(reason)) => {
            stand.count_trouble(image, reason);
        }
        ContainerState::Waiting(None) | ContainerState::Ended(None) => {}
    }
}
