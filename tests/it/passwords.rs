//! Passwords that end after hours: in files that others rewrite, and known to programs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use http::StatusCode;
use landfall::config::{self, CredentialsConfig, Secret};
use landfall::proxy::upstream::Target;
use tempfile::TempDir;

use crate::rig::fake::{Fake, Reply, Seen};
use crate::rig::http::basic;
use crate::upstream::{manifest, setting, target, timeouts};

/// The password that a registry believes now.
#[derive(Clone)]
struct Believed(Arc<Mutex<String>>);

impl Believed {
    fn new(password: &str) -> Self {
        Self(Arc::new(Mutex::new(password.to_owned())))
    }

    fn set(&self, password: &str) {
        *self.0.lock().unwrap() = password.to_owned();
    }

    fn get(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn is_by(&self, seen: &Seen) -> bool {
        seen.header("authorization") == Some(&basic("AWS", &self.get()))
    }
}

/// The server that says no to a password that has ended, and its way of saying so.
#[derive(Clone, Copy, Debug)]
enum Refuses {
    /// ECR says 403 to it.
    Registry(u16),
    /// Its tokens end with the password.
    TokenServer(u16),
}

async fn registry(believed: &Believed, refuses: Refuses) -> Fake {
    let believed = believed.clone();
    Fake::start(move |seen| match (refuses, seen.header("authorization")) {
        (Refuses::Registry(_), None) => Reply::new(401).header("www-authenticate", "Basic realm=r"),
        (Refuses::Registry(_), _) if believed.is_by(seen) => Reply::new(200),
        (Refuses::Registry(status), _) => Reply::new(status).header("www-authenticate", "Basic realm=r"),
        (Refuses::TokenServer(status), _) if seen.target.starts_with("/token") => {
            match believed.is_by(seen) {
                true => {
                    Reply::new(200).body(format!(r#"{{"token":"{}","expires_in":3600}}"#, believed.get()))
                }
                false => Reply::new(status),
            }
        }
        (Refuses::TokenServer(_), Some(token)) if token == format!("Bearer {}", believed.get()) => {
            Reply::new(200)
        }
        (Refuses::TokenServer(_), _) => {
            Reply::new(401).header("www-authenticate", r#"Bearer realm="/token""#)
        }
    })
    .await
}

const REFUSALS: [Refuses; 4] =
    [Refuses::Registry(401), Refuses::Registry(403), Refuses::TokenServer(401), Refuses::TokenServer(403)];

async fn status(target: &Target) -> StatusCode {
    target.send(&manifest()).await.map_or_else(|error| error.status(), |response| response.status())
}

fn with_file(url: &str, file: &Path) -> config::UpstreamConfig {
    let password = Secret::new(std::fs::read_to_string(file).unwrap().trim().to_owned());
    let credentials = CredentialsConfig::File { username: "AWS".into(), password, file: file.to_owned() };
    config::UpstreamConfig { credentials: Some(credentials), ..setting(url) }
}

/// Puts a new password into a folder's `password`, in a way of its own.
type Rotate = fn(&Path, &str);

/// As an editor does, or a sidecar.
fn rewrite(folder: &Path, password: &str) {
    std::fs::write(folder.join("password"), format!("{password}\n")).unwrap();
}

fn rename(folder: &Path, password: &str) {
    std::fs::write(folder.join("password.new"), password).unwrap();
    std::fs::rename(folder.join("password.new"), folder.join("password")).unwrap();
}

/// As the kubelet does: `password` is a link into `..data`, which is a link to a folder with a name of its own.
fn swap(folder: &Path, password: &str) {
    let version = folder.join(format!("..{password}"));
    std::fs::create_dir(&version).unwrap();
    std::fs::write(version.join("password"), password).unwrap();
    std::os::unix::fs::symlink(&version, folder.join("..data_tmp")).unwrap();
    std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    if !folder.join("password").exists() {
        std::os::unix::fs::symlink("..data/password", folder.join("password")).unwrap();
    }
}

#[tokio::test]
async fn a_password_that_was_rewritten_is_read_when_the_old_one_is_refused() {
    for refuses in REFUSALS {
        for rotate in [rewrite as Rotate, rename, swap] {
            let folder = tempfile::tempdir().unwrap();
            rotate(folder.path(), "first");
            let believed = Believed::new("first");
            let fake = registry(&believed, refuses).await;
            let target = target(with_file(&fake.url(), &folder.path().join("password")), timeouts());
            for password in ["first", "second", "third"] {
                if password != "first" {
                    rotate(folder.path(), password);
                    believed.set(password);
                }
                for _ in 0..2 {
                    assert_eq!(status(&target).await, StatusCode::OK, "{refuses:?} {password}");
                }
            }
        }
    }
}

#[tokio::test]
async fn many_who_are_refused_at_once_are_all_served_with_the_new_password() {
    for refuses in REFUSALS {
        let folder = tempfile::tempdir().unwrap();
        rewrite(folder.path(), "first");
        let believed = Believed::new("first");
        let fake = registry(&believed, refuses).await;
        let target = target(with_file(&fake.url(), &folder.path().join("password")), timeouts());
        assert_eq!(status(&target).await, StatusCode::OK);
        rewrite(folder.path(), "second");
        believed.set("second");
        let all = futures_util::future::join_all((0..32).map(|_| status(&target))).await;
        assert!(all.iter().all(StatusCode::is_success), "{refuses:?}: {all:?}");
    }
}

#[tokio::test]
async fn a_password_that_stays_wrong_is_told_once_a_request_and_a_file_that_is_away_changes_nothing() {
    for refuses in REFUSALS {
        let folder = tempfile::tempdir().unwrap();
        rewrite(folder.path(), "wrong");
        let believed = Believed::new("right");
        let fake = registry(&believed, refuses).await;
        let file = folder.path().join("password");
        let target = target(with_file(&fake.url(), &file), timeouts());
        let refused = || fake.seen().iter().filter(|seen| seen.header("authorization").is_some()).count();
        for (times, content) in [(1, Some("wrong")), (2, Some("")), (3, None), (4, Some("wrong\n"))] {
            match content {
                Some(content) => std::fs::write(&file, content).unwrap(),
                None => std::fs::remove_file(&file).unwrap(),
            }
            assert!(status(&target).await.is_client_error(), "{refuses:?}");
            assert_eq!(refused(), times, "{refuses:?}");
        }
        // The password that was believed before is not forgotten for a file that is being written.
        believed.set("wrong");
        std::fs::write(&file, "").unwrap();
        assert_eq!(status(&target).await, StatusCode::OK, "{refuses:?}");
    }
}

/// A credential helper that prints what stands in a file, and counts how often it ran.
struct Helper {
    folder: TempDir,
}

impl Helper {
    fn new(username: &str, secret: &str) -> Self {
        let helper = Self { folder: crate::rig::directory() };
        helper.tells(username, secret);
        let script = "#!/bin/sh\ncd \"$(dirname \"$0\")\"\necho \"$1 $(cat)\" >>runs\ncat answer 2>/dev/null || exit 1\n";
        crate::rig::process::script(&helper.program(), script);
        helper
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("docker-credential-test")
    }

    fn tells(&self, username: &str, secret: &str) {
        let answer = serde_json::json!({"ServerURL": "any", "Username": username, "Secret": secret});
        std::fs::write(self.folder.path().join("answer"), answer.to_string()).unwrap();
    }

    fn fails(&self) {
        std::fs::remove_file(self.folder.path().join("answer")).unwrap();
    }

    fn runs(&self) -> Vec<String> {
        let runs = std::fs::read_to_string(self.folder.path().join("runs")).unwrap_or_default();
        runs.lines().map(str::to_owned).collect()
    }

    fn setting(&self, url: &str) -> config::UpstreamConfig {
        let helper = CredentialsConfig::Helper(self.program().to_str().unwrap().to_owned());
        config::UpstreamConfig { credentials: Some(helper), ..setting(url) }
    }
}

#[tokio::test]
async fn a_program_is_asked_once_and_again_when_what_it_said_is_refused() {
    for refuses in REFUSALS {
        let helper = Helper::new("AWS", "first");
        let believed = Believed::new("first");
        let fake = registry(&believed, refuses).await;
        let target = target(helper.setting(&fake.url()), timeouts());
        let all = futures_util::future::join_all((0..8).map(|_| status(&target))).await;
        assert!(all.iter().all(StatusCode::is_success), "{refuses:?}: {all:?}");
        assert_eq!(helper.runs(), [format!("get {}", fake.address)], "{refuses:?}");
        helper.tells("AWS", "second");
        believed.set("second");
        for _ in 0..2 {
            assert_eq!(status(&target).await, StatusCode::OK, "{refuses:?}");
        }
        assert_eq!(helper.runs().len(), 2, "{refuses:?}");
    }
}

#[tokio::test]
async fn a_program_that_has_nothing_new_to_say_is_left_alone_for_a_while() {
    for refuses in REFUSALS {
        for fails in [false, true] {
            let helper = Helper::new("AWS", "wrong");
            if fails {
                helper.fails();
            }
            let fake = registry(&Believed::new("right"), refuses).await;
            let target = target(helper.setting(&fake.url()), timeouts());
            for _ in 0..5 {
                assert!(!status(&target).await.is_success(), "{refuses:?}");
            }
            assert!((1..=2).contains(&helper.runs().len()), "{refuses:?} {fails}: {:?}", helper.runs());
        }
    }
}

#[tokio::test]
async fn an_identity_token_is_told_to_the_token_server_alone_and_becomes_an_access_token() {
    let helper = Helper::new("<token>", "refresh&me=1");
    let fake = Fake::start(|seen| match seen.header("authorization") {
        _ if seen.target == "/oauth2/token?a=b" && seen.method == "POST" => {
            Reply::new(200).body(r#"{"access_token":"t","expires_in":300,"refresh_token":"other"}"#)
        }
        _ if seen.target == "/token?a=b" => Reply::new(307).header("location", "/oauth2/token?a=b"),
        Some("Bearer t") => Reply::new(200),
        _ => Reply::new(401).header("www-authenticate", r#"Bearer realm="/token?a=b",service="s.example""#),
    })
    .await;
    let target = target(helper.setting(&fake.url()), timeouts());
    assert_eq!(status(&target).await, StatusCode::OK);
    let form = "grant_type=refresh_token&client_id=landfall&service=s.example\
                &scope=repository%3Adocker%2Fapp%3Apull&refresh_token=refresh%26me%3D1";
    for (place, seen) in ["/token?a=b", "/oauth2/token?a=b"].iter().zip(&fake.seen()[1..]) {
        assert_eq!((seen.target.as_str(), seen.body.as_str()), (*place, form));
        assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(seen.header("authorization"), None);
    }
    assert!(fake.seen().iter().all(|seen| seen.body.is_empty() || seen.method == "POST"));
}

#[tokio::test]
async fn an_identity_token_follows_no_redirect_away_and_is_no_password() {
    let elsewhere = Fake::start(|_| Reply::new(200).body(r#"{"access_token":"t"}"#)).await;
    let there = format!("http://localhost:{}/token", elsewhere.address.port());
    for (status_code, location) in [(307, there.as_str()), (308, &there), (302, "/other"), (303, &there)] {
        let helper = Helper::new("<token>", "refresh");
        let location = location.to_owned();
        let fake = Fake::start(move |seen| match seen.target.starts_with("/token") {
            true => Reply::new(status_code).header("location", &location),
            false => Reply::new(401).header("www-authenticate", r#"Bearer realm="/token", Basic realm="r""#),
        })
        .await;
        assert_eq!(status(&target(helper.setting(&fake.url()), timeouts())).await, StatusCode::BAD_GATEWAY);
    }
    assert_eq!(elsewhere.seen().len(), 0);
    let helper = Helper::new("<token>", "refresh");
    let fake = Fake::start(|_| Reply::new(401).header("www-authenticate", "Basic realm=r")).await;
    assert_eq!(status(&target(helper.setting(&fake.url()), timeouts())).await, StatusCode::UNAUTHORIZED);
    assert!(fake.seen().iter().all(|seen| seen.header("authorization").is_none()));
}
