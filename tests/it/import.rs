//! `landfall release import` against real git repositories and a real admin server.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::admin_support::Server;
use crate::rig::git::Repository;

const REPOSITORY: &str = "docker/payment";

/// Runs `landfall release import` with these arguments more, and with `path` as its PATH.
async fn import(server: Option<&Server>, arguments: &[&str], path: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.args(["release", "import", "--repository", REPOSITORY]).args(arguments);
    command.env_clear().env("PATH", path).stdin(Stdio::null());
    if let Some(server) = server {
        command.env("LANDFALL_ADMIN", &server.url).env("LANDFALL_ADMIN_TOKEN", &server.token);
    }
    // The server runs on this test's thread, which must stay free.
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn path() -> String {
    std::env::var("PATH").unwrap()
}

/// The answer to a successful import, as JSON.
async fn imported(server: Option<&Server>, arguments: &[&str]) -> Value {
    let output = import(server, &[arguments, &["--json"]].concat(), &path()).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn refused(arguments: &[&str], path: &str, code: i32, words: &[&str]) {
    let output = import(None, arguments, path).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "`{word}` is not in: {stderr}");
    }
    assert!(output.stdout.is_empty());
}

/// Three releases on the main line, one on a line of maintenance, and tags that are no releases.
fn shop() -> (Repository, String) {
    let repository = Repository::new();
    repository.commit("feat: take payments");
    repository.git(&["tag", "v1.0.0"]);
    repository.git(&["tag", "nightly"]);
    repository.git(&["switch", "--quiet", "-c", "fix-login"]);
    repository.commit("wip");
    repository.commit("fix(auth): renew the session before it ends");
    repository.git(&["switch", "--quiet", "main"]);
    repository.commit("docs: how to pay (#4510)");
    repository
        .merge("fix-login", "Merge pull request #4511 from shop/fix-login\n\nLogin times out behind a proxy");
    let revision = repository.commit("feat(api)!: drop version 1\n\nCloses #17");
    repository.git(&["tag", "-a", "v1.1.0", "-m", "the second"]);
    repository.git(&["tag", "v1.1"]);
    repository.git(&["switch", "--quiet", "-c", "v1.0.x", "v1.0.0"]);
    repository.commit("fix: a leak (#4512)");
    repository.git(&["tag", "v1.0.1"]);
    repository.git(&["switch", "--quiet", "main"]);
    (repository, revision)
}

#[tokio::test]
async fn tags_become_releases_with_what_came_between_them() {
    let server = Server::start().await;
    let (repository, revision) = shop();
    let told = imported(Some(&server), &["--git", repository.path()]).await;
    assert_eq!(told, json!({"added": ["v1.0.0", "v1.1.0", "v1.0.1"], "known": [], "conflicts": []}));

    let releases = server.get("/api/v1/releases?repository=docker/payment").await.json();
    let release = |version: &str| {
        releases.as_array().unwrap().iter().find(|release| release["version"] == version).unwrap().clone()
    };
    let second = release("v1.1.0");
    assert_eq!(second["revision"], revision);
    assert_eq!(second["created_at"], server_time(&repository, "v1.1.0"));
    let changes: Vec<(&str, &str, &Value, &Value, &str)> = second["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let text = |field: &str| it[field].as_str().unwrap();
            (text("kind"), text("title"), &it["pr"], &it["issue"], text("author"))
        })
        .collect();
    let none = Value::Null;
    assert_eq!(
        changes,
        [
            ("breaking", "feat(api)!: drop version 1", &none, &json!(17), "Ada"),
            ("fix", "Login times out behind a proxy", &json!(4511), &none, "Ada"),
            ("docs", "docs: how to pay", &json!(4510), &none, "Ada"),
        ]
    );
    assert_eq!(release("v1.0.1")["changes"][0]["pr"], 4512);
    assert_eq!(release("v1.0.0")["changes"][0]["title"], "feat: take payments");
    server.stop().await;
}

/// A tag's commit's date, as the API writes it.
fn server_time(repository: &Repository, tag: &str) -> String {
    let seconds: i64 = repository.git(&["log", "-1", "--format=%ct", tag]).parse().unwrap();
    landfall::model::time::Time::from_ms(seconds * 1_000).to_string()
}

