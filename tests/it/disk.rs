//! Faults of the log's disk stop no pull, and are said.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use http::Method;
use landfall::model::deployments::Rules;
use landfall::model::event::{Method as HttpMethod, Object, Observation, TokenId, TokenKind};
use landfall::model::oci::Digest;
use landfall::model::time::{Span, Time};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;

use crate::rig::fake::Fake;
use crate::rig::http::Client;
use crate::rig::images::{Format, Recipe};
use crate::rig::landfall::{Landfall, Setup, command};
use crate::rig::process::run;
use crate::rig::until;

const MANIFEST: &str = "/v2/docker/app/manifests/v1";

/// Lets no write of the process to any file succeed any more, as a disk that is full or broken; or lets them again.
fn refuse_writes(landfall: &mut Landfall, refused: bool) {
    let pid = Pid::from_raw(landfall.process().pid().try_into().unwrap());
    // The hard limit stays, which it has from this process: otherwise only root could take the soft one back.
    let maximum = getrlimit(Resource::Fsize).maximum;
    let current = if refused { Some(0) } else { maximum };
    prlimit(pid, Resource::Fsize, Rlimit { current, maximum }).unwrap();
}

/// A probe of Landfall's container: the manifest, the port's name, and the path.
type Probe = (String, String, String);

/// Every probe of Landfall's own container in the manifests.
fn probes() -> Vec<Probe> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes");
    let manifests = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    manifests
        .flat_map(|path| probes_of(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap()))
        .collect()
}

