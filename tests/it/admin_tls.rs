//! The admin listener over TLS, and the commands that speak it.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::rig::landfall::{self, Landfall, Setup};
use crate::rig::process::{Said, run};
use crate::rig::tls::Identity;

/// A server whose admin listener has this certificate, for the name `localhost`.
fn start(identity: &Identity) -> Landfall {
    let setup = Setup::before("http://127.0.0.1:1");
    identity.write(setup.dir());
    let file = |name: &str| setup.dir().join(name).display().to_string();
    let (cert, key) = (file("tls.crt"), file("tls.key"));
    setup.flag("--admin-tls-cert", &cert).flag("--admin-tls-key", &key).start()
}

/// A command against `localhost`, over this scheme.
fn command(landfall: &Landfall, scheme: &str, arguments: &[&str]) -> std::process::Command {
    let port = landfall.admin_url().rsplit(':').next().unwrap().to_owned();
    let mut command = landfall::command();
    command.args(arguments).env("LANDFALL_ADMIN", format!("{scheme}://localhost:{port}"));
    command.arg("--admin-token-file").arg(landfall.setup().data().join("admin.token"));
    command
}

fn says(landfall: &Landfall, scheme: &str, arguments: &[&str]) -> Said {
    run(&mut command(landfall, scheme, arguments))
}

#[test]
fn commands_speak_https_to_whom_they_trust() {
    let identity = Identity::new();
    let landfall = start(&identity);
    let ca = landfall.setup().dir().join("tls.crt").display().to_string();
    let made = says(&landfall, "https", &["env", "create", "production", "--ca-file", &ca]).succeeded();
    assert!(made.out.contains("production"), "{made:?}");
    says(&landfall, "https", &["status", "production", "--ca-file", &ca]).succeeded();

    says(&landfall, "https", &["status"]).failed_with("in --ca-file");
    let other = landfall.setup().dir().join("other.crt");
    std::fs::write(&other, Identity::new().pem()).unwrap();
    let stranger = ["status", "--ca-file", &other.display().to_string()];
    assert_ne!(says(&landfall, "https", &stranger).code, Some(0), "another certificate is not this one");
    says(&landfall, "https", &["status", "--ca-file", "/nonexistent"]).failed_with("--ca-file /nonexistent");
    says(&landfall, "http", &["status"]).failed_with("https://");
}

#[test]
fn a_coding_agents_program_speaks_https() {
    let landfall = start(&Identity::new());
    let ca = landfall.setup().dir().join("tls.crt");
    let mut mcp = command(&landfall, "https", &["mcp"]);
    mcp.arg("--ca-file").arg(&ca).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = mcp.spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    let version = "2025-11-25";
    let client =
        json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    for message in [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
            "params": {"name": "list_environments", "arguments": {}}}),
    ] {
        writeln!(input, "{message}").unwrap();
    }
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(process.stdout.take().unwrap()));
    let answer = lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let called = answer.take(2).find(|it| it["id"] == 2).unwrap();
    drop(input);
    process.wait().unwrap();
    assert_eq!(called["result"]["structuredContent"]["environments"], json!([]), "{called}");
}
