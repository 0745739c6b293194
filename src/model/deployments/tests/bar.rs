//! The bar: how often the fold is right over many histories of a model cluster, whose truth is known.

use std::collections::BTreeSet;

use super::story::{answer, at, folded, node, pull};
use crate::model::event::Observation;
use crate::model::time::{Span, Time};

/// How many histories.
const HISTORIES: u64 = 300;

/// A report is right within so much of the first evidence.
const WINDOW: Span = Span::from_mins(10);

/// Numbers that look random and are the same every time: SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn node(&mut self, nodes: usize) -> usize {
        usize::try_from(self.roll(nodes as u64)).unwrap()
    }
}

/// What truly happened.
struct Truth {
    version: usize,
    is_rollback: bool,
    /// The first pull that shows it; none where caches hide it all.
    shown_at: Option<Time>,
}

/// A service on a few nodes.
struct Cluster {
    dice: Dice,
    /// The images on each node.
    nodes: Vec<BTreeSet<usize>>,
    replicas: u64,
    asks_always: bool,
    clock_ms: i64,
    version: usize,
    observations: Vec<Observation>,
    truth: Vec<Truth>,
    /// Times at which nothing was under way, with what ran and whether anybody can know it.
    quiet: Vec<(Time, usize)>,
}

impl Cluster {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let nodes = 4 + dice.node(10);
        let replicas = 3 + dice.roll(12);
        let asks_always = dice.roll(2) == 0;
        Self {
            dice,
            nodes: vec![BTreeSet::new(); nodes],
            replicas,
            asks_always,
            clock_ms: 0,
            version: 0,
            observations: Vec::new(),
            truth: Vec::new(),
            quiet: Vec::new(),
        }
    }

    fn now(&self) -> Time {
        at(0) + Span::from_ms(self.clock_ms)
    }

    /// A pod of `version` starts on some node. Says whether anything was asked.
    fn start(&mut self, version: usize) -> bool {
        let place = self.dice.node(self.nodes.len());
        let held = !self.nodes[place].insert(version);
        let asks = !held || self.asks_always;
        if asks {
            let name = format!("1.{version}");
            let client = node(u8::try_from(place).unwrap());
            self.observations.extend(pull(self.now(), &client, &name, &name, held));
        }
        asks
    }

    /// All pods move to `version`, one by one; now and then an old one moves to another node meanwhile.
    fn roll_out(&mut self, version: usize) {
        let old = std::mem::replace(&mut self.version, version);
        let pace_ms = 5_000 + i64::try_from(self.dice.roll(40_000)).unwrap();
        let mut shown_at = None;
        for pod in 0..self.replicas {
            if self.start(version) {
                shown_at = shown_at.or(Some(self.now()));
            }
            self.clock_ms += pace_ms;
            if pod > 0 && pod + 2 < self.replicas && self.dice.roll(20) == 0 {
                self.start(old);
                self.clock_ms += pace_ms / 4;
            }
        }
        self.truth.push(Truth { version, is_rollback: version < old, shown_at });
    }

    /// Hours in which pods restart and move; then a quiet time.
    fn wait(&mut self) {
        for _ in 0..2 + self.dice.roll(4) {
            self.clock_ms += 1_800_000 + i64::try_from(self.dice.roll(7_200_000)).unwrap();
            if self.start(self.version) {
                let now = self.now();
                let truth = self.truth.last_mut().unwrap();
                truth.shown_at = truth.shown_at.or(Some(now));
            }
        }
        self.clock_ms += 3_600_000;
        if self.truth.last().is_some_and(|truth| truth.shown_at.is_some()) {
            self.quiet.push((self.now(), self.version));
        }
        self.clock_ms += 600_000;
    }

    /// One pod of the next version runs beside the others for an hour, and goes.
    fn canary(&mut self, version: usize) {
        self.start(version);
        self.clock_ms += 3_600_000;
        self.quiet.push((self.now(), self.version));
    }

    fn play(mut self) -> Self {
        self.roll_out(0);
        self.truth[0].is_rollback = false;
        self.wait();
        let mut newest = 0;
        for _ in 0..3 + self.dice.roll(4) {
            match self.dice.roll(6) {
                0 | 1 if self.version > 0 => self.roll_out(self.version - 1),
                2 if self.replicas > 8
                    && self.nodes.len() > 7
                    && self.truth.last().unwrap().shown_at.is_some() =>
                {
                    newest += 1;
                    self.canary(newest);
                }
                _ => {
                    newest += 1;
                    self.roll_out(newest);
                }
            }
            self.wait();
        }
        self
    }
}

#[derive(Debug, Default)]
struct Score {
    reported: u32,
    reported_right: u32,
    happened: u32,
    found: u32,
    rollbacks_reported: u32,
    rollbacks_right: u32,
    asked: u32,
    answered: u32,
}

impl Score {
    fn add(&mut self, cluster: &Cluster) {
        let state = folded(&cluster.observations);
        let answer_at = |now| answer(&state, now)["services"]["docker/app"].clone();
        let service = answer_at(cluster.now());
        let mut open: Vec<&Truth> = cluster.truth.iter().filter(|truth| truth.shown_at.is_some()).collect();
        self.happened += u32::try_from(open.len()).unwrap();
        for reported in service["deployments"].as_array().unwrap() {
            if ["mixed", "aborted"].contains(&reported["state"].as_str().unwrap()) {
                continue; // a canary is no deployment
            }
            let started: Time = reported["started_at"].as_str().unwrap().parse().unwrap();
            let is_it = |truth: &&Truth| {
                let shown_at = truth.shown_at.unwrap();
                reported["version"] == format!("1.{}", truth.version)
                    && started.since(shown_at).max(shown_at.since(started)) <= WINDOW
            };
            let place = open.iter().position(is_it);
            let truth = place.map(|place| open.remove(place));
            self.reported += 1;
            self.reported_right += u32::from(truth.is_some());
            if reported["kind"] == "rollback" {
                self.rollbacks_reported += 1;
                self.rollbacks_right += u32::from(truth.is_some());
            }
        }
        self.found = self.reported_right;
        for (instant, version) in &cluster.quiet {
            let seen: Vec<Observation> =
                cluster.observations.iter().filter(|it| it.at <= *instant).cloned().collect();
            let current = &answer(&folded(&seen), *instant)["services"]["docker/app"]["current"];
            self.asked += 1;
            self.answered += u32::from(current["version"] == format!("1.{version}"));
        }
    }
}

#[test]
fn over_many_histories_the_answers_are_right() {
    let mut score = Score::default();
    for seed in 0..HISTORIES {
        score.add(&Cluster::new(seed).play());
    }
    let share = |part: u32, whole: u32| f64::from(part) / f64::from(whole);
    assert!(score.happened > 1_000 && score.rollbacks_reported > 100, "{score:?}");
    assert!(share(score.reported_right, score.reported) >= 0.98, "precision: {score:?}");
    assert!(share(score.found, score.happened) >= 0.98, "recall: {score:?}");
    assert!(share(score.rollbacks_right, score.rollbacks_reported) >= 0.98, "rollbacks: {score:?}");
    assert!(share(score.answered, score.asked) >= 0.99, "current: {score:?}");
}
