//! The real parts that the tests are made of: a registry, container clients, and Landfall between them.
//!
//! Every part lives in a temporary directory, listens on a free port of the loopback device (or on an address of
//! its own network namespace) and ends with the value that holds it.

pub mod api_server;
pub mod browser;
pub mod cri;
pub mod fake;
pub mod frames;
pub mod git;
pub mod http;
pub mod images;
pub mod landfall;
pub mod laptop;
pub mod local;
pub mod model;
pub mod nats;
pub mod netns;
pub mod node;
pub mod plane;
pub mod png;
pub mod process;
pub mod registry;
pub mod relay;
pub mod scripted;
pub mod signer;
pub mod skip;
pub mod skopeo;
pub mod tls;
pub mod watches;

use std::time::{Duration, Instant};

pub use local::directory;

/// Longest time that anything may take to become true before a test gives up. Generous: two cores run everything.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again until there is an answer; panics with `what` when that takes longer than [`PATIENCE`].
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
