//! Connections that all begin at the same moment, as the nodes of a cluster do after a rollout.

use crate::http::Client;
use crate::{Failure, Target, latency};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use tokio::sync::Barrier;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    target: Target,
    #[arg(long, default_value_t = 10)]
    bursts: usize,
}

/// Rest between two bursts, so that each finds the server idle.
const REST: Duration = Duration::from_millis(200);
/// A SYN that a full backlog dropped is sent again after one second: an answer this late had to wait for it.
const DROPPED_SYN: Duration = Duration::from_millis(900);

pub(crate) async fn run(options: Options) -> Result<Value, Failure> {
    let client = Arc::new(Client::new(&options.target)?);
    let connections = options.target.connections;
    let mut latencies = Vec::with_capacity(options.bursts * connections);
    for _ in 0..options.bursts {
        let start = Arc::new(Barrier::new(connections));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..connections {
            tasks.spawn(one(client.clone(), start.clone()));
        }
        let mut open = Vec::with_capacity(connections);
        while let Some(done) = tasks.join_next().await {
            let (connection, latency) = done??;
            open.push(connection); // nobody leaves before the last one is served
            latencies.push(latency);
        }
        drop(open);
        tokio::time::sleep(REST).await;
    }
    let late = latencies.iter().filter(|latency| **latency >= DROPPED_SYN).count();
    Ok(serde_json::json!({ "late": late, "latency_us": latency::percentiles(&mut latencies) }))
}

/// From before the connect to the last byte of the answer.
async fn one(
    client: Arc<Client>,
    start: Arc<Barrier>,
) -> Result<(crate::http::Connection, Duration), Failure> {
    start.wait().await;
    let began_at = Instant::now();
    let mut connection = client.connect().await?;
    client.exchange(&mut connection, &AtomicU64::new(0)).await?;
    Ok((connection, began_at.elapsed()))
}
