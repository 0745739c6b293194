//! The life of `landfall serve`: it drains, it guards its data, it reads certificates again, and it says in one line
//! what it was started wrongly with.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Version};
use http_body_util::BodyExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::rig::fake::{Fake, Reply};
use crate::rig::http::{Client, basic};
use crate::rig::images::{Format, Recipe, digest_of};
use crate::rig::landfall::{Setup, command};
use crate::rig::process::{Said, run};
use crate::rig::registry::{Auth, Registry};
use crate::rig::skip::need;
use crate::rig::tls::{Identity, get};
use crate::rig::{directory, until};

const MANIFEST: &str = "/v2/docker/app/manifests/v1";

/// Exit codes of sysexits start here: what is wrong is the configuration, or a file.
const SYSEXITS: i32 = 64;

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_a_transfer_finish() {
    let (beginning, end) = ("the beginning, ", "and the end");
    let layer = format!("{beginning}{end}");
    let (go_on, length) = (Arc::<Notify>::default(), layer.len());
    let gate = go_on.clone();
    let upstream =
        Fake::of_pulls(move |_| Reply::new(200).length(length).send(beginning).wait(&gate).send(end)).await;
    let mut landfall = Setup::before(&upstream.url()).start();
    landfall.environment("production").await;
    let client = landfall.client(&landfall.token("production").await);
    let path = format!("/v2/docker/app/blobs/{}", digest_of(layer.as_bytes()));
    let mut answer = client.open(Method::GET, &path, &[], Bytes::new()).await.unwrap().into_body();
    let begun = answer.frame().await.unwrap().unwrap().into_data().unwrap();

    landfall.process().terminate();
    let address = landfall.proxy().to_owned();
    until("nobody new is let in", async || TcpStream::connect(&address).await.is_err().then_some(())).await;
    // A prober was told before the door closed.
    let ready = Client::new(landfall.admin_url().strip_prefix("http://").unwrap()).get("/readyz").await;
    assert_eq!(ready.status, 503, "{}", ready.text());
    landfall.process().assert_running("landfall, with a transfer under way,");
    go_on.notify_one();
    let rest = answer.collect().await.unwrap().to_bytes();
    assert_eq!([begun, rest].concat(), layer.as_bytes());
    let (status, _) = landfall.stop();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_ends_nothing() {
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let mut landfall = Setup::before(&upstream.url()).start();
    landfall.environment("production").await;
    let client = landfall.client(&landfall.token("production").await);
    landfall.process().hang_up();
    // An answer after the signal was sent is one after it was taken.
    for _ in 0..3 {
        client.get("/v2/docker/app/manifests/v1").await.expect(200);
    }
    landfall.process().assert_running("landfall, which was hung up on,");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_at_rest_ends_at_once_and_what_was_made_is_kept() {
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let landfall = Setup::before(&upstream.url()).start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    landfall.client(&token).get(MANIFEST).await.expect(200);
    let (status, setup) = landfall.stop();
    assert_eq!(status.code(), Some(0));
    let landfall = setup.start();
    landfall.client(&token).get(MANIFEST).await.expect(200);
    assert_eq!(landfall.observations().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_down_is_said_to_be_and_heals() {
    need!("docker-registry");
    let mut registry = Registry::start(Auth::Open).await;
    Recipe::app(Format::Oci, "1.0.0").build().push(&registry.client().await, "docker/app", "v1").await;
    let landfall = Setup::before(&registry.url()).start();
    landfall.environment("production").await;
    let client = landfall
        .client(&landfall.token("production").await)
        .with("accept", "application/vnd.oci.image.manifest.v1+json");
    let by_tag = || client.get("/v2/docker/app/manifests/v1");
    by_tag().await.expect(200);
    registry.stop();
    let answer = by_tag().await;
    assert!([502, 504].contains(&answer.status.as_u16()), "{answer:?}");
    assert_eq!(answer.json()["errors"][0]["code"], "UNKNOWN", "{}", answer.text());
    assert!(!answer.text().contains(registry.address()), "{}", answer.text());
    registry.start_again().await;
    by_tag().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_data_says_so_and_ends() {
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let landfall = Setup::before(&upstream.url()).start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    let said = run(&mut landfall.setup().command());
    assert_refused(&said, &landfall.setup().data().display().to_string());
    assert_refused(&said, "in use");
    landfall.client(&token).get(MANIFEST).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_data_is_refused_and_left_alone() {
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let landfall = Setup::before(&upstream.url()).start();
    landfall.environment("production").await;
    let (_, setup) = landfall.stop();
    let store = store_of(&setup.data());
    let whole = std::fs::read(&store).unwrap();
    let mut overwritten = whole.clone();
    overwritten[..4096].fill(0xa5);
    let damages: [(&str, Vec<u8>); 4] = [
        ("not a store", b"hello".to_vec()),
        ("cut short", whole[..whole.len() / 2].to_vec()),
        ("its head overwritten", overwritten),
        ("made of zeros", vec![0; whole.len()]),
    ];
    for (damage, bytes) in damages {
        std::fs::write(&store, &bytes).unwrap();
        let said = run(&mut setup.command());
        assert_refused(&said, store.to_str().unwrap());
        assert!(std::fs::read(&store).unwrap() == bytes, "{damage}: the file was changed");
    }
    std::fs::write(&store, &whole).unwrap();
    drop(setup.start());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_may_read_what_is_in_the_data_folder() {
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let landfall = Setup::before(&upstream.url()).start();
    landfall.environment("production").await;
    let (_, setup) = landfall.stop();
    // As a release left it that made its files for everybody.
    std::fs::set_permissions(store_of(&setup.data()), Permissions::from_mode(0o644)).unwrap();
    let landfall = setup.start();
    let token = landfall.token("production").await;
    landfall.client(&token).get(MANIFEST).await.expect(200);
    let data = landfall.setup().data();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = std::fs::read_dir(&data).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

fn store_of(data: &Path) -> PathBuf {
    let files = std::fs::read_dir(data).unwrap().map(|file| file.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|it| it == "redb")).unwrap()
}

/// One line on standard error that names what is wrong, nothing on standard output, an exit code of sysexits.
#[track_caller]
fn assert_refused(said: &Said, what: &str) {
    assert!(said.code.is_some_and(|code| code >= SYSEXITS), "{said:?}");
    assert_eq!(said.out, "");
    assert!(said.err.contains(what), "no `{what}` in: {}", said.err);
    assert_eq!(said.err.trim_end().lines().count(), 1, "{}", said.err);
}

#[test]
fn what_is_configured_wrongly_is_named_in_one_line() {
    let dir = directory();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (missing, bad) = (path("missing.toml"), path("bad.toml"));
    std::fs::write(&bad, "not pem").unwrap();
    let good = ["--upstream", "http://127.0.0.1:9"];
    let rows: Vec<(Vec<&str>, &str, &str)> = vec![
        (vec![], "", "upstream"),
        (vec!["--upstream", "registry"], "", "upstream"),
        (vec!["--upstream", "ftp://registry"], "", "upstream"),
        ([&good[..], &["--listen", "8080"]].concat(), "", "--listen"),
        ([&good[..], &["--admin-listen", "localhost:http"]].concat(), "", "--admin-listen"),
        ([&good[..], &["--tls-cert", &bad]].concat(), "", "tls_key"),
        ([&good[..], &["--tls-cert", &bad, "--tls-key", &bad]].concat(), "", "bad.toml"),
        ([&good[..], &["--max-wait", "soon"]].concat(), "", "max_wait"),
        ([&good[..], &["--settle", "0s"]].concat(), "", "settle"),
        (vec!["--config", &missing], "", "missing.toml"),
        (vec![], "[[upstream]]\nurl = \"http://r\"\nredirects = \"maybe\"", "redirects"),
        (
            vec![],
            "[[upstream]]\nurl = \"http://r\"\npassword_file = \"/nowhere\"\nusername = \"u\"",
            "password_file",
        ),
        (vec![], "[[upstream]]\nurl = \"http://r\"\nca_file = \"/nowhere\"", "ca_file"),
        (vec![], "[[upstream]]\nurl = \"http://r\"\n[[upstream]]\nurl = \"http://s\"", "prefix"),
        (vec![], "[[upstream]]\nurl = \"http://r\"\nunknown = 1", "unknown"),
        (vec![], "[proxy]\nlisten = 8080", "listen"),
        (vec![], "[proxy", "line 1"),
    ];
    for (index, (flags, config, what)) in rows.iter().enumerate() {
        let data = path(&format!("data{index}"));
        let mut command = command();
        command.arg("serve").args(flags).args(["--data", &data]);
        if !flags.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if !flags.contains(&"--admin-listen") {
            command.args(["--admin-listen", "127.0.0.1:0"]);
        }
        if !config.is_empty() {
            let file = path(&format!("{index}.toml"));
            std::fs::write(&file, config).unwrap();
            command.args(["--config", &file]);
        }
        assert_refused(&run(&mut command), what);
        assert!(!Path::new(&data).exists(), "{flags:?} {config}: nothing is opened before all is checked");
    }
}

#[test]
fn what_is_typed_wrongly_is_a_matter_of_usage() {
    for arguments in [&["serve", "--no-such-flag"][..], &["no-such-command"], &["token", "create"]] {
        let said = run(command().args(arguments));
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.all());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_served_without_a_restart() {
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let (old, new) = (Identity::new(), Identity::new());
    let setup = Setup::before(&upstream.url());
    let (dir, path) = (setup.dir().to_owned(), |name: &str| setup.dir().join(name).display().to_string());
    let (certificate, key) = (path("tls.crt"), path("tls.key"));
    old.write(&dir);
    let landfall = setup.flag("--tls-cert", &certificate).flag("--tls-key", &key).start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    let (address, auth) = (landfall.proxy(), basic(&token.user, &token.secret));
    for (protocol, version) in [("h2", Version::HTTP_2), ("http/1.1", Version::HTTP_11)] {
        let answer = get(address, &old, protocol, MANIFEST, &auth).await.unwrap();
        assert_eq!(answer, (version, 200));
        assert_eq!(get(address, &old, protocol, "/v2/", "Basic eA==").await.unwrap(), (version, 401));
    }
    get(address, &new, "h2", MANIFEST, &auth).await.unwrap_err();

    // Half a renewal, or nonsense, changes nothing.
    std::fs::write(&certificate, "nonsense").unwrap();
    get(address, &old, "h2", MANIFEST, &auth).await.unwrap();
    new.write(&dir);
    until("the new certificate is served", async || get(address, &new, "h2", MANIFEST, &auth).await.ok())
        .await;
    get(address, &old, "h2", MANIFEST, &auth).await.unwrap_err();
}
