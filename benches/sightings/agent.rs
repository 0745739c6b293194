//! An agent over five thousand pods: the memory that it takes to begin, the processor time of ten changes a second of what runs,
//! and the time from the first pod of a rollback that no pull shows until the hub tells of it.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::Value;
use tokio::time::{interval, sleep};

use super::Failure;
use super::process::{Hub, Process};
use super::rig::api_server::NAMESPACE;
use super::rig::scripted::{Does, HOST, Scripted, digest};

const DEPLOYMENTS: u32 = 50;
const PODS: u32 = 100;
/// Time of changes that is measured.
const SECONDS: u64 = 60;
const CHANGES_A_SECOND: u64 = 10;
/// Rollbacks that are timed, one after the other.
const ROLLBACKS: u32 = 20;
/// Longest wait until the hub tells of all pods.
const BEGIN_MAX: Duration = Duration::from_secs(120);

pub(super) async fn measure() -> Result<(), Failure> {
    let (cluster, files) = (Scripted::start().await, tempfile::tempdir()?);
    for name in (0..u64::from(DEPLOYMENTS)).map(deployment) {
        cluster.set(&name, "v1", 1, PODS);
        cluster.pods(&name, "v1", 0..PODS, Does::Run);
    }
    // Nobody watches yet: what led here need not be told change by change.
    cluster.api.forget();
    let hub = Hub::start(&files.path().join("data"), HOST).await?;
    let token = files.path().join("token");
    std::fs::write(&token, hub.agent_token("eu-1").await?)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.args(["agent", "--hub", &hub.url, "--name", "eu-1", "--token-file"]).arg(&token);
    command.arg("--kubeconfig").arg(cluster.kubeconfig(files.path()));
    command
        .args(["--namespace", &format!("{NAMESPACE}=production")])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let agent = Process::start(&mut command)?;
    let begun = Instant::now();
    while pods(&hub).await? != u64::from(DEPLOYMENTS * PODS) {
        if begun.elapsed() > BEGIN_MAX {
            return Err("the hub is not told of all pods".into());
        }
        sleep(Duration::from_millis(100)).await;
    }
    println!(
        "agent, {} pods: told after {:.1} s, {:.0} ms of processor time, peak {:.1} MiB",
        DEPLOYMENTS * PODS,
        begun.elapsed().as_secs_f64(),
        agent.cpu()?.as_secs_f64() * 1e3,
        agent.peak_mib()?
    );
    let (cpu, begun) = (agent.cpu()?, Instant::now());
    let mut ticks = interval(Duration::from_millis(1_000 / CHANGES_A_SECOND));
    for change in 0..SECONDS * CHANGES_A_SECOND {
        ticks.tick().await;
        // Rollouts, pod by pod: one of the new version comes, and the old one that it stands for goes.
        let (step, comes) = (change / 2, change % 2 == 0);
        let (name, pod) = (deployment(step), (step / u64::from(DEPLOYMENTS)) as u32);
        if comes {
            cluster.pods(&name, "v2", pod..pod + 1, Does::Run);
        } else {
            cluster.no_pods(&name, "v1", pod..pod + 1);
        }
    }
    let share = (agent.cpu()? - cpu).as_secs_f64() / begun.elapsed().as_secs_f64();
    println!(
        "  {CHANGES_A_SECOND} changes a second for {SECONDS} s: {:.2} % of a core, peak {:.1} MiB",
        share * 100.0,
        agent.peak_mib()?
    );
    let mut waits = Vec::new();
    for rollback in 0..ROLLBACKS {
        let name = deployment(u64::from(rollback));
        let begun = Instant::now();
        cluster.pods(&name, "v0", 0..1, Does::Run);
        while !tells(&hub, &name, &digest("v0")).await? {
            if begun.elapsed() > BEGIN_MAX {
                return Err("the hub is not told of a rollback".into());
            }
            sleep(Duration::from_millis(20)).await;
        }
        waits.push(begun.elapsed());
    }
    waits.sort();
    let seconds = |wait: Option<&Duration>| wait.copied().unwrap_or_default().as_secs_f64();
    println!(
        "  told of a rollback's first pod after {:.1} s (median of {ROLLBACKS}), {:.1} s at most",
        seconds(waits.get(waits.len() / 2)),
        seconds(waits.last())
    );
    Ok(())
}

fn deployment(number: u64) -> String {
    format!("web{}", number % u64::from(DEPLOYMENTS))
}

/// Pods that the hub tells of.
async fn pods(hub: &Hub) -> Result<u64, Failure> {
    let images = workloads(hub).await?;
    let images = images.iter().flat_map(|it| it["images"].as_array().cloned().unwrap_or_default());
    Ok(images.filter_map(|image| image["running"].as_u64()).sum())
}

/// Tells whether the hub says that this Deployment runs that image.
async fn tells(hub: &Hub, deployment: &str, digest: &str) -> Result<bool, Failure> {
    let workloads = workloads(hub).await?;
    let of_it = workloads.iter().filter(|it| it["workload"] == format!("deployment/{deployment}"));
    let mut images = of_it.flat_map(|it| it["images"].as_array().cloned().unwrap_or_default());
    Ok(images.any(|image| image["digest"] == digest && image["running"].as_u64() > Some(0)))
}

async fn workloads(hub: &Hub) -> Result<Vec<Value>, Failure> {
    let path = "/api/v1/environments/production/running";
    let (_, running) = hub.send(None, Method::GET, path, None).await?;
    Ok(running["services"][0]["workloads"].as_array().cloned().unwrap_or_default())
}
