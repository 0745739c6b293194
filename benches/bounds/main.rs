//! The most that clients can cost: half a million made-up names of each kind (memory, the log, reopening, every page), large
//! answers that nobody reads, connections that say nothing, and all of it at once.
//!
//!     cargo bench --bench bounds                        # half a million names of each kind
//!     cargo bench --bench bounds -- --names 50000
//!
//! Runs the real server before a registry that has everything, or nothing. Prints figures, and fails beyond the bounds below.
//! Linux only: memory is read from /proc.

mod load;
mod registry;
mod server;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use load::{Failure, alive, flood, hold, silent};
use registry::{Answers, Registry};
use server::Server;

/// Memory after the names, and its peak meanwhile.
const MEMORY_MIB_MAX: u64 = 200;
/// The same when the server is started again after `kill -9`.
const REOPENED_MIB_MAX: u64 = 300;
/// Every page and answer.
const PAGE_MAX: Duration = Duration::from_secs(1);
/// Memory while clients fetch large manifests and do not read them: what may be held whole, and the rest of the server.
const BODIES_MIB_MAX: u64 = 420;
/// Clients that do not read.
const READERS: usize = 400;
/// Connections that say nothing, or not enough: as many as the listener has places.
const SILENT: usize = 10_000;
/// From the accept to a first whole head, and what a look at so many may take.
const SILENT_ENDED_IN: Duration = Duration::from_secs(40);
/// Memory that the manifests in `deploy/` give the server.
const TOGETHER_MIB_MAX: u64 = 1_024;

/// Names that a client makes up.
struct Kind {
    title: &'static str,
    answers: Answers,
    is_revoked: bool,
    /// Events that the log may have of them; none where the rate of a token is the bound.
    events_max: Option<u64>,
    path: fn(usize) -> String,
}

const KINDS: [Kind; 5] = [
    Kind {
        title: "revoked token, made-up repositories",
        answers: Answers::Nothing,
        is_revoked: true,
        events_max: Some(200),
        path: |number| format!("/v2/r{number}/x/manifests/t{number}"),
    },
    Kind {
        title: "revoked token, long names",
        answers: Answers::Nothing,
        is_revoked: true,
        events_max: Some(200),
        path: |number| format!("/v2/{}/{number}/manifests/{}", "long/".repeat(48) + "name", "t".repeat(128)),
    },
    Kind {
        title: "good token, 404s, made-up repositories",
        answers: Answers::Nothing,
        is_revoked: false,
        events_max: None,
        path: |number| format!("/v2/r{number}/x/manifests/t{number}"),
    },
    Kind {
        title: "good token, 200s, made-up repositories",
        answers: Answers::Everything,
        is_revoked: false,
        events_max: None,
        path: |number| format!("/v2/r{number}/x/manifests/t{number}"),
    },
    Kind {
        title: "good token, 200s, made-up tags of one repository",
        answers: Answers::Everything,
        is_revoked: false,
        events_max: None,
        path: |number| format!("/v2/shop/web/manifests/t{number}"),
    },
];

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--names").skip(1);
    let names = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(500_000);
    let mut beyond = Vec::new();
    for kind in &KINDS {
        match names_of(kind, names).await {
            Ok(faults) => beyond.extend(faults.into_iter().map(|fault| format!("{}: {fault}", kind.title))),
            Err(error) => beyond.push(format!("{}: {error}", kind.title)),
        }
    }
    beyond.extend(bodies().await.unwrap_or_else(|error| vec![format!("large manifests: {error}")]));
    for said in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\n", b"GET / HTTP/1.1\r\n"] {
        let title = format!("{SILENT} connections that say {:?}", String::from_utf8_lossy(said));
        match silence(&title, said).await {
            Ok(faults) => beyond.extend(faults.into_iter().map(|fault| format!("{title}: {fault}"))),
            Err(error) => beyond.push(format!("{title}: {error}")),
        }
    }
    beyond.extend(together(names).await.unwrap_or_else(|error| vec![format!("all at once: {error}")]));
    for fault in &beyond {
        println!("BEYOND ITS BOUND: {fault}");
    }
    if beyond.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn names_of(kind: &Kind, names: usize) -> Result<Vec<String>, Failure> {
    println!("{}: {names}", kind.title);
    let registry = Registry::start(kind.answers).await?;
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let server = Server::start(dir.path(), &registry.url()).await?;
    server.make_environment().await?;
    let token = server.make_token().await?;
    if kind.is_revoked {
        server.revoke(&token).await?;
    }
    let mut faults = Vec::new();
    let before = server.memory();
    let events_before = server.metric("landfall_log_entries_total").await?;
    let took = flood(server.proxy, &token.authorization, names, kind.path).await?;
    let events = server.metric("landfall_log_entries_total").await? - events_before;
    let after = server.memory();
    println!(
        "  sent in {took:.1?}; {events} events in the log, {} KiB on disk",
        server.bytes_on_disk() >> 10
    );
    println!("  memory: {} MiB before, {} MiB after, {} MiB at most", before.now, after.now, after.peak);
    if kind.events_max.is_some_and(|most| events > most) {
        faults.push(format!("{events} events"));
    }
    if after.peak > MEMORY_MIB_MAX {
        faults.push(format!("{} MiB", after.peak));
    }
    faults.extend(pages(&server).await?);
    server.kill();
    let again = Server::start(dir.path(), &registry.url()).await?;
    let reopened = again.memory();
    println!("  reopened in {:.1?}: {} MiB, {} MiB at most", again.took, reopened.now, reopened.peak);
    if reopened.peak > REOPENED_MIB_MAX {
        faults.push(format!("{} MiB when reopened", reopened.peak));
    }
    faults.extend(pages(&again).await?);
    again.kill();
    Ok(faults)
}

