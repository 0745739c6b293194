//! Replicas behind a balancer that knows nothing of them: each request may go to another one, and each in turn may end.
//!
//! `LANDFALL_TEST_OLD=FILE` names the program that the upgrade begins with; without it that is this one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::Method;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::replicas::{SURELY_IN_TIME, answer, have_all, made, replica};
use crate::rig::fake::Fake;
use crate::rig::http::{Answer, Client};
use crate::rig::images::{Format, Image, Recipe};
use crate::rig::landfall::{Landfall, Setup, Token};
use crate::rig::nats::Nats;
use crate::rig::skip::need;
use crate::rig::until;

/// Pulls at the same time while the replicas are replaced.
const PULLS: usize = 200;
/// Bytes of the layer that each pull has.
const LAYER_BYTES: usize = 256 * 1024;

/// The replicas' admin servers: each request goes to the next one.
pub struct InTurn<'a> {
    replicas: Vec<&'a Landfall>,
    next: AtomicUsize,
}

impl<'a> InTurn<'a> {
    pub fn of(replicas: Vec<&'a Landfall>) -> Self {
        Self { replicas, next: AtomicUsize::new(0) }
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % self.replicas.len();
        let url = self.replicas[place].admin_url();
        let mut all = vec![("origin", url.as_str())];
        all.extend(headers);
        let client = Client::new(url.trim_start_matches("http://"));
        client.send(method, path, &all, Bytes::copy_from_slice(body.as_bytes())).await.unwrap()
    }

    /// A session's cookie, and the proof that its forms carry.
    pub async fn log_in(&self) -> (String, String) {
        let form = format!("token={}", crate::replicas::ADMIN_TOKEN);
        let login = self.send(Method::POST, "/login", &[], &form).await;
        let cookie = login.expect(303).header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let page =
            self.send(Method::GET, "/environments", &[("cookie", &cookie)], "").await.expect(200).text();
        let proof =
            page.split_once("name=\"proof\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
        (cookie, proof)
    }

    /// As an admin, by the API.
    async fn api(&self, method: Method, path: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {}", crate::replicas::ADMIN_TOKEN);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &headers, &body).await
    }

    /// A call of an agent's tool, with what a client adds that can ask a person.
    pub async fn call(&self, mut params: Value) -> Value {
        const NEWEST: &str = "2026-07-28";
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": NEWEST,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
        });
        let bearer = format!("Bearer {}", crate::replicas::ADMIN_TOKEN);
        let named = params["name"].as_str().unwrap().to_owned();
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", NEWEST),
            ("mcp-method", "tools/call"),
            ("mcp-name", &named),
        ];
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let answer = self.send(Method::POST, "/mcp", &headers, &message.to_string()).await;
        let text = answer.text();
        let event =
            text.lines().filter_map(|line| line.strip_prefix("data:")).rfind(|it| it.contains("jsonrpc"));
        serde_json::from_str::<Value>(event.unwrap_or(&text)).unwrap()["result"].clone()
    }
}

