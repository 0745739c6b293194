//! The whole way: the real agent, beside a scripted cluster or a real Docker, reports to a real server, which answers.

use serde_json::{Value, json};

use crate::rig::api_server::NAMESPACE;
use crate::rig::images::{Format, Recipe};
use crate::rig::landfall::{Landfall, Setup, Token, command};
use crate::rig::laptop::Laptop;
use crate::rig::process::Process;
use crate::rig::registry::{Auth, Registry};
use crate::rig::scripted::{Does, HOST, Scripted, digest};
use crate::rig::skip::need;
use crate::rig::{directory, until};

/// A real agent. It ends with this value.
struct Agent {
    _process: Process,
    _files: tempfile::TempDir,
}

impl Agent {
    fn start(landfall: &Landfall, token: &Token, arguments: &[&str]) -> Self {
        let files = directory();
        let file = files.path().join("token");
        std::fs::write(&file, &token.secret).unwrap();
        let mut agent = command();
        agent.args(["agent", "--hub", &landfall.admin_url(), "--name", "eu-1", "--token-file"]).arg(file);
        let process = Process::start(agent.args(arguments), &files.path().join("log"));
        Self { _process: process, _files: files }
    }
}

/// Landfall with an environment and a scripted cluster that the agent watches.
struct Scene {
    landfall: Landfall,
    cluster: Scripted,
    token: Token,
    files: tempfile::TempDir,
}

impl Scene {
    async fn start() -> Self {
        Self::start_with(directory(), Scripted::start().await, "").await
    }

    /// … with more lines in the configuration.
    async fn start_with(files: tempfile::TempDir, cluster: Scripted, lines: &str) -> Self {
        let setup = Setup::before("http://127.0.0.1:9").flag("--public-host", HOST);
        let landfall = setup.line(lines).start();
        landfall.environment("production").await;
        for (place, version) in ["v1", "v2", "v3"].into_iter().enumerate() {
            let release = json!({"repository": "shop/web", "digest": digest(version), "version": version,
                "created_at": format!("2026-03-0{}T10:00:00Z", place + 1)});
            landfall.admin(http::Method::POST, "/api/v1/releases", Some(release)).await.expect(201);
        }
        let token = landfall.token_with("production", json!({"name": "eu-1", "kind": "agent"})).await;
        Self { landfall, cluster, token, files }
    }

    fn agent(&self) -> Agent {
        let kubeconfig = self.cluster.kubeconfig(self.files.path());
        let place = format!("{NAMESPACE}=production");
        let arguments = ["--kubeconfig", kubeconfig.to_str().unwrap(), "--namespace", &place];
        Agent::start(&self.landfall, &self.token, &arguments)
    }

    async fn service(&self) -> Value {
        service(&self.landfall).await
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        until(what, async || Some(self.service().await).filter(|service| is_so(service))).await
    }

    /// Rolls a Deployment over, pod by pod.
    fn roll(&self, from: &str, to: &str, revision: u32) {
        self.cluster.set("web", to, revision, 3);
        for pod in 0..3 {
            self.cluster.pods("web", to, pod..pod + 1, Does::Run);
            self.cluster.no_pods("web", from, pod..pod + 1);
        }
        self.cluster.set("web", from, revision - 1, 0);
    }
}

async fn service(landfall: &Landfall) -> Value {
    landfall.admin_get("/api/v1/environments/production/running").await["services"][0].clone()
}

/// The changes of the deployments, oldest first: kind and version.
async fn timeline(landfall: &Landfall) -> Vec<(String, String)> {
    let deployments = deployments(landfall).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |it: &Value| (text(&it["kind"]), text(&it["changes"][0]["to"]["version"]));
    deployments.iter().rev().map(of).collect()
}

async fn deployments(landfall: &Landfall) -> Vec<Value> {
    let page = landfall.admin_get("/api/v1/environments/production/deployments").await;
    page.as_array().or(page["deployments"].as_array()).unwrap().clone()
}