/// Every page and answer once; those that took too long.
async fn pages(server: &Server) -> Result<Vec<String>, Failure> {
    let mut times = server.pages().await?;
    times.push(("landfall status".to_owned(), server.status_command()?));
    let told: Vec<String> = times.iter().map(|(page, took)| format!("{page} {took:.1?}")).collect();
    println!("  pages: {}", told.join(", "));
    let slow = times.into_iter().filter(|(_, took)| *took > PAGE_MAX);
    Ok(slow.map(|(page, took)| format!("{page} took {took:.1?}")).collect())
}

/// Clients that fetch large manifests and do not read them.
async fn bodies() -> Result<Vec<String>, Failure> {
    println!("{READERS} clients that do not read manifests of 4 MiB");
    let registry = Registry::start(Answers::Large).await?;
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let server = Server::start(dir.path(), &registry.url()).await?;
    server.make_environment().await?;
    let token = server.make_token().await?;
    let held = hold(server.proxy, &token.authorization, READERS).await?;
    let small =
        flood(server.proxy, &token.authorization, 100, |_| "/v2/small/manifests/v1".to_owned()).await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let memory = server.memory();
    println!(
        "  memory: {} MiB, {} MiB at most; 100 small manifests meanwhile: {small:.1?}",
        memory.now, memory.peak
    );
    drop(held);
    let mut faults = Vec::new();
    if memory.peak > BODIES_MIB_MAX {
        faults.push(format!("large manifests: {} MiB", memory.peak));
    }
    if small > PAGE_MAX {
        faults.push(format!("large manifests: small ones took {small:.1?}"));
    }
    server.kill();
    Ok(faults)
}

/// Connections that say no whole head, and an honest client that comes while they are there.
async fn silence(title: &str, said: &[u8]) -> Result<Vec<String>, Failure> {
    println!("{title}");
    let registry = Registry::start(Answers::Everything).await?;
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let server = Server::start(dir.path(), &registry.url()).await?;
    server.make_environment().await?;
    let token = server.make_token().await?;
    let before = server.memory();
    let began = Instant::now();
    let held = silent(server.proxy, said, SILENT).await?;
    let there = alive(&held);
    let pulls =
        flood(server.proxy, &token.authorization, 100, |_| "/v2/small/manifests/v1".to_owned()).await?;
    let memory = server.memory();
    while alive(&held) > 0 && began.elapsed() < SILENT_ENDED_IN + Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let (left, ended_in) = (alive(&held), began.elapsed());
    println!(
        "  {there} there at once; 100 pulls meanwhile: {pulls:.1?}; memory: {} MiB before, {} MiB; {left} left after {ended_in:.1?}",
        before.now, memory.peak
    );
    let mut faults = Vec::new();
    if pulls > PAGE_MAX {
        faults.push(format!("100 pulls took {pulls:.1?}"));
    }
    if left > 0 || ended_in > SILENT_ENDED_IN {
        faults.push(format!("{left} were there after {ended_in:.1?}"));
    }
    server.kill();
    Ok(faults)
}

/// Names, bodies and silence at the same time, and an honest client.
async fn together(names: usize) -> Result<Vec<String>, Failure> {
    println!("all of it at once");
    let registry = Registry::start(Answers::Large).await?;
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let server = Server::start(dir.path(), &registry.url()).await?;
    server.make_environment().await?;
    let (token, revoked) = (server.make_token().await?, server.make_token().await?);
    server.revoke(&revoked).await?;
    let unread = hold(server.proxy, &token.authorization, READERS).await?;
    let quiet = silent(server.proxy, b"P", SILENT / 2).await?;
    let made_up = |number| format!("/v2/small/r{number}/manifests/t{number}");
    let (good, bad, pulls) = tokio::join!(
        flood(server.proxy, &token.authorization, names, made_up),
        flood(server.proxy, &revoked.authorization, names, made_up),
        async {
            let mut slowest = Duration::ZERO;
            for _ in 0..50 {
                let path = |_| "/v2/small/manifests/v1".to_owned();
                slowest = slowest.max(flood(server.proxy, &token.authorization, 1, path).await?);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok::<_, Failure>(slowest)
        }
    );
    let (good, bad, slowest) = (good?, bad?, pulls?);
    let memory = server.memory();
    println!(
        "  {names} names with a good token in {good:.1?}, with a revoked one in {bad:.1?}; slowest pull of another client: \
         {slowest:.1?}; memory: {} MiB, {} MiB at most; {} KiB on disk",
        memory.now,
        memory.peak,
        server.bytes_on_disk() >> 10
    );
    drop((unread, quiet));
    let mut faults = Vec::new();
    if memory.peak > TOGETHER_MIB_MAX {
        faults.push(format!("all at once: {} MiB", memory.peak));
    }
    if slowest > PAGE_MAX {
        faults.push(format!("all at once: a pull took {slowest:.1?}"));
    }
    faults.extend(pages(&server).await?);
    server.kill();
    Ok(faults)
}
