//! Several replicas of one log over real NATS servers: pulls at each, faults behind them, and one history in the end.
//!
//! `LANDFALL_TEST_REPLICA_FAULTS=1000` does as many faults, one after the other; `LANDFALL_TEST_SEED=17` chooses others.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::rig::fake::Fake;
use crate::rig::http::Client;
use crate::rig::images::{Format, Image, Recipe};
use crate::rig::landfall::{Landfall, Setup, Token, command};
use crate::rig::nats::Nats;
use crate::rig::process::run;
use crate::rig::skip::need;
use crate::rig::tls::Identity;
use crate::rig::until;

/// An answer that came sooner than [`crate::rig::landfall::MAX_WAIT`] cannot have been late.
pub const SURELY_IN_TIME: Duration = Duration::from_secs(5);
pub const ADMIN_TOKEN: &str = "adm_replicas-of-one-log-have-one-admin-token";
const CLIENTS: usize = 4;
/// Faults of an ordinary run.
const FAULTS: u64 = 8;

/// A replica that pulls from the registry at `url`.
pub fn replica(name: &str, url: &str, nats: &Nats) -> Setup {
    let setup = Setup::before(url).on_a_known_port().line(&nats.table(name));
    std::fs::create_dir_all(setup.data()).unwrap();
    std::fs::write(setup.data().join("admin.token"), ADMIN_TOKEN).unwrap();
    setup
}