fn runs(version: &'static str) -> impl Fn(&Value) -> bool {
    move |service| service["version"] == version && service["confidence"] == "confirmed"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_no_pull_shows_is_one_with_its_reverted_releases() {
    let scene = Scene::start().await;
    scene.cluster.set("web", "v1", 1, 3);
    scene.cluster.pods("web", "v1", 0..3, Does::Run);
    let _agent = scene.agent();
    let service = scene.until("v1 runs", runs("v1")).await;
    assert_eq!(service["workloads"][0]["workload"], "deployment/web", "{service:#}");
    scene.roll("v1", "v2", 2);
    scene.until("v2 runs", runs("v2")).await;
    let started = std::time::Instant::now();
    scene.roll("v2", "v1", 3);
    scene.until("v1 runs again", runs("v1")).await;
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    let rollback = deployments(&scene.landfall).await.remove(0);
    assert_eq!(rollback["releases_reverted"], 1, "{rollback:#}");
    let told: Vec<_> = timeline(&scene.landfall).await;
    let expected = [("initial", "v1"), ("upgrade", "v2"), ("rollback", "v1")];
    assert_eq!(told, expected.map(|(kind, version)| (kind.to_owned(), version.to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn zero_and_gone_are_states_of_their_own() {
    let scene = Scene::start().await;
    scene.cluster.set("web", "v1", 1, 2);
    scene.cluster.pods("web", "v1", 0..2, Does::Run);
    let _agent = scene.agent();
    scene.until("v1 runs", runs("v1")).await;
    scene.cluster.set("web", "v1", 1, 0);
    scene.cluster.no_pods("web", "v1", 0..2);
    scene.until("it sleeps", |service| service["state"] == "scaled_to_zero").await;
    scene.cluster.set("web", "v1", 1, 1);
    scene.cluster.pods("web", "v1", 0..1, Does::Run);
    scene.until("v1 runs again", runs("v1")).await;
    scene.cluster.no_set("web", "v1");
    scene.cluster.no_pods("web", "v1", 0..1);
    scene.until("it is gone", |service| service["state"] == "removed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_the_agent_was_away_is_known_when_it_is_back() {
    let scene = Scene::start().await;
    scene.cluster.set("web", "v1", 1, 3);
    scene.cluster.pods("web", "v1", 0..3, Does::Run);
    let agent = scene.agent();
    scene.until("v1 runs", runs("v1")).await;
    drop(agent);
    scene.roll("v1", "v2", 2);
    let agent = scene.agent();
    scene.until("v2 runs", runs("v2")).await;
    drop(agent);
    // Back again before anybody looks: nobody can know, and nobody says so.
    scene.roll("v2", "v3", 3);
    scene.roll("v3", "v2", 4);
    let _agent = scene.agent();
    scene.until("v2 still runs", runs("v2")).await;
    let told = timeline(&scene.landfall).await;
    assert_eq!(
        told,
        [("initial", "v1"), ("upgrade", "v2")].map(|(kind, version)| (kind.to_owned(), version.to_owned()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_watches_a_cluster_itself() {
    let (files, cluster) = (directory(), Scripted::start().await);
    cluster.set("web", "v1", 1, 3);
    cluster.pods("web", "v1", 0..3, Does::Run);
    let kubeconfig = cluster.kubeconfig(files.path());
    let lines = format!(
        "[[cluster]]\nenvironment = \"production\"\nkubeconfig = \"{}\"\nwatch = true\n",
        kubeconfig.display()
    );
    let scene = Scene::start_with(files, cluster, &lines).await;
    scene.until("v1 runs", runs("v1")).await;
    scene.roll("v1", "v2", 2);
    scene.until("v2 runs", runs("v2")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_docker_confirms_what_it_runs() {
    need!("docker-registry", "containerd", "dockerd", "docker");
    let registry = Registry::start(Auth::Open).await;
    let push = registry.client().await;
    let landfall = Setup::before(&registry.url()).on_a_known_port().start();
    landfall.environment("production").await;
    for (place, version) in ["v1", "v2"].into_iter().enumerate() {
        let image = Recipe::new(Format::Docker).label("version", version).program(version).build();
        image.push(&push, "docker/app", version).await;
        let release = json!({"repository": "docker/app", "digest": image.digest(), "version": version,
            "created_at": format!("2026-03-0{}T10:00:00Z", place + 1)});
        landfall.admin(http::Method::POST, "/api/v1/releases", Some(release)).await.expect(201);
    }
    let pulling = landfall.token_with("production", json!({"name": "host", "kind": "host"})).await;
    let reporting = landfall.token_with("production", json!({"name": "eu-1", "kind": "agent"})).await;
    let laptop = Laptop::start().await;
    laptop.login(landfall.proxy(), &pulling.user, &pulling.secret).succeeded();
    let socket = format!("unix://{}", laptop.socket().display());
    let _agent = Agent::start(&landfall, &reporting, &["--environment", "production", "--docker", &socket]);
    for version in ["v1", "v2", "v1"] {
        let image = format!("{}/docker/app:{version}", landfall.proxy());
        let _ = laptop.docker(&["rm", "-f", "web"]);
        laptop.docker(&["run", "-d", "--network", "none", "--name", "web", &image]).succeeded();
        until(&format!("{version} runs"), async || Some(service(&landfall).await).filter(runs(version)))
            .await;
    }
    let told: Vec<_> = timeline(&landfall).await;
    let expected = [("initial", "v1"), ("upgrade", "v2"), ("rollback", "v1")];
    assert_eq!(told, expected.map(|(kind, version)| (kind.to_owned(), version.to_owned())));
    laptop.docker(&["rm", "-f", "web"]).succeeded();
}
