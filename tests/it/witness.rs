//! A witness over a scripted cluster: what it tells, whatever the API server does.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use landfall::config::{ClusterAccess, ClusterLogin};
use landfall::model::report::Statement;
use landfall::model::tally::Batch;
use landfall::witness::{self, Hub, NotTaken};
use parking_lot::Mutex;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::rig::api_server::{NAMESPACE, Trouble};
use crate::rig::scripted::{Does, Scripted, container, digest};
use crate::rig::{PATIENCE, until};

/// A hub that keeps what it is told.
#[derive(Default)]
struct Told {
    statements: Mutex<Vec<Statement>>,
    last: Mutex<u64>,
    is_away: Mutex<bool>,
}

impl Hub for Told {
    fn report(&self, batch: Batch) -> Pin<Box<dyn Future<Output = Result<u64, NotTaken>> + Send + '_>> {
        Box::pin(async move {
            if *self.is_away.lock() {
                return Err(NotTaken::Yet("away".into()));
            }
            let mut last = self.last.lock();
            if batch.sequence > *last {
                *last = batch.sequence;
                self.statements.lock().extend(batch.statements);
            }
            Ok(*last)
        })
    }
}

/// A scripted cluster with a witness.
struct Scene {
    cluster: Scripted,
    told: Arc<Told>,
    witness: JoinHandle<()>,
    _files: tempfile::TempDir,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.witness.abort();
    }
}

impl Scene {
    async fn start(prepare: impl FnOnce(&Scripted)) -> Self {
        let cluster = Scripted::start().await;
        prepare(&cluster);
        let files = tempfile::tempdir().unwrap();
        let login = ClusterLogin::Kubeconfig { file: cluster.kubeconfig(files.path()), context: None };
        let access = ClusterAccess { login, namespace: None };
        let told = Arc::<Told>::default();
        let witness = tokio::spawn(witness::of_cluster(access, vec![NAMESPACE.into()], told.clone()));
        let scene = Self { cluster, told, witness, _files: files };
        scene.until("the witness has begun", |scene| scene.beginnings() > 0).await;
        scene
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        until(what, async || is_so(self).then_some(())).await;
    }

