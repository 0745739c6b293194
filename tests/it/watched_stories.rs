//! Stories of clusters, end to end: a scripted cluster, a real witness over its API server, a real hub. Each row is a story;
//! at every stop REST, the command line, the page and the agent's tool have to tell the same.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use landfall::config::{ClusterAccess, ClusterLogin};
use landfall::model::report::{Revision, Runs, Statement};
use landfall::model::tally::Batch;
use landfall::witness::{self, Hub, NotTaken};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::admin_cli::command;
use crate::admin_support::Server;
use crate::dashboard::log_in;
use crate::mcp;
use crate::rig::api_server::NAMESPACE;
use crate::rig::scripted::{Does, Scripted, container, digest};

/// Longest wait: numbers alone are told once a minute, and two cores run everything.
const PATIENCE: Duration = Duration::from_secs(100);

/// A step of a story.
enum Step {
    /// Something happens in the cluster.
    Does(fn(&Scripted)),
    /// Every surface comes to tell it so.
    Tells(Told),
    /// The witness ends, or another one of its name begins.
    AgentLeaves,
    AgentReturns,
    /// Reports do not reach the hub, or do again.
    HubLeaves,
    HubReturns,
}

/// Answers about the one service.
struct Told {
    version: &'static str,
    state: &'static str,
    /// `WORKLOAD VERSION READY/RUNNING…`, with troubles in brackets; those of 50 alike are one line.
    workloads: &'static [&'static str],
}

const fn tells(version: &'static str, state: &'static str, workloads: &'static [&'static str]) -> Step {
    Step::Tells(Told { version, state, workloads })
}

/// Makes a test of each row: its steps, and the deployments that are told of in the end, oldest first.
macro_rules! stories {
    ($($name:ident: [$($step:expr),* $(,)?] => [$($deployment:literal),*];)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            Stage::start(1).await.play(vec![$($step),*], &[$($deployment),*]).await;
        }
    )*};
}

use Step::{AgentLeaves, AgentReturns, Does as Happens, HubLeaves, HubReturns};