/// Nobody waits between two requests, as a browser, a script and an agent do not: each finds what the one before did.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_sent_from_one_replica_to_the_next_finds_what_was_done() {
    need!("nats-server");
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let nats = Nats::start(3);
    let replicas = ["r-0", "r-1", "r-2"].map(|name| replica(name, &upstream.url(), &nats).start());
    made(&replicas[0], "first").await;
    let all = InTurn::of(replicas.iter().collect());
    until("every replica knows the environment", async || {
        let mut known = 0;
        for _ in 0..replicas.len() {
            known += usize::from(
                all.api(Method::GET, "/api/v1/environments/first", Value::Null).await.status == 200,
            );
        }
        (known == replicas.len()).then_some(())
    })
    .await;

    // By the API.
    for round in 0..20 {
        let env = format!("env-{round}");
        all.api(Method::POST, "/api/v1/environments", json!({"name": env})).await.expect(201);
        let tokens = format!("/api/v1/environments/{env}/tokens");
        let token = all.api(Method::POST, &tokens, json!({"name": "cluster"})).await.expect(201).json();
        let listed = all.api(Method::GET, &tokens, Value::Null).await.expect(200).json();
        assert_eq!(listed[0]["id"], token["id"], "{listed}");
        let id = token["id"].as_str().unwrap();
        let revoked = all.api(Method::DELETE, &format!("{tokens}/{id}"), Value::Null).await;
        assert!(revoked.status.is_success(), "{}", revoked.text());
    }

    // By the pages.
    let (cookie, proof) = all.log_in().await;
    let see = async |path: &str, cookie: &str| {
        all.send(Method::GET, path, &[("cookie", cookie)], "").await.expect(200).text()
    };
    for round in 0..10 {
        let form = format!("name=page-{round}&description=&color=%2316a34a&proof={proof}");
        let headers = [("cookie", cookie.as_str())];
        let made = all.send(Method::POST, "/environments", &headers, &form).await.expect(303);
        let tokens = made.header("location").unwrap().to_owned();
        assert!(see(&tokens, &cookie).await.contains(&format!("page-{round}")));
        let form = format!("name=cluster&proof={proof}");
        let made = all.send(Method::POST, &tokens, &headers, &form).await.expect(303);
        let unseen = made.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let shown = see(made.header("location").unwrap(), &format!("{cookie}; {unseen}")).await;
        assert!(shown.contains("lfl_"), "the new secret is not shown: {shown}");
    }

    // By an agent: a question of one replica is answered at another, once.
    for round in 0..5 {
        let call =
            json!({"name": "delete_environment", "arguments": {"environment": format!("page-{round}")}});
        let asked = all.call(call.clone()).await;
        assert_eq!(asked["resultType"], "input_required", "{asked}");
        let mut agreed = call;
        agreed["inputResponses"] = json!({"confirm": {"action": "accept", "content": {"confirm": true}}});
        agreed["requestState"] = asked["requestState"].clone();
        let done = all.call(agreed.clone()).await;
        assert_eq!(done["isError"], false, "{done}");
        all.api(Method::POST, "/api/v1/environments", json!({"name": format!("page-{round}")}))
            .await
            .expect(201);
        assert_eq!(all.call(agreed).await["isError"], true, "it was good for one use");
    }

    // The end of a session holds everywhere.
    let out = all.send(Method::POST, "/logout", &[("cookie", &cookie)], &format!("proof={proof}")).await;
    out.expect(303);
    for _ in 0..replicas.len() {
        assert_eq!(all.send(Method::GET, "/", &[("cookie", &cookie)], "").await.status, 303);
    }
}

/// A Kubernetes Service in short: each connection goes to the next proxy that is ready.
struct Service {
    address: String,
    ready: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Service {
    async fn of(replicas: &[Landfall]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ready = Arc::new(Mutex::new(replicas.iter().map(|it| it.proxy().to_owned()).collect::<Vec<_>>()));
        let (all, mut next) = (ready.clone(), 0_usize);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                next += 1;
                // A connection is made before the proxy that it goes to may leave.
                let proxy = {
                    let all = all.lock();
                    all[next % all.len()].clone()
                };
                if let Ok(mut server) = TcpStream::connect(&proxy).await {
                    connections.spawn(async move {
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                    });
                }
            }
        });
        Self { address, ready, task }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client that pulls one image again and again, and tries a broken transfer once more.
struct Puller {
    name: usize,
    client: Client,
    image: Arc<Image>,
    is_over: Arc<AtomicBool>,
}

/// Requests of a client: the agents of those that were answered in time, broken transfers, and what failed.
#[derive(Default)]
struct Pulled {
    seen: Vec<String>,
    broken: usize,
    failed: Vec<String>,
}

impl Puller {
    async fn run(self) -> Pulled {
        let mut pulled = Pulled::default();
        for round in 0.. {
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
            let agent = format!("pull-{}/{round}", self.name);
            let manifest = &self.image.manifest;
            self.get("/v2/docker/app/manifests/v1", &agent, &manifest.bytes, &mut pulled, true).await;
            for (place, blob) in self.image.blobs.iter().enumerate() {
                let (path, agent) =
                    (format!("/v2/docker/app/blobs/{}", blob.digest), format!("{agent}/blob-{place}"));
                self.get(&path, &agent, &blob.bytes, &mut pulled, false).await;
            }
        }
        pulled
    }

