//! Sightings that a hub takes in a second, of one agent and of fifty at once, each report durable before its answer.

use std::sync::Arc;
use std::time::Instant;

use http::Method;
use landfall::clock::now;
use landfall::model::oci::Digest;
use landfall::model::time::{Span, Time};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Failure;
use super::process::Hub;

const PATH: &str = "/api/v1/environments/production/sightings";
/// Workloads of each agent; each is told of once in a report.
const WORKLOADS: usize = 100;
/// Sightings of all agents together, after their beginnings.
const SIGHTINGS: usize = 50_000;

pub(super) async fn measure() -> Result<(), Failure> {
    for agents in [1, 50] {
        let data = tempfile::tempdir()?;
        let hub = Arc::new(Hub::start(data.path(), "hub.example").await?);
        let mut tokens = Vec::new();
        for agent in 0..agents {
            tokens.push(hub.agent_token(&format!("eu-{agent}")).await?);
        }
        let (begun, cpu) = (Instant::now(), hub.process.cpu()?);
        let mut reporting = JoinSet::new();
        for (agent, token) in tokens.into_iter().enumerate() {
            reporting.spawn(report(hub.clone(), agent, token, SIGHTINGS / agents / WORKLOADS));
        }
        while let Some(done) = reporting.join_next().await {
            done??;
        }
        let took = begun.elapsed();
        let count = SIGHTINGS as f64;
        println!(
            "hub, {agents} agents at once: {:.0} sightings/s, {:.0} µs of processor time each, peak {:.0} MiB",
            count / took.as_secs_f64(),
            (hub.process.cpu()? - cpu).as_secs_f64() * 1e6 / count,
            hub.process.peak_mib()?
        );
        let (_, running) =
            hub.send(None, Method::GET, "/api/v1/environments/production/running", None).await?;
        println!("  {} services run", running["services"].as_array().map_or(0, Vec::len));
    }
    Ok(())
}

/// Each report tells of all workloads of an agent, with another version each time.
async fn report(hub: Arc<Hub>, agent: usize, token: String, reports: usize) -> Result<(), Failure> {
    let since = now() - Span::from_secs(5);
    for sequence in 0..=reports {
        let at = now();
        let all = (0..WORKLOADS).map(|workload| running(agent, workload, sequence, at));
        let alive = json!({"kind": "alive", "at": at, "since": since});
        let begins = json!({"kind": "alive", "at": since, "since": since});
        let begins = (sequence == 0).then_some(begins);
        let sightings: Vec<Value> = begins.into_iter().chain(all).chain([alive]).collect();
        let body =
            json!({"witness": format!("eu-{agent}"), "sequence": sequence + 1, "sightings": sightings});
        let (status, answer) = hub.send(Some(&token), Method::POST, PATH, Some(body)).await?;
        if status != 202 {
            return Err(format!("{status}: {answer}").into());
        }
    }
    Ok(())
}

fn running(agent: usize, workload: usize, number: usize, at: Time) -> Value {
    let digest = Digest::of(format!("{workload}/{}", number / 10).as_bytes());
    json!({"kind": "running", "at": at, "source": "kubernetes", "namespace": format!("team-{agent}"),
        "workload": format!("deployment/service-{workload}"), "container": "app",
        "repository": format!("shop/service-{workload}"), "desired": 3,
        "images": [{"digest": digest, "reference": format!("v{}", number / 10), "running": 3, "ready": 3, "nodes": 3}]})
}
