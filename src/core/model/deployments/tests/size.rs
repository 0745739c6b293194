//! The size of a service survives whatever comes to a part of it: cached ways back, rollouts that were given up, half
//! rollouts. What less than half of it runs is never told to be all that runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;

use super::story::{answer, at, digest, folded, observations, repository, standing};
use crate::model::releases::Registration;
use crate::wire::Standing;

/// A deed of people, and so many seconds before the next.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// All nodes come to the next release.
    Full,
    /// All go back to a release that all of them ran, after so many pods moved to new nodes: those ask, who holds it does not.
    Back { behind: usize, moved: usize },
    /// So many of a hundred come to the next release.
    Half { percent: usize },
    /// They come to it, and go back after so many seconds, and a pod or none to a new node.
    Aborted { percent: usize, after_s: i64, moved: usize },
    /// A pod moves to a new node.
    Moved { node: usize },
}

fn deed() -> impl Strategy<Value = (Deed, i64)> {
    let percent = || 10..50_usize;
    let deed = prop_oneof![
        2 => Just(Deed::Full),
        2 => (1..3_usize, 0..3_usize).prop_map(|(behind, moved)| Deed::Back { behind, moved }),
        2 => percent().prop_map(|percent| Deed::Half { percent }),
        3 => (percent(), 60..20_000_i64, 0..2_usize)
            .prop_map(|(percent, after_s, moved)| Deed::Aborted { percent, after_s, moved }),
        1 => (0..16_usize).prop_map(|node| Deed::Moved { node }),
    ];
    (deed, 1_200..50_000_i64)
}

/// A service of a pod on each node, and the story of what its nodes ask.
#[derive(Default)]
struct Cluster {
    /// The number of each node, the release that it runs, and those that it holds.
    nodes: Vec<(usize, usize, BTreeSet<usize>)>,
    /// Releases that all nodes ran, in the order of their rollouts.
    whole: Vec<usize>,
    released: usize,
    made: usize,
    clock: i64,
    story: String,
    /// A way back that nobody asked for: nothing can be known until all nodes ask again.
    is_hidden: bool,
}

impl Cluster {
    fn new(size: usize) -> Self {
        let mut cluster = Self { whole: vec![0], ..Self::default() };
        for _ in 0..size {
            cluster.add_node(0);
        }
        cluster
    }

    fn add_node(&mut self, runs: usize) {
        self.nodes.push((self.made, runs, BTreeSet::new()));
        self.made += 1;
        self.come(self.nodes.len() - 1, runs);
    }

    /// A node comes to a release, and asks for it where it does not hold it.
    fn come(&mut self, place: usize, release: usize) -> bool {
        let (number, runs, holds) = &mut self.nodes[place];
        *runs = release;
        let asks = holds.insert(release);
        if asks {
            writeln!(self.story, "{} n{number} pull 1.{release}", self.clock).unwrap();
            self.clock += 5;
        }
        asks
    }

    fn all(&mut self, release: usize) -> usize {
        (0..self.nodes.len()).filter(|place| self.come(*place, release)).count()
    }

    fn part(&mut self, percent: usize) {
        self.released += 1;
        let some = self.nodes.len() * percent / 100;
        (0..some).for_each(|place| _ = self.come(place, self.released));
    }

    fn play(&mut self, deed: Deed) {
        match deed {
            Deed::Full => {
                self.released += 1;
                self.all(self.released);
                self.whole.push(self.released);
                self.is_hidden = false;
            }
            Deed::Back { behind, moved } => {
                (0..moved).for_each(|node| self.move_pod(node));
                let place = self.whole.len().saturating_sub(1 + behind);
                let release = self.whole[place];
                let is_change = self.nodes.iter().any(|(_, runs, _)| *runs != release);
                self.whole.push(release);
                self.is_hidden |= self.all(release) == 0 && is_change;
            }
            Deed::Half { percent } => self.part(percent),
            Deed::Aborted { percent, after_s, moved } => {
                let before: Vec<usize> = self.nodes.iter().map(|(_, runs, _)| *runs).collect();
                self.part(percent);
                self.clock += after_s;
                before.into_iter().enumerate().for_each(|(place, release)| _ = self.come(place, release));
                (0..moved).for_each(|node| self.move_pod(node));
            }
            Deed::Moved { node } => self.move_pod(node),
        }
    }

    fn move_pod(&mut self, node: usize) {
        let place = node % self.nodes.len();
        let (_, runs, _) = self.nodes[place];
        // Pods of a part that move look as if it grew.
        let asked = self.story.matches(&format!("pull 1.{runs}\n")).count();
        if self.whole.last() == Some(&runs) || (asked + 1) * 2 < self.nodes.len() {
            self.nodes.remove(place);
            self.add_node(runs);
        }
    }

    /// Tells whether half of the nodes run what this release brought.
    fn has(&self, release: usize) -> bool {
        let with = self.nodes.iter().filter(|(_, runs, _)| *runs >= release).count();
        with * 2 >= self.nodes.len()
    }

    /// The release that most nodes run.
    fn most(&self) -> Option<usize> {
        let mut counts = BTreeMap::new();
        self.nodes.iter().for_each(|(_, runs, _)| *counts.entry(*runs).or_insert(0) += 1);
        counts.into_iter().find(|(_, count)| count * 2 >= self.nodes.len()).map(|(release, _)| release)
    }

    /// Asks a while after the last request, and says which answer is wrong.
    fn mistake(&self) -> Option<String> {
        let now = at(self.clock + 1_100);
        let state = folded(&observations(&self.story));
        let current = answer(&state, now)["services"]["docker/app"]["current"].clone();
        let is_certain = current["state"] == "settled" && current["confidence"] == "likely";
        let told = current["version"].as_str().unwrap_or_default().to_owned();
        if is_certain && self.most().is_some_and(|most| told != format!("1.{most}")) {
            return Some(format!("{told} settled likely, {:?} runs", self.most()));
        }
        let is_live = |release: &usize| {
            let version = format!("1.{release}");
            let of = Registration {
                digests: vec![digest(&version)],
                ..Registration::named(repository(), &*version)
            };
            standing(state.clone(), of, now) == Standing::Live
        };
        let lie = (1..=self.released).find(|release| !self.has(*release) && is_live(release));
        lie.map(|release| format!("1.{release} is called live"))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn what_less_than_half_runs_is_never_told_to_be_all_that_runs(
        size in 4..14_usize,
        deeds in vec(deed(), 1..9),
    ) {
        let mut cluster = Cluster::new(size);
        cluster.clock += 4_000;
        for (deed, wait_s) in deeds {
            cluster.play(deed);
            if !cluster.is_hidden {
                let mistake = cluster.mistake();
                prop_assert!(mistake.is_none(), "{}\n{}", mistake.unwrap(), cluster.story);
            }
            cluster.clock += wait_s;
        }
    }
}
