//! Speed of the search for a change, and the weight of the index. Prints; asserts nothing.

use std::hint::black_box;
use std::time::Instant;

use landfall::model::oci::Repository;
use landfall::model::search::{Index, Text};

const CHANGES_A_RELEASE: usize = 20;
const REPOSITORIES: usize = 50;
const QUERIES: usize = 2_000;
/// Parts of made-up words; three of them make a vocabulary of 64,000.
const SYLLABLES: [&str; 40] = [
    "ba", "bel", "cor", "dan", "dra", "el", "fan", "fi", "gar", "gon", "hal", "in", "ka", "kel", "lam", "lo",
    "mar", "mi", "nor", "o", "pal", "per", "qui", "ra", "ren", "sal", "si", "tal", "ter", "tor", "u", "val",
    "ven", "wi", "xa", "yo", "zan", "ze", "lin", "pra",
];
/// Words of the trade, so that synonyms have something to find; the first ones stand in every tenth title.
const TRADE: [&str; 40] = [
    "fix",
    "add",
    "support",
    "update",
    "remove",
    "error",
    "query",
    "config",
    "login",
    "timeout",
    "memory",
    "leak",
    "crash",
    "panic",
    "slow",
    "cache",
    "index",
    "search",
    "user",
    "token",
    "permission",
    "dialog",
    "button",
    "list",
    "webhook",
    "retry",
    "queue",
    "worker",
    "metric",
    "label",
    "alert",
    "rule",
    "chart",
    "upload",
    "export",
    "import",
    "database",
    "migration",
    "container",
    "startup",
];

fn main() {
    for changes in [100_000, 200_000] {
        let before = resident_mib();
        let begun = Instant::now();
        let index = filled(changes);
        let took = begun.elapsed();
        println!("{changes} changes: put in {took:.1?}, {:.0} MiB resident", resident_mib() - before);
        for (kind, queries) in
            [("words", words as fn(&mut Dice) -> String), ("typos", typos), ("synonyms", synonyms)]
        {
            let mut dice = Dice(7);
            // The first query reads the list of synonyms.
            black_box(index.find("warm up", |_| true, 5));
            let mut times: Vec<_> = (0..QUERIES)
                .map(|_| {
                    let query = queries(&mut dice);
                    let begun = Instant::now();
                    black_box(index.find(&query, |_| true, 5));
                    begun.elapsed()
                })
                .collect();
            times.sort_unstable();
            println!("  {kind}: p50 {:.2?}, p99 {:.2?}", times[QUERIES / 2], times[QUERIES * 99 / 100]);
        }
        let begun = Instant::now();
        black_box(index.clone());
        println!("  clone {:.1?}", begun.elapsed());
    }
}

/// A generator of numbers that are the same on each run (Knuth's MMIX).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }

    /// Small numbers far more often than large ones, as words are used.
    fn roll_rare(&mut self, below: usize) -> usize {
        let share = self.roll(1 << 20) as f64 / f64::from(1 << 20);
        ((below as f64).powf(share) - 1.0) as usize
    }
}

fn word(dice: &mut Dice) -> String {
    if dice.roll(2) == 0 {
        return TRADE[dice.roll_rare(TRADE.len())].to_owned();
    }
    let number = dice.roll_rare(64_000);
    [number % 40, number / 40 % 40, number / 1600].map(|part| SYLLABLES[part]).concat()
}

fn filled(changes: usize) -> Index {
    let mut dice = Dice(42);
    let mut index = Index::default();
    for release in 0..changes / CHANGES_A_RELEASE {
        let repository: Repository =
            format!("bench/service-{}", release % REPOSITORIES).parse().expect("a repository");
        let titles: Vec<String> = (0..CHANGES_A_RELEASE)
            .map(|_| (0..6 + dice.roll(10)).map(|_| word(&mut dice)).collect::<Vec<_>>().join(" "))
            .collect();
        let commit = format!("{:016x}{:024x}", release * 7_919, 0);
        let changes = titles.iter().enumerate().map(|(at, title)| Text {
            title,
            pr: Some((release * CHANGES_A_RELEASE + at) as u64),
            issue: None,
            commit: Some(&commit),
            kind: None,
        });
        index.put(&repository, &format!("v1.{}.0", release / REPOSITORIES), changes);
    }
    index
}

fn words(dice: &mut Dice) -> String {
    (0..4).map(|_| word(dice)).collect::<Vec<_>>().join(" ")
}

fn typos(dice: &mut Dice) -> String {
    (0..3).map(|_| word(dice).replacen('a', "aq", 1).replacen('e', "", 1)).collect::<Vec<_>>().join(" ")
}

fn synonyms(dice: &mut Dice) -> String {
    const SAID: [&str; 12] = [
        "segfault",
        "sign in",
        "out of memory",
        "hang",
        "sluggish",
        "popup",
        "drop down",
        "picture",
        "credentials",
        "boot",
        "docker",
        "phone",
    ];
    (0..4).map(|_| SAID[dice.roll(SAID.len())]).collect::<Vec<_>>().join(" ")
}

/// Resident memory of this process in MiB; 0 where /proc is not there.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    let kib: f64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0.0);
    kib / 1024.0
}
