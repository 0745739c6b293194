//! `landfall demo` tells its story, goes on until it is told to end, and leaves nothing behind.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use http::Method;

use crate::rig::http::Client;
use crate::rig::landfall::command;
use crate::rig::process::{Process, run};
use crate::rig::{directory, until};

/// Longest time for ending once told to.
const END_TIME_MAX: Duration = Duration::from_secs(30);

/// The demo, with its temporary files below `tmp`.
fn demo(tmp: &Path) -> Command {
    let mut command = command();
    command.arg("demo").env("TMPDIR", tmp);
    command
}

#[track_caller]
fn assert_empty(tmp: &Path) {
    assert_eq!(std::fs::read_dir(tmp).unwrap().count(), 0, "something is left in {}", tmp.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn once_prints_the_timeline_and_ends() {
    let tmp = directory();
    let said = run(demo(tmp.path()).arg("--once")).succeeded();
    assert_empty(tmp.path());

    // Newest first: the fix comes again, the rollback that no pull shows, the upgrade of both services together, their
    // first appearance.
    let lines: Vec<&str> = said.out.lines().collect();
    let at = |words: &[&str]| {
        let is_it = |line: &&str| words.iter().all(|word| line.contains(word));
        lines.iter().position(is_it).unwrap_or_else(|| panic!("no line with {words:?} in:\n{}", said.out))
    };
    let order = [
        at(&["upgrade", "shop/payment-service", "v2.3.0 → v2.3.2", "3 clients"]),
        at(&["rollback", "shop/payment-service", "v2.3.1 → v2.3.0", "3 clients"]),
        at(&["upgrade", "shop/payment-service", "v2.3.0 → v2.3.1", "3 clients"]),
        at(&["upgrade", "shop/web", "v1.4.2 → v1.5.0", "3 clients"]),
        at(&["first deployment", "shop/web", "v1.4.2", "3 clients"]),
        at(&["Pulled locally"]),
        at(&["shop/web", "v1.4.2", "docker"]),
    ];
    assert!(order.is_sorted(), "{order:?} in:\n{}", said.out);
    at(&["shop/payment-service", "v2.3.2", "settled", "confirmed"]);
    at(&["shop/payment-service", "v2.3.1", "settled", "likely"]);
    let pulls_of_v2_3_0 = said.err.lines().filter(|line| {
        line.contains("production node") && line.contains(" pulls shop/payment-service:v2.3.0")
    });
    assert_eq!(pulls_of_v2_3_0.count(), 3, "each node once: {}", said.err);
    at(&["shop/web:v1.6.0", "404"]);

    // The one question, asked on the way and at the end, is answered by what happened.
    let asked = "$ landfall verify 'login fix' --env production";
    let answers: Vec<&str> =
        said.out.split(asked).skip(1).map(|rest| rest.trim_start().split("  ").next().unwrap()).collect();
    assert_eq!(answers, ["rolling out", "live", "rolled back", "live"], "{}", said.out);
    assert_eq!(said.out.matches("Yes, confirmed: 6 of 6 pods").count(), 2, "{}", said.out);
    for question in ["is the login fix live in staging?", "what was rolled back in production?"] {
        let answer = said.out.split_once(question).unwrap().1;
        assert!(answer.contains("v2.3.1"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_until_told_to_end() {
    let tmp = directory();
    let logs = directory();
    let mut process = Process::start(&demo(tmp.path()), &logs.path().join("log"));
    let dashboard = until("the demo names its dashboard", async || {
        process.assert_running("the demo");
        let log = process.log();
        log.lines().find_map(|line| line.trim().strip_prefix("dashboard ").map(|url| url.trim().to_owned()))
    })
    .await;
    let address = dashboard.strip_prefix("http://").unwrap().trim_end_matches('/');
    let client = Client::new(address);
    client.ask(Method::GET, "/readyz", &[]).await.expect(200);
    assert!(process.log().contains("/ask?q=Is+the+login+fix+live%3F"), "{}", process.log());

    // Somebody looks what becomes of it without its environment.
    let log = process.log();
    let token = log.lines().find_map(|line| line.trim().strip_prefix("admin token ")).unwrap().trim();
    let admin = client.with("authorization", format!("Bearer {token}"));
    let path = "/api/v1/environments/production?confirm=production";
    admin.ask(Method::DELETE, path, &[]).await.expect(204);
    until("the witness is refused, and goes on", async || {
        process.assert_running("the demo");
        process.log().contains("could not report, and tries again").then_some(())
    })
    .await;

    process.terminate();
    let status = process.wait(END_TIME_MAX).expect("the demo ends");
    assert_eq!(status.code(), Some(0), "{}", process.log());
    assert_empty(tmp.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_ended_in_the_middle() {
    let tmp = directory();
    let logs = directory();
    let mut process = Process::start(&demo(tmp.path()), &logs.path().join("log"));
    until("the first pull", async || process.log().contains(" pulls ").then_some(())).await;
    process.terminate();
    let status = process.wait(END_TIME_MAX).expect("the demo ends");
    assert_eq!(status.code(), Some(0), "{}", process.log());
    assert!(!process.log().contains("dashboard "), "{}", process.log());
    assert_empty(tmp.path());
}
