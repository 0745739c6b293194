//! Three replicas and an edge over one stream in virtual time, from one seed: no thread, no real time. The same seed gives the same run.
//!
//! Clients record events and decide acts, while messages are late, lost or doubled, links break, machines die, servers are
//! behind, and the stream stalls and goes back. Then everything heals, and [`checks`] says whether the replicas kept their
//! promises.
//!
//! `LANDFALL_TEST_SIMULATION_SECONDS=60` runs seeds for a minute; `LANDFALL_TEST_SEED=17` begins with that one.

mod checks;
mod machine;
mod world;

use super::plant::Plant;
use crate::log::simulation::play_seeds;
use world::World;

/// Seeds of an ordinary run.
const SEEDS: u64 = 300;
/// Seeds that find a planted fault, at most.
const SEEDS_MAX: u64 = 400;

/// Numbers that look like chance, the same ones in each run.
pub(super) struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// One of the numbers below `below`.
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    /// True once in so many times.
    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// Plays one seed.
fn play(seed: u64, plant: Option<Plant>) -> Result<(), String> {
    World::new(seed, plant).play().map_err(|what| format!("seed {seed}: {what}"))
}

#[test]
fn every_acknowledged_event_is_there_once_at_every_replica_whatever_fails() {
    play_seeds(SEEDS, |seed| play(seed, None));
}

#[test]
fn each_planted_fault_is_found() {
    use Plant::*;
    for plant in [
        ForgetsWhatIsAcknowledged,
        TakesRepeats,
        TwoInFlight,
        TrustsHeads,
        LostAckIsRefusal,
        RedeemsNothing,
        IgnoresConditions,
        BelievesAnySubject,
        HaltsAtEdges,
        EdgeTrustsAcks,
    ] {
        let found = (1..=SEEDS_MAX).find_map(|seed| play(seed, Some(plant)).err());
        let found = found.unwrap_or_else(|| panic!("{plant:?} is not found by {SEEDS_MAX} seeds"));
        println!("{plant:?}: {found}");
    }
}
