//! Connections to a registry: one that is over, or on which something came unasked, costs nobody anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, Method, Response};
use http_body_util::BodyExt as _;
use landfall::config;
use landfall::model::oci::Digest;
use landfall::proxy::upstream::{
    Lane, Resource, Target, Timeouts, UpstreamBody, UpstreamError, UpstreamRequest,
};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Notify;

use crate::rig::fake::{Fake, Reply, Seen};
use crate::rig::images::{Format, Recipe};
use crate::rig::landfall::Setup;
use crate::rig::registry::{Auth, Registry};
use crate::rig::skip::need;
use crate::upstream::{certificate, setting, target};

/// A request that hangs is found out by this limit; nothing else here takes so long, on a busy machine neither.
fn timeouts() -> Timeouts {
    Timeouts { head: Duration::from_secs(20), resume_pause: Duration::from_millis(1), ..Timeouts::default() }
}

/// More than what comes with a head.
fn body() -> Vec<u8> {
    (0u32..100_000).flat_map(u32::to_be_bytes).collect()
}

/// Each kind of connection, by what goes over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Manifest,
    Tags,
    Copied,
    /// The socket is taken for the body and given back.
    Spliced,
}

const WAYS: [Way; 4] = [Way::Manifest, Way::Tags, Way::Copied, Way::Spliced];

impl Way {
    fn ask(self) -> UpstreamRequest {
        let what = match self {
            Self::Manifest => Resource::Manifest("v1".parse().unwrap()),
            Self::Tags => Resource::Tags,
            Self::Copied | Self::Spliced => Resource::Blob(Digest::of(b"a")),
        };
        let mut ask = UpstreamRequest::new(Method::GET, what, &HeaderMap::new());
        if self == Self::Spliced {
            ask.lane = Lane::Splice;
        }
        ask
    }

    /// Asks, and takes the whole answer.
    async fn get(self, target: &Target) -> Result<Vec<u8>, UpstreamError> {
        let response = target.send(&self.ask()).await?;
        assert_eq!(response.status(), 200);
        Ok(self.take(response).await)
    }

    async fn take(self, response: Response<UpstreamBody>) -> Vec<u8> {
        let length =
            response.headers().get("content-length").map(|length| length.to_str().unwrap().parse().unwrap());
        let content = response.into_body();
        if self != Self::Spliced || !content.has_socket() {
            return content.collect().await.unwrap().to_bytes().to_vec();
        }
        let mut socket = content.into_socket().unwrap();
        let mut body = socket.received.to_vec();
        let begun = body.len();
        body.resize(length.unwrap(), 0);
        socket.stream.read_exact(&mut body[begun..]).await.unwrap();
        socket.return_to_pool();
        body
    }
}

/// The behaviour of a registry on a connection after its answer.
type Afterwards = fn(Reply) -> Reply;

