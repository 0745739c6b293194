//! What happens to the log's disk stops no pull, and is said.

use std::path::Path;

use http::Method;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;

use crate::rig::fake::Fake;
use crate::rig::http::Client;
use crate::rig::images::{Format, Recipe};
use crate::rig::landfall::{Landfall, Setup};
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