stories! {
    a_cached_rollback_and_the_restore_after_it: [
        Happens(|cluster| three(cluster, "v1", 1)), tells("v1", "settled", &["deployment/web v1 3/3"]),
        Happens(|cluster| roll(cluster, "v1", "v2", 2)), tells("v2", "settled", &["deployment/web v2 3/3"]),
        Happens(|cluster| roll(cluster, "v2", "v1", 3)), tells("v1", "settled", &["deployment/web v1 3/3"]),
        Happens(|cluster| roll(cluster, "v1", "v2", 4)), tells("v2", "settled", &["deployment/web v2 3/3"]),
    ] => ["initial v1", "upgrade v2", "rollback v1 -1", "restore v2"];

    a_workload_sleeps_wakes_and_is_deleted: [
        Happens(|cluster| three(cluster, "v1", 1)), tells("v1", "settled", &["deployment/web v1 3/3"]),
        Happens(|cluster| {
            cluster.set("web", "v1", 1, 0);
            cluster.no_pods("web", "v1", 0..3);
        }),
        tells("v1", "scaled_to_zero", &[]),
        Happens(|cluster| three(cluster, "v1", 1)), tells("v1", "settled", &["deployment/web v1 3/3"]),
        Happens(|cluster| {
            cluster.no_set("web", "v1");
            cluster.no_pods("web", "v1", 0..3);
        }),
        tells("v1", "removed", &[]),
    ] => ["initial v1"];

    a_canary_of_a_tenth_is_another_deployment: [
        Happens(|cluster| {
            cluster.set("web", "v1", 1, 18);
            cluster.pods("web", "v1", 0..18, Does::Run);
        }),
        tells("v1", "settled", &["deployment/web v1 18/18"]),
        Happens(|cluster| {
            cluster.set("canary", "v2", 1, 2);
            cluster.pods("canary", "v2", 0..2, Does::Run);
        }),
        tells("v1", "rolling_out", &["deployment/canary v2 2/2", "deployment/web v1 18/18"]),
        Happens(|cluster| {
            cluster.no_set("canary", "v2");
            cluster.no_pods("canary", "v2", 0..2);
        }),
        tells("v1", "settled", &["deployment/web v1 18/18"]),
    ] => ["initial v1", "upgrade v2"];

    a_canary_of_a_tenth_is_a_part_of_the_same_deployment: [
        Happens(|cluster| {
            cluster.set("web", "v1", 1, 20);
            cluster.pods("web", "v1", 0..20, Does::Run);
        }),
        tells("v1", "settled", &["deployment/web v1 20/20"]),
        Happens(|cluster| {
            cluster.set("web", "v2", 2, 2);
            cluster.pods("web", "v2", 0..2, Does::Run);
            cluster.set("web", "v1", 1, 18);
            cluster.no_pods("web", "v1", 18..20);
        }),
        tells("v1", "rolling_out", &["deployment/web v1 18/18 v2 2/2"]),
    ] => ["initial v1", "upgrade v2"];

    a_stateful_set_stops_at_its_partition: [
        Happens(|cluster| {
            cluster.stateful("db", "v1", 3);
            (0..3).for_each(|number| cluster.pod(&format!("db-{number}"), "StatefulSet", "db", "v1", Does::Run));
        }),
        tells("v1", "settled", &["statefulset/db v1 3/3"]),
        Happens(|cluster| {
            cluster.stateful("db", "v2", 3);
            cluster.pod("db-2", "StatefulSet", "db", "v2", Does::Run);
        }),
        tells("v1", "rolling_out", &["statefulset/db v1 2/2 v2 1/1"]),
    ] => ["initial v1", "upgrade v2"];

    a_daemon_set_rolls_over_thirty_nodes: [
        Happens(|cluster| (0..30).for_each(|node| daemon(cluster, node, "v1"))),
        tells("v1", "settled", &["daemonset/logs v1 30/30"]),
        Happens(|cluster| (0..10).for_each(|node| daemon(cluster, node, "v2"))),
        tells("v1", "rolling_out", &["daemonset/logs v1 20/20 v2 10/10"]),
        Happens(|cluster| (10..30).for_each(|node| daemon(cluster, node, "v2"))),
        tells("v2", "settled", &["daemonset/logs v2 30/30"]),
    ] => ["initial v1", "upgrade v2"];

    a_cron_job_runs_an_older_version_beside_the_service: [
        Happens(|cluster| three(cluster, "v2", 1)), tells("v2", "settled", &["deployment/web v2 3/3"]),
        Happens(|cluster| {
            cluster.job("nightly-29500000", Some("nightly"), "v1");
            cluster.pod("nightly-29500000-a", "Job", "nightly-29500000", "v1", Does::Run);
        }),
        tells("v2", "settled", &["cronjob/nightly v1 1/1", "deployment/web v2 3/3"]),
        Happens(|cluster| cluster.pod("nightly-29500000-a", "Job", "nightly-29500000", "v1", Does::End)),
        tells("v2", "settled", &["deployment/web v2 3/3"]),
    ] => ["initial v2"];

    what_fails_before_the_rollout_deploys_nothing: [
        Happens(|cluster| three(cluster, "v1", 1)), tells("v1", "settled", &["deployment/web v1 3/3"]),
        Happens(|cluster| {
            cluster.job("migrate", None, "v2");
            cluster.pod("migrate-a", "Job", "migrate", "v2", Does::Wait("CrashLoopBackOff"));
        }),
        tells("v1", "settled", &["deployment/web v1 3/3", "job/migrate (1 CrashLoopBackOff)"]),
        Happens(|cluster| {
            cluster.no_pod("migrate-a");
            let init = json!({"initContainers": [{"name": "prepare", "image": "hub.example/shop/web:v2"}]});
            let waits = container("app", "v2", Does::Wait("PodInitializing"));
            let status = json!({"phase": "Pending", "containerStatuses": [waits],
                "initContainerStatuses": [container("prepare", "v2", Does::Wait("CrashLoopBackOff"))]});
            cluster.set("web", "v2", 2, 1);
            let set = format!("web-{}", &digest("v2")[7..17]);
            cluster.put_pod("web-new", "ReplicaSet", &set, "v2", Does::Run, init, status);
        }),
        tells("v1", "settled", &["deployment/web v1 3/3 (1 Init:CrashLoopBackOff)"]),
        Happens(|cluster| {
            cluster.no_set("web", "v2");
            cluster.no_pod("web-new");
        }),
        tells("v1", "settled", &["deployment/web v1 3/3"]),
    ] => ["initial v1"];

    pods_that_crash_are_told_until_they_run: [
        Happens(|cluster| three(cluster, "v1", 1)), tells("v1", "settled", &["deployment/web v1 3/3"]),
        Happens(|cluster| {
            cluster.set("web", "v2", 2, 1);
            cluster.pods("web", "v2", 0..1, Does::Wait("ImagePullBackOff"));
        }),
        tells("v1", "settled", &["deployment/web v1 3/3 (1 ImagePullBackOff)"]),
        Happens(|cluster| cluster.pods("web", "v2", 0..1, Does::Wait("CrashLoopBackOff"))),
        tells("v1", "settled", &["deployment/web v1 3/3 (1 CrashLoopBackOff)"]),
        Happens(|cluster| roll(cluster, "v1", "v2", 2)), tells("v2", "settled", &["deployment/web v2 3/3"]),
    ] => ["initial v1", "upgrade v2"];

    a_node_is_replaced_and_nothing_is_deployed: [
        Happens(|cluster| three(cluster, "v1", 1)), tells("v1", "settled", &["deployment/web v1 3/3"]),
        Happens(|cluster| {
            cluster.no_pods("web", "v1", 2..3);
            cluster.pods("web", "v1", 3..4, Does::Start);
            cluster.pods("web", "v1", 3..4, Does::Run);
        }),
        // The next change is heard of after it.
        Happens(|cluster| {
            roll(cluster, "v1", "v2", 2);
            cluster.no_pods("web", "v1", 3..4);
        }),
        tells("v2", "settled", &["deployment/web v2 3/3"]),
    ] => ["initial v1", "upgrade v2"];

    the_agent_is_away_during_a_rollout: [
        Happens(|cluster| three(cluster, "v1", 1)), tells("v1", "settled", &["deployment/web v1 3/3"]),
        AgentLeaves, Happens(|cluster| roll(cluster, "v1", "v2", 2)), AgentReturns,
        tells("v2", "settled", &["deployment/web v2 3/3"]),
    ] => ["initial v1", "upgrade v2"];

    the_hub_is_away_during_a_rollout_and_its_rollback: [
        Happens(|cluster| three(cluster, "v1", 1)), tells("v1", "settled", &["deployment/web v1 3/3"]),
        HubLeaves, Happens(|cluster| slowly(cluster, "v1", "v2", 2)),
        Happens(|cluster| slowly(cluster, "v2", "v1", 3)), HubReturns,
        tells("v1", "settled", &["deployment/web v1 3/3"]),
    ] => ["initial v1", "upgrade v2", "rollback v1 -1"];

    five_thousand_pods_roll_over: [
        Happens(|cluster| fifty(cluster, "v1", 1)), tells("v1", "settled", &["deployment/web… v1 100/100"]),
        Happens(|cluster| {
            fifty(cluster, "v2", 2);
            (0..50).map(|it| format!("web{it}")).for_each(|name| {
                cluster.set(&name, "v1", 1, 0);
                cluster.no_pods(&name, "v1", 0..100);
            });
        }),
        tells("v2", "settled", &["deployment/web… v2 100/100"]),
    ] => ["initial v1", "upgrade v2"];
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_clusters_of_one_environment_add_up() {
    let steps = vec![
        Happens(|cluster| three(cluster, "v1", 1)),
        tells("v1", "settled", &["deployment/web v1 3/3"]),
        Happens(|cluster| roll(cluster, "v1", "v2", 2)),
        tells("v2", "settled", &["deployment/web v2 3/3"]),
    ];
    let stage = Stage::start(50).await;
    stage.play(steps, &["initial v1", "upgrade v2"]).await;
}

/// A cluster remembers the images that it was told to run while no witness watched. They are shown, marked, and deploy nothing:
/// what ran before the witness began, and what came and went while it was away.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_witness_saw_is_remembered_by_the_cluster() {
    let mut stage = Stage::start(1).await;
    three(&stage.cluster, "v1", 1);
    roll(&stage.cluster, "v1", "v2", 2);
    stage.watch();
    stage.check(&Told { version: "v2", state: "settled", workloads: &["deployment/web v2 3/3"] }).await;
    stage.check_revisions(&["v1"]).await;
    let metrics = stage.server.get("/metrics").await;
    assert!(metrics.text().contains("landfall_witnesses_reporting 1"), "{}", metrics.text());
    stage.witnesses.drain(..).for_each(|witness| witness.abort());
    roll(&stage.cluster, "v2", "v3", 3);
    roll(&stage.cluster, "v3", "v2", 4);
    stage.watch();
    stage.check_revisions(&["v3", "v1"]).await;
    stage.check_deployments(&["initial v2"]).await;
}

