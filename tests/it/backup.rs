//! `landfall backup` of a running server, and `landfall restore` of what it wrote.

use std::collections::HashSet;
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::rig::fake::{Fake, Reply};
use crate::rig::http::Client;
use crate::rig::images::{Format, Recipe};
use crate::rig::landfall::{Landfall, Setup, command};
use crate::rig::process::{Process, Said, run};
use crate::rig::{directory, until};

const MANIFEST: &str = "/v2/docker/app/manifests/v1";

/// HEAD after HEAD, each under an agent of its own, until told to stop; returns those that were answered, in order.
async fn pull_on(
    client: Client,
    name: usize,
    answered: Arc<std::sync::Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
) {
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let agent = format!("busy-{name}/{number}");
        client.ask(Method::HEAD, MANIFEST, &[("user-agent", &agent)]).await.expect(200);
        answered.lock().unwrap().push(agent);
    }
}

/// The answers that a person sees, without what goes on.
async fn answers(landfall: &Landfall) -> Vec<Value> {
    let mut answers = Vec::new();
    for path in [
        "/api/v1/environments/staging/deployments",
        "/api/v1/environments/staging/tokens",
        "/api/v1/environments/staging/local",
        "/api/v1/releases",
        "/api/v1/admin-tokens",
        "/api/v1/audit",
    ] {
        answers.push(landfall.admin_get(path).await);
    }
    answers.push(landfall.admin_get("/api/v1/environments/staging/running").await["services"].clone());
    answers
}

