//! An edge beside a full replica over a real NATS server, where each has its own rights and no others: what passes through the edge
//! is in the log once, and what is decided elsewhere holds at the edge.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use async_nats::{ConnectOptions, HeaderMap, Request};
use bytes::Bytes;
use futures_util::future::join_all;
use http::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::balanced::InTurn;
use crate::replicas::{ADMIN_TOKEN, made, replica};
use crate::rig::fake::Fake;
use crate::rig::images::{Format, Image, Recipe};
use crate::rig::landfall::{Landfall, Setup, Token};
use crate::rig::nats::Nats;
use crate::rig::process::run;
use crate::rig::skip::need;
use crate::rig::until;

/// Time after which a request that nobody may answer is given up.
const UNANSWERED: Duration = Duration::from_secs(2);

/// A registry, NATS, a full replica and an edge.
struct World {
    image: Image,
    upstream: Fake,
    nats: Nats,
    /// Credentials of the full replica, and of the edge.
    credentials: [String; 2],
}

impl World {
    async fn new() -> Self {
        let image = Recipe::app(Format::Oci, "1.0.0").build();
        let upstream = Fake::holding(image.clone()).await;
        let (nats, full, mut edges) = Nats::start_for_edges(&["edge-0"]);
        Self { image, upstream, nats, credentials: [full, edges.remove(0)] }
    }

    fn setup(&self, name: &str, role: &str, credentials: &str) -> Setup {
        let setup = Setup::before(&self.upstream.url()).on_a_known_port();
        let file = setup.dir().join("nats.creds");
        std::fs::write(&file, credentials).unwrap();
        std::fs::create_dir_all(setup.data()).unwrap();
        std::fs::write(setup.data().join("admin.token"), ADMIN_TOKEN).unwrap();
        let table = self.nats.table(name);
        setup.line(&format!("{table}\nrole = \"{role}\"\ncredentials_file = {file:?}"))
    }

    fn full(&self) -> Setup {
        self.setup("r-0", "full", &self.credentials[0])
    }

    fn edge(&self) -> Setup {
        self.setup("edge-0", "edge", &self.credentials[1])
    }

    /// Pulls the image so often, each time by another agent, whose names it returns.
    async fn pull(&self, replica: &Landfall, token: &Token, name: &str, times: usize) -> Vec<String> {
        let client = replica.client(token);
        let by_digest = format!("/v2/docker/app/manifests/{}", self.image.digest());
        let paths = ["/v2/docker/app/manifests/v1", &by_digest];
        let mut agents = Vec::new();
        for (number, path) in (0..times).zip(paths.into_iter().cycle()) {
            let agent = format!("containerd/1.7.27 {name} {number}");
            let answer = client.send(Method::GET, path, &[("user-agent", &agent)], Bytes::new()).await;
            answer.unwrap().expect(200);
            agents.push(agent);
        }
        agents
    }
}

/// Waits until the replica answers the token's client so.
async fn answers(replica: &Landfall, token: &Token, status: u16) {
    until("the token is known", async || {
        let answer = replica.client(token).send(Method::GET, "/v2/", &[], Bytes::new()).await;
        answer.is_ok_and(|answer| answer.status.as_u16() == status).then_some(())
    })
    .await;
}

/// Waits until the full replica has each of these agents' pulls, and fails where one is there twice.
async fn has(full: &Landfall, agents: &[String]) {
    until("every pull is there", async || {
        let there: Vec<Value> = full.observations().await;
        let count = |agent: &&String| there.iter().filter(|it| it["agent"] == ***agent).count();
        let twice: Vec<_> = agents.iter().filter(|agent| count(agent) > 1).collect();
        assert!(twice.is_empty(), "there twice: {twice:?}");
        agents.iter().all(|agent| count(&agent) == 1).then_some(())
    })
    .await;
}

