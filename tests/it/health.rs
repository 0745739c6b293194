//! State of each registry as `/status`, `/metrics` and the log have it: can it be pulled from?

use http::Method;
use serde_json::Value;

use crate::rig::fake::{Fake, Reply};
use crate::rig::http::Client;
use crate::rig::landfall::{Landfall, Setup};
use crate::rig::process::run;
use crate::rig::until;

/// The first upstream's report, once it says this.
async fn report(landfall: &Landfall, state: &str) -> Value {
    until(&format!("the upstream is {state}"), async || {
        let report = landfall.admin_get("/status").await["proxy"]["upstreams"][0].clone();
        (report["state"] == state).then_some(report)
    })
    .await
}

/// Asks for something, so that an upstream that does not answer is doubted.
async fn pull(landfall: &Landfall) {
    let token = landfall.token("production").await;
    landfall.client(&token).get("/v2/docker/app/manifests/v1").await;
}

#[tokio::test]
async fn a_registry_that_goes_and_comes_is_told_of_without_a_pull_or_a_probe_being_held_up() {
    let fake = Fake::start(|_| Reply::new(200)).await;
    let (address, url) = (fake.address, fake.url());
    let mut landfall = Setup::before(&url).start();
    landfall.environment("production").await;
    let up = report(&landfall, "ok").await;
    assert_eq!((&up["host"], &up["prefix"]), (&address.to_string().into(), &"".into()));
    assert!(up["since"].is_string() && up["checked_at"].is_string() && up["error"].is_null(), "{up}");
    drop(fake);
    pull(&landfall).await;
    let down = report(&landfall, "failing").await;
    assert!(down["error"].as_str().unwrap().contains("check url and proxy"), "{down}");
    assert!(down["since"].as_str().unwrap() > up["since"].as_str().unwrap());
    let metrics = landfall.admin(Method::GET, "/metrics", None).await.expect(200).text();
    let gauge = format!("landfall_proxy_upstream_up{{prefix=\"\",host=\"{address}\"}} 0");
    assert!(metrics.lines().any(|line| line == gauge), "{metrics}");
    landfall.admin(Method::GET, "/readyz", None).await.expect(200);
    let _fake = Fake::start_at(address, |_| Reply::new(200)).await;
    let again = report(&landfall, "ok").await;
    assert!(again["error"].is_null(), "{again}");
    let log = landfall.process().log();
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(
        (lines("the registry can be pulled from"), lines("the registry cannot be pulled from")),
        (2, 1),
        "{log}"
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_in_words_with_the_next_step() {
    let basic = |_: &str| Reply::new(401).header("www-authenticate", "Basic realm=r");
    type Answer = fn(&str) -> Reply;
    let cases: [(Answer, bool, &str, &str, &str); 9] = [
        (|_| Reply::new(200), false, "ok", "", ""),
        (|_| Reply::new(429), false, "ok", "", ""),
        (
            |_| Reply::new(307).header("location", "/elsewhere"),
            false,
            "failing",
            "registry",
            "more than 5 redirects",
        ),
        (|_| Reply::new(404), false, "failing", "registry", "is its url that of a registry?"),
        (|_| Reply::new(400), false, "failing", "registry", "is its url http://?"),
        (|_| Reply::new(503), false, "failing", "registry", "look at its log"),
        (basic, false, "failing", "login", "set username and password_file"),
        (basic, true, "failing", "login", "check username and password_file"),
        (
            |target| match target.starts_with("/token") {
                true => Reply::new(401),
                false => Reply::new(401).header("www-authenticate", r#"Bearer realm="/token""#),
            },
            true,
            "failing",
            "login",
            "check username and password_file",
        ),
    ];
    for (answer, is_user, state, cause, words) in cases {
        let fake = Fake::start(move |seen| answer(&seen.target)).await;
        let setup = Setup::before(&fake.url());
        let landfall = if is_user { setup.with_credentials() } else { setup }.start();
        let report = report(&landfall, state).await;
        assert!(report["error"].as_str().unwrap_or_default().contains(words), "{words}: {report}");
        assert_eq!(report["cause"].as_str().unwrap_or_default(), cause, "{report}");
        assert!(!report.to_string().contains(crate::rig::registry::PASSWORD));
    }
    let unknown = Setup::before("https://localhost:1").line("credential_helper = \"of-nobody\"").start();
    let report = report(&unknown, "failing").await;
    assert!(report["error"].as_str().unwrap().contains("cannot reach localhost:1"), "{report}");
    assert_eq!(report["cause"], "address", "{report}");
}

/// The dashboard's first page, for somebody who is logged in.
async fn home(landfall: &Landfall) -> String {
    let token = std::fs::read_to_string(landfall.setup().data().join("admin.token")).unwrap();
    let address = landfall.admin_url().strip_prefix("http://").unwrap().to_owned();
    let client = Client::new(&address);
    let form = format!("token={}", token.trim());
    let origin = landfall.admin_url();
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", origin.as_str())];
    let login = client.send(Method::POST, "/login", &headers, form.into()).await.unwrap();
    let cookie = login.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    client.ask(Method::GET, "/", &[("cookie", &cookie)]).await.expect(200).text()
}

#[tokio::test]
async fn a_wrong_password_is_seen_before_the_first_pull() {
    let fake = Fake::start(|_| Reply::new(401).header("www-authenticate", "Basic realm=r")).await;
    let host = fake.address.to_string();
    let landfall = Setup::before(&fake.url()).with_credentials().start();
    report(&landfall, "failing").await;
    let metrics = landfall.admin(Method::GET, "/metrics", None).await.expect(200).text();
    for (cause, value) in [("login", 1), ("address", 0)] {
        let line = format!(
            "landfall_proxy_upstream_trouble{{prefix=\"\",host=\"{host}\",cause=\"{cause}\"}} {value}"
        );
        assert!(metrics.lines().any(|it| it == line), "{line}: {metrics}");
    }
    let page = home(&landfall).await;
    assert!(page.contains(&host) && page.contains("check username and password_file"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tries_every_registry_without_serving() {
    let good = Fake::start(|_| Reply::new(200)).await;
    let said = run(Setup::before(&good.url()).command().arg("--check"));
    assert_eq!(said.code, Some(0), "{}", said.all());
    assert!(said.out.contains("can be pulled from") && !said.out.contains("ready "), "{}", said.out);

    let closed = Fake::start(|_| Reply::new(401).header("www-authenticate", "Basic realm=r")).await;
    let setup =
        Setup::before(&good.url()).line(&format!("[[upstream]]\nprefix = \"x\"\nurl = \"{}\"", closed.url()));
    let setup = setup.with_credentials();
    let said = run(setup.command().arg("--check"));
    assert_eq!(said.code, Some(69), "{}", said.all());
    let parts =
        ["can be pulled from\n", "(x/…) cannot be pulled from [login]: ", "check username and password_file"];
    assert!(parts.iter().all(|part| said.out.contains(part)), "{}", said.out);
    assert!(!setup.data().exists(), "nothing is written");

    let said = run(Setup::before("ftp://a").command().arg("--check"));
    assert_eq!(said.code, Some(78), "{}", said.all());
}

#[tokio::test]
async fn a_helper_that_is_not_there_is_told_of() {
    let fake = Fake::start(|_| Reply::new(401).header("www-authenticate", "Basic realm=r")).await;
    let landfall = Setup::before(&fake.url()).line("credential_helper = \"of-nobody\"").start();
    let report = report(&landfall, "failing").await;
    assert!(
        report["error"].as_str().unwrap().contains("docker-credential-of-nobody is not there"),
        "{report}"
    );
}

#[tokio::test]
async fn a_password_file_that_changed_is_read_though_nobody_was_refused() {
    let fake = Fake::start(|seen| match seen.header("authorization") {
        None => Reply::new(401).header("www-authenticate", "Basic realm=r"),
        Some(_) => Reply::new(200),
    })
    .await;
    let mut landfall = Setup::before(&fake.url()).with_credentials().start();
    landfall.environment("production").await;
    report(&landfall, "ok").await;
    std::fs::write(landfall.setup().dir().join("password"), "another").unwrap();
    until("the file is read again", async || {
        landfall.process().log().contains("the registry's password was read again").then_some(())
    })
    .await;
    pull(&landfall).await;
    let last = fake.seen().pop().unwrap();
    assert_eq!(
        last.header("authorization"),
        Some(&*crate::rig::http::basic(crate::rig::registry::USER, "another"))
    );
}