fn three(cluster: &Scripted, version: &str, revision: u32) {
    cluster.set("web", version, revision, 3);
    cluster.pods("web", version, 0..3, Does::Run);
}

/// Rolls a Deployment over, pod by pod.
fn roll(cluster: &Scripted, from: &str, to: &str, revision: u32) {
    cluster.set("web", to, revision, 3);
    for pod in 0..3 {
        cluster.pods("web", to, pod..pod + 1, Does::Run);
        cluster.no_pods("web", from, pod..pod + 1);
    }
    cluster.set("web", from, revision - 1, 0);
}

/// The same, with time for the witness to see what runs between.
fn slowly(cluster: &Scripted, from: &str, to: &str, revision: u32) {
    roll(cluster, from, to, revision);
    // The witness gathers changes for a quarter of a second; nothing tells from outside that it has.
    std::thread::sleep(Duration::from_secs(1));
}

fn daemon(cluster: &Scripted, node: u32, version: &str) {
    cluster.pod(&format!("logs-{node}"), "DaemonSet", "logs", version, Does::Run);
}

/// Fifty Deployments of a hundred pods each.
fn fifty(cluster: &Scripted, version: &str, revision: u32) {
    for deployment in 0..50 {
        let name = format!("web{deployment}");
        cluster.set(&name, version, revision, 100);
        cluster.pods(&name, version, 0..100, Does::Run);
    }
}

