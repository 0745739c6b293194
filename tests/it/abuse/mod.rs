//! The proxy under its clients' abuse: what a client can say or leave unsaid (`case`, `kind`), over each layer, alone or in a
//! crowd that is larger than the listener, from each sort of address. The same is asserted for all (`play`):
//!
//! - The proxy ends what only takes a place, within the sum of the listener's limits, and refuses what is no request.
//! - An honest client gets in and gets the right bytes while they are there, and the neighbour is not slowed.
//! - Afterwards nothing is left: connections, tasks, descriptors, memory.
//!
//! The machinery is that of the registries' faults (`faults`), and so are the variables: `LANDFALL_TEST_FAULTS_S`,
//! `LANDFALL_TEST_FAULTS_SEED`, and `LANDFALL_TEST_ABUSE_CASE` for one case alone.
#![cfg(target_os = "linux")]

mod case;
mod kind;
mod play;

use std::time::{Duration, Instant};

use landfall::listen;
use tokio::task::JoinSet;

use crate::faults::bench::{self, Bench};
use crate::faults::held::{Held, resident_bytes};
use crate::faults::neighbour::Neighbour;
use crate::faults::seed::Rng;
use crate::faults::{FAILURES_MAX, GROWTH_BYTES_MAX, PLAY_S, SLOW_ROUNDS_MAX, UNDISTURBED, seed, variable};
use case::{Case, Crowd, From, Kind, Layer};
use play::{Honest, PLACES};
use std::sync::Arc;

/// Cases of one client that are played at a time.
const AT_ONCE: usize = 12;
/// All waits are at least so many times as long: a crowd, its requests and the registry have the same cores.
const SLOWNESS_MIN: u32 = 3;

/// The listener's bounds on a machine that has nothing else to do.
fn bounds(slowness: u32) -> listen::ListenerLimits {
    let short = Duration::from_millis(500) * slowness;
    listen::ListenerLimits {
        connections_max: PLACES,
        first_head: short,
        idle: short,
        stall: short,
        drain: Duration::from_secs(10),
    }
}

/// Rounds in an order that the seed brings: the cases of one client some at a time, and each crowd alone. Each kind comes once
/// before one comes again.
fn rounds(seed: u64) -> Vec<Vec<Case>> {
    let mut rng = Rng::new(seed);
    let mut all = Vec::new();
    for crowd in Crowd::ALL {
        let mut cases = Vec::new();
        for kind in Kind::ALL {
            let combinations =
                Layer::ALL.iter().flat_map(|layer| From::ALL.iter().map(move |from| (*layer, *from)));
            let cases_of_kind = combinations.map(|(layer, from)| Case {
                kind: *kind,
                layer,
                crowd: *crowd,
                from,
                seed: u64::from(rng.next() as u32),
            });
            let mut cases_of_kind: Vec<_> =
                cases_of_kind.filter(|case| kind::meaningless(case).is_none()).collect();
            rng.shuffle(&mut cases_of_kind);
            cases.extend(cases_of_kind.into_iter().enumerate());
        }
        rng.shuffle(&mut cases);
        // The first of each kind, then the second of each.
        cases.sort_by_key(|(turn, _)| *turn);
        let cases: Vec<_> = cases.into_iter().map(|(_, case)| case).collect();
        let together = if *crowd == Crowd::One { AT_ONCE } else { 1 };
        all.push(cases.chunks(together).map(<[_]>::to_vec).collect::<Vec<_>>());
    }
    // As many of the one sort as of the other, as long as there are both.
    let [ones, crowds] = <[Vec<Vec<Case>>; 2]>::try_from(all).unwrap();
    let mut crowds = crowds.into_iter();
    let mut rounds: Vec<_> = ones.into_iter().flat_map(|one| [Some(one), crowds.next()]).flatten().collect();
    rounds.extend(crowds);
    rounds
}