    async fn get(&self, path: &str, agent: &str, expected: &Bytes, pulled: &mut Pulled, is_seen: bool) {
        for attempt in 0..2 {
            let (agent, asked) = (format!("{agent}/{attempt}"), Instant::now());
            match self.client.send(Method::GET, path, &[("user-agent", &agent)], Bytes::new()).await {
                Ok(answer) if answer.status == 200 && answer.body == *expected => {
                    if is_seen && asked.elapsed() < SURELY_IN_TIME {
                        pulled.seen.push(agent);
                    }
                    return;
                }
                Ok(answer) => return pulled.failed.push(format!("{path}: {}", answer.status)),
                Err(error) if attempt == 0 => {
                    pulled.broken += 1;
                    drop(error);
                }
                Err(error) => pulled.failed.push(format!("{path}: {error}")),
            }
        }
    }
}

/// Starts as many pulls as there are to be at a time.
fn pulls(service: &Service, token: &Token, image: &Arc<Image>, is_over: &Arc<AtomicBool>) -> JoinSet<Pulled> {
    let mut pulls = JoinSet::new();
    for name in 0..PULLS {
        let client = Client::new(&service.address).with_basic(&token.user, &token.secret);
        let (image, is_over) = (image.clone(), is_over.clone());
        pulls.spawn(Puller { name, client, image, is_over }.run());
    }
    pulls
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_of_one_replica_after_the_other_fails_no_pull() {
    need!("nats-server");
    let layer: Vec<u8> = (0..LAYER_BYTES).map(|at| (at.wrapping_mul(at) >> 7) as u8).collect();
    let image = Arc::new(Recipe::app(Format::Oci, "1.0.0").layer("data", &layer).build());
    let upstream = Fake::holding((*image).clone()).await;
    let nats = Nats::start(3);
    let old = std::env::var_os("LANDFALL_TEST_OLD").map(PathBuf::from);
    let mut replicas: Vec<Landfall> = ["r-0", "r-1", "r-2"]
        .map(|name| {
            let setup = replica(name, &upstream.url(), &nats);
            match &old {
                Some(old) => setup.started_by(old),
                None => setup,
            }
        })
        .map(Setup::start)
        .into();
    made(&replicas[0], "production").await;
    let token = replicas[0].token("production").await;
    answer(&replicas.iter().collect::<Vec<_>>(), &token, 200).await;

    let (service, is_over) = (Service::of(&replicas).await, Arc::<AtomicBool>::default());
    let pulls = pulls(&service, &token, &image, &is_over);
    for place in 0..replicas.len() {
        let leaving = replicas.remove(place);
        service.ready.lock().retain(|it| it != leaving.proxy());
        let (ended, setup) = leaving.stop();
        assert!(ended.success(), "{ended}");
        let back = setup.started_by_this().start();
        until("the replica is ready", async || {
            let asked = back.admin(Method::GET, "/readyz", None).await;
            (asked.status == 200).then_some(())
        })
        .await;
        service.ready.lock().push(back.proxy().to_owned());
        replicas.insert(place, back);
    }
    is_over.store(true, Ordering::Relaxed);
    let all = pulls.join_all().await;
    let failed: Vec<_> = all.iter().flat_map(|it| &it.failed).collect();
    assert!(failed.is_empty(), "{} failed: {:?}", failed.len(), failed.first());
    let seen: Vec<String> = all.iter().flat_map(|it| it.seen.clone()).collect();
    let broken: usize = all.iter().map(|it| it.broken).sum();
    println!("{} pulls were answered during the upgrade, {broken} transfers broke once", seen.len());
    assert!(seen.len() > PULLS, "{}", seen.len());
    have_all(&replicas.iter().collect::<Vec<_>>(), &seen).await;
}
