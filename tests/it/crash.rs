//! `kill -9` in a burst of pulls: a pull that a client saw succeed is in the log (promise 2 of ARCHITECTURE.md).
//!
//! `LANDFALL_TEST_KILLS=50` kills fifty times.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;

use crate::rig::fake::Fake;
use crate::rig::http::Client;
use crate::rig::images::{Format, Image, Recipe};
use crate::rig::landfall::Setup;

/// An answer that came sooner than [`crate::rig::landfall::MAX_WAIT`] cannot have been late.
const SURELY_IN_TIME: Duration = Duration::from_secs(5);
const CLIENTS: usize = 16;
const KILLS: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_was_seen_survives_kill_9() {
    let kills = std::env::var("LANDFALL_TEST_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    let upstream = Fake::holding(image.clone()).await;
    let mut landfall = Setup::before(&upstream.url()).start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    let serial = Arc::<AtomicU64>::default();
    let mut seen = HashSet::new();
    for kill in 0..kills {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| tokio::spawn(pull_until_it_dies(landfall.client(&token), image.clone(), serial.clone())))
            .collect();
        // A different moment each time: after so many requests, in the middle of the next ones.
        let moment = serial.load(Ordering::Relaxed) + 40 + kill * 37 % 200;
        crate::rig::until("the burst is under way", async || {
            (serial.load(Ordering::Relaxed) >= moment).then_some(())
        })
        .await;
        landfall.process().kill();
        let mut answered = 0;
        for client in clients {
            let agents = client.await.unwrap();
            answered += agents.len();
            seen.extend(agents);
        }
        assert!(answered > CLIENTS, "kill {kill}: only {answered} answers");
        landfall = landfall.kill_and_start();
        let observations = landfall.observations().await;
        let logged: HashSet<_> = observations.iter().map(|one| one["agent"].as_str().unwrap()).collect();
        let missing: Vec<_> = seen.iter().filter(|agent| !logged.contains(agent.as_str())).collect();
        assert!(
            missing.is_empty(),
            "kill {kill}: {} of {} answers are not in the log",
            missing.len(),
            seen.len()
        );
        // And it goes on where it stood: the token is known, no observation stands there twice.
        assert_eq!(logged.len(), observations.len(), "kill {kill}: an agent asks once");
        landfall.client(&token).with("user-agent", format!("after-{kill}")).get("/v2/").await.expect(200);
    }
    println!("{kills} kills, {} answered manifest requests, none missing", seen.len());
}

/// HEAD by tag, GET by digest, each request under a user agent of its own; returns those whose answer came whole
/// and in time.
async fn pull_until_it_dies(client: Client, image: Image, serial: Arc<AtomicU64>) -> Vec<String> {
    let by_digest = format!("/v2/docker/app/manifests/{}", image.digest());
    let requests = [(Method::HEAD, "/v2/docker/app/manifests/v1"), (Method::GET, by_digest.as_str())];
    let mut seen = Vec::new();
    for (method, path) in requests.iter().cycle() {
        let agent = format!("burst/{}", serial.fetch_add(1, Ordering::Relaxed));
        let asked = Instant::now();
        let answer = client.send(method.clone(), path, &[("user-agent", &agent)], Bytes::new()).await;
        let Ok(answer) = answer else { break };
        let answer = answer.expect(200);
        assert_eq!(answer.header("docker-content-digest"), Some(image.digest()));
        // A later one may have been counted as late: that is the other half of the promise.
        if asked.elapsed() < SURELY_IN_TIME {
            seen.push(agent);
        }
    }
    seen
}