#[tokio::test(flavor = "multi_thread")]
async fn every_abuse_of_a_client_is_survived() {
    let seed = seed();
    let play_for = Duration::from_secs(variable("LANDFALL_TEST_FAULTS_S").unwrap_or(PLAY_S));
    let rounds = match variable::<Case>("LANDFALL_TEST_ABUSE_CASE") {
        Some(case) => vec![vec![case]; 3],
        None => rounds(seed),
    };
    println!("LANDFALL_TEST_FAULTS_SEED={seed}: {} cases", rounds.iter().map(Vec::len).sum::<usize>());
    let bench = Arc::new(Bench::start(0, SLOWNESS_MIN, bounds).await);
    let mut neighbour = Neighbour::start(&bench);
    let honest = Arc::new(Honest { manifest: neighbour.wanted(0), blob: neighbour.wanted(2) });
    // Memory that the first pulls take for good is no leak.
    tokio::time::sleep(UNDISTURBED).await;
    drop(neighbour);
    let rest = Held::at_rest(&bench).await;
    println!("at rest: {rest}");
    let (began, mut played, mut slow_rounds) = (Instant::now(), 0, 0);
    // Once there was a crowd, the allocator has what it keeps.
    let mut memory_bytes = None;
    let mut failures: Vec<String> = Vec::new();
    for round in rounds.iter().cycle() {
        let is_over = if variable::<Case>("LANDFALL_TEST_ABUSE_CASE").is_some() {
            played >= 3
        } else {
            began.elapsed() >= play_for
        };
        if is_over || failures.len() >= FAILURES_MAX {
            break;
        }
        neighbour = Neighbour::start(&bench);
        tokio::time::sleep(UNDISTURBED).await;
        let undisturbed = neighbour.window();
        let slowness = bench.slowness.max(bench::slowness().await);
        let _ = neighbour.window();
        let mut playing = JoinSet::new();
        for case in round {
            let (bench, honest, case) = (bench.clone(), honest.clone(), *case);
            playing.spawn(async move {
                let played = play::play(&bench, &honest, &case).await;
                played.err().map(|why| {
                    format!(
                        "{why}\n  LANDFALL_TEST_ABUSE_CASE='{case}' cargo nextest run -E 'test(abuse::every_abuse)' --no-capture"
                    )
                })
            });
        }
        let mut failed: Vec<_> = playing.join_all().await.into_iter().flatten().collect();
        let disturbed = neighbour.window();
        drop(neighbour);
        played += round.len();
        let first = &round[0];
        match (undisturbed, disturbed) {
            (Ok(undisturbed), Ok(disturbed)) => {
                println!(
                    "{:>5.1} s, {} cases, {}: neighbour's p99 {:?} undisturbed, {:?} disturbed over {} pulls ({:?} past the proxy)",
                    began.elapsed().as_secs_f64(),
                    round.len(),
                    first,
                    undisturbed.proxied,
                    disturbed.proxied,
                    disturbed.pulls,
                    disturbed.direct,
                );
                slow_rounds =
                    if disturbed.is_slower_than(&undisturbed, slowness) { slow_rounds + 1 } else { 0 };
                if slow_rounds > SLOW_ROUNDS_MAX {
                    failed.push(format!(
                        "somebody else is slowed, round after round: {disturbed:?} instead of {undisturbed:?}"
                    ));
                }
            }
            (Err(why), _) | (_, Err(why)) => failed.push(format!(
                "{why}\n  beside {} cases: LANDFALL_TEST_ABUSE_CASE='{first}' and others",
                round.len()
            )),
        }
        if let Err(why) = rest.until_again(&bench).await {
            let cases: Vec<_> = round.iter().map(Case::to_string).collect();
            failed.push(format!("{why}\n  after {}", cases.join(", ")));
        }
        if first.crowd == Crowd::Many {
            let before = *memory_bytes.get_or_insert_with(resident_bytes);
            let grown = resident_bytes().saturating_sub(before);
            if grown > GROWTH_BYTES_MAX {
                failed.push(format!("memory grew by {} MiB since the first crowd", grown >> 20));
            }
        }
        failed.iter().for_each(|why| println!("FAILED: {why}\n"));
        failures.append(&mut failed);
    }
    println!("{played} cases in {:?}", began.elapsed());
    let mut bench = Arc::into_inner(bench).expect("nobody plays");
    if let Err(why) = bench.stop(Duration::from_secs(10)).await {
        failures.push(why);
    }
    assert!(failures.is_empty(), "{} failures:\n\n{}", failures.len(), failures.join("\n\n"));
}
