//! Every question over a large shop: 10,000 releases with 200,000 changes, 100 environments with 50 services each.
//!
//! `cargo bench --bench questions` prints the median and the 99th percentile of each question, and the memory.

use std::time::{Duration, Instant};

use landfall::model::act::{Action, Actor};
use landfall::model::deployments::{Rules, State};
use landfall::model::event::{EnvironmentName, Method, Object, Observation, TokenId, TokenKind};
use landfall::model::oci::{Digest, Repository};
use landfall::model::questions::{self, Finder, Side};
use landfall::model::releases::{Change, Registration};
use landfall::model::time::{Span, Time};

const ENVIRONMENTS: usize = 100;
const REPOSITORIES: usize = 50;
const RELEASES: usize = 200;
const CHANGES: usize = 20;
/// Deployments of each service.
const DEPLOYMENTS: usize = 6;
const NODES: usize = 3;
/// Number of times that each question is asked.
const ROUNDS: usize = 500;
const START: Time = Time::from_ms(1_772_431_200_000);

const VERBS: [&str; 12] = [
    "fix", "prevent", "handle", "support", "speed up", "remove", "allow", "show", "retry", "validate",
    "cache", "document",
];
const THINGS: [&str; 40] = [
    "login",
    "session",
    "cookie",
    "invoice",
    "discount",
    "cart",
    "checkout",
    "payment",
    "refund",
    "search",
    "index",
    "thumbnail",
    "upload",
    "download",
    "webhook",
    "queue",
    "worker",
    "scheduler",
    "report",
    "chart",
    "dashboard",
    "export",
    "import",
    "backup",
    "certificate",
    "proxy",
    "timeout",
    "redirect",
    "header",
    "token",
    "password",
    "notification",
    "email",
    "calendar",
    "translation",
    "currency",
    "address",
    "customer",
    "order",
    "shipment",
];
const WHENS: [&str; 10] = [
    "after a restart",
    "behind a proxy",
    "on mobile",
    "with an empty list",
    "when offline",
    "in dark mode",
    "for large files",
    "during a deploy",
    "with many tabs",
    "at midnight",
];

/// A generator of its own, so that every run asks the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

fn repository(place: usize) -> Repository {
    format!("shop/service-{place:02}").parse().expect("a repository")
}

fn environment(place: usize) -> EnvironmentName {
    format!("environment-{place:03}").parse().expect("a name")
}

fn version(place: usize) -> String {
    format!("v{}.{}.{}", place / 50, place / 5 % 10, place % 5)
}

fn digest(repository: usize, release: usize) -> Digest {
    Digest::of(format!("{repository} {release}").as_bytes())
}

fn shop() -> State {
    let mut dice = Dice(7);
    let mut state = State::new(Rules::default());
    let mut pr = 0;
    for repository_place in 0..REPOSITORIES {
        for release in 0..RELEASES {
            let mut change = || {
                pr += 1;
                let (verb, thing, other, when) =
                    (dice.of(&VERBS), dice.of(&THINGS), dice.of(&THINGS), dice.of(&WHENS));
                Change::parse(&format!("{verb} {thing} of the {other} {when} (#{pr})"), None)
            };
            let told = Registration {
                digests: vec![digest(repository_place, release)],
                changes: (0..CHANGES).filter_map(|_| change()).collect(),
                ..Registration::named(repository(repository_place), version(release))
            };
            state.apply(&Action::ReleaseAdded(Box::new(told)).by(Actor::default(), START));
        }
    }
    for environment_place in 0..ENVIRONMENTS {
        for deployment in 0..DEPLOYMENTS {
            for service in 0..REPOSITORIES {
                // Forward, a few releases at a time, and now and then back.
                let release = RELEASES - 40 + deployment * 6 + dice.below(10);
                for node in 0..NODES {
                    let after = Span::from_secs((deployment * 86_400 + service * 1_200 + node) as i64);
                    state.observe(&pull(environment_place, service, release, node, START + after));
                }
            }
        }
    }
    state
}

fn pull(environment_place: usize, service: usize, release: usize, node: usize, at: Time) -> Observation {
    Observation {
        at,
        environment: environment(environment_place),
        token: TokenId::new("tok_0"),
        token_kind: TokenKind::Cluster,
        client: format!("10.0.{environment_place}.{node}").into(),
        agent: "containerd/1.7.27".into(),
        method: Method::Get,
        repository: repository(service),
        reference: version(release).parse().expect("a tag"),
        digest: Some(digest(service, release)),
        object: Object::Manifest,
        media_type: None,
        status: 200,
        bytes: 1_000,
        parent: None,
    }
}

/// Asks `ROUNDS` times and prints how long it took.
fn measure(name: &str, mut ask: impl FnMut(&mut Dice)) {
    let mut dice = Dice(11);
    let mut took: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            ask(&mut dice);
            started.elapsed()
        })
        .collect();
    took.sort_unstable();
    let (median, high) = (took[ROUNDS / 2], took[ROUNDS * 99 / 100]);
    println!("{name:12} p50 {median:>10.1?}   p99 {high:>10.1?}");
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn main() {
    let state = shop();
    println!("folded: {} MiB at most", peak_mib());
    let started = Instant::now();
    let mut finder = Finder::default();
    finder.follow(state.catalogue());
    println!("indexed in {:.1?}: {} MiB at most", started.elapsed(), peak_mib());
    let now = START + Span::from_secs(30 * 86_400);
    let any = |dice: &mut Dice| environment(dice.below(ENVIRONMENTS));
    let text = |dice: &mut Dice| format!("{} {} {}", dice.of(&THINGS), dice.of(&THINGS), dice.of(&WHENS));
    let json = |view: &dyn erased::Json| view.write();

    measure("running", |dice| json(&questions::running(&state, &any(dice), now)));
    measure("timeline", |dice| json(&questions::timeline(&state, &any(dice), now, 20, None)));
    measure("compare", |dice| {
        let (left, right) = (any(dice), any(dice));
        let side = |environment| Side { state: &state, environment, at: now };
        json(&questions::compare(side(&left), side(&right)));
    });
    measure("missing", |dice| json(&questions::missing(&state, &any(dice), now)));
    measure("changes", |dice| {
        let from = START + Span::from_secs(86_400);
        json(&questions::changes(&state, &any(dice), from, from + Span::from_secs(86_400), now));
    });
    measure("history", |dice| {
        let repository = repository(dice.below(REPOSITORIES));
        json(&questions::history(&state, &any(dice), &repository, now, 20));
    });
    measure("verify", |dice| {
        let text = text(dice);
        let found = finder.find(&text, |_| true, 5);
        json(&questions::verify(&state, &any(dice), &text, &found, now));
    });
    measure("search", |dice| {
        let text = text(dice);
        let found = finder.find(&text, |_| true, 20);
        json(&questions::search(&state, &text, &found, now));
    });
    println!("in all: {} MiB at most", peak_mib());
}

/// Any view, written as the API writes it.
mod erased {
    pub(super) trait Json {
        fn write(&self);
    }

    impl<T: serde::Serialize> Json for T {
        fn write(&self) {
            std::hint::black_box(serde_json::to_vec(self).map(|bytes| bytes.len()).unwrap_or_default());
        }
    }
}
