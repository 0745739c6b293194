//! The record of a play: requests that the proxy saw, and deeds of the pods. The rules read the first, the truth the second.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::play::Play;
use crate::model::event::Observation;
use crate::model::oci::{Digest, Reference};
use crate::model::time::Time;

/// A pull that worked, by a node of the cluster.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// Its first request.
    pub(super) at: Time,
    pub(super) image: usize,
    /// Tells whether a pod that serves wanted it; a job shows nothing of the service.
    pub(super) serves: bool,
    pub(super) client: Arc<str>,
}

/// A pull that did not work.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) at: Time,
    pub(super) reference: Reference,
    /// The image that the attempt was for.
    pub(super) digest: Digest,
    pub(super) status: u16,
}

/// A pull by somebody's own machine.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) at: Time,
    pub(super) image: usize,
    pub(super) agent: &'static str,
}

/// The intent of a new image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// All of the service gets it.
    Whole,
    /// A part gets it, and the rest waits.
    Part,
    /// One of several that run side by side gets it.
    Beside,
}

/// An image that was brought out.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) intent: Intent,
    pub(super) image: usize,
    /// The image that most of the workload ran.
    pub(super) from: Option<usize>,
    pub(super) at: Time,
    /// Workloads whose pods do not all run it yet.
    pub(super) unfinished: BTreeSet<usize>,
    pub(super) finished_at: Option<Time>,
    /// The time when the rest followed, where a part went first.
    pub(super) promoted_at: Option<Time>,
    /// The time when a part was given up, or what ran beside was ended.
    pub(super) ended_at: Option<Time>,
    /// Tells whether at least half of the pods had it when the next one came.
    pub(super) reached_half: bool,
}

/// Everything of one play.
#[derive(Default)]
pub(super) struct Record {
    pub(super) observations: Vec<Observation>,
    pub(super) shown: Vec<Shown>,
    pub(super) failures: Vec<Failure>,
    pub(super) locals: Vec<Local>,
    pub(super) opened: Vec<Opened>,
    /// The ready pods that serve, by image, from each time on.
    pub(super) runs: Vec<(Time, BTreeMap<usize, usize>)>,
    /// The nodes that those pods are on, from the same times on.
    pub(super) nodes: Vec<(Time, BTreeMap<usize, usize>)>,
    /// Times without pods.
    pub(super) absent: Vec<(Time, Option<Time>)>,
}

impl Record {
    /// All pods of a workload run its latest template.
    pub(super) fn finish(&mut self, workload: usize, image: Option<usize>, now: Time) {
        let is_it =
            |opened: &&mut Opened| opened.unfinished.contains(&workload) && image == Some(opened.image);
        let open = self.opened.iter_mut().rev().find(is_it);
        if let Some(opened) = open {
            opened.unfinished.remove(&workload);
            if opened.unfinished.is_empty() {
                opened.finished_at = Some(now);
            }
        }
        if let Some((_, until)) = self.absent.last_mut() {
            until.get_or_insert(now);
        }
    }
}

impl Play {
    /// Writes down how many pods serve which image.
    pub(super) fn count(&mut self) {
        let mut running = BTreeMap::new();
        let mut nodes: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for pod in self.pods.values().filter(|pod| pod.workload.is_some() && pod.is_ready) {
            *running.entry(pod.image.unwrap()).or_default() += 1;
            nodes.entry(pod.image.unwrap()).or_default().insert(pod.node);
        }
        let nodes = nodes.into_iter().map(|(image, nodes)| (image, nodes.len())).collect();
        note(&mut self.record.runs, self.now, running);
        note(&mut self.record.nodes, self.now, nodes);
    }
}

/// Notes a value from `now` on, where it is another one.
fn note<T: PartialEq>(values: &mut Vec<(Time, T)>, now: Time, value: T) {
    match values.last_mut() {
        Some((at, last)) if *at == now => *last = value,
        Some((_, last)) if *last == value => {}
        _ => values.push((now, value)),
    }
}