#[tokio::test]
async fn importing_again_adds_only_what_is_new() {
    let server = Server::start().await;
    let (repository, _) = shop();
    let git = ["--git", repository.path()];
    imported(Some(&server), &git).await;
    let before = server.get("/api/v1/releases").await.json();
    let again = imported(Some(&server), &git).await;
    assert_eq!(again, json!({"added": [], "known": ["v1.0.0", "v1.1.0", "v1.0.1"], "conflicts": []}));
    assert_eq!(server.get("/api/v1/releases").await.json(), before);

    repository.commit("perf: count faster");
    repository.git(&["tag", "v1.2.0"]);
    let told = imported(Some(&server), &[&git[..], &["--since", "v1.1.0"]].concat()).await;
    assert_eq!(told, json!({"added": ["v1.2.0"], "known": ["v1.0.1"], "conflicts": []}));

    // Somebody told a release otherwise: the rest is imported, and the exit code says so.
    repository.commit("fix: a bug");
    repository.git(&["tag", "v1.3.0"]);
    let other = json!({"repository": REPOSITORY, "version": "v1.3.0", "revision": "0123456789"});
    assert_eq!(server.post("/api/v1/releases", other).await.status, 201);
    repository.git(&["tag", "v1.3.1"]);
    repository.commit("fix: another bug");
    repository.git(&["tag", "v1.4.0"]);
    let output = import(Some(&server), &git, &path()).await;
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(
        stdout.contains("2 added, 4 known already, 1 in conflict") && stdout.contains("revision"),
        "{stdout}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_dry_run_asks_no_server_and_shows_the_ancestry() {
    let (repository, _) = shop();
    let told = imported(None, &["--git", repository.path(), "--dry-run"]).await;
    let releases: Vec<(&str, &Value)> = told["releases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|release| (release["version"].as_str().unwrap(), &release["parents"]))
        .collect();
    let (none, first) = (json!([]), json!(["v1.0.0"]));
    assert_eq!(releases, [("v1.0.0", &none), ("v1.1.0", &first), ("v1.0.1", &first)]);
    assert!(told["releases"][0].get("digest").is_none());

    let output = import(None, &["--git", repository.path(), "--dry-run"], &path()).await;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("v1.1.0 after v1.0.0: 1 fix, 1 breaking change"), "{stdout}");
    assert!(stderr.contains("no versions and left out: nightly"), "{stderr}");
}

#[tokio::test]
async fn odd_histories_are_read() {
    let repository = Repository::new();
    repository.commit("feat: ours");
    repository.git(&["tag", "app/v1.0"]);
    repository.git(&["switch", "--quiet", "--orphan", "theirs"]);
    repository.commit("feat: theirs");
    repository.git(&["tag", "-a", "other/v0.9", "-m", "theirs"]);
    repository.git(&["switch", "--quiet", "main"]);
    repository.merge("theirs", "Merge branch 'theirs'");
    repository.commit("fix: un titre \u{e9}crit en fran\u{e7}ais\n\nBREAKING CHANGE: nothing is as it was");
    repository.git(&["tag", "app/v1.1"]);
    // No commit, so no release.
    let tree = repository.git(&["rev-parse", "HEAD^{tree}"]);
    repository.git(&["tag", "v7", &tree]);

    let told = imported(None, &["--git", repository.path(), "--dry-run", "--tag-pattern", "*/v*"]).await;
    let versions: Vec<&str> =
        told["releases"].as_array().unwrap().iter().map(|it| it["version"].as_str().unwrap()).collect();
    assert_eq!(versions, ["v1.0", "v0.9", "v1.1"]);
    let last = &told["releases"][2];
    let mut parents: Vec<&str> =
        last["parents"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    parents.sort_unstable();
    assert_eq!(parents, ["v0.9", "v1.0"]);
    assert_eq!(last["changes"][0]["kind"], "breaking");
    assert_eq!(last["changes"][0]["title"], "fix: un titre \u{e9}crit en fran\u{e7}ais");

    let told = imported(None, &["--git", repository.path(), "--dry-run", "--tag-pattern", "app/*"]).await;
    assert_eq!(told["releases"][1]["changes"].as_array().unwrap().len(), 2, "with what they brought");
}

#[tokio::test]
async fn what_cannot_be_read_says_why_and_what_to_do() {
    let (repository, _) = shop();
    let path = path();
    let empty = TempDir::new().unwrap();
    let nowhere = empty.path().to_str().unwrap();
    refused(&["--git", nowhere], &path, 66, &["is not a git repository", "--git DIR"]).await;
    refused(&["--git", "/nonexistent/clone"], &path, 66, &["is not a git repository"]).await;
    refused(&["--git", repository.path()], nowhere, 69, &["cannot run `git`", "install git"]).await;
    let untagged = Repository::new();
    untagged.commit("feat: a");
    refused(&["--git", untagged.path()], &path, 65, &["has no tags", "git fetch --tags"]).await;
    let several = Repository::new();
    several.commit("feat: a");
    for tag in ["web/v1.0", "web/v1.1", "payment/v1.0"] {
        several.git(&["tag", tag]);
    }
    let words = ["web/v* (2), payment/v* (1)", "--tag-pattern \"payment/v*\""];
    refused(&["--git", several.path(), "--dry-run"], &path, 65, &words).await;
    untagged.git(&["tag", "nightly"]);
    refused(&["--git", untagged.path()], &path, 65, &["no tag is a version: nightly", "--tag-pattern"]).await;
    let pattern = ["--git", untagged.path(), "--tag-pattern=--upload-pack=x"];
    refused(&pattern, &path, 2, &["no tag is like", "git tag --list"]).await;
    let since = ["--git", repository.path(), "--since", "v9"];
    refused(&since, &path, 2, &["--since v9"]).await;

    let shallow = empty.path().join("shallow");
    clone_shallow(&repository, &shallow);
    let words = ["is a shallow clone", "git fetch --unshallow --tags"];
    refused(&["--git", shallow.to_str().unwrap()], &path, 65, &words).await;
}

fn clone_shallow(repository: &Repository, to: &Path) {
    let from = format!("file://{}", repository.path());
    repository.git(&["clone", "--quiet", "--depth=1", "--no-single-branch", &from, to.to_str().unwrap()]);
}
