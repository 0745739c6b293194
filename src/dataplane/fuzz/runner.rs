//! The runner of fuzz targets: their seeds, variations of those, and random mixtures of them. Each of the two crates that have
//! targets includes it, beside a table of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::{CORPUS, TARGETS};

/// A target, by the name of its folder of seeds: a function that panics where a promise is broken.
pub(super) type Target = (&'static str, fn(&[u8]));

/// Time that each target gets for mixtures, without `LANDFALL_TEST_FUZZ_S`.
const MIXTURES_FOR: Duration = Duration::from_millis(200);
/// A mixture grows no longer than this.
const MIXTURE_BYTES_MAX: usize = 64 * 1024;
/// Bytes that parsers stumble over.
const ODD: [&[u8]; 12] = [
    b"\0",
    b"%00",
    b"%2e%2e%2f",
    b"\r\n",
    b"\xff\xfe",
    b"18446744073709551616",
    b"-1",
    b"\"",
    b"{",
    b"[[[[",
    b"=,;",
    b"\xe2\x80\xae",
];

/// The seeds of a target, with their names.
fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(CORPUS).join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Says what was run when that panicked.
struct Running<'a>(&'a PathBuf, &'a [u8]);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("of {}: {:?}", self.0.display(), self.1.escape_ascii().to_string());
        }
    }
}

#[test]
fn every_target_has_seeds_and_the_other_way_round() {
    let folders =
        fs::read_dir(CORPUS).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let targets = TARGETS.iter().map(|(name, _)| (*name).to_owned());
    assert_eq!(folders.collect::<BTreeSet<_>>(), targets.collect());
    assert!(TARGETS.iter().all(|(name, _)| !seeds(name).is_empty()));
}

/// Inputs that were found once are among the seeds. Each of them is also cut, and has a byte taken out, doubled or changed, at
/// places all over it.
#[test]
fn what_was_found_stays_mended() {
    for (name, target) in TARGETS {
        for (path, seed) in seeds(name) {
            let run = |bytes: &[u8]| {
                let _running = Running(&path, bytes);
                target(bytes);
            };
            run(&seed);
            for at in (0..seed.len()).step_by(seed.len() / 16 + 1) {
                run(&seed[..at]);
                run(&[&seed[..at], &seed[at + 1..]].concat());
                run(&[&seed[..=at], &seed[at..]].concat());
                run(&[&seed[..at], &[seed[at] ^ 0x20], &seed[at + 1..]].concat());
            }
        }
    }
}

/// A mixture of seeds: parts of one or two, with bytes changed, left out, repeated or put in.
fn mixture(seeds: &[(PathBuf, Vec<u8>)], rng: &mut TestRng) -> Vec<u8> {
    let mut any = |below: usize| rng.next_u64() as usize % below.max(1);
    let mut bytes = seeds[any(seeds.len())].1.clone();
    for _ in 0..=any(6) {
        let (at, end) = (any(bytes.len() + 1), any(bytes.len() + 1));
        let (from, to) = (at.min(end), at.max(end));
        match any(6) {
            0 if !bytes.is_empty() => {
                let place = any(bytes.len());
                bytes[place] ^= 1 << any(8);
            }
            1 => drop(bytes.drain(from..to.min(from + 1 + any(16)))),
            2 => bytes.splice(from..from, ODD[any(ODD.len())].iter().copied()).for_each(drop),
            3 => {
                let other = &seeds[any(seeds.len())].1;
                let cut = any(other.len() + 1);
                bytes.splice(from.., other[cut..].iter().copied()).for_each(drop);
            }
            4 => {
                let part = bytes[from..to].to_vec();
                bytes.splice(from..from, part).for_each(drop);
            }
            _ => bytes.truncate(to),
        }
        bytes.truncate(MIXTURE_BYTES_MAX);
    }
    bytes
}

#[test]
fn no_mixture_breaks_a_promise() {
    let seconds = std::env::var("LANDFALL_TEST_FUZZ_S").ok().map(|text| text.parse().unwrap());
    let patience = seconds.map_or(MIXTURES_FOR, Duration::from_secs);
    let begun = std::env::var("LANDFALL_TEST_FUZZ_SEED").ok().map(|text| text.parse().unwrap());
    let begun: u64 = begun.unwrap_or_else(|| getrandom::u64().unwrap());
    println!("LANDFALL_TEST_FUZZ_SEED={begun}");
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(target) = TARGETS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    try_mixtures(*target, begun, patience);
                }
            });
        }
    });
}

fn try_mixtures((name, target): Target, begun: u64, patience: Duration) {
    let (seeds, end, mut runs) = (seeds(name), Instant::now() + patience, 0_u64);
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&begun.to_le_bytes());
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    while Instant::now() < end {
        let bytes = mixture(&seeds, &mut rng);
        let _running = Running(&seeds[0].0, &bytes);
        target(&bytes);
        runs += 1;
    }
    println!("{name}: {runs} mixtures");
}
