//! Workloads: rollouts at the pace of `maxSurge`, scaling, moving, jobs.

use super::play::{Play, Pod};
use crate::model::time::Span;

/// A Deployment, or one of several of the same repository.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    pub(super) image: Option<usize>,
    pub(super) revision: u32,
    pub(super) replicas: usize,
    /// The region where its pods may run, if not anywhere.
    pub(super) region: Option<usize>,
    /// The most pods of the new revision: a rollout that is paused, or stuck.
    pub(super) limit: Option<usize>,
}

impl Play {
    pub(super) fn add_workload(&mut self, replicas: usize, region: Option<usize>) -> usize {
        self.workloads.push(Workload { image: None, revision: 0, replicas, region, limit: None });
        self.workloads.len() - 1
    }

    /// Gives a workload a new template.
    pub(super) fn set_image(&mut self, workload: usize, image: usize) {
        let reference = self.images[image].reference.clone();
        self.tags.insert(reference, image);
        let changed = &mut self.workloads[workload];
        changed.image = Some(image);
        changed.revision += 1;
        self.reconcile(workload);
    }

    pub(super) fn scale(&mut self, workload: usize, replicas: usize) {
        self.workloads[workload].replicas = replicas;
        self.reconcile(workload);
    }

    /// The controller's step, until nothing is left to do now.
    pub(super) fn reconcile(&mut self, number: usize) {
        while self.step(number) {}
        let workload = &self.workloads[number];
        let is_whole = workload.limit.is_none_or(|limit| limit >= workload.replicas);
        let mut pods = self.pods.values().filter(|pod| pod.workload == Some(number));
        if is_whole && pods.all(|pod| pod.is_ready && pod.revision == workload.revision) {
            self.record.finish(number, workload.image, self.now);
        }
    }

    fn step(&mut self, number: usize) -> bool {
        let workload = self.workloads[number].clone();
        let of = |is_new: bool| {
            let pods = self.pods.iter().filter(move |(_, pod)| pod.workload == Some(number));
            pods.filter(move |(_, pod)| (pod.revision == workload.revision) == is_new)
        };
        let replicas = workload.replicas;
        let (new, old) = (of(true).count(), of(false).count());
        let ready = of(true).chain(of(false)).filter(|(_, pod)| pod.is_ready).count();
        let wanted = workload.limit.map_or(replicas, |limit| limit.min(replicas));
        let (surge, missing) =
            if self.setup.one_by_one { (0, 1) } else { (replicas.div_ceil(4).max(1), replicas / 4) };
        let surge = if old > 0 { surge } else { 0 };
        let gone = if new > wanted {
            of(true).map(|(id, _)| *id).next_back()
        } else if old > replicas - wanted {
            let unready = of(false).find(|(_, pod)| !pod.is_ready);
            let may_go = ready + missing > replicas;
            unready.or_else(|| of(false).next().filter(|_| may_go)).map(|(id, _)| *id)
        } else {
            None
        };
        if let Some(id) = gone {
            self.remove(id);
            return true;
        }
        let starts = new < wanted && new + old < replicas + surge;
        if starts {
            self.start(number, workload.revision);
        }
        starts
    }

    /// A pod of a workload starts somewhere, with the template of now.
    fn start(&mut self, number: usize, revision: u32) {
        let workload = &self.workloads[number];
        let Some(image) = workload.image else { return };
        let (region, reference) = (workload.region, self.images[image].reference.clone());
        let node = self.place(region);
        self.add_pod(Pod {
            workload: Some(number),
            revision,
            node,
            reference,
            image: None,
            is_ready: false,
            tries: 0,
        });
    }

    pub(super) fn add_pod(&mut self, pod: Pod) -> u32 {
        let id = self.next_pod;
        self.next_pod += 1;
        self.nodes[pod.node].pods += 1;
        self.pods.insert(id, pod);
        // The scheduler and the kubelet take their time.
        let wait = self.dice.seconds(0, 2);
        self.after(wait, move |play| play.fetch(id));
        id
    }

    pub(super) fn remove(&mut self, id: u32) {
        if let Some(pod) = self.pods.remove(&id) {
            self.nodes[pod.node].pods -= 1;
            self.count();
        }
    }

    pub(super) fn ready(&mut self, id: u32) {
        let Some(pod) = self.pods.get_mut(&id) else { return };
        pod.is_ready = true;
        let workload = pod.workload;
        self.count();
        match workload {
            Some(workload) => self.reconcile(workload),
            None => {
                let runs_for = self.dice.seconds(20, 400);
                self.after(runs_for, move |play| play.remove(id));
            }
        }
    }

    /// A container starts again where it is.
    pub(super) fn restart(&mut self) {
        let ready: Vec<u32> = self.serving();
        if !ready.is_empty() {
            let id = self.dice.pick(&ready);
            if self.setup.asks_always {
                self.fetch(id);
            }
        }
    }

    /// A pod is evicted, and its like starts elsewhere.
    pub(super) fn evict_any(&mut self) {
        let ready = self.serving();
        if !ready.is_empty() {
            let id = self.dice.pick(&ready);
            self.evict(id);
        }
    }

    pub(super) fn evict(&mut self, id: u32) {
        let Some(pod) = self.pods.get(&id).cloned() else { return };
        self.remove(id);
        let Some(number) = pod.workload else { return };
        let region = self.workloads[number].region;
        let node = self.place(region);
        self.add_pod(Pod { node, image: None, is_ready: false, tries: 0, ..pod });
    }

    fn serving(&self) -> Vec<u32> {
        self.pods
            .iter()
            .filter(|(_, pod)| pod.workload.is_some() && pod.is_ready)
            .map(|(id, _)| *id)
            .collect()
    }

    /// A node is drained, and a fresh one takes its place.
    pub(super) fn replace_node(&mut self, node: usize) {
        if self.nodes[node].is_gone {
            return;
        }
        self.add_node(self.nodes[node].region);
        self.nodes[node].is_gone = true;
        let pods: Vec<u32> =
            self.pods.iter().filter(|(_, pod)| pod.node == node).map(|(id, _)| *id).collect();
        for (place, id) in pods.into_iter().enumerate() {
            let wait = Span::from_secs(5 * i64::try_from(place).unwrap());
            self.after(wait, move |play| play.evict(id));
        }
    }

    /// A pod that runs once.
    pub(super) fn run_job(&mut self, image: usize, node: Option<usize>) {
        let node = node.unwrap_or_else(|| self.place(None));
        let reference = self.images[image].reference.clone();
        self.add_pod(Pod {
            workload: None,
            revision: 0,
            node,
            reference,
            image: None,
            is_ready: false,
            tries: 0,
        });
    }
}
