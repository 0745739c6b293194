//! Things that the proxy holds when nobody asks it for anything: nothing but what it always holds.

use std::fmt;
use std::time::{Duration, Instant};

use super::bench::Bench;

/// Ends of pipes that the proxy keeps for later (`splice.rs`).
const PIPE_ENDS_MAX: usize = 2 * 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Clients' connections, as the proxy counts them.
    clients: i64,
    /// Connections to registries, as those count them.
    registries: usize,
    /// Tasks of the proxy's runtime.
    tasks: usize,
    /// Sockets of this process, of both ends.
    sockets: usize,
    pipe_ends: usize,
    other_descriptors: usize,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clients, registries, tasks, sockets, pipe_ends, other_descriptors } = self;
        write!(
            f,
            "{clients} clients' connections, {registries} to registries, {tasks} tasks, {sockets} sockets, \
             {pipe_ends} ends of pipes, {other_descriptors} other descriptors"
        )
    }
}

impl Held {
    fn now(bench: &Bench) -> Self {
        let targets: Vec<_> = std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .map(|target| target.to_string_lossy().into_owned())
            .collect();
        let count = |kind: &str| targets.iter().filter(|target| target.starts_with(kind)).count();
        let registries = bench.slots.iter().flat_map(|slot| [&slot.plain, &slot.tls]).chain([&bench.calm]);
        Self {
            clients: bench.counters.connections_open(),
            registries: registries.map(super::upstream::Upstream::open).sum(),
            tasks: bench.threads.handle().metrics().num_alive_tasks(),
            sockets: count("socket:"),
            pipe_ends: count("pipe:"),
            other_descriptors: targets.len() - count("socket:") - count("pipe:"),
        }
    }

    fn exceeds(&self, rest: &Self) -> bool {
        self.clients > rest.clients
            || self.registries > rest.registries
            || self.tasks > rest.tasks
            || self.sockets > rest.sockets
            || self.pipe_ends > rest.pipe_ends + PIPE_ENDS_MAX
            || self.other_descriptors > rest.other_descriptors
    }

    /// Counts the things that are held once everything has come to rest. Nobody may ask for anything meanwhile.
    pub async fn at_rest(bench: &Bench) -> Self {
        tokio::time::sleep(bench.limits.idle * 2).await;
        let mut last = Self::now(bench);
        loop {
            tokio::time::sleep(bench.limits.idle).await;
            let now = Self::now(bench);
            if now == last {
                return now;
            }
            last = now;
        }
    }

    /// Waits until no more is held than this.
    ///
    /// # Errors
    /// Waits until no more is held; the error says what still is when every wait is over.
    pub async fn until_again(&self, bench: &Bench) -> Result<(), String> {
        let rest_max = bench.bound + bench.limits.idle * 2;
        let end = Instant::now() + rest_max;
        loop {
            let now = Self::now(bench);
            if !now.exceeds(self) {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!(
                    "{rest_max:?} after the last request something is left:\n  {now}\n  at rest: {self}"
                ));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Memory of this process that is in use now, in bytes.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}