const WHILE_IDLE: [(&str, Afterwards); 8] = [
    ("closes", Reply::close),
    ("resets", Reply::reset),
    ("ends its direction", |reply| reply.half_close()),
    ("says that time is up", |reply| {
        reply.send("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n").close()
    }),
    ("answers once more", |reply| reply.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")),
    ("begins to answer once more", |reply| reply.send("HTTP/1.1 200 OK\r\ncont")),
    ("says anything", |reply| reply.send("?")),
    ("ends a line", |reply| reply.send("\r\n")),
];

/// A registry whose first connection does something after its first answer, when it is told to.
async fn afterwards(
    tls: Option<tokio_rustls::TlsAcceptor>,
    what: Afterwards,
) -> (Fake, Arc<Notify>, Arc<Notify>) {
    let (gate, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (waits, tells) = (gate.clone(), done.clone());
    let reply = move |seen: &Seen| {
        let reply = Reply::new(200).body(body());
        if seen.connection > 0 { reply } else { what(reply.wait(&waits)).tell(&tells) }
    };
    let fake = match tls {
        None => Fake::start(reply).await,
        Some(tls) => Fake::start_tls(tls, reply).await,
    };
    (fake, gate, done)
}

#[tokio::test]
async fn whatever_comes_on_an_idle_connection_costs_the_next_request_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (tls, ca_file) = certificate(directory.path());
    for (kind, what) in WHILE_IDLE {
        for way in WAYS {
            for tls in [None, Some(tls.clone())] {
                let case = format!("{kind}, {way:?}, TLS: {}", tls.is_some());
                let scheme = if tls.is_some() { "https" } else { "http" };
                let (fake, gate, done) = afterwards(tls, what).await;
                let setting = config::UpstreamConfig {
                    ca_file: Some(ca_file.clone()),
                    ..setting(&format!("{scheme}://{}", fake.address))
                };
                let target = target(setting, timeouts());
                assert!(way.get(&target).await.unwrap() == body(), "{case}");
                gate.notify_one();
                // It closes, or it tells.
                tokio::select! {
                    () = fake.until_open(0) => {}
                    () = done.notified() => {}
                }
                for _ in 0..2 {
                    assert!(
                        way.get(&target).await.unwrap_or_else(|error| panic!("{case}: {error}")) == body(),
                        "{case}"
                    );
                }
                assert!(fake.seen()[1..].iter().all(|seen| seen.connection > 0), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn of_many_dead_connections_none_is_used() {
    let (gate, together) = (Arc::new(tokio::sync::Semaphore::new(0)), 8);
    let (arrived, waits) = (Arc::new(AtomicUsize::new(0)), gate.clone());
    for way in WAYS {
        let fake = Fake::start(|_| Reply::new(200).body(body())).await;
        let (address, target) = (fake.address, target(setting(&fake.url()), timeouts()));
        let get = async || {
            // All have their connection before the first gives its own back.
            let response = target.send(&way.ask()).await.unwrap();
            if arrived.fetch_add(1, Ordering::SeqCst) + 1 == together {
                waits.add_permits(together);
            }
            waits.acquire().await.unwrap().forget();
            way.take(response).await
        };
        for round in 0..2 {
            arrived.store(0, Ordering::SeqCst);
            for answer in join_all((0..together).map(|_| get())).await {
                assert!(answer == body(), "{way:?} {round}");
            }
        }
        drop(fake);
        let again = Fake::start_at(address, |_| Reply::new(200).body(body())).await;
        arrived.store(0, Ordering::SeqCst);
        for answer in join_all((0..together).map(|_| get())).await {
            assert!(answer == body(), "{way:?}");
        }
        assert_eq!(again.seen().len(), together, "{way:?}");
    }
}

#[tokio::test]
async fn what_fails_on_a_kept_connection_is_asked_for_on_a_new_one() {
    let kinds: [(&str, fn() -> Reply); 7] = [
        ("closes", Reply::nothing),
        ("resets", || Reply::new(0).reset()),
        ("ends its direction", || Reply::new(0).half_close()),
        ("breaks off in the head", || Reply::new(0).send("HTTP/1.1 200 OK\r\ncont").close()),
        ("breaks off in a 1xx", || Reply::new(0).send("HTTP/1.1 103 Early Hints\r\nlink").reset()),
        ("says that time is up", || Reply::new(408).header("connection", "close").close()),
        ("speaks no HTTP", || Reply::new(0).send("?\r\n\r\n")),
    ];
    for (kind, reply) in kinds {
        for way in WAYS {
            let asked = AtomicUsize::new(0);
            let fake = Fake::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
                1 => reply(),
                _ => Reply::new(200).body(body()),
            })
            .await;
            let target = target(setting(&fake.url()), timeouts());
            for _ in 0..3 {
                assert!(way.get(&target).await.unwrap() == body(), "{kind}, {way:?}");
            }
            let connections: Vec<_> = fake.seen().iter().map(|seen| seen.connection).collect();
            assert_eq!(connections, [0, 0, 1, 1], "{kind}, {way:?}");
        }
    }
}

#[tokio::test]
async fn a_place_that_sends_more_than_was_asked_for_has_a_connection_for_each_request() {
    for way in WAYS {
        let more = [&body()[..], b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"].concat();
        let fake = Fake::start(move |_| Reply::new(200).length(body().len()).send(&more)).await;
        let target = target(setting(&fake.url()), timeouts());
        // The first surplus may come after the connection was left.
        for _ in 0..4 {
            assert!(way.get(&target).await.unwrap() == body(), "{way:?}");
        }
        let connections: Vec<_> = fake.seen().iter().map(|seen| seen.connection).collect();
        assert_eq!(connections, [0, 1, 2, 3], "{way:?}");
    }
}

#[tokio::test]
async fn a_dead_connection_is_closed_before_anybody_looks_for_it() {
    let (fake, gate, _) = afterwards(None, |reply| reply.half_close().stall()).await;
    let target = target(setting(&fake.url()), timeouts());
    assert!(Way::Manifest.get(&target).await.unwrap() == body());
    gate.notify_one();
    fake.until_open(1).await;
    tokio::time::pause();
    // Well before it is too old to be kept.
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), fake.until_open(0)).await, Ok(()));
}

#[tokio::test]
async fn a_head_that_can_be_read_in_two_ways_is_refused_or_read_in_one() {
    let head = |lines: &str| format!("HTTP/1.1 {lines}\r\n\r\n");
    let right = |lines: &str, body: &str| (head(lines) + body, true);
    let wrong = |lines: &str| (head(lines) + "hello", false);
    let cases = [
        right("200 OK\r\ncontent-length: 5", "hello"),
        right("200 OK\r\ncontent-length: 5, 5", "hello"),
        right("200 OK\r\ncontent-length: 5\r\ncontent-length: 5", "hello"),
        right("200 OK\r\ncontent-length: 7\r\ntransfer-encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
        right("200 OK\r\ntransfer-encoding: chunked", "5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\n"),
        right("200 OK\r\ncontent-length: 5\r\ndocker-content-digest: a\r\ndocker-content-digest: a", "hello"),
        right(
            &("103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 ".repeat(50) + "200 OK\r\ncontent-length: 5"),
            "hello",
        ),
        wrong("101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade"),
        wrong("200 OK\r\ncontent-length: 5, 7"),
        wrong("200 OK\r\ncontent-length: 5\r\ncontent-length: 7"),
        wrong("200 OK\r\ncontent-length: +5"),
        wrong("200 OK\r\ncontent-length: -5"),
        wrong("200 OK\r\ncontent-length: 99999999999999999999"),
        wrong("200 OK\r\ntransfer-encoding: gzip, chunked"),
        wrong("200 OK\r\ntransfer-encoding: chunked, identity\r\ncontent-length: 5"),
        wrong("200 OK\r\ntransfer-encoding: identity\r\ncontent-length: 5"),
        wrong("200 OK\r\ncontent-length: 5\r\ndocker-content-digest: a\r\ndocker-content-digest: b"),
        wrong("999 Odd\r\ncontent-length: 5"),
        wrong("099 Odd\r\ncontent-length: 5"),
        wrong("200 OK\r\ncontent-length: 5\r\nx-a: b\r\n c"),
        wrong(&format!("200 OK\r\nx-a: {}", "a".repeat(1 << 20))),
        wrong(&("200 OK".to_owned() + &"\r\nx-a: b".repeat(101))),
    ];
    for (text, is_right) in cases {
        for way in WAYS {
            let answer = text.clone();
            // The connection stays: who would wait for its end waits for ever.
            let fake = Fake::start(move |_| Reply::new(0).send(&answer)).await;
            let target = target(setting(&fake.url()), timeouts());
            for _ in 0..2 {
                match (target.send(&way.ask()).await, is_right) {
                    (Ok(response), true) => {
                        let headers = response.headers();
                        assert!(headers.get_all("content-length").iter().count() <= 1, "{text:.200}");
                        assert!(
                            headers.get("content-length").is_none_or(|length| length == "5"),
                            "{text:.200}"
                        );
                        assert_eq!(way.take(response).await, b"hello", "{text:.200}");
                    }
                    (Err(UpstreamError::BadResponse { .. }), false) => {}
                    (other, _) => panic!("{way:?} {text:.200}: {other:?}"),
                }
            }
            let first = fake.seen()[0].connection;
            let is_kept = fake.seen()[1].connection == first;
            let is_ambiguous = text.contains("content-length: 7\r\ntransfer");
            assert_eq!(is_kept, is_right && !is_ambiguous, "{text:.200}");
        }
    }
}

#[tokio::test]
async fn an_endless_row_of_interim_answers_ends_its_own_request() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(100_000);
    let large = format!("HTTP/1.1 103 Early Hints\r\nlink: {}\r\n\r\n", "a".repeat(8_000)).repeat(1_000);
    for flood in [interim, large] {
        for way in WAYS {
            let flood = flood.clone();
            let fake = Fake::start(move |_| Reply::new(0).send(&flood).stall()).await;
            let target = target(setting(&fake.url()), timeouts());
            let error = target.send(&way.ask()).await.unwrap_err();
            assert!(matches!(error, UpstreamError::BadResponse { .. }), "{way:?}: {error}");
            fake.until_open(0).await;
            assert_eq!(fake.seen().len(), 1, "it is not asked for more of it");
        }
    }
}

#[tokio::test]
async fn a_head_that_drips_has_its_time_and_holds_up_nobody() {
    let dripping = Arc::new(Notify::new());
    let told = dripping.clone();
    let fake = Fake::start(move |seen| match seen.target.ends_with("/slow") {
        true => "HTTP/1.1 200 OK\r\nx-a: "
            .bytes()
            .fold(Reply::new(0), |reply, byte| reply.send([byte]))
            .tell(&told)
            .stall(),
        false => Reply::new(200).body("a"),
    })
    .await;
    let timeouts = Timeouts { head: Duration::from_secs(3), ..timeouts() };
    let target = target(setting(&fake.url()), timeouts);
    let slow =
        UpstreamRequest::new(Method::GET, Resource::Manifest("slow".parse().unwrap()), &HeaderMap::new());
    let (slow, ()) = tokio::join!(target.send(&slow), async {
        dripping.notified().await;
        for way in WAYS {
            assert_eq!(way.get(&target).await.unwrap(), b"a");
        }
    });
    assert!(matches!(slow.unwrap_err(), UpstreamError::TimedOut { .. }));
}

#[tokio::test]
async fn a_token_server_that_closes_its_connections_costs_nothing() {
    // It closes after each answer without a word, as one whose idle limit is shorter than ours.
    let fake = Fake::start(|seen| match (seen.target.starts_with("/token"), seen.header("authorization")) {
        (true, _) => Reply::new(200).body(r#"{"token":"t","expires_in":0}"#).close(),
        (false, Some("Bearer t")) => Reply::new(200).body("a").close(),
        (false, _) => Reply::new(401).header("www-authenticate", r#"Bearer realm="/token""#).close(),
    })
    .await;
    let target = target(setting(&fake.url()), timeouts());
    for _ in 0..5 {
        assert_eq!(Way::Manifest.get(&target).await.unwrap(), b"a");
        fake.until_open(0).await;
    }
}

#[tokio::test]
async fn a_registry_that_is_restarted_costs_only_what_is_asked_for_meanwhile() {
    need!("docker-registry");
    let mut registry = Registry::start(Auth::Open).await;
    let image = Recipe::app(Format::Oci, "1").layer("large", &body()).build();
    image.push(&registry.client().await, "docker/app", "v1").await;
    let landfall = Setup::before(&registry.url()).start();
    landfall.environment("production").await;
    let client = landfall.client(&landfall.token("production").await);
    let client = client.with("accept", image.manifest.media_type);
    let manifest = "/v2/docker/app/manifests/v1".to_owned();
    let blobs = image.blobs.iter().map(|blob| format!("/v2/docker/app/blobs/{}", blob.digest));
    let paths: Vec<_> = std::iter::once(manifest).chain(blobs).collect();
    for restart in 0..10 {
        for _ in 0..5 {
            for answer in join_all(paths.iter().map(|path| client.get(path))).await {
                assert_eq!(answer.status, 200, "after {restart} restarts: {}", answer.text());
            }
        }
        // Others pull meanwhile: they may be refused, and wait for nothing.
        let is_back = Arc::new(AtomicBool::new(false));
        let others = paths.iter().map(|path| {
            let (client, path, is_back) = (client.clone(), path.clone(), is_back.clone());
            tokio::spawn(async move {
                while !is_back.load(Ordering::SeqCst) {
                    let answer = client.send(Method::GET, &path, &[], Bytes::new()).await;
                    // One that was cut in its middle ends below its length.
                    let status = answer.map_or(200, |answer| answer.status.as_u16());
                    assert!([200, 502].contains(&status), "{path}: {status}");
                }
            })
        });
        let others: Vec<_> = others.collect();
        registry.stop();
        for path in &paths {
            assert_eq!(client.get(path).await.status, 502, "{path}");
        }
        registry.start_again().await;
        is_back.store(true, Ordering::SeqCst);
        for other in others {
            other.await.unwrap();
        }
    }
}
