//! Latencies of single requests and their percentiles.

use serde_json::{Value, json};
use std::time::Duration;

/// Percentiles in microseconds, by nearest rank; null when nothing was measured.
pub(crate) fn percentiles(latencies: &mut [Duration]) -> Value {
    latencies.sort_unstable();
    let at = |part: f64| {
        let rank = (part * latencies.len() as f64).ceil() as usize;
        latencies.get(rank.max(1) - 1).map(|latency| latency.as_secs_f64() * 1e6)
    };
    json!({ "count": latencies.len(), "p50": at(0.50), "p90": at(0.90), "p99": at(0.99), "max": at(1.0) })
}
