//! Somebody else, whose registry is healthy and who pulls all the time: how long that takes, and that it is right.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::bench::Bench;
use super::case::{Case, Framing};
use super::client::{Ask, Door, End};
use super::script::Answer;
use super::seed::Rng;
use super::upstream::Script;
use crate::rig::images::digest_of;

/// Between two pulls of one of them.
const PAUSE: Duration = Duration::from_millis(4);
/// Pulls through the proxy at a time.
const PULLERS: usize = 3;
/// A pull that is slow on a machine with nothing else to do.
const FLOOR: Duration = Duration::from_millis(60);
/// Nothing may take this long.
const BOUND: Duration = Duration::from_secs(20);

/// Durations since they were last taken: through the proxy, and past it to the same registry.
#[derive(Default)]
struct Seen {
    proxied: Vec<Duration>,
    direct: Vec<Duration>,
    wrong: Option<String>,
}

impl Seen {
    fn add(&mut self, took: Duration, is_direct: bool) {
        if is_direct { &mut self.direct } else { &mut self.proxied }.push(took);
    }
}

pub struct Neighbour {
    seen: Arc<Mutex<Seen>>,
    wanted: Arc<Vec<(Ask, Vec<u8>)>>,
    _pulling: JoinSet<()>,
}

/// The slowest but one in a hundred.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub proxied: Duration,
    pub direct: Duration,
    pub pulls: usize,
}

impl Window {
    /// Tells whether this one was slowed to more than three times of `undisturbed`, beyond what the machine takes from everybody: the
    /// direct pulls show that, for the faults and the proxy have the same cores as they.
    pub fn is_slower_than(&self, undisturbed: &Self, slowness: u32) -> bool {
        let everybodys = self.direct.as_secs_f64() / undisturbed.direct.as_secs_f64().max(1e-6);
        let allowed = undisturbed.proxied.mul_f64(3.0 * everybodys.max(1.0));
        self.proxied > allowed.max(FLOOR * slowness)
    }
}

impl Neighbour {
    pub fn start(bench: &Bench) -> Self {
        let mut rng = Rng::new(7);
        let mut answers = HashMap::new();
        let mut wanted = Vec::new();
        for (kind, bytes) in [("manifests", 2_000), ("blobs", 60_000), ("blobs", 400_000)] {
            let content = rng.bytes(bytes);
            let digest = digest_of(&content);
            let at = format!("/v2/calm/a/{kind}/{digest}");
            let answer = Answer::ok("application/json", &digest, content.clone(), Framing::Length);
            answers.insert(at.clone(), answer);
            wanted.push((Ask { path: at, range: None }, content));
        }
        let case: Case = "nothing head once tags length plain new h1 1".parse().unwrap();
        let other = Answer::refusal(404);
        bench.calm.serve(&Arc::new(Script::new(case, answers, String::new(), other, Vec::new())));
        let (seen, wanted) = (Arc::new(Mutex::new(Seen::default())), Arc::new(wanted));
        let mut pulling = JoinSet::new();
        for _ in 0..PULLERS {
            pulling.spawn(pull(bench.door.clone(), wanted.clone(), seen.clone(), None));
        }
        pulling.spawn(pull(bench.door.clone(), wanted.clone(), seen.clone(), Some(bench.calm.address)));
        Self { seen, wanted, _pulling: pulling }
    }

    /// The path and the content of one of the things that it pulls: a manifest, a blob, a larger one.
    pub fn wanted(&self, index: usize) -> (String, Vec<u8>) {
        let (ask, content) = &self.wanted[index];
        (ask.path.clone(), content.clone())
    }

    /// The pulls since this was asked last.
    pub fn window(&self) -> Result<Window, String> {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        match seen.wrong {
            Some(wrong) => Err(format!("the neighbour, whose registry is healthy: {wrong}")),
            None => {
                Ok(Window { pulls: seen.proxied.len(), proxied: p99(seen.proxied), direct: p99(seen.direct) })
            }
        }
    }
}

fn p99(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get((all.len() * 99 / 100).min(all.len().saturating_sub(1))).copied().unwrap_or_default()
}

async fn pull(
    mut door: Door,
    wanted: Arc<Vec<(Ask, Vec<u8>)>>,
    seen: Arc<Mutex<Seen>>,
    past: Option<SocketAddr>,
) {
    if let Some(registry) = past {
        door.plain = registry;
    }
    loop {
        let Ok(mut line) = door.open(false, false).await else {
            seen.lock().unwrap().wrong = Some("it cannot connect".to_owned());
            return;
        };
        for (ask, right) in wanted.iter().cycle().take(60) {
            let began = Instant::now();
            let got = line.get(&door, ask, BOUND).await;
            let took = began.elapsed();
            if got.end != End::Whole || got.body != *right {
                let wrong = format!("status {} {:?} of {}", got.status, got.end, ask.path);
                seen.lock().unwrap().wrong = Some(wrong);
                return;
            }
            seen.lock().unwrap().add(took, past.is_some());
            tokio::time::sleep(PAUSE).await;
        }
    }
}
