//! A world of clusters whose truth is known, and the bars that the answers are measured by.
#![doc = include_str!("README.md")]

mod ask;
mod ask_all;
mod claims;
mod deeds;
mod dice;
mod family;
mod history;
mod image;
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

use claims::Claims;
use family::Family;
use history::History;
use score::{Score, share};

/// How many histories of each kind, where no variable says otherwise.
const SEEDS: u64 = 4;

fn variable(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn no_answer_lies() {
    let (first, count) = (variable("LANDFALL_TEST_SEED", 1), variable("LANDFALL_TEST_WORLDS", SEEDS));
    let (mut whole, mut claims) = (Score::default(), Claims::default());
    println!("{HEAD}");
    let only = std::env::var("LANDFALL_TEST_WORLD").unwrap_or_default();
    let mut errors = Vec::new();
    for family in Family::ALL.iter().filter(|family| family.name().contains(&only)) {
        let mut score = Score::default();
        for seed in first..first + count {
            let asked = History::new(*family, seed).ask();
            score += &asked.score;
            claims.append(asked.claims);
            errors.extend(asked.errors);
        }
        println!("{}", row(&family.name(), &score));
        whole += &score;
    }
    println!("{}\n\n{claims}", row("all", &whole));
    if std::env::var_os("LANDFALL_TEST_WORLD_ERRORS").is_some() {
        println!("{}", errors.join("\n"));
    }
}

const HEAD: &str = "family            n  chg  rb |  prec   rec |  rb-p  rb-r |   cur  part | failed live";

fn row(name: &str, score: &Score) -> String {
    format!(
        "{name:16} {:2} {:4} {:3} | {:.3} {:.3} | {:.3} {:.3} | {:.3} {:.3} | {:6} {:4}",
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
