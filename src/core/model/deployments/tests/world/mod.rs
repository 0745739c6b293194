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
mod witnessed;
mod workload;

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use claims::Claims;
use family::Family;
use history::History;
use score::{Score, share};

/// Histories of each kind, where no variable says otherwise.
const SEEDS: u64 = 5;

/// The first seed, where no variable says otherwise.
const FIRST: u64 = 1;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// The result of the histories of a kind.
#[derive(Default)]
struct Outcome {
    score: Score,
    claims: Claims,
    mistakes: Vec<String>,
}

/// Plays the histories of a kind.
fn play(family: Family, seeds: Range<u64>) -> Outcome {
    let mut outcome = Outcome::default();
    for seed in seeds {
        let history = History::new(family, seed);
        if let Some(folder) = std::env::var_os("LANDFALL_TEST_WORLD_OUT") {
            export::write(&history, Path::new(&folder)).unwrap();
        }
        let asked = history.ask();
        outcome.score += &asked.score;
        outcome.claims.append(asked.claims);
        outcome.mistakes.extend(asked.mistakes);
    }
    outcome
}

/// Plays all kinds, as many at once as there are processors.
fn play_all(families: &[Family], seeds: &Range<u64>) -> Vec<(Family, Outcome)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let take = || families.get(next.fetch_add(1, Ordering::Relaxed));
        std::iter::from_fn(take).map(|family| (*family, play(*family, seeds.clone()))).collect::<Vec<_>>()
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut outcomes: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    outcomes.sort_by_key(|(family, _)| *family);
    outcomes
}

#[test]
fn no_answer_lies() {
    let first = variable("LANDFALL_TEST_SEED").unwrap_or(FIRST);
    let seeds = first..first + variable("LANDFALL_TEST_WORLD_SEEDS").unwrap_or(SEEDS);
    let is_fresh = seeds != (FIRST..FIRST + SEEDS);
    let only = std::env::var("LANDFALL_TEST_WORLD").unwrap_or_default();
    let families: Vec<Family> =
        Family::ALL.iter().copied().filter(|family| family.name().contains(&only)).collect();
    let (mut whole, mut claims, mut mistakes, mut misses) =
        (Score::default(), Claims::default(), Vec::new(), Vec::new());
    println!("{HEAD}");
    for (family, outcome) in play_all(&families, &seeds) {
        println!("{}", row(&family.name(), &outcome.score));
        misses.extend(bars::misses(&family.name(), &outcome.score, is_fresh));
        whole += &outcome.score;
        claims.append(outcome.claims);
        mistakes.extend(outcome.mistakes);
    }
    println!("{}\n\n{claims}", row("all", &whole));
    if std::env::var_os("LANDFALL_TEST_WORLD_MISTAKES").is_some() {
        println!("{}", mistakes.join("\n"));
    }
    if only.is_empty() {
        misses.extend(bars::misses("all", &whole, is_fresh));
        misses.extend(bars::unreliable(&claims, is_fresh));
    }
    assert!(misses.is_empty(), "below the bars, and not known to be:\n{}", misses.join("\n"));
}

/// Two old pods on a node that the service left crash again and again, and ask in turns for two images: some 400 ways back
/// were told of it.
#[test]
fn images_that_one_node_asks_for_in_turns_are_no_rollbacks_without_end() {
    let score = play(Family::Kitchen, 8_004..8_005).score;
    assert!(score.rollbacks_reported < 20, "{}", row("Kitchen", &score));
}

/// Four of twelve nodes, then three, then one that lacked the image before, which the others hold, then four again: a release
/// that the image before lacks was called live.
#[test]
fn a_way_back_behind_caches_among_few_leaves_the_size_of_the_service_as_it_was() {
    let score = play(Family::Half, 8_420_009..8_420_010).score;
    assert_eq!(score.false_live, 0, "{}", row("Half", &score));
}

const HEAD: &str =
    "kind              n  chg  rb |  prec   rec |  rb-p  rb-r |   cur  part  live | failed false-live";

fn row(name: &str, score: &Score) -> String {
    format!(
        "{name:16} {:2} {:4} {:3} | {:.3} {:.3} | {:.3} {:.3} | {:.3} {:.3} {:.3} | {:6} {:10}",
        score.histories,
        score.happened,
        score.rollbacks,
        share(score.reported_right, score.reported),
        share(score.found, score.happened),
        share(score.rollbacks_right, score.rollbacks_reported),
        share(score.rollbacks_found, score.rollbacks),
        share(score.current_right, score.current),
        share(score.parts_right, score.parts),
        share(score.live_told, score.live),
        score.failed,
        score.false_live,
    )
}