/// The way from a witness to the server, which may be down.
struct Way {
    server: Arc<Server>,
    secret: String,
    witness: String,
    is_down: Mutex<bool>,
}

impl Way {
    async fn send(&self, Batch { sequence, statements }: Batch) -> Result<u64, NotTaken> {
        if *self.is_down.lock() {
            return Err(NotTaken::Yet("the way is down".into()));
        }
        // The host in the images' names is one of the hub's own.
        let here = |statement: Statement| match statement {
            Statement::Running(runs) => Statement::Running(Runs { host: None, ..runs }),
            Statement::Past(found) => Statement::Past(Revision { host: None, ..found }),
            alive @ Statement::Alive { .. } => alive,
        };
        let sightings: Vec<Statement> = statements.into_iter().map(here).collect();
        let body = json!({"witness": self.witness, "sequence": sequence, "sightings": sightings}).to_string();
        let path = "/api/v1/environments/production/sightings";
        let answer = self.server.send_as(&self.secret, Method::POST, path, &body).await;
        match answer.status.as_u16() {
            202 => Ok(answer.json()["accepted_until"].as_u64().unwrap()),
            _ => Err(NotTaken::Yet(answer.text().to_owned())),
        }
    }
}

impl Hub for Way {
    fn report(&self, batch: Batch) -> Pin<Box<dyn Future<Output = Result<u64, NotTaken>> + Send + '_>> {
        Box::pin(self.send(batch))
    }
}

/// A cluster, its witnesses, the hub.
struct Stage {
    server: Arc<Server>,
    cookie: String,
    cluster: Scripted,
    ways: Vec<Arc<Way>>,
    witnesses: Vec<JoinHandle<()>>,
    files: tempfile::TempDir,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.witnesses.iter().for_each(JoinHandle::abort);
    }
}