fn probes_of(manifest: &str, yaml: &str) -> Vec<Probe> {
    let mut found = Vec::new();
    let lines: Vec<&str> = yaml.lines().collect();
    let value = |line: &str, key: &str| line.trim().strip_prefix(key).map(|text| text.trim().to_owned());
    for (place, line) in lines.iter().enumerate() {
        let image = lines[..place].iter().rev().find_map(|line| value(line, "image:"));
        if !line.trim_end().ends_with("Probe:") || !image.is_some_and(|image| image.contains("landfall")) {
            continue;
        }
        let indent = |line: &str| line.len() - line.trim_start().len();
        let block: Vec<_> =
            lines[place + 1..].iter().take_while(|next| indent(next) > indent(line)).collect();
        assert_eq!(block[0].trim(), "httpGet:", "{manifest}: this test knows no other probe; teach it");
        let of = |key: &str| block.iter().find_map(|line| value(line, key)).unwrap();
        found.push((manifest.to_owned(), of("port:"), of("path:")));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_manifests_probe_stays_well_with_a_dead_log() {
    let probes = probes();
    assert!(probes.len() >= 6, "{probes:?}");
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let mut landfall = Setup::before(&upstream.url()).start();
    landfall.environment("production").await;
    let client = landfall.client(&landfall.token("production").await);
    client.get(MANIFEST).await.expect(200);

    refuse_writes(&mut landfall, true);
    until("the log is dead, and said to be", async || {
        client.get(MANIFEST).await.expect(200);
        let log = landfall.admin_get("/status").await["log"].clone();
        (log["writable"] == false && log["health"].as_str()?.contains("pulls go on")).then_some(())
    })
    .await;
    let admin = Client::new(landfall.admin_url().strip_prefix("http://").unwrap());
    for (manifest, port, path) in probes {
        assert_eq!(port, "admin", "{manifest}: another port is another server");
        let answer = admin.get(&path).await;
        assert_eq!(
            answer.status,
            200,
            "{manifest} probes {path}, and would stop every pull: {}",
            answer.text()
        );
    }
    let refused =
        landfall.admin(Method::POST, "/api/v1/environments", Some(json!({"name": "staging"}))).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(admin.get("/metrics").await.text().contains("\nlandfall_log_writable 0\n"));
    assert_eq!(landfall.admin_get("/status").await["log"]["lost"].as_u64().map(|lost| lost > 0), Some(true));

    // It heals by itself, and nobody has to pull for that.
    refuse_writes(&mut landfall, false);
    until("the log is written again", async || {
        (landfall.admin_get("/status").await["log"]["health"] == "ok").then_some(())
    })
    .await;
    let before = landfall.admin_get("/status").await["log"]["lost"].clone();
    client.get(MANIFEST).await.expect(200);
    assert_eq!(landfall.admin_get("/status").await["log"]["lost"], before);
}

/// A way in which the log's files are taken away while the server has them open.
type Taking = (&'static str, fn(&Path), &'static str);

/// Harm to a data folder, and the words for it.
const TAKINGS: [Taking; 5] = [
    ("the folder deleted", |data| std::fs::remove_dir_all(data).unwrap(), "was deleted"),
    (
        "the database deleted",
        |data| std::fs::remove_file(data.join("landfall.redb")).unwrap(),
        "landfall.redb was deleted",
    ),
    (
        "the journal deleted",
        |data| std::fs::remove_file(data.join("landfall.journal")).unwrap(),
        "landfall.journal was deleted",
    ),
    (
        "another folder in its place",
        |data| {
            std::fs::rename(data, data.with_extension("aside")).unwrap();
            std::fs::create_dir(data).unwrap();
            std::fs::write(data.join("landfall.redb"), "another").unwrap();
        },
        "landfall.redb is another file",
    ),
    (
        "a database over the other",
        |data| {
            std::fs::write(data.join("new"), "another").unwrap();
            std::fs::rename(data.join("new"), data.join("landfall.redb")).unwrap();
        },
        "landfall.redb is another file",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn log_files_that_are_taken_away_are_noticed_and_changes_refused_while_pulls_go_on() {
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    for (how, take, said) in TAKINGS {
        let landfall = Setup::before(&upstream.url()).start();
        landfall.environment("production").await;
        let token = landfall.token("production").await;
        let client = landfall.client(&token);
        client.get(MANIFEST).await.expect(200);
        let stranger = Client::new(landfall.admin_url().strip_prefix("http://").unwrap());
        let secret = std::fs::read_to_string(landfall.setup().data().join("admin.token")).unwrap();
        let admin = stranger.clone().with("authorization", format!("Bearer {}", secret.trim()));
        let change = async |method: Method, path: &str, body: serde_json::Value| {
            let headers = [("content-type", "application/json")];
            admin.send(method, path, &headers, body.to_string().into()).await.unwrap()
        };

        take(&landfall.setup().data());
        // A client that changes something hears of it at once, before anybody looked.
        let refused = change(Method::POST, "/api/v1/environments", json!({"name": "staging"})).await;
        assert_eq!(refused.status, 503, "{how}: {}", refused.text());
        assert!(refused.text().contains("landfall backup"), "{how}: {}", refused.text());
        let tokens = format!("/api/v1/environments/production/tokens/{}", token.id);
        assert_eq!(change(Method::DELETE, &tokens, json!(null)).await.status, 503, "{how}");
        client.get(MANIFEST).await.expect(200);
        let log = stranger.get("/status").await.json()["log"].clone();
        assert_eq!(log["in_place"], false, "{how}: {log}");
        let health = log["health"].as_str().unwrap();
        assert!(health.contains(said) && health.contains("pulls go on"), "{how}: {health}");
        assert!(stranger.get("/metrics").await.text().contains("\nlandfall_log_in_place 0\n"), "{how}");
        stranger.get("/readyz").await.expect(200);

        // All of it can be saved, with what was pulled meanwhile.
        let backup = admin.get("/api/v1/backup").await.expect(200);
        let file = landfall.setup().dir().join("saved");
        std::fs::write(&file, &backup.body).unwrap();
        let (_, setup) = landfall.stop();
        let _ = std::fs::remove_dir_all(setup.data());
        let restored = run(command().arg("restore").arg(&file).arg("--data").arg(setup.data()));
        assert_eq!(restored.code, Some(0), "{how}: {}", restored.err);
        let landfall = setup.start();
        assert_eq!(landfall.observations().await.len(), 2, "{how}");
        landfall.client(&token).get(MANIFEST).await.expect(200);
        landfall.environment("staging").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_was_deleted_is_noticed_although_nobody_asks_for_anything() {
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let landfall = Setup::before(&upstream.url()).start();
    let admin = Client::new(landfall.admin_url().strip_prefix("http://").unwrap());
    assert_eq!(admin.get("/status").await.json()["log"]["in_place"], true);
    let aside = landfall.setup().data().with_extension("aside");
    std::fs::rename(landfall.setup().data(), &aside).unwrap();
    until("it is noticed", async || {
        (admin.get("/status").await.json()["log"]["in_place"] == false).then_some(())
    })
    .await;
    // Back where it was, it is what it was.
    std::fs::rename(&aside, landfall.setup().data()).unwrap();
    landfall.environment("production").await;
    assert_eq!(admin.get("/status").await.json()["log"]["health"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_became_read_only_loses_nothing() {
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let landfall = Setup::before(&upstream.url()).start();
    landfall.environment("production").await;
    let client = landfall.client(&landfall.token("production").await);
    let data = landfall.setup().data();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o500)).unwrap();
    client.get(MANIFEST).await.expect(200);
    landfall.environment("staging").await;
    assert_eq!(landfall.observations().await.len(), 1);
    assert_eq!(landfall.admin_get("/status").await["log"]["health"], "ok");
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
}

/// A log whose latest pull was a day ahead of this machine's clock, which was set right before the server started.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_is_said_and_the_deployments_keep_their_order() {
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let landfall = Setup::before(&upstream.url()).start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    let (_, setup) = landfall.stop();
    let now = landfall::clock::now();
    let log = landfall::log::Log::open(&setup.data(), Rules::default()).unwrap();
    let pull = |hours: i64, version: &str| Observation {
        at: now + Span::from_mins(60 * hours),
        environment: "production".parse().unwrap(),
        token: TokenId::new(&token.id),
        token_kind: TokenKind::Cluster,
        client: "10.0.0.1".into(),
        agent: "containerd/v2.1.3".into(),
        method: HttpMethod::Get,
        repository: "docker/shop".parse().unwrap(),
        reference: version.parse().unwrap(),
        digest: Some(Digest::of(version.as_bytes())),
        object: Object::Manifest,
        media_type: None,
        status: 200,
        bytes: 700,
        parent: None,
    };
    for observation in [pull(20, "1.0"), pull(24, "1.1")] {
        let _ = log.record(observation);
    }
    log.close();

    let landfall = setup.start();
    let steps = until("the step is in the log", async || {
        let steps = landfall.admin_get("/status").await["log"]["clock_steps"].clone();
        steps[0].is_object().then_some(steps)
    })
    .await;
    let by_s = steps[0]["by_s"].as_i64().unwrap();
    assert!((-86_400..-86_000).contains(&by_s) && steps[1].is_null(), "{steps}");
    assert!(
        landfall
            .admin(Method::GET, "/metrics", None)
            .await
            .text()
            .contains("\nlandfall_log_clock_steps_total 1\n")
    );
    landfall.client(&token).get(MANIFEST).await.expect(200);
    let seen = landfall::clock::now();
    let timeline = landfall.admin_get("/api/v1/environments/production/deployments").await;
    let changes: Vec<(String, String)> = timeline["deployments"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|deployment| deployment["changes"].as_array().unwrap())
        .filter(|change| change["repository"] == "docker/shop")
        .map(|change| {
            (change["to"]["version"].to_string(), change["started_at"].as_str().unwrap().to_owned())
        })
        .collect();
    let versions: Vec<&str> = changes.iter().map(|(version, _)| version.as_str()).collect();
    assert_eq!(versions, [r#""1.1""#, r#""1.0""#]);
    assert!(changes.iter().all(|(_, at)| at.parse::<Time>().unwrap() <= seen), "{changes:?} {seen}");
}