/// Clients that pull at one replica.
struct Pulls {
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Pulls {
    /// Begins at `replica`, which may die: a broken transfer is tried again until it is over.
    fn begin(name: &'static str, replica: &Landfall, token: &Token, image: &Image) -> Self {
        let (is_over, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let task = |client: usize| {
            let prefix = format!("{name}/{client}");
            let (is_over, answered) = (is_over.clone(), answered.clone());
            tokio::spawn(pull(prefix, replica.client(token), image.clone(), is_over, answered))
        };
        Self { tasks: (0..CLIENTS).map(task).collect(), is_over, answered }
    }

    /// Waits for so many more answers.
    async fn go_on(&self, answers: u64) {
        let before = self.answered.load(Ordering::Relaxed);
        until("pulls go on", async || {
            (self.answered.load(Ordering::Relaxed) >= before + answers).then_some(())
        })
        .await;
    }

    /// Ends; the agents of requests that were answered in time.
    async fn end(self) -> Vec<String> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut seen = Vec::new();
        for task in self.tasks {
            seen.extend(task.await.unwrap());
        }
        seen
    }
}

async fn pull(
    prefix: String,
    client: Client,
    image: Image,
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
) -> Vec<String> {
    let by_digest = format!("/v2/docker/app/manifests/{}", image.digest());
    let requests = [(Method::HEAD, "/v2/docker/app/manifests/v1"), (Method::GET, by_digest.as_str())];
    let mut seen = Vec::new();
    for (number, (method, path)) in requests.iter().cycle().enumerate() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let (agent, asked) = (format!("{prefix}/{number}"), Instant::now());
        let answer = client.send(method.clone(), path, &[("user-agent", &agent)], Bytes::new()).await;
        // Its replica was killed; nothing was promised.
        let Ok(answer) = answer else { continue };
        answer.expect(200);
        answered.fetch_add(1, Ordering::Relaxed);
        if asked.elapsed() < SURELY_IN_TIME {
            seen.push(agent);
        }
        // Slow enough that all of the machine is not taken.
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    seen
}

/// The export's text.
async fn export(replica: &Landfall) -> String {
    replica.admin(Method::GET, "/api/v1/export", None).await.expect(200).text()
}

/// Waits until every replica has the same export, and each of `seen` is there once. Returns the export.
pub async fn have_all(replicas: &[&Landfall], seen: &[String]) -> String {
    let mut last = String::new();
    until("every replica has every pull", async || {
        let first = export(replicas[0]).await;
        for other in &replicas[1..] {
            if export(other).await != first {
                last = "the exports differ".to_owned();
                return None;
            }
        }
        let mut count: HashMap<String, u32> = HashMap::new();
        for line in first.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            *count.entry(line["agent"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        let missing = seen.iter().filter(|agent| !count.contains_key(*agent)).count();
        let twice: Vec<_> = seen.iter().filter(|agent| count.get(*agent).is_some_and(|it| *it > 1)).collect();
        assert!(twice.is_empty(), "there twice: {twice:?}");
        (missing == 0).then_some(first)
    })
    .await
}

/// Waits until every replica answers the token's client so.
pub async fn answer(replicas: &[&Landfall], token: &Token, status: u16) {
    for replica in replicas {
        until("the token is known", async || {
            let answer = replica.client(token).send(Method::GET, "/v2/", &[], Bytes::new()).await;
            answer.is_ok_and(|answer| answer.status.as_u16() == status).then_some(())
        })
        .await;
    }
}

/// Makes an environment, as often as it takes.
pub async fn made(replica: &Landfall, name: &str) {
    until("an environment is made", async || {
        let body = Some(json!({"name": name}));
        let answer = replica.admin(Method::POST, "/api/v1/environments", body).await;
        [201, 409].contains(&answer.status.as_u16()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pull_is_at_every_replica_once_whatever_fails_behind_them() {
    need!("nats-server");
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    let upstream = Fake::holding(image.clone()).await;
    let mut nats = Nats::start(3);
    let [zero, one, two] = ["r-0", "r-1", "r-2"].map(|name| replica(name, &upstream.url(), &nats).start());
    made(&zero, "production").await;
    let token = zero.token("production").await;
    answer(&[&zero, &one, &two], &token, 200).await;

    let pulls = [
        Pulls::begin("zero", &zero, &token, &image),
        Pulls::begin("one", &one, &token, &image),
        Pulls::begin("two", &two, &token, &image),
    ];
    pulls[0].go_on(100).await;
    // Each server in turn, one of which leads.
    for server in 0..3 {
        nats.kill(server);
        pulls[1].go_on(50).await;
        made(&one, &format!("after-server-{server}")).await;
        nats.start_server(server);
        pulls[2].go_on(50).await;
    }
    // One that hangs.
    nats.pause(1, true);
    pulls[0].go_on(100).await;
    nats.pause(1, false);
    // A replica.
    let one = one.kill_and_start();
    pulls[1].go_on(50).await;
    // The quorum: pulls go on at each replica, acts do not.
    nats.kill(0);
    nats.kill(1);
    for pulls in &pulls {
        pulls.go_on(200).await;
    }
    let refused = zero.admin(Method::POST, "/api/v1/environments", Some(json!({"name": "nowhere"}))).await;
    refused.expect(503);
    // A replica that starts without the stream has what it followed.
    let two = two.kill_and_start();
    pulls[2].go_on(50).await;
    nats.start_server(0);
    nats.start_server(1);
    made(&two, "after-the-quorum").await;

    let mut seen = Vec::new();
    for pulls in pulls {
        seen.extend(pulls.end().await);
    }
    assert!(seen.len() > 500, "{}", seen.len());
    let export = have_all(&[&zero, &one, &two], &seen).await;
    println!("{} answered requests, {} lines at each replica", seen.len(), export.lines().count());

    let told = zero.admin_get("/api/v1/replicas").await;
    let names: Vec<_> = told.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["r-0", "r-1", "r-2"], "{told}");
    let text = two.cli(&["replicas"]).succeeded().out;
    assert!(["r-0", "r-1", "r-2", "none"].iter().all(|word| text.contains(word)), "{text}");
    let metrics = zero.admin(Method::GET, "/metrics", None).await.expect(200).text();
    assert!(metrics.contains("landfall_log_shared_answered 1"), "{metrics}");

    // A token that is revoked at one is refused at all.
    one.revoke(&token).await;
    let revoked = Instant::now();
    answer(&[&zero, &one, &two], &token, 401).await;
    println!("revoked everywhere after {:?}", revoked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_and_an_act_hold_at_each_replica_and_a_new_one_catches_up() {
    need!("nats-server");
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    let upstream = Fake::holding(image.clone()).await;
    let nats = Nats::start(1);
    let [zero, one] = ["r-0", "r-1"].map(|name| replica(name, &upstream.url(), &nats).start());
    made(&zero, "production").await;
    let token = zero.token("production").await;
    answer(&[&one], &token, 200).await;
    // Of two at the same moment one wins.
    for round in 0..5 {
        let body = || Some(json!({"name": format!("race-{round}")}));
        let (left, right) = tokio::join!(
            zero.admin(Method::POST, "/api/v1/environments", body()),
            one.admin(Method::POST, "/api/v1/environments", body()),
        );
        let mut statuses = [left.status.as_u16(), right.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{} {}", left.text(), right.text());
    }
    let client = one.client(&token);
    client.get("/v2/docker/app/manifests/v1").await.expect(200);
    let (ended, _) = one.stop();
    assert!(ended.success());
    // Its last observations are at the other one, and at one that is new.
    let two = replica("r-2", &upstream.url(), &nats).start();
    let lines = have_all(&[&zero, &two], &[]).await;
    assert_eq!(lines.lines().count(), 1, "{lines}");
    answer(&[&two], &token, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_behind_tls_that_knows_its_users_is_shared_by_those_with_credentials_alone() {
    need!("nats-server");
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    let upstream = Fake::holding(image.clone()).await;
    let identity = Identity::new();
    let (nats, credentials) = Nats::start_guarded(&identity);
    let setup = |name: &str, credentials: &str| {
        let setup = Setup::before(&upstream.url()).on_a_known_port();
        let (authority, file) = (setup.dir().join("nats.crt"), setup.dir().join("nats.creds"));
        std::fs::write(&authority, identity.pem()).unwrap();
        std::fs::write(&file, credentials).unwrap();
        std::fs::create_dir_all(setup.data()).unwrap();
        std::fs::write(setup.data().join("admin.token"), ADMIN_TOKEN).unwrap();
        setup.line(&format!(
            "[log.shared]\nurl = \"tls://localhost:{}\"\nreplica = \"{name}\"\nca_file = {authority:?}\n\
             credentials_file = {file:?}",
            nats.port()
        ))
    };
    let [zero, one] = ["r-0", "r-1"].map(|name| setup(name, &credentials).start());
    made(&zero, "production").await;
    let token = zero.token("production").await;
    answer(&[&zero, &one], &token, 200).await;
    one.client(&token).get("/v2/docker/app/manifests/v1").await.expect(200);
    until("the pull is at the other one", async || (export(&zero).await.lines().count() == 1).then_some(()))
        .await;
    until("each hears of the other", async || {
        (zero.admin_get("/api/v1/replicas").await.as_array().unwrap().len() == 2).then_some(())
    })
    .await;
    // Another user's are refused, and nothing else is.
    let other = {
        let (_, others) = Nats::start_guarded(&identity);
        setup("r-2", &others).start()
    };
    let status = other.admin_get("/status").await;
    assert!(status["log"]["health"].as_str().unwrap().contains("the stream does not answer"), "{status}");
    other.stranger().ask(Method::GET, "/v2/", &[]).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_one_server_wrote_goes_into_a_stream_and_on_from_there() {
    need!("nats-server");
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    let upstream = Fake::holding(image.clone()).await;
    let alone = Setup::before(&upstream.url()).on_a_known_port().start();
    alone.environment("production").await;
    let token = alone.token("production").await;
    for _ in 0..3 {
        alone.client(&token).get("/v2/docker/app/manifests/v1").await.expect(200);
    }
    let (export_before, running_before) = (export(&alone).await, running(&alone).await);
    let (ended, setup) = alone.stop();
    assert!(ended.success());
    let nats = Nats::start(1);
    let config = setup.dir().join("share.toml");
    let text = format!("[[upstream]]\nurl = \"{}\"\n{}", upstream.url(), nats.table("any"));
    std::fs::write(&config, text).unwrap();
    let share = || run(command().arg("share").arg("--config").arg(&config).arg("--data").arg(setup.data()));
    assert!(share().succeeded().out.contains("are in the stream `landfall`"));
    share().failed_with("is not empty");
    let [one, two] = ["r-0", "r-1"].map(|name| replica(name, &upstream.url(), &nats).start());
    answer(&[&one, &two], &token, 200).await;
    until("the replicas have what the server had", async || {
        let has = async |replica| {
            export(replica).await == export_before && running(replica).await == running_before
        };
        (has(&one).await && has(&two).await).then_some(())
    })
    .await;
    one.client(&token).get("/v2/docker/app/manifests/v1").await.expect(200);
    until("it goes on", async || (export(&two).await.lines().count() == 4).then_some(())).await;
    // Each in its own way.
    let refused = replica("r-2", &upstream.url(), &nats);
    std::fs::copy(setup.data().join("landfall.redb"), refused.data().join("landfall.redb")).unwrap();
    std::fs::copy(setup.data().join("landfall.journal"), refused.data().join("landfall.journal")).unwrap();
    run(&mut refused.command()).failed_with("has a log of its own");
}

/// The services of the environment, without the times of the answer.
async fn running(replica: &Landfall) -> Value {
    let answer = replica.admin(Method::GET, "/api/v1/environments/production/running", None).await;
    let mut services = answer.expect(200).json()["services"].take();
    services.as_array_mut().unwrap().iter_mut().for_each(|it| {
        it.as_object_mut().unwrap().remove("age_s");
    });
    services
}

/// Numbers that look like chance, the same ones for a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Something that goes wrong behind the proxies, and is well again when this returns.
async fn fault(chance: &mut Chance, nats: &mut Nats, replicas: &mut Vec<Landfall>, pulls: &[Pulls]) {
    let (server, replica) = (chance.below(3) as usize, chance.below(3) as usize);
    let other = (server + 1) % 3;
    let pause = Duration::from_millis(300 + chance.below(4_000));
    match chance.below(6) {
        0 => {
            nats.kill(server);
            tokio::time::sleep(pause).await;
            nats.start_server(server);
        }
        1 => {
            nats.pause(server, true);
            tokio::time::sleep(pause).await;
            nats.pause(server, false);
        }
        2 => {
            nats.kill(server);
            nats.kill(other);
            tokio::time::sleep(pause).await;
            nats.start_server(server);
            nats.start_server(other);
        }
        3 => {
            nats.kill(server);
            nats.wipe(server);
            nats.start_server(server);
        }
        4 => {
            nats.pause(server, true);
            nats.pause(other, true);
            tokio::time::sleep(pause).await;
            nats.pause(server, false);
            nats.pause(other, false);
        }
        _ => {
            let killed = replicas.remove(replica).kill_and_start();
            replicas.insert(replica, killed);
        }
    }
    // Pulls go on at each replica, whatever it was.
    for pulls in pulls {
        pulls.go_on(20).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_one_after_the_other_lose_nothing_and_refuse_nobody() {
    need!("nats-server");
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let faults = number("LANDFALL_TEST_REPLICA_FAULTS").unwrap_or(FAULTS);
    let mut chance = Chance(number("LANDFALL_TEST_SEED").unwrap_or(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    let upstream = Fake::holding(image.clone()).await;
    let mut nats = Nats::start(3);
    let mut replicas: Vec<_> =
        ["r-0", "r-1", "r-2"].map(|name| replica(name, &upstream.url(), &nats).start()).into();
    made(&replicas[0], "production").await;
    let token = replicas[0].token("production").await;
    answer(&replicas.iter().collect::<Vec<_>>(), &token, 200).await;
    let names = ["zero", "one", "two"].into_iter().zip(&replicas);
    let pulls: Vec<_> = names.map(|(name, replica)| Pulls::begin(name, replica, &token, &image)).collect();
    for number in 0..faults {
        fault(&mut chance, &mut nats, &mut replicas, &pulls).await;
        if number % 50 == 49 {
            println!("{} faults", number + 1);
        }
    }
    let mut seen = Vec::new();
    for pulls in pulls {
        seen.extend(pulls.end().await);
    }
    let healed = Instant::now();
    have_all(&replicas.iter().collect::<Vec<_>>(), &seen).await;
    println!(
        "{faults} faults, {} answered requests, equal {:?} after the last fault",
        seen.len(),
        healed.elapsed()
    );
}
