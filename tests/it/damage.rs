//! A disk that changes what was written: pulls go on, it is said, and `landfall salvage` keeps the rest.

use std::collections::HashSet;
use std::path::Path;

use http::Method;

use crate::rig::fake::Fake;
use crate::rig::http::Client;
use crate::rig::images::{Format, Recipe};
use crate::rig::landfall::{Setup, command};
use crate::rig::process::{Said, run};
use crate::rig::until;

const MANIFEST: &str = "/v2/docker/app/manifests/v1";

/// A pull under an agent of its own, by which its event is found in the files.
async fn pull(client: &Client, agent: &str) {
    client.ask(Method::GET, MANIFEST, &[("user-agent", agent)]).await.expect(200);
}

/// Changes the text wherever it stands in the log's files, as a broken disk might.
fn change(data: &Path, text: &str) {
    let mut changed = 0;
    for name in ["landfall.redb", "landfall.journal"] {
        let mut bytes = std::fs::read(data.join(name)).unwrap();
        for at in 0..bytes.len() - text.len() {
            if bytes[at..].starts_with(text.as_bytes()) {
                bytes[at] ^= 0xa5;
                changed += 1;
            }
        }
        std::fs::write(data.join(name), bytes).unwrap();
    }
    assert!(changed > 0, "`{text}` is nowhere");
}

fn salvage(data: &Path, to: &Path) -> Said {
    run(command().arg("salvage").arg("--data").arg(data).arg("--to").arg(to))
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_stops_no_pull_is_said_and_leaves_what_is_whole() {
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let landfall = Setup::before(&upstream.url()).start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    let agents: Vec<_> = (0..10).map(|number| format!("early/{number}")).collect();
    for agent in &agents {
        pull(&landfall.client(&token), agent).await;
    }
    assert_eq!(landfall.observations().await.len(), agents.len());
    let (_, setup) = landfall.stop();
    change(&setup.data(), "early/4");

    // Its snapshot is whole, so nobody has needed the damaged event yet.
    let landfall = setup.start();
    until("the slow pass finds it", async || {
        let log = landfall.admin_get("/status").await["log"].clone();
        (log["damaged_events"] == 1 && log["health"].as_str()?.contains("landfall salvage")).then_some(())
    })
    .await;
    let metrics = landfall.admin(Method::GET, "/metrics", None).await;
    assert!(metrics.text().contains("\nlandfall_log_damaged_events 1\n"));
    let file = landfall.setup().dir().join("landfall.backup");
    let refused =
        landfall.cli(&["backup", file.to_str().unwrap()]).failed_with("of it is not what was written");
    assert_eq!(refused.code, Some(65), "{}", refused.all());
    assert!(
        refused.err.contains("landfall restore") && refused.err.contains("landfall salvage"),
        "{}",
        refused.err
    );
    assert!(!file.exists());
    let piped = landfall.cli(&["backup", "-"]).code;
    assert_eq!(piped, Some(65));
    for agent in ["late/1", "late/2", "late/3"] {
        pull(&landfall.client(&token), agent).await;
    }

    let setup = landfall.kill();
    change(&setup.data(), "late/1");
    let refused = run(&mut setup.command());
    assert_eq!((refused.code, refused.out.as_str()), (Some(65), ""));
    for word in ["is damaged", "nothing was changed", "landfall restore", "landfall salvage"] {
        assert!(refused.err.contains(word), "no `{word}` in: {}", refused.err);
    }
    assert!(!refused.err.contains("panicked"), "{}", refused.err);

    let (data, new) = (setup.data(), setup.dir().join("new"));
    let files = || ["landfall.redb", "landfall.journal"].map(|name| std::fs::read(data.join(name)).unwrap());
    let before = files();
    let said = salvage(&data, &new).succeeded().out;
    assert!(said.contains("Lost 2 events") && said.contains("landfall serve --data"), "{said}");
    assert!(files() == before, "the damaged log was changed");
    salvage(&data, &new).failed_with("is there already");

    std::fs::rename(&data, setup.dir().join("old")).unwrap();
    std::fs::rename(&new, &data).unwrap();
    let landfall = setup.start();
    pull(&landfall.client(&token), "again/1").await;
    let observations = landfall.observations().await;
    let there: HashSet<_> = observations.iter().map(|one| one["agent"].as_str().unwrap()).collect();
    let expected = agents.iter().map(String::as_str).chain(["late/2", "late/3", "again/1"]);
    let expected: HashSet<_> = expected.filter(|agent| *agent != "early/4").collect();
    assert_eq!(there, expected);
    assert_eq!(landfall.admin_get("/status").await["log"]["health"], "ok");
}
