//! Nothing is live that no running image contains: releases in any order, clusters that move apart, caches, crash loops, jobs.

use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;

use super::story::{at, digest, folded, observations, repository, standing};
use crate::model::releases::Registration;
use crate::wire::Standing;

/// Something that happens to one cluster, or to both.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// The clusters between these two come to the next release, or to one so many before the latest, on so many of a hundred
    /// nodes, one after so many seconds.
    Roll { clusters: (usize, usize), back: usize, percent: usize, pace_s: i64 },
    /// A pod of the release so many before the latest ends again and again on a node, so many times.
    Loop { cluster: usize, node: usize, back: usize, times: i64 },
    /// A pod starts again, where it is or elsewhere.
    Restart { cluster: usize, node: usize, moves: bool },
    /// A job runs an image.
    Job { cluster: usize, node: usize, back: usize },
}

fn deed() -> impl Strategy<Value = (Deed, i64)> {
    let (cluster, node) = (|| 0..2_usize, || 0..16_usize);
    let percent = || prop_oneof![2 => Just(100_usize), 1 => 10..100_usize];
    let clusters = prop_oneof![3 => Just((0, 2)), 1 => Just((0, 1)), 1 => Just((1, 2))];
    let roll = (clusters, prop_oneof![3 => Just(0_usize), 2 => 1..4_usize], percent(), 1..90_i64)
        .prop_map(|(clusters, back, percent, pace_s)| Deed::Roll { clusters, back, percent, pace_s });
    let deed = prop_oneof![
        5 => roll,
        1 => (cluster(), node(), 0..3_usize, 3..40_i64)
            .prop_map(|(cluster, node, back, times)| Deed::Loop { cluster, node, back, times }),
        2 => (cluster(), node(), any::<bool>())
            .prop_map(|(cluster, node, moves)| Deed::Restart { cluster, node, moves }),
        1 => (cluster(), node(), 1..3_usize).prop_map(|(cluster, node, back)| Deed::Job { cluster, node, back }),
    ];
    (deed, prop_oneof![1 => 60..1_200_i64, 3 => 1_200..50_000_i64])
}

/// A node, the release of its pod, and those that it holds.
struct Node {
    name: String,
    runs: usize,
    holds: BTreeSet<usize>,
}

/// Two clusters with one token, and the story of what their nodes ask.
struct Clusters {
    nodes: [Vec<Node>; 2],
    asks_always: bool,
    released: usize,
    made: usize,
    clock: i64,
    story: String,
    /// A change that nobody asked for.
    is_hidden: bool,
}

impl Clusters {
    fn new(sizes: [usize; 2], asks_always: bool) -> Self {
        let mut all = Self {
            nodes: [Vec::new(), Vec::new()],
            asks_always,
            released: 0,
            made: 0,
            clock: 0,
            story: String::new(),
            is_hidden: false,
        };
        for (cluster, size) in sizes.into_iter().enumerate() {
            (0..size).for_each(|_| all.add_node(cluster, 0));
        }
        all
    }

    fn add_node(&mut self, cluster: usize, runs: usize) {
        self.made += 1;
        let name = format!("10.{}.0.{}", 20 + cluster, self.made);
        self.nodes[cluster].push(Node { name, runs, holds: BTreeSet::new() });
        self.start(cluster, self.nodes[cluster].len() - 1, runs);
    }

    /// A container of `release` starts on a node. Returns whether that was asked for.
    fn start(&mut self, cluster: usize, place: usize, release: usize) -> bool {
        let node = &mut self.nodes[cluster][place];
        let verb = if node.holds.insert(release) { "pull" } else { "check" };
        let asks = verb == "pull" || self.asks_always;
        if asks {
            writeln!(self.story, "{} {} {verb} 1.{release}", self.clock, node.name).unwrap();
        }
        asks
    }

    fn play(&mut self, deed: Deed) {
        match deed {
            Deed::Roll { clusters: (from, until), back, percent, pace_s } => {
                let release = if back == 0 { self.released + 1 } else { self.released.saturating_sub(back) };
                self.released = self.released.max(release);
                let mut is_heard = true;
                for cluster in from..until {
                    let some = (self.nodes[cluster].len() * percent).div_ceil(100);
                    let moved: Vec<usize> =
                        (0..some).filter(|place| self.nodes[cluster][*place].runs != release).collect();
                    let mut asked = 0;
                    for place in &moved {
                        self.nodes[cluster][*place].runs = release;
                        asked += usize::from(self.start(cluster, *place, release));
                        self.clock += pace_s;
                    }
                    self.is_hidden |= asked == 0 && !moved.is_empty();
                    is_heard &= asked == self.nodes[cluster].len();
                }
                self.is_hidden &= !is_heard || until - from < 2;
            }
            Deed::Loop { cluster, node, back, times } => {
                let place = node % self.nodes[cluster].len();
                let release = self.released.saturating_sub(back);
                let start = self.clock;
                for time in 0..times {
                    self.clock = start + 303 * time;
                    self.start(cluster, place, release);
                }
                self.clock = start + 1;
            }
            Deed::Restart { cluster, node, moves } => {
                let place = node % self.nodes[cluster].len();
                let runs = self.nodes[cluster][place].runs;
                if moves {
                    self.nodes[cluster].remove(place);
                    self.add_node(cluster, runs);
                } else {
                    self.start(cluster, place, runs);
                }
            }
            Deed::Job { cluster, node, back } => {
                let place = node % self.nodes[cluster].len();
                self.start(cluster, place, self.released.saturating_sub(back));
            }
        }
    }

    /// Asks a while after the last request, and says which answer is wrong.
    fn mistake(&self) -> Option<String> {
        let now = self.clock + 1_300;
        let seen: Vec<_> = observations(&self.story).into_iter().filter(|it| it.at <= at(now)).collect();
        let state = folded(&seen);
        let has = |release: usize| self.nodes.iter().flatten().any(|node| node.runs >= release);
        let is_live = |release: usize| {
            let version = format!("1.{release}");
            let of = Registration {
                digests: vec![digest(&version)],
                ..Registration::named(repository(), &*version)
            };
            standing(state.clone(), of, at(now)) == Standing::Live
        };
        let lie = (1..=self.released).find(|release| !has(*release) && is_live(*release));
        lie.map(|release| format!("1.{release} is called live at {now}"))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_live_that_no_running_image_contains(
        sizes in (3..9_usize, 0..6_usize),
        asks_always in any::<bool>(),
        deeds in vec(deed(), 1..9),
    ) {
        let mut all = Clusters::new([sizes.0, sizes.1.max(1)], asks_always);
        all.clock += 4_000;
        for (deed, wait_s) in deeds {
            all.play(deed);
            if !all.is_hidden {
                let mistake = all.mistake();
                prop_assert!(mistake.is_none(), "{}\nalways: {asks_always}\n{}", mistake.unwrap(), all.story);
            }
            all.clock += wait_s;
        }
    }
}
