//! An agent over five thousand pods: the memory that it takes to begin, and the processor time of ten events a second, of which
//! every other one changes what runs.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use http::Method;
use tokio::time::{interval, sleep};

use super::Failure;
use super::process::{Hub, Process};
use super::rig::api_server::NAMESPACE;
use super::rig::scripted::{Does, HOST, Scripted};

const DEPLOYMENTS: u32 = 50;
const PODS: u32 = 100;
/// Time of changes that is measured.
const SECONDS: u64 = 60;
const EVENTS_A_SECOND: u64 = 10;
/// Longest wait until the hub tells of all pods.
const BEGIN_MAX: Duration = Duration::from_secs(120);

pub(super) async fn measure() -> Result<(), Failure> {
    let (cluster, files) = (Scripted::start().await, tempfile::tempdir()?);
    for deployment in 0..DEPLOYMENTS {
        let name = format!("web{deployment}");
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
    let mut ticks = interval(Duration::from_millis(1_000 / EVENTS_A_SECOND));
    for change in 0..SECONDS * EVENTS_A_SECOND {
        ticks.tick().await;
        // A pod of another version comes, or one is written again as it was, as kubelets do.
        let (name, pod) = (format!("web{}", change % u64::from(DEPLOYMENTS)), (change / 100) as u32 % PODS);
        let version = if change / 50 % 2 == 0 { "v2" } else { "v1" };
        cluster.pods(&name, version, pod..pod + 1, Does::Run);
    }
    let share = (agent.cpu()? - cpu).as_secs_f64() / begun.elapsed().as_secs_f64();
    println!(
        "  {EVENTS_A_SECOND} events a second for {SECONDS} s: {:.2} % of a core, peak {:.1} MiB",
        share * 100.0,
        agent.peak_mib()?
    );
    Ok(())
}

/// Pods that the hub tells of.
async fn pods(hub: &Hub) -> Result<u64, Failure> {
    let path = "/api/v1/environments/production/running";
    let (_, running) = hub.send(None, Method::GET, path, None).await?;
    let workloads = running["services"][0]["workloads"].as_array().cloned().unwrap_or_default();
    let images = workloads.iter().flat_map(|it| it["images"].as_array().cloned().unwrap_or_default());
    Ok(images.filter_map(|image| image["running"].as_u64()).sum())
}
