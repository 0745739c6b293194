//! Cost of witnesses: of the fold with sightings, of the hub that takes them, of an agent that makes them. Prints; asserts
//! nothing. `fold`, `hub` or `agent` as an argument measures that alone.

mod agent;
mod fold;
mod hub;
mod process;
#[path = "../observed/pull.rs"]
mod pull;
/// The tests' API server and its scripted cluster.
#[expect(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "the tests use the rest of it, and may panic"
)]
#[path = "../../tests/it/rig"]
mod rig {
    pub mod api_server;
    pub mod http;
    pub mod scripted;
    pub mod tls;
    pub mod watches;
}

/// The program's allocator: what is folded is allocated and freed, and that is part of the cost.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Reasons why something could not be measured.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let only: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    let is_meant = |name: &str| only.is_empty() || only.iter().any(|it| it == name);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new()?;
    if is_meant("fold") {
        fold::measure();
    }
    if is_meant("hub") {
        runtime.block_on(hub::measure())?;
    }
    if is_meant("agent") {
        runtime.block_on(agent::measure())?;
    }
    Ok(())
}
