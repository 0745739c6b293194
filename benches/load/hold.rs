//! Connections that stay: idle after one answer, or in the middle of a slow download.

use crate::http::{Client, Connection};
use crate::{Failure, Target};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    target: Target,
    /// Read the answer at this pace on each connection; without it the answer is taken and the connection idles.
    #[arg(long)]
    bytes_per_second: Option<usize>,
}

/// A slow reader takes its share this often.
const SIPS_PER_SECOND: usize = 4;

pub(crate) async fn run(options: Options) -> Result<Value, Failure> {
    let client = Client::new(&options.target)?;
    let received = Arc::new(AtomicU64::new(0));
    let began_at = Instant::now();
    let mut idle = Vec::new();
    let mut readers = tokio::task::JoinSet::new();
    // One after the other: how many fit in at once is the burst's question.
    for _ in 0..options.target.connections {
        let mut connection = client.connect().await?;
        match options.bytes_per_second {
            None => {
                client.exchange(&mut connection, &received).await?;
                idle.push(connection);
            }
            Some(pace) => {
                let missing = client.ask(&mut connection, &received).await?;
                readers.spawn(sip(connection, missing, pace / SIPS_PER_SECOND, received.clone()));
            }
        }
    }
    println!("{{\"ready\":true}}");
    let mut end = end_of_input();
    loop {
        tokio::select! {
            _ = &mut end => break,
            Some(ended) = readers.join_next() => ended??,
        }
    }
    Ok(serde_json::json!({
        "seconds": began_at.elapsed().as_secs_f64(),
        "bytes": received.load(Relaxed),
        "connections": idle.len() + readers.len(),
    }))
}

async fn sip(
    mut on: Connection,
    mut missing: usize,
    sip: usize,
    received: Arc<AtomicU64>,
) -> Result<(), Failure> {
    let mut clock = tokio::time::interval(Duration::from_secs(1) / SIPS_PER_SECOND as u32);
    while missing > 0 {
        clock.tick().await;
        let taken = on.drop_bytes(missing.min(sip)).await?;
        if taken == 0 {
            return Err(format!("a slow download ended {missing} bytes short").into());
        }
        missing -= taken;
        received.fetch_add(taken as u64, Relaxed);
    }
    Ok(())
}

/// Standard input ends when the script says so, or when the script is gone.
fn end_of_input() -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = ended.send(());
    });
    end
}