    /// Waits until these are the last words on the workloads, in their order.
    async fn says(&self, expected: &[&str]) {
        let wanted: Vec<String> = expected.iter().map(|it| (*it).to_owned()).collect();
        let waited = tokio::time::timeout(PATIENCE, async {
            while self.last_words() != wanted {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(waited.await.is_ok(), "{:?} instead of {expected:?}", self.last_words());
    }

    /// `WORKLOAD VERSION READY/RUNNING …`; nothing of what is gone.
    fn last_words(&self) -> Vec<String> {
        let mut words = std::collections::BTreeMap::new();
        for statement in &*self.told.statements.lock() {
            if matches!(statement, Statement::Alive { at, since } if at == since) {
                words.clear();
            }
            let Statement::Running(runs) = statement else { continue };
            let place = (runs.workload.clone(), runs.container.clone());
            words.remove(&place);
            if !runs.gone {
                let mut images: Vec<String> = runs
                    .images
                    .iter()
                    .map(|image| {
                        format!(" {} {}/{}", version(&image.digest.to_string()), image.ready, image.running)
                    })
                    .collect();
                images.sort();
                let name = runs.workload.split('/').nth(1).unwrap();
                let container = if &*runs.container == "app" { "" } else { &*runs.container };
                words.insert(place, format!("{name}{container}{}", images.concat()));
            }
        }
        words.into_values().collect()
    }

    /// The number of full sets that were told.
    fn beginnings(&self) -> usize {
        let statements = self.told.statements.lock();
        statements.iter().filter(|it| matches!(it, Statement::Alive { at, since } if at == since)).count()
    }

    /// The number of statements about what runs.
    fn running(&self) -> usize {
        self.told.statements.lock().iter().filter(|it| matches!(it, Statement::Running(_))).count()
    }
}

fn version(of: &str) -> &'static str {
    ["v1", "v2", "v3"].into_iter().find(|version| digest(version) == of).unwrap_or("?")
}

/// A Deployment of three ready pods of v1, after v0.
fn three(cluster: &Scripted) {
    cluster.set("web", "v1", 1, 3);
    cluster.pods("web", "v1", 0..3, Does::Run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_without_a_pull_is_told_from_its_first_pod_on() {
    let scene = Scene::start(three).await;
    scene.says(&["web v1 3/3"]).await;
    for (version, before, revision) in [("v2", "v1", 2), ("v1", "v2", 3)] {
        scene.cluster.set("web", version, revision, 3);
        scene.cluster.pods("web", version, 0..1, Does::Start);
        let mut both = [format!("{version} 0/1"), format!("{before} 3/3")];
        both.sort();
        scene.says(&[&format!("web {}", both.join(" "))]).await;
        scene.cluster.pods("web", version, 0..3, Does::Run);
        scene.cluster.no_pods("web", before, 0..3);
        scene.cluster.set("web", before, revision - 1, 0);
        scene
            .until("only the new one runs", |scene| {
                scene.last_words()[0].starts_with(&format!("web {version}"))
                    && !scene.last_words()[0].contains(before)
            })
            .await;
    }
    assert_eq!(scene.beginnings(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_at_zero_comes_back_and_a_deleted_one_does_not() {
    let scene = Scene::start(three).await;
    scene.cluster.set("web", "v1", 1, 0);
    scene.cluster.no_pods("web", "v1", 0..3);
    scene.says(&["web"]).await;
    scene.cluster.set("web", "v1", 1, 1);
    scene.cluster.pods("web", "v1", 0..1, Does::Run);
    scene.says(&["web v1 1/1"]).await;
    scene.cluster.no_set("web", "v1");
    scene.cluster.no_pods("web", "v1", 0..1);
    scene.says(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_workload_has_its_name() {
    let scene = Scene::start(|cluster| {
        three(cluster);
        cluster.set("canary", "v2", 1, 1);
        cluster.pods("canary", "v2", 0..1, Does::Run);
        cluster.stateful("db", "v1", 3);
        (0..3).for_each(|number| {
            let version = if number == 2 { "v2" } else { "v1" };
            cluster.pod(&format!("db-{number}"), "StatefulSet", "db", version, Does::Run);
        });
        (0..30).for_each(|node| cluster.pod(&format!("logs-{node}"), "DaemonSet", "logs", "v3", Does::Run));
        cluster.job("nightly-29500000", Some("nightly"), "v1");
        cluster.pod("nightly-29500000-a", "Job", "nightly-29500000", "v1", Does::Run);
    })
    .await;
    scene.says(&["nightly v1 1/1", "logs v3 30/30", "canary v2 1/1", "web v1 3/3", "db v1 2/2 v2 1/1"]).await;
    scene.cluster.pod("nightly-29500000-a", "Job", "nightly-29500000", "v1", Does::End);
    scene.says(&["nightly", "logs v3 30/30", "canary v2 1/1", "web v1 3/3", "db v1 2/2 v2 1/1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pulls_crashes_or_prepares_runs_nothing() {
    let scene = Scene::start(three).await;
    scene.cluster.job("migrate", None, "v2");
    scene.cluster.pod("migrate-a", "Job", "migrate", "v2", Does::Wait("ImagePullBackOff"));
    let init = json!({"initContainers": [{"name": "prepare", "image": "hub.example/shop/web:v2"}]});
    let status = json!({"phase": "Pending", "containerStatuses": [],
        "initContainerStatuses": [container("prepare", "v2", Does::Run)]});
    let set = format!("web-{}", &digest("v2")[7..17]);
    scene.cluster.put_pod("web-new", "ReplicaSet", &set, "v2", Does::Run, init, status);
    scene.cluster.pods("web", "v2", 5..6, Does::Wait("CrashLoopBackOff"));
    // A pod that runs is told, and what came before it was heard of.
    scene.cluster.pod("mark", "StatefulSet", "mark", "v3", Does::Run);
    scene.says(&["web v1 3/3", "migrate", "mark v3 1/1"]).await;
    let statements = scene.told.statements.lock();
    let reasons = |workload: &str| -> Vec<String> {
        let of_it = statements.iter().rev().find_map(|it| match it {
            Statement::Running(runs) if *runs.workload == *workload => Some(runs.troubles.clone()),
            _ => None,
        });
        of_it.unwrap().iter().map(|it| format!("{} {}", it.count, it.reason.as_str())).collect()
    };
    assert_eq!(reasons("deployment/web"), ["1 CrashLoopBackOff"]);
    assert_eq!(reasons("job/migrate"), ["1 ImagePullBackOff"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_on_the_way_changes_nothing_of_what_is_told_in_the_end() {
    let scene = Scene::start(three).await;
    let kinds: [(&str, fn(&Scene)); 4] = [
        ("every event comes twice", |scene| scene.cluster.api.manner(|manner| manner.twice = true)),
        ("watches are cut in the middle", |scene| scene.cluster.api.cut()),
        ("changes are forgotten", |scene| scene.cluster.api.forget()),
        ("ReplicaSets come late", |scene| {
            let late = Some(("replicasets", Duration::from_millis(700)));
            scene.cluster.api.manner(|manner| manner.late = late);
        }),
    ];
    for (round, (what, trouble)) in kinds.into_iter().enumerate() {
        trouble(&scene);
        let (next, before) = if round % 2 == 0 { ("v2", "v1") } else { ("v1", "v2") };
        scene.cluster.set("web", next, round as u32 + 2, 3);
        scene.cluster.pods("web", next, 0..3, Does::Run);
        trouble(&scene);
        scene.cluster.no_pods("web", before, 0..3);
        scene
            .until(what, |scene| {
                scene.last_words().iter().all(|it| it.contains(next) && !it.contains(before))
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_cannot_start_where_it_was_lists_again() {
    let scene = Scene::start(three).await;
    scene.cluster.api.manner(|manner| manner.refuse = Some(410));
    scene.cluster.api.cut();
    tokio::time::sleep(Duration::from_secs(2)).await;
    scene.cluster.pods("web", "v2", 0..1, Does::Run);
    scene.cluster.api.manner(|manner| manner.refuse = None);
    scene.says(&["web v1 3/3 v2 1/1"]).await;
    assert!(scene.beginnings() > 1, "what was missed is said to be");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_falls_silent_is_no_sign_of_life() {
    let scene = Scene::start(three).await;
    scene.cluster.api.manner(|manner| manner.mute = true);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let muted = landfall::clock::now();
    // Longer than from one sign of life to the next.
    tokio::time::sleep(Duration::from_secs(34)).await;
    let alive = scene.told.statements.lock().iter().rev().find_map(|it| match it {
        Statement::Alive { at, .. } => Some(*at),
        _ => None,
    });
    assert!(alive.unwrap() <= muted, "{alive:?} is after {muted:?}");
    scene.cluster.api.manner(|manner| manner.mute = false);
    scene.cluster.pods("web", "v2", 0..1, Does::Run);
    scene.says(&["web v1 3/3 v2 1/1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_see_owners_names_of_pods_are_enough() {
    let scene = Scene::start(|cluster| {
        three(cluster);
        for plural in ["replicasets", "statefulsets", "daemonsets", "jobs"] {
            cluster.api.trouble(plural, Trouble::Forbid("list"));
        }
    })
    .await;
    scene.says(&["web v1 3/3"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_is_watched_by_its_label() {
    let cluster = Scripted::start().await;
    three(&cluster);
    cluster.labelled("production");
    let files = tempfile::tempdir().unwrap();
    let login = ClusterLogin::Kubeconfig { file: cluster.kubeconfig(files.path()), context: None };
    let access = ClusterAccess { login, namespace: None };
    let told = Arc::<Told>::default();
    let environment = "production".parse().unwrap();
    let witness = tokio::spawn(witness::of_labelled(access, environment, told.clone()));
    let scene = Scene { cluster, told, witness, _files: files };
    scene.says(&["web v1 3/3"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_the_hub_was_away_is_told_in_its_order() {
    let scene = Scene::start(three).await;
    *scene.told.is_away.lock() = true;
    let said = scene.running();
    for (version, before) in [("v2", "v1"), ("v1", "v2")] {
        scene.cluster.pods("web", version, 0..3, Does::Run);
        tokio::time::sleep(Duration::from_millis(600)).await;
        scene.cluster.no_pods("web", before, 0..3);
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    assert_eq!(scene.running(), said);
    *scene.told.is_away.lock() = false;
    scene.until("all that waited is told", |scene| scene.running() >= said + 4).await;
    scene.says(&["web v1 3/3"]).await;
    let statements = scene.told.statements.lock().clone();
    let sets =
        statements.iter().filter_map(|it| if let Statement::Running(runs) = it { Some(runs) } else { None });
    let seen: Vec<usize> = sets.map(|runs| runs.images.len()).collect();
    assert_eq!(seen[seen.len() - 4..], [2, 1, 2, 1], "the rollout and the rollback, each with its middle");
    assert_eq!(scene.beginnings(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_pods_are_one_beginning() {
    let scene = Scene::start(|cluster| {
        for deployment in 0..50 {
            let name = format!("web{deployment}");
            cluster.set(&name, "v1", 1, 100);
            cluster.pods(&name, "v1", 0..100, Does::Run);
        }
    })
    .await;
    scene.until("all are told", |scene| scene.last_words().len() == 50).await;
    assert!(scene.last_words().iter().all(|it| it.ends_with("v1 100/100")), "{:?}", scene.last_words());
    assert_eq!(scene.running(), 50);
    let started = std::time::Instant::now();
    scene.cluster.pods("web7", "v2", 0..1, Does::Run);
    scene.until("the change is told", |scene| scene.last_words().iter().any(|it| it.contains("v2"))).await;
    println!("told after {:?}", started.elapsed());
}