impl Stage {
    async fn start(witnesses: usize) -> Self {
        let server = Arc::new(Server::start().await);
        server.environment("production").await;
        for (place, version) in ["v1", "v2"].into_iter().enumerate() {
            let release = json!({"repository": "shop/web", "digest": digest(version), "version": version,
                "created_at": format!("2026-03-0{}T10:00:00Z", place + 1)});
            assert_eq!(server.post("/api/v1/releases", release).await.status, 201);
        }
        let wanted = json!({"name": "agents", "kind": "agent"});
        let made = server.post("/api/v1/environments/production/tokens", wanted).await.json();
        let secret = made["secret"].as_str().unwrap().to_owned();
        let way = |number| Way {
            server: server.clone(),
            secret: secret.clone(),
            witness: format!("eu-{number}"),
            is_down: Mutex::new(false),
        };
        let ways = (0..witnesses).map(|number| Arc::new(way(number))).collect();
        let (cluster, files) = (Scripted::start().await, tempfile::tempdir().unwrap());
        let cookie = log_in(&server).await;
        Self { server, cookie, cluster, ways, witnesses: Vec::new(), files }
    }

    fn watch(&mut self) {
        let login =
            ClusterLogin::Kubeconfig { file: self.cluster.kubeconfig(self.files.path()), context: None };
        let access = ClusterAccess { login, namespace: None };
        let begin = |way: &Arc<Way>| {
            tokio::spawn(witness::of_cluster(access.clone(), vec![NAMESPACE.into()], way.clone()))
        };
        self.witnesses = self.ways.iter().map(begin).collect();
    }

    async fn play(mut self, steps: Vec<Step>, deployments: &[&str]) {
        // The witness tells at once of everything that is there when it begins, and of what comes later in parts.
        let begin = steps.iter().position(|step| !matches!(step, Step::Does(_)));
        for (place, step) in steps.into_iter().enumerate() {
            if Some(place) == begin {
                self.watch();
            }
            match step {
                Step::Does(deed) => deed(&self.cluster),
                Step::Tells(told) => self.check(&told).await,
                Step::AgentLeaves => self.witnesses.drain(..).for_each(|witness| witness.abort()),
                Step::AgentReturns => self.watch(),
                Step::HubLeaves => self.ways.iter().for_each(|way| *way.is_down.lock() = true),
                Step::HubReturns => self.ways.iter().for_each(|way| *way.is_down.lock() = false),
            }
        }
        self.check_deployments(deployments).await;
    }