async fn created(replica: &Landfall, name: &str) {
    until("an environment is made", async || {
        let answer = replica.admin(Method::POST, "/api/v1/environments", Some(json!({"name": name}))).await;
        [201, 409].contains(&answer.status.as_u16()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_ships_every_pull_once_and_takes_each_change_whatever_fails() {
    need!("nats-server");
    let mut world = World::new().await;
    let (full, mut edge) = (world.full().start(), world.edge().start());
    created(&full, "production").await;
    let token = full.token("production").await;
    answers(&edge, &token, 200).await;
    let mut agents = world.pull(&edge, &token, "first", 20).await;
    has(&full, &agents).await;
    let deployments = async || {
        let told = full.admin_get("/api/v1/environments/production/deployments").await;
        told["deployments"].as_array().unwrap().len()
    };
    until("what passed the edge is a deployment", async || (deployments().await == 1).then_some(())).await;

    // Another log's token, which nobody here knows.
    let other = Setup::before(&world.upstream.url()).on_a_known_port().start();
    other.environment("production").await;
    let unknown = other.token("production").await;
    answers(&edge, &unknown, 401).await;

    // The stream is away: pulls go on, also through a kill. A token that the edge does not know may be new.
    world.nats.kill(0);
    agents.extend(world.pull(&edge, &token, "away", 20).await);
    edge = edge.kill_and_start();
    agents.extend(world.pull(&edge, &token, "again", 20).await);
    until("it notices that the stream is away", async || {
        let answer = edge.client(&unknown).send(Method::GET, "/v2/", &[], Bytes::new()).await.unwrap();
        (answer.status.as_u16() == 503).then_some(())
    })
    .await;
    let health = edge.admin_get("/status").await["log"]["health"].take();
    assert!(health.as_str().unwrap().contains("the stream does not answer"), "{health}");
    agents.extend(world.pull(&edge, &token, "still", 5).await);
    world.nats.start_server(0);
    has(&full, &agents).await;
    until("nothing is missing", async || {
        let running = full.admin_get("/api/v1/environments/production/running").await;
        running["incomplete"].is_null().then_some(())
    })
    .await;

    assert_eq!(deployments().await, 1);

    // One that hangs hears of nothing, and is named.
    let second = full.token("production").await;
    answers(&edge, &second, 200).await;
    let pid = Pid::from_child(edge.process().child());
    kill_process(pid, Signal::STOP).unwrap();
    let said = full.cli(&["token", "revoke", "production", &second.id]).succeeded().out;
    assert!(said.contains("these have not confirmed that") && said.contains("edge-0"), "{said}");
    until("its silence is missed", async || {
        let running = full.admin_get("/api/v1/environments/production/running").await;
        running["incomplete"]["complete_until"].is_string().then_some(())
    })
    .await;
    kill_process(pid, Signal::CONT).unwrap();
    answers(&edge, &second, 401).await;
    let said = full.cli(&["token", "revoke", "production", &token.id]).succeeded().out;
    assert!(!said.contains("edge-0"), "{said}");
    answers(&edge, &token, 401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_names_the_edge_that_hangs_on_every_surface() {
    need!("nats-server");
    let world = World::new().await;
    let (full, mut edge) = (world.full().start(), world.edge().start());
    created(&full, "production").await;
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(full.token("production").await);
    }
    answers(&edge, tokens.last().unwrap(), 200).await;
    let [by_command, by_api, by_page, by_tool] = &tokens[..] else { unreachable!() };
    let path = |token: &Token| format!("/api/v1/environments/production/tokens/{}", token.id);
    let all = InTurn::of(vec![&full]);
    let (cookie, proof) = all.log_in().await;
    until("the edge is heard", async || {
        (full.admin_get("/api/v1/replicas").await.as_array().unwrap().len() == 2).then_some(())
    })
    .await;
    let pid = Pid::from_child(edge.process().child());
    kill_process(pid, Signal::STOP).unwrap();

    let said = full.cli(&["token", "revoke", "production", &by_command.id]).succeeded().out;
    assert!(said.contains("these have not confirmed that") && said.contains("edge-0"), "{said}");
    let told = full.admin(Method::DELETE, &path(by_api), None).await.expect(200).json();
    assert_eq!(told, json!({"unconfirmed": ["edge-0"]}));
    let headers = [("cookie", cookie.as_str())];
    let form = format!("/environments/production/tokens/{}/revoke", by_page.id);
    let sent = all.send(Method::POST, &form, &headers, &format!("proof={proof}")).await.expect(303);
    let page = all.send(Method::GET, sent.header("location").unwrap(), &headers, "").await.expect(200).text();
    assert!(page.contains("these have not confirmed the latest change") && page.contains("edge-0"), "{page}");
    let mut call =
        json!({"name": "revoke_token", "arguments": {"environment": "production", "id": by_tool.id}});
    let asked = all.call(call.clone()).await;
    call["inputResponses"] = json!({"confirm": {"action": "accept", "content": {"confirm": true}}});
    call["requestState"] = asked["requestState"].clone();
    let done = all.call(call).await;
    assert_eq!(done["structuredContent"]["unconfirmed"], json!(["edge-0"]), "{done}");
    assert!(done["content"][0]["text"].as_str().unwrap().contains("edge-0"), "{done}");

    kill_process(pid, Signal::CONT).unwrap();
    for token in &tokens {
        answers(&edge, token, 401).await;
    }
    until("it confirms", async || {
        let again = full.admin(Method::DELETE, &path(by_api), None).await;
        (again.status.as_u16() == 204).then_some(())
    })
    .await;
    let page = all.send(Method::GET, "/replicas", &headers, "").await.expect(200).text();
    assert!(!page.contains("have not confirmed"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_is_gone_is_forgotten_and_known_again_when_it_is_back() {
    need!("nats-server");
    let mut world = World::new().await;
    let (full, edge) = (world.full().start(), world.edge().start());
    created(&full, "production").await;
    let token = full.token("production").await;
    answers(&edge, &token, 200).await;
    let names = async || {
        let told = full.admin_get("/api/v1/replicas").await;
        told.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    until("the edge is heard", async || (names().await == ["edge-0", "r-0"]).then_some(())).await;
    full.cli(&["replicas", "forget", "edge-0"]).failed_with("so it is not gone");
    full.cli(&["replicas", "forget", "nobody"]).failed_with("there is no replica `nobody`");
    // These reach nobody else.
    world.nats.kill(0);
    let agents = world.pull(&edge, &token, "alone", 5).await;
    let setup = edge.kill();
    world.nats.start_server(0);
    let is_incomplete = async || {
        let running = full.admin_get("/api/v1/environments/production/running").await;
        running["incomplete"]["complete_until"].is_string()
    };
    until("it is missed", async || is_incomplete().await.then_some(())).await;
    until("it is silent for a minute, and forgotten", async || {
        let said = full.admin(Method::DELETE, "/api/v1/replicas/edge-0", None).await;
        (said.status.as_u16() == 204).then_some(())
    })
    .await;
    assert_eq!((names().await, is_incomplete().await), (vec!["r-0".to_owned()], false));
    let audit = full.admin_get("/api/v1/audit").await.to_string();
    assert!(audit.contains("replica_forgotten") && audit.contains("forgot the replica edge-0"), "{audit}");
    let _edge = setup.start();
    has(&full, &agents).await;
    until("it is listed again", async || (names().await == ["edge-0", "r-0"]).then_some(())).await;
}

/// A thief with an edge's credentials writes as much as they allow, beside the edge that is at work.
#[tokio::test(flavor = "multi_thread")]
async fn stolen_credentials_of_an_edge_stop_nobody_and_the_edge_is_named() {
    need!("nats-server");
    let mut world = World::new().await;
    let (full, edge) = (world.full().start(), world.edge().start());
    let other = world.setup("r-1", "full", &world.credentials[0]).start();
    created(&full, "production").await;
    let token = full.token("production").await;
    answers(&edge, &token, 200).await;
    let mut agents = world.pull(&edge, &token, "before", 5).await;
    has(&full, &agents).await;
    let options = ConnectOptions::with_credentials(&world.credentials[1]).unwrap();
    let nats = options.custom_inbox_prefix("_INBOX.landfall.edge-0").connect(world.nats.url()).await.unwrap();
    let writer = full.admin_get("/api/v1/replicas").await[0]["writer"].as_str().unwrap().to_owned();
    let mut newer = vec![0; 90];
    newer[..5].copy_from_slice(b"LFsh\xff");
    let mut passed = HeaderMap::new();
    passed.insert("Nats-Subject", "landfall.acts.act");
    let mut written = 0;
    for subject in [
        format!("landfall.edge.edge-0.{writer}"),
        "landfall.edge.edge-0.anything".to_owned(),
        "landfall.acts.mark.edge-0".to_owned(),
    ] {
        for bytes in [b"garbage".to_vec(), Vec::new(), newer.clone(), vec![0xff; 200_000]] {
            for headers in [HeaderMap::new(), passed.clone()] {
                let sent = nats.send_request(
                    subject.clone(),
                    Request::new().headers(headers).payload(bytes.clone().into()),
                );
                let answer = sent.await.unwrap();
                let told = String::from_utf8_lossy(&answer.payload).into_owned();
                assert!(!told.contains("error") && told.contains("seq"), "{subject}: {told}");
                written += 1;
            }
        }
    }
    // Everybody goes on, the edge too, with what it kept while the stream was somebody else's.
    agents.extend(world.pull(&edge, &token, "after", 20).await);
    let second = full.token("production").await;
    answers(&edge, &second, 200).await;
    answers(&other, &second, 200).await;
    agents.extend(world.pull(&other, &second, "other", 5).await);
    for replica in [&full, &other] {
        has(replica, &agents).await;
        until("it has set all of them aside", async || {
            let told = replica.admin_get("/api/v1/replicas").await;
            (told[0]["set_aside"] == written).then_some(())
        })
        .await;
        let metrics = replica.admin(Method::GET, "/metrics", None).await.expect(200).text();
        assert!(metrics.contains(&format!("landfall_log_shared_set_aside {written}")), "{metrics}");
    }
    crate::replicas::have_all(&[&full, &other], &agents).await;
    let said = full.cli(&["replicas"]).succeeded().out;
    assert!(said.contains(&format!("{written} messages of edge-0 were set aside")), "{said}");
    let all = InTurn::of(vec![&other]);
    let (cookie, _) = all.log_in().await;
    let page = all.send(Method::GET, "/replicas", &[("cookie", &cookie)], "").await.expect(200).text();
    assert!(page.contains(&format!("{written} messages of edge-0 were set aside")), "{page}");
    // After a start, too; and through a stream that was away.
    world.nats.kill(0);
    let (full, edge) = (full.kill_and_start(), edge.kill_and_start());
    agents.extend(world.pull(&edge, &second, "again", 5).await);
    world.nats.start_server(0);
    has(&full, &agents).await;
    until("they are counted still", async || {
        (full.admin_get("/api/v1/replicas").await[0]["set_aside"] == written).then_some(())
    })
    .await;
}

/// The client of NATS ends its connection over such headers, before Landfall sees the message.
#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_none_stop_no_full_replica() {
    need!("nats-server");
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    let upstream = Fake::holding(image.clone()).await;
    let nats = Nats::start(1);
    let [zero, one] = ["r-0", "r-1"].map(|name| replica(name, &upstream.url(), &nats).start());
    made(&zero, "production").await;
    let token = zero.token("production").await;
    answers(&one, &token, 200).await;
    let mut raw = TcpStream::connect(("127.0.0.1", nats.port())).unwrap();
    raw.write_all(b"CONNECT {\"verbose\":false,\"headers\":true}\r\n").unwrap();
    for headers in ["NATS/1.0\r\nno colon here\r\n\r\n", "nothing\r\n\r\n"] {
        for subject in
            ["landfall.edge.edge-0.anything", "landfall.acts.mark.edge-0", "landfall-replicas.edge-0"]
        {
            let (head, all) = (headers.len(), headers.len() + 5);
            write!(raw, "HPUB {subject} {head} {all}\r\n{headers}hello\r\n").unwrap();
        }
    }
    raw.write_all(b"PING\r\n").unwrap();
    let mut said = BufReader::new(raw).lines();
    assert!(said.any(|line| line.unwrap() == "PONG"));
    zero.client(&token).get("/v2/docker/app/manifests/v1").await.expect(200);
    until("the pull is at the other one", async || (one.observations().await.len() == 1).then_some(())).await;
    made(&one, "staging").await;
    one.client(&token).get("/v2/docker/app/manifests/v1").await.expect(200);
    until("and so is that one's", async || (zero.observations().await.len() == 2).then_some(())).await;
    for replica in [&zero, &one] {
        let metrics = replica.admin(Method::GET, "/metrics", None).await.expect(200).text();
        assert!(metrics.contains("landfall_log_shared_set_aside 4"), "{metrics}");
        until("they hear of each other", async || {
            (replica.admin_get("/api/v1/replicas").await.as_array().unwrap().len() == 2).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_leaves_questions_and_changes_to_full_replicas() {
    need!("nats-server");
    let world = World::new().await;
    let (full, edge) = (world.full().start(), world.edge().start());
    created(&full, "production").await;
    for path in ["/healthz", "/readyz", "/metrics", "/status"] {
        edge.admin(Method::GET, path, None).await.expect(200);
    }
    until("both know of each other", async || {
        let roles = |told: Value| -> Vec<String> {
            let text =
                |it: &Value| format!("{} {}", it["name"].as_str().unwrap(), it["role"].as_str().unwrap());
            told.as_array().unwrap().iter().map(text).collect()
        };
        let (one, other) =
            (full.admin_get("/api/v1/replicas").await, edge.admin_get("/api/v1/replicas").await);
        let expected = ["edge-0 edge", "r-0 full"];
        (roles(one) == expected && roles(other) == expected).then_some(())
    })
    .await;
    let said = edge.cli(&["replicas"]).succeeded().out;
    assert!(said.contains("edge-0") && said.contains("full"), "{said}");
    let asked = [
        (Method::GET, "/"),
        (Method::GET, "/replicas"),
        (Method::GET, "/api/v1/environments"),
        (Method::GET, "/api/v1/export"),
        (Method::GET, "/api/v1/backup"),
        (Method::GET, "/api/v1/openapi.json"),
        (Method::POST, "/api/v1/replicas"),
        (Method::POST, "/api/v1/environments"),
        (Method::POST, "/api/v1/environments/production/tokens"),
        (Method::POST, "/api/v1/environments/production/sightings"),
        (Method::POST, "/api/v1/ask"),
        (Method::POST, "/mcp"),
        (Method::DELETE, "/api/v1/environments/production"),
    ];
    for (method, path) in asked {
        let answer = edge.admin(method.clone(), path, None).await;
        let problem = answer.expect(421).json();
        assert_eq!(problem["type"], "urn:landfall:problem:edge", "{method} {path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("ask a full replica"), "{problem}");
    }
    edge.cli(&["env", "create", "staging"]).failed_with("ask a full replica");

    // A folder is of one role and name.
    let (ended, setup) = edge.stop();
    assert!(ended.success());
    for (other, why) in [
        (world.setup("edge-0", "full", &world.credentials[0]), "was made with log.shared.role = \"edge\""),
        (world.setup("edge-1", "edge", &world.credentials[0]), "was made by a replica with another name"),
    ] {
        std::fs::remove_dir_all(other.data()).unwrap();
        run(std::process::Command::new("cp").arg("-r").arg(setup.data()).arg(other.data())).succeeded();
        run(&mut other.command()).failed_with(why);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edges_rights_are_for_its_own_subjects_and_the_acts_alone() {
    need!("nats-server");
    let world = World::new().await;
    let full = world.full().start();
    created(&full, "production").await;
    let options = ConnectOptions::with_credentials(&world.credentials[1]).unwrap();
    let options = options.custom_inbox_prefix("_INBOX.landfall.edge-0").request_timeout(Some(UNANSWERED));
    let nats = options.connect(world.nats.url()).await.unwrap();
    let consumer = |filter: Value| json!({"stream_name": "landfall", "config": {"name": "edge-0", "ack_policy": "none", "filter_subject": filter}});
    let asked =
        async |subject: &str, body: &str| nats.request(subject.to_owned(), body.to_owned().into()).await;
    for (subject, body) in [
        ("$JS.API.STREAM.INFO.landfall", json!({})),
        ("$JS.API.DIRECT.GET.landfall.landfall.acts.>", Value::Null),
        ("$JS.API.CONSUMER.CREATE.landfall.edge-0.landfall.acts.>", consumer(json!("landfall.acts.>"))),
    ] {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = asked(subject, &body).await.unwrap();
        let text = String::from_utf8_lossy(&answer.payload).into_owned();
        assert!(!text.contains("\"error\"") && !answer.payload.is_empty(), "{subject}: {text}");
    }
    let refused = [
        // To write what is not its own.
        "landfall.acts.act",
        "landfall.acts.mark.r-0",
        "landfall.events.r-0.00000000000000000000000000000000",
        "landfall.events.edge-0.00000000000000000000000000000000",
        "landfall.edge.edge-1.00000000000000000000000000000000",
        "landfall.again.edge-0.00000000000000000000000000000000",
        "landfall-replicas.r-0",
        // To read what is not its own.
        "$JS.API.DIRECT.GET.landfall",
        "$JS.API.DIRECT.GET.landfall.landfall.>",
        "$JS.API.DIRECT.GET.landfall.landfall.events.r-0.>",
        "$JS.API.STREAM.MSG.GET.landfall",
        "$JS.API.CONSUMER.CREATE.landfall",
        "$JS.API.CONSUMER.CREATE.landfall.edge-0",
        "$JS.API.CONSUMER.CREATE.landfall.edge-0.landfall.>",
        "$JS.API.CONSUMER.CREATE.landfall.other.landfall.acts.>",
        "$JS.API.CONSUMER.MSG.NEXT.landfall.other",
        // To change the streams.
        "$JS.API.STREAM.UPDATE.landfall",
        "$JS.API.STREAM.DELETE.landfall",
        "$JS.API.STREAM.PURGE.landfall",
        "$JS.API.STREAM.MSG.DELETE.landfall",
    ];
    let answers = refused.map(async |subject| (subject, asked(subject, "{}").await));
    for (subject, answer) in join_all(answers).await {
        assert!(answer.is_err(), "{subject}: {answer:?}");
    }
    // A request names what it asks for twice, and the server compares.
    let subject = "$JS.API.CONSUMER.CREATE.landfall.edge-0.landfall.acts.>";
    let answer = asked(subject, &consumer(json!("landfall.events.>")).to_string()).await.unwrap();
    assert!(String::from_utf8_lossy(&answer.payload).contains("\"error\""), "{answer:?}");
}
