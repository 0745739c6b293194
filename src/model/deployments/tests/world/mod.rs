//! A world of clusters whose truth is known, and the bars that the answers are measured by.
#![doc = include_str!("README.md")]

mod ask;
mod ask_all;
mod bars;
mod claims;
mod deeds;
mod dice;
mod export;
mod family;
mod history;
mod honest;
mod image;
mod known;
mod life;
mod light;
mod node;
mod noise;
mod play;
mod record;
mod score;
mod script;
mod truth;
mod workload;

use std::path::Path;

use claims::Claims;
use family::Family;
use history::History;
use score::{Score, share};

/// How many histories of each kind, where no variable says otherwise.
const SEEDS: u64 = 5;

/// The first seed, where no variable says otherwise.
const FIRST: u64 = 1;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// What came of all histories.
#[derive(Default)]
struct Outcome {
    whole: Score,
    claims: Claims,
    mistakes: Vec<String>,
    misses: Vec<String>,
}

impl Outcome {
    /// Plays the histories of a kind and adds what came of them.
    fn play(&mut self, family: Family, seeds: std::ops::Range<u64>, is_fresh: bool) {
        let mut score = Score::default();
        for seed in seeds {
            let history = History::new(family, seed);
            if let Some(folder) = std::env::var_os("LANDFALL_TEST_WORLD_OUT") {
                export::write(&history, Path::new(&folder)).unwrap();
            }
            let asked = history.ask();
            score += &asked.score;
            self.claims.append(asked.claims);
            self.mistakes.extend(asked.mistakes);
        }
        println!("{}", row(&family.name(), &score));
        self.misses.extend(bars::misses(&family.name(), &score, is_fresh));
        self.whole += &score;
    }
}

#[test]
fn no_answer_lies() {
    let first = variable("LANDFALL_TEST_SEED").unwrap_or(FIRST);
    let seeds = first..first + variable("LANDFALL_TEST_WORLD_SEEDS").unwrap_or(SEEDS);
    let is_fresh = seeds != (FIRST..FIRST + SEEDS);
    let only = std::env::var("LANDFALL_TEST_WORLD").unwrap_or_default();
    println!("{HEAD}");
    let mut outcome = Outcome::default();
    for family in Family::ALL.iter().filter(|family| family.name().contains(&only)) {
        outcome.play(*family, seeds.clone(), is_fresh);
    }
    println!("{}\n\n{}", row("all", &outcome.whole), outcome.claims);
    if std::env::var_os("LANDFALL_TEST_WORLD_MISTAKES").is_some() {
        println!("{}", outcome.mistakes.join("\n"));
    }
    let mut misses = outcome.misses;
    if only.is_empty() {
        misses.extend(bars::misses("all", &outcome.whole, is_fresh));
        misses.extend(bars::unreliable(&outcome.claims, is_fresh));
    }
    assert!(misses.is_empty(), "below the bars, and not known to be:\n{}", misses.join("\n"));
}

const HEAD: &str =
    "kind              n  chg  rb |  prec   rec |  rb-p  rb-r |   cur  part | failed false-live";

fn row(name: &str, score: &Score) -> String {
    format!(
        "{name:16} {:2} {:4} {:3} | {:.3} {:.3} | {:.3} {:.3} | {:.3} {:.3} | {:6} {:10}",
        score.histories,
        score.happened,
        score.rollbacks,
        share(score.reported_right, score.reported),
        share(score.found, score.happened),
        share(score.rollbacks_right, score.rollbacks_reported),
        share(score.rollbacks_found, score.rollbacks),
        share(score.current_right, score.current),
        share(score.parts_right, score.parts),
        score.failed,
        score.false_live,
    )
}