fn restore(file: &Path, data: &Path, more: &[&str]) -> Said {
    run(command().arg("restore").arg(file).arg("--data").arg(data).args(more))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_before_a_backup_is_there_after_a_restore_while_pulls_go_on() {
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    let upstream = Fake::holding(image.clone()).await;
    let landfall = Setup::before(&upstream.url()).start();
    for name in ["production", "staging", "gone"] {
        landfall.environment(name).await;
    }
    let [busy, token, revoked] = [
        landfall.token("production").await,
        landfall.token("staging").await,
        landfall.token("staging").await,
    ];
    landfall.revoke(&revoked).await;
    landfall.admin(Method::DELETE, "/api/v1/environments/gone?confirm=gone", None).await.expect(204);
    let release = json!({"repository": "docker/app", "digest": image.digest(), "version": "v1",
        "changes": [{"kind": "fix", "title": "Login times out"}]});
    landfall.admin(Method::POST, "/api/v1/releases", Some(release)).await.expect(201);
    let viewer = json!({"name": "wall", "kind": "viewer"});
    let viewer = landfall.admin(Method::POST, "/api/v1/admin-tokens", Some(viewer)).await.expect(201).json();
    let node = [("user-agent", "containerd/1.7.22")];
    landfall.client(&token).ask(Method::GET, MANIFEST, &node).await.expect(200);

    let (answered, stop) = (Arc::<std::sync::Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
    let pulls: Vec<_> = (0..4)
        .map(|name| tokio::spawn(pull_on(landfall.client(&busy), name, answered.clone(), stop.clone())))
        .collect();
    until("pulls are under way", async || (answered.lock().unwrap().len() > 100).then_some(())).await;
    let before = answered.lock().unwrap().clone();
    let dir = directory();
    let file = dir.path().join("landfall.backup");
    let told = landfall.cli(&["backup", text(&file), "--json"]).succeeded();
    let after = answered.lock().unwrap().len();
    stop.store(true, Ordering::Relaxed);
    for pull in pulls {
        pull.await.unwrap();
    }
    assert!(after > before.len(), "pulls went on");
    let told: Value = serde_json::from_str(&told.out).unwrap();
    let metadata = file.metadata().unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!((&told["bytes"], &told["file"]), (&json!(metadata.len()), &json!(text(&file))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    assert_eq!(landfall.admin_get("/api/v1/audit").await["entries"][0]["action"], "backup_taken");
    // A client that only looks whether there is one takes none.
    landfall.admin(Method::HEAD, "/api/v1/backup", None).await.expect(200);
    let expected = answers(&landfall).await;

    let setup = Setup::before(&upstream.url());
    let restored = restore(&file, &setup.data(), &["--json"]).succeeded();
    let restored: Value = serde_json::from_str(&restored.out).unwrap();
    for member in ["events", "last", "bytes", "made_at", "release"] {
        assert_eq!(restored[member], told[member], "{member}");
    }
    let landfall = setup.start();
    assert_eq!(answers(&landfall).await, expected);
    let logged = landfall.observations().await;
    let logged: HashSet<_> = logged.iter().map(|one| one["agent"].as_str().unwrap()).collect();
    assert!(before.iter().all(|agent| logged.contains(agent.as_str())), "what a client saw is in the backup");

    landfall.client(&token).get(MANIFEST).await.expect(200);
    landfall.client(&revoked).get(MANIFEST).await.expect(401);
    assert_eq!(landfall.observations().await.last().unwrap()["status"], 401);
    let viewer = viewer["secret"].as_str().unwrap();
    let mut as_viewer = command();
    as_viewer.args(["status", "staging"]).env("LANDFALL_ADMIN", landfall.admin_url());
    assert!(run(as_viewer.env("LANDFALL_ADMIN_TOKEN", viewer)).succeeded().out.contains("docker/app"));
}

/// `landfall backup` to the file, from a server that is one only by its word.
fn backup(server: &Fake, file: &Path) -> Command {
    let mut command = command();
    command
        .arg("backup")
        .arg(file)
        .arg("--admin")
        .arg(server.url())
        .env("LANDFALL_ADMIN_TOKEN", "x".repeat(40));
    command
}

fn partial(file: &Path) -> PathBuf {
    PathBuf::from(format!("{}.partial", file.display()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_kill_leaves_is_no_backup_and_in_nobodys_way() {
    let stalled = Fake::start(|_| Reply::new(200).length(1_000_000).send("landfall backup\n").stall()).await;
    let dir = directory();
    let file = dir.path().join("landfall.backup");
    std::fs::write(&file, "the one of yesterday").unwrap();
    let mut killed = Process::start(&backup(&stalled, &file), &dir.path().join("log"));
    let is_begun = || std::fs::read(partial(&file)).is_ok_and(|bytes| !bytes.is_empty());
    until("it is under way", async || is_begun().then_some(())).await;
    let second = run(&mut backup(&stalled, &file)).failed_with("is being written by another backup");
    assert_eq!(second.code, Some(75));
    killed.kill();
    assert!(is_begun(), "what it had is there");
    assert_eq!(std::fs::read(&file).unwrap(), b"the one of yesterday");

    // The next one takes over what the killed one left, though others could read that.
    std::fs::set_permissions(partial(&file), Permissions::from_mode(0o644)).unwrap();
    let upstream = Fake::start(|_| Reply::nothing()).await;
    let landfall = Setup::before(&upstream.url()).start();
    let said = landfall.cli(&["backup", text(&file)]).succeeded().out;
    assert!(said.contains("landfall restore"), "{said}");
    assert!(!partial(&file).exists());
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    restore(&file, &dir.path().join("data"), &[]).succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_no_whole_backup_leaves_no_file() {
    let dir = directory();
    let file = dir.path().join("landfall.backup");
    type Case = (i32, &'static str, fn() -> Reply);
    let replies: [Case; 4] = [
        (69, "broke off", || Reply::new(200).length(1_000).send("landfall backup\n").close()),
        (76, "cut short", || Reply::new(200).body("landfall backup\n\x01\0\0\0")),
        (76, "no backup of landfall", || Reply::new(200).body("<html>")),
        (1, "only a test", || Reply::new(403).body(r#"{"detail": "only a test"}"#)),
    ];
    for (code, why, reply) in replies {
        let server = Fake::start(move |_| reply()).await;
        let said = run(&mut backup(&server, &file)).failed_with(why);
        assert_eq!(said.code, Some(code), "{}", said.all());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{why}");
    }
    let server = Fake::start(|_| Reply::nothing()).await;
    let nowhere = run(&mut backup(&server, &dir.path().join("no/such/folder"))).failed_with("no/such/folder");
    assert_eq!((nowhere.code, server.seen().len()), (Some(74), 0), "nothing is asked for in vain");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_refuses_what_it_cannot_use_and_says_what_to_do() {
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let landfall = Setup::before(&upstream.url()).start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    let dir = directory();
    let (file, data) = (dir.path().join("landfall.backup"), dir.path().join("data"));

    // Through pipes, as to another machine.
    let mut taken = command();
    taken.args(["backup", "-", "--admin"]).arg(landfall.admin_url()).stdout(File::create(&file).unwrap());
    taken.arg("--admin-token-file").arg(landfall.setup().data().join("admin.token"));
    assert!(taken.status().unwrap().success());
    let piped = command()
        .args(["restore", "-", "--data"])
        .arg(dir.path().join("piped"))
        .stdin(File::open(&file).unwrap())
        .stdout(Stdio::null())
        .status();
    assert!(piped.unwrap().success());

    let running = landfall.setup().data();
    let occupied = restore(&file, &running, &[]).failed_with("is there already");
    assert_eq!(occupied.code, Some(73));
    assert!(occupied.err.contains(text(&running)) && occupied.err.contains("--data"), "{}", occupied.err);
    landfall.client(&token).get(MANIFEST).await.expect(200);

    let whole = Bytes::from(std::fs::read(&file).unwrap());
    let mut newer = whole.to_vec();
    newer[16] = 2;
    let mut damaged = whole.to_vec();
    damaged[whole.len() / 2] ^= 1;
    let bad = [("newer", &newer[..]), ("damaged", &damaged), ("cut short", &whole[..whole.len() - 1])];
    for (why, bytes) in bad {
        std::fs::write(&file, bytes).unwrap();
        let said = restore(&file, &data, &[]).failed_with(why);
        assert_eq!(said.code, Some(65), "{}", said.all());
        assert!(said.err.contains(text(&file)) && !data.exists(), "{}", said.err);
    }
    assert_eq!(restore(&dir.path().join("missing"), &data, &[]).failed_with("missing").code, Some(66));
    std::fs::write(&file, &whole).unwrap();
    restore(&file, &data, &[]).succeeded();
    assert_eq!(restore(&file, &data, &[]).code, Some(73), "not over what was restored, either");
}