    /// REST comes to tell it so; then all others do.
    async fn check(&self, told: &Told) {
        let expected = (told.version.to_owned(), told.state.to_owned(), told.workloads.to_vec());
        let mut last = Value::Null;
        let came = tokio::time::timeout(PATIENCE, async {
            loop {
                last = self.server.get("/api/v1/environments/production/running").await.json();
                let workloads = workloads(&last["services"][0]);
                let service = &last["services"][0];
                let is_so = (service["version"] == told.version && service["state"] == told.state)
                    && service["confidence"] == "confirmed"
                    && workloads.iter().map(String::as_str).eq(told.workloads.iter().copied())
                    && (workloads.is_empty() || self.all_tell(service));
                if is_so {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(came.await.is_ok(), "{expected:?} is not told: {last:#}");
        let page = self.see("/environments/production").await;
        let said = command(&self.server, &["status", "production"]).await;
        let said = String::from_utf8(said.stdout).unwrap();
        let tool =
            mcp::Agent::of(&self.server).result("get_running", json!({"environment": "production"})).await;
        let tool = tool["content"][0]["text"].as_str().unwrap().to_owned();
        let state = told.state.replace('_', " ");
        let reasons = told.workloads.iter().filter_map(|it| Some(it.split_once(' ')?.1.split_once('(')?.1));
        let reasons: Vec<&str> =
            reasons.filter_map(|it| it.trim_end_matches(')').split(' ').nth(1)).collect();
        for (surface, text) in [("page", page), ("command", said), ("tool", tool)] {
            let lower = text.to_lowercase();
            for word in [told.version, &state, "confirmed", "watched by eu-0"].iter().chain(&reasons) {
                assert!(lower.contains(&word.to_lowercase()), "{surface} lacks {word}: {text}");
            }
        }
    }

    /// Every witness tells of it.
    fn all_tell(&self, service: &Value) -> bool {
        let workloads = service["workloads"].as_array().into_iter().flatten();
        let witnesses: BTreeSet<&str> = workloads.filter_map(|it| it["witness"].as_str()).collect();
        witnesses.len() == self.ways.len()
    }

    /// Every surface comes to tell the same deployments.
    async fn check_deployments(&self, expected: &[&str]) {
        let path = "/api/v1/environments/production/deployments";
        let mut told = Vec::new();
        let came = tokio::time::timeout(PATIENCE, async {
            while told != expected {
                let listed = self.server.get(path).await.json();
                told = listed["deployments"].as_array().unwrap().iter().rev().map(deployment).collect();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let came = came.await.is_ok();
        assert!(came, "{told:?} instead of {expected:?}");
        let page = self.see("/environments/production").await;
        let said = command(&self.server, &["timeline", "production"]).await;
        let said = String::from_utf8(said.stdout).unwrap();
        let tool = mcp::Agent::of(&self.server)
            .result("list_deployments", json!({"environment": "production"}))
            .await;
        let tool = tool["content"][0]["text"].as_str().unwrap().to_owned();
        for (surface, text) in [("page", page), ("command", said), ("tool", tool)] {
            // People are told of a first deployment in other words.
            for kind in expected.iter().filter_map(|it| it.split(' ').next()).filter(|it| *it != "initial") {
                assert!(text.contains(kind), "{surface} lacks {kind}: {text}");
            }
        }
    }

    /// Every surface comes to tell these revisions and no others.
    async fn check_revisions(&self, expected: &[&str]) {
        let env = "/api/v1/environments/production";
        let mut told = BTreeSet::new();
        let came = tokio::time::timeout(PATIENCE, async {
            while told != expected.iter().map(|it| (*it).to_owned()).collect() {
                let listed = self.server.get(&format!("{env}/deployments")).await.json();
                let revisions = listed["revisions"].as_array().into_iter().flatten();
                told = revisions.map(|it| it["version"].as_str().unwrap().to_owned()).collect();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let came = came.await.is_ok();
        assert!(came, "{told:?} instead of {expected:?}");
        let said = |arguments: &'static [&'static str]| async {
            String::from_utf8(command(&self.server, arguments).await.stdout).unwrap()
        };
        let agent = mcp::Agent::of(&self.server);
        let tool = agent.result("list_deployments", json!({"environment": "production"}));
        let asked = json!({"question": "history of web in production"});
        let texts = [
            self.server.get(&format!("{env}/history?repository=web")).await.json()["revisions"].to_string(),
            self.see("/environments/production").await,
            self.see("/services/shop/web").await,
            said(&["timeline", "production"]).await,
            said(&["history", "production", "web"]).await,
            tool.await["content"][0]["text"].to_string(),
            self.server.post("/api/v1/ask", asked).await.json()["text"].to_string(),
        ];
        for text in texts {
            for version in expected {
                let is_told = ["deployment/web", "eu-0", version].iter().all(|it| text.contains(it));
                assert!(is_told, "{version} is missing: {text}");
            }
        }
    }

    async fn see(&self, path: &str) -> String {
        let answer = self.server.send_with(Method::GET, path, "", &[("cookie", &self.cookie)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().to_owned()
    }
}

/// `KIND VERSION`, and how many releases it takes back.
fn deployment(told: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reverted = match told["releases_reverted"].as_u64() {
        Some(count @ 1..) => format!(" -{count}"),
        _ => String::new(),
    };
    format!("{} {}{reverted}", text(&told["kind"]), text(&told["changes"][0]["to"]["version"]))
}

/// The workloads in a line each; those that differ by their number alone are one.
fn workloads(service: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |workload: &Value| {
        let images = workload["images"].as_array().into_iter().flatten();
        let mut images: Vec<String> =
            images.map(|it| format!(" {} {}/{}", text(&it["version"]), it["ready"], it["running"])).collect();
        images.sort();
        let troubles = workload["troubles"].as_array().into_iter().flatten();
        let troubles = troubles.map(|it| format!(" ({} {})", it["count"], text(&it["reason"])));
        let name = text(&workload["workload"]);
        let short = name.trim_end_matches(|it: char| it.is_ascii_digit());
        let name = if short == name { name.clone() } else { format!("{short}…") };
        format!("{name}{}{}", images.concat(), troubles.collect::<String>())
    };
    let all: BTreeSet<String> = service["workloads"].as_array().into_iter().flatten().map(line).collect();
    all.into_iter().collect()
}
