//! Deeds of people: deploy, undo, scale.

use std::collections::BTreeSet;

use super::play::Play;
use super::record::{Intent, Opened};

/// The workload that most of a service is.
pub(super) const MAIN: usize = 0;
/// The workload of canaries.
pub(super) const CANARY: usize = 1;

impl Play {
    /// Brings `image` to `workloads`, the first of them now.
    pub(super) fn open(&mut self, intent: Intent, image: usize, workloads: &[usize]) {
        let first = workloads[0];
        let running = self.pods.values().filter(|pod| pod.workload == Some(first) && pod.is_ready);
        let have = running.filter(|pod| pod.revision == self.workloads[first].revision).count();
        let reached_half = have * 2 >= self.workloads[first].replicas;
        for opened in self.record.opened.iter_mut().filter(|opened| opened.unfinished.contains(&first)) {
            opened.unfinished.clear();
            opened.reached_half = reached_half;
        }
        self.record.opened.push(Opened {
            intent,
            image,
            from: self.workloads[first].image,
            at: self.now,
            unfinished: workloads.iter().copied().collect::<BTreeSet<_>>(),
            finished_at: None,
            promoted_at: None,
            ended_at: None,
            reached_half: true,
        });
        self.set_image(first, image);
    }

    pub(super) fn deploy(&mut self, image: usize) {
        self.workloads[MAIN].limit = None;
        self.open(Intent::Whole, image, &[MAIN]);
    }

    /// The image that the service had before the one that it has.
    pub(super) fn before(&self) -> Option<usize> {
        let current = self.workloads[self.live].image;
        let whole = |opened: &&Opened| opened.finished_at.is_some() && opened.ended_at.is_none();
        let mut images = self.record.opened.iter().filter(whole).map(|opened| opened.image);
        images.rfind(|image| Some(*image) != current)
    }

    pub(super) fn undo(&mut self) {
        if let Some(before) = self.before() {
            self.deploy(before);
        }
    }

    /// A second fleet gets `image`, and the first one goes when the second has proved itself.
    pub(super) fn switch_fleet(&mut self, image: usize) {
        let (blue, green) = (self.live, 1 - self.live);
        self.workloads[green].replicas = self.setup.replicas;
        let from = self.workloads[blue].image;
        self.open(Intent::Whole, image, &[green]);
        let opened = self.record.opened.last_mut().unwrap();
        opened.from = from;
        opened.unfinished.insert(blue);
        let wait = self.dice.seconds(600, 3000);
        self.after(wait, move |play| {
            play.live = green;
            play.scale(blue, 0);
            play.workloads[blue].image = Some(image);
            play.reconcile(blue);
        });
    }

    /// A few pods of the next image run beside the others.
    pub(super) fn canary(&mut self, image: usize, pods: usize) {
        self.workloads[CANARY].replicas = pods;
        let from = self.workloads[MAIN].image;
        self.open(Intent::Part, image, &[CANARY]);
        let opened = self.record.opened.last_mut().unwrap();
        opened.from = from;
        opened.unfinished.clear();
    }

    pub(super) fn abort_canary(&mut self) {
        self.record.opened.last_mut().unwrap().ended_at = Some(self.now);
        self.scale(CANARY, 0);
    }

    /// The rest follows the canary, which ends when they have.
    pub(super) fn promote(&mut self) {
        let now = self.now;
        let opened = self.record.opened.last_mut().unwrap();
        opened.promoted_at = Some(now);
        opened.unfinished = BTreeSet::from([MAIN]);
        let image = opened.image;
        self.set_image(MAIN, image);
        let wait = self.dice.seconds(900, 1800);
        self.after(wait, |play| play.scale(CANARY, 0));
    }

    /// A rollout that stops when `pods` of it run.
    pub(super) fn deploy_part(&mut self, image: usize, pods: usize) {
        self.workloads[MAIN].limit = Some(pods);
        self.open(Intent::Part, image, &[MAIN]);
    }

    /// The part that was brought out is taken back.
    pub(super) fn take_back(&mut self) {
        let now = self.now;
        let opened = self.record.opened.last_mut().unwrap();
        opened.ended_at = Some(now);
        opened.unfinished.clear();
        let before = opened.from.unwrap();
        self.workloads[MAIN].limit = None;
        self.set_image(MAIN, before);
    }

    /// A rollout that stopped goes on.
    pub(super) fn resume(&mut self) {
        self.record.opened.last_mut().unwrap().promoted_at = Some(self.now);
        self.workloads[MAIN].limit = None;
        self.reconcile(MAIN);
    }

    /// The second cluster gets what the first one has.
    pub(super) fn follow(&mut self, workload: usize) {
        let opened = self.record.opened.last_mut().unwrap();
        opened.promoted_at = Some(self.now);
        let image = opened.image;
        self.set_image(workload, image);
    }

    /// A workload of its own, with an image of its own, beside the others.
    pub(super) fn run_beside(&mut self, image: usize, workload: usize) {
        self.open(Intent::Beside, image, &[workload]);
    }

    pub(super) fn end_beside(&mut self, workload: usize) {
        let now = self.now;
        let image = self.workloads[workload].image;
        let open = self.record.opened.iter_mut().rev().find(|opened| Some(opened.image) == image);
        if let Some(opened) = open {
            opened.ended_at = Some(now);
            opened.unfinished.clear();
        }
        self.scale(workload, 0);
    }

    /// No pods are wanted for a while.
    pub(super) fn scale_to_zero(&mut self) {
        self.scale(MAIN, 0);
        self.record.absent.push((self.now, None));
    }
}
