//! Connections that keep others out: silent ones, slow ones, many, and those that take nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use landfall::listen::{ListenerLimits, TrustedProxies};
use landfall::{admin, proxy};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::admin_support::Server;
use crate::rig::PATIENCE;
use crate::rig::fake::{Fake, Reply};
use crate::rig::frames::{self, INITIAL_WINDOW_SIZE, PREFACE};
use crate::rig::http::{Client, basic};
use crate::rig::images::digest_of;
use crate::rig::landfall::{Landfall, Setup};
use crate::rig::plane::Plane;
use crate::rig::tls::{Identity, connect, connect_over};

/// Short enough to be waited for, long enough for what a loaded machine does at once.
const SHORT: Duration = Duration::from_millis(500);
const MANIFEST: &str = "/v2/docker/app/manifests/v1";

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A registry with one manifest.
async fn registry() -> Fake {
    Fake::start(|_| Reply::new(200).header("content-type", "application/json").body("{\"schemaVersion\":2}"))
        .await
}

/// A connection from an address of its own: all of 127.0.0.0/8 is this machine.
async fn connect_from(last: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(IpAddr::from([127, 0, 0, last]), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

/// The answer of a plain connection to these bytes, up to its end; `connection: close` belongs into them.
async fn said(from: u8, to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect_from(from, to).await;
    let mut answer = Vec::new();
    // A refused client may find the connection closed before all is written, or reset with what was not read.
    let _ = stream.write_all(bytes).await;
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection stays");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads until the server ends the connection, in whatever way.
async fn ended(what: &str, stream: &mut (impl AsyncRead + Unpin)) {
    let mut bytes = [0; 4096];
    let reading = async { while stream.read(&mut bytes).await.is_ok_and(|bytes| bytes > 0) {} };
    timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("{what}: the connection stays"));
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_of_any_kind_has_an_end() {
    let (fake, identity) = (registry().await, Identity::new());
    let bounds = ListenerLimits { first_head: SHORT, ..proxy::LIMITS };
    let plain = Plane::start(bounds, &fake.url(), None).await;
    let tls = Plane::start(bounds, &fake.url(), Some(&identity)).await;
    let half_head = "GET /v2/ HTTP/1.1\r\nhost: a\r\n".as_bytes();
    let with_settings = [PREFACE, &frames::settings(&[])].concat();
    let half_headers = [&with_settings[..], &frames::frame(frames::HEADERS, 0, 1, b"\x82")].concat();
    let said: [(&str, &[u8]); 9] = [
        ("nothing", b""),
        ("one byte of a preface", b"P"),
        ("half a preface", b"PRI * HTTP/2.0\r\n\r\n"),
        ("a preface", PREFACE),
        ("a preface and settings", &with_settings),
        ("half of an HTTP/2 head", &half_headers),
        ("one byte", b"G"),
        ("half a head", half_head),
        ("empty lines", b"\r\n\r\n"),
    ];
    let mut silent: Vec<(String, Box<dyn Stream>)> = Vec::new();
    for (what, bytes) in said {
        let mut stream = TcpStream::connect(plain.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        silent.push((format!("plain, {what}"), Box::new(stream)));
        for protocol in ["h2", "http/1.1", ""] {
            let mut stream = connect(tls.address, &identity, protocol).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            stream.flush().await.unwrap();
            silent.push((format!("TLS {protocol}, {what}"), Box::new(stream)));
        }
    }
    silent.push(("TLS, no handshake".into(), Box::new(TcpStream::connect(tls.address).await.unwrap())));
    for (what, stream) in &mut silent {
        ended(what, stream).await;
    }
    // A head that comes, but never to its end.
    let (mut read, mut write) = TcpStream::connect(plain.address).await.unwrap().into_split();
    let dripping = tokio::spawn(async move {
        while write.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    ended("a drip", &mut read).await;
    dripping.abort();
    plain.stop().await;
    tls.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_two_requests_there_is_an_end_as_well() {
    let (fake, identity) = (registry().await, Identity::new());
    let bounds = ListenerLimits { idle: SHORT, ..proxy::LIMITS };
    let plain = Plane::start(bounds, &fake.url(), None).await;
    let tls = Plane::start(bounds, &fake.url(), Some(&identity)).await;
    let authorization = &plain.authorization;
    let asked = format!("GET /v2/ HTTP/1.1\r\nhost: a\r\nauthorization: {authorization}\r\n\r\n");
    let mut stream = TcpStream::connect(plain.address).await.unwrap();
    stream.write_all(asked.as_bytes()).await.unwrap();
    ended("plain HTTP/1.1", &mut stream).await;
    let mut stream = connect(tls.address, &identity, "http/1.1").await.unwrap();
    // The next head has begun.
    stream.write_all(format!("{asked}GET /v2/ HT").as_bytes()).await.unwrap();
    ended("TLS HTTP/1.1", &mut stream).await;
    for over_tls in [false, true] {
        let mut stream: Box<dyn Stream> = if over_tls {
            Box::new(connect(tls.address, &identity, "h2").await.unwrap())
        } else {
            Box::new(TcpStream::connect(plain.address).await.unwrap())
        };
        let asked = [PREFACE, &frames::settings(&[]), &frames::request(1, "GET", "/v2/", authorization)];
        stream.write_all(&asked.concat()).await.unwrap();
        stream.flush().await.unwrap();
        let told = timeout(PATIENCE, frames::next_of(&mut stream, frames::GOAWAY)).await;
        assert!(told.expect("the connection stays").is_some(), "it is told which requests were heard");
        ended("HTTP/2", &mut stream).await;
    }
    plain.stop().await;
    tls.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_gets_in_and_whoever_pulls_is_not_cut() {
    let content: Vec<u8> = (0u32..500_000).flat_map(u32::to_be_bytes).collect();
    let (go_on, half) = (Arc::new(Notify::new()), content.len() / 2);
    let (waiting, sent) = (go_on.clone(), content.clone());
    let fake = Fake::start(move |seen| {
        if seen.target.contains("/manifests/") {
            return Reply::new(200).header("content-type", "application/json").body("{}");
        }
        Reply::new(200).length(sent.len()).send(&sent[..half]).wait(&waiting).send(&sent[half..])
    })
    .await;
    let bounds = ListenerLimits { connections_max: 16, ..proxy::LIMITS };
    let plane = Plane::start(bounds, &fake.url(), None).await;
    let client = Client::new(plane.address.to_string()).with("authorization", &plane.authorization);
    let blob = format!("/v2/docker/app/blobs/{}", digest_of(&content));
    let pulling = tokio::spawn({
        let (client, blob) = (client.clone(), blob.clone());
        async move { client.get(&blob).await }
    });
    fake.until_open(1).await;
    let mut silent = Vec::new();
    for number in 0..4 * bounds.connections_max {
        // Of more networks than there are shares.
        let from = u8::try_from(2 + number % 8).unwrap();
        let mut stream = connect_from(from, plane.address).await;
        stream.write_all(b"P").await.unwrap();
        silent.push(stream);
        if number % 8 == 7 {
            client.get(MANIFEST).await.expect(200);
        }
    }
    go_on.notify_one();
    assert!(pulling.await.unwrap().expect(200).body == content);
    // The oldest went, and the newest are still here.
    ended("the oldest", &mut silent[0]).await;
    let newest = silent.last_mut().unwrap();
    newest.write_all(b"RI").await.unwrap();
    assert!(timeout(SHORT, newest.read(&mut [0])).await.is_err(), "the newest was cut");
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_window_is_given_up_and_frees_its_upstream() {
    let content = vec![7; 4 << 20];
    let digest = digest_of(&content);
    let fake = Fake::start(move |seen| {
        if seen.target.contains("/manifests/") {
            return Reply::new(200).header("content-type", "application/json").body("{}");
        }
        Reply::new(200).body(&content)
    })
    .await;
    let plane = Plane::start(ListenerLimits { stall: SHORT, ..proxy::LIMITS }, &fake.url(), None).await;
    let blob = format!("/v2/a/blobs/{digest}");
    let mut stream = TcpStream::connect(plane.address).await.unwrap();
    // No window at all, and one that is taken once and then never again.
    for (id, window) in [(1, 0), (3, 100)] {
        let begin = if id == 1 { PREFACE } else { b"" };
        let settings = frames::settings(&[(INITIAL_WINDOW_SIZE, window)]);
        let asked = [begin, &settings, &frames::request(id, "GET", &blob, &plane.authorization)];
        stream.write_all(&asked.concat()).await.unwrap();
        let reset = timeout(PATIENCE, frames::next_of(&mut stream, frames::RST_STREAM)).await;
        assert_eq!(reset.expect("it is held").expect("the connection goes on").stream, id);
    }
    timeout(PATIENCE, fake.until_open(0)).await.expect("an upstream connection is held");
    // The others on the connection are none the worse.
    stream.write_all(&frames::request(5, "HEAD", MANIFEST, &plane.authorization)).await.unwrap();
    let answer = timeout(PATIENCE, frames::next_of(&mut stream, frames::HEADERS)).await.unwrap();
    assert_eq!(answer.unwrap().stream, 5);
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn few_descriptors_are_shared_with_the_registrys_side() {
    let fake = registry().await;
    let landfall = Setup::before(&fake.url()).with_files_max(256).start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    let address: SocketAddr = landfall.proxy().parse().unwrap();
    let mut idle = Vec::new();
    for number in 0..300u16 {
        let stream = connect_from(u8::try_from(2 + number % 100).unwrap(), address).await;
        stream.set_nodelay(true).unwrap();
        idle.push(stream);
    }
    for _ in 0..10 {
        landfall.client(&token).get(MANIFEST).await.expect(200);
    }
    landfall.admin_get("/api/v1/environments").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_answer_however_many_read_nothing() {
    let bounds = ListenerLimits { connections_max: 32, stall: SHORT, ..admin::LIMITS };
    let server = Server::start_within(bounds).await;
    let address: SocketAddr = server.url.trim_start_matches("http://").parse().unwrap();
    let asked = "GET /api/v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(48);
    let mut deaf = Vec::new();
    for number in 0..2 * u8::try_from(bounds.connections_max).unwrap() {
        let mut stream = connect_from(2 + number % 16, address).await;
        stream.write_all(asked.as_bytes()).await.unwrap();
        deaf.push(stream);
        if number % 8 == 7 {
            Client::new(address.to_string()).get("/healthz").await.expect(200);
            assert_eq!(server.get("/api/v1/environments").await.status, 200);
        }
    }
    for stream in &mut deaf {
        // Nothing is read before it is over: what comes then is what was on its way, and the end.
        let gone = async {
            while stream.write_all(b"\r\n").await.is_ok() {
                tokio::time::sleep(SHORT / 5).await;
            }
        };
        timeout(PATIENCE, gone).await.expect("who takes nothing stays");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_frames_end_their_connection_and_no_other() {
    use frames::{ACK, END_HEADERS, END_STREAM, frame, head};
    let fake = registry().await;
    let plane = Plane::start(proxy::LIMITS, &fake.url(), None).await;
    let asked = head("GET", "/v2/", &plane.authorization);
    let opened = frame(frames::HEADERS, END_HEADERS, 1, &asked);
    let stream = |number: u32| 2 * number + 1;
    // The bytes that are sent once, and those that are sent again and again with a number that grows.
    type Flood<'a> = (&'a str, &'a [u8], Box<dyn Fn(u32) -> Vec<u8> + Send + 'a>);
    let same = |bytes: Vec<u8>| Box::new(move |_| bytes.clone());
    let floods: Vec<Flood> = vec![
        ("PING", b"", same(frame(frames::PING, 0, 0, &[7; 8]))),
        ("PING that nobody asked for", b"", same(frame(frames::PING, ACK, 0, &[7; 8]))),
        ("SETTINGS", b"", same(frames::settings(&[(INITIAL_WINDOW_SIZE, 65_535)]))),
        ("empty SETTINGS", b"", same(frames::settings(&[]))),
        ("WINDOW_UPDATE", b"", same(frame(frames::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]))),
        ("PRIORITY", b"", same(frame(frames::PRIORITY, 0, 5, &[0, 0, 0, 3, 1]))),
        ("an unknown kind", b"", same(frame(0x20, 0, 0, b""))),
        ("empty DATA", &opened, same(frame(frames::DATA, 0, 1, b""))),
        ("CONTINUATION", b"", {
            Box::new(|number| {
                let kind = if number == 0 { frames::HEADERS } else { frames::CONTINUATION };
                frame(kind, 0, 1, if number == 0 { &asked } else { b"" })
            })
        }),
        ("streams that are reset at once", b"", {
            Box::new(|number| {
                let opened = frame(frames::HEADERS, END_STREAM | END_HEADERS, stream(number), &asked);
                [opened, frame(frames::RST_STREAM, 0, stream(number), &[0, 0, 0, 8])].concat()
            })
        }),
        ("streams that the server has to reset", b"", {
            Box::new(|number| {
                let opened = frame(frames::HEADERS, END_STREAM | END_HEADERS, stream(number), &asked);
                [opened, frame(frames::WINDOW_UPDATE, 0, stream(number), &[0; 4])].concat()
            })
        }),
    ];
    for (what, once, again) in floods {
        let (mut read, mut write) = TcpStream::connect(plane.address).await.unwrap().into_split();
        let flooding = async {
            write.write_all(&[PREFACE, &frames::settings(&[]), once].concat()).await.unwrap();
            for number in 0.. {
                let some: Vec<u8> = (100 * number..100 * (number + 1)).flat_map(&again).collect();
                if write.write_all(&some).await.is_err() {
                    break;
                }
            }
        };
        let both = async { tokio::join!(flooding, ended(what, &mut read)) };
        timeout(PATIENCE, both).await.unwrap_or_else(|_| panic!("{what}: goes on"));
        let client = Client::new(plane.address.to_string()).with("authorization", &plane.authorization);
        client.get(MANIFEST).await.expect(200);
    }
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_names_one_host() {
    let fake = registry().await;
    let plane = Plane::start(proxy::LIMITS, &fake.url(), None).await;
    let authorization = &plane.authorization;
    for (first, hosts, status) in [
        (format!("GET {MANIFEST} HTTP/1.1"), "host: a\r\n", "200"),
        (format!("GET {MANIFEST} HTTP/1.0"), "", "200"),
        (format!("GET http://a{MANIFEST} HTTP/1.1"), "host: b\r\n", "200"),
        (format!("GET {MANIFEST} HTTP/1.1"), "", "400"),
        (format!("GET {MANIFEST} HTTP/1.1"), "host: a\r\nhost: a\r\n", "400"),
        (format!("GET {MANIFEST} HTTP/1.1"), "host: a\r\nHost: b\r\n", "400"),
        (format!("GET {MANIFEST} HTTP/1.1"), "host: a/b\r\n", "400"),
        (format!("GET {MANIFEST} HTTP/1.0"), "host: a\r\nhost: b\r\n", "400"),
    ] {
        let bytes = format!("{first}\r\n{hosts}authorization: {authorization}\r\nconnection: close\r\n\r\n");
        let answer = said(1, plane.address, bytes.as_bytes()).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{first} {hosts:?}: {answer}");
    }
    let asked = fake.seen().len();
    assert_eq!(asked, 3, "the registry hears of no other");
    // `host: b` beside `:authority: localhost`; names of headers are literals here (RFC 7541 §6.2.2).
    let mut twice = frames::head("GET", MANIFEST, authorization);
    twice.extend(b"\x00\x04host\x01b");
    let flags = frames::END_STREAM | frames::END_HEADERS;
    let bytes = [PREFACE, &frames::settings(&[]), &frames::frame(frames::HEADERS, flags, 1, &twice)].concat();
    let mut stream = TcpStream::connect(plane.address).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let answer = timeout(PATIENCE, frames::next_of(&mut stream, frames::HEADERS)).await.unwrap().unwrap();
    // 8.. are the statuses of the static table; 12 is 400.
    assert_eq!(answer.payload[0], 0x80 | 12, "{answer:?}");
    assert_eq!(fake.seen().len(), asked);
    plane.stop().await;
}

/// The addresses that the log has, in the order of what was asked.
async fn clients_of(landfall: &Landfall) -> Vec<String> {
    let observations = landfall.observations().await;
    observations.iter().map(|observation| observation["client"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_trusted_proxy_speaks_for_its_clients() {
    let fake = registry().await;
    let landfall = Setup::before(&fake.url()).flag("--trusted-proxy", "127.0.0.2,127.0.0.3").start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    let address: SocketAddr = landfall.proxy().parse().unwrap();
    let mut expected = Vec::new();
    for (from, forwarded, client) in [
        (2, "x-forwarded-for: 192.0.2.7\r\n", "192.0.2.7"),
        (2, "x-forwarded-for: 203.0.113.1, 192.0.2.7, 127.0.0.3\r\n", "192.0.2.7"),
        (2, "", "127.0.0.2"),
        (2, "forwarded: for=192.0.2.7\r\n", "127.0.0.2"),
        (4, "x-forwarded-for: 192.0.2.7\r\n", "127.0.0.4"),
        (4, "x-forwarded-for: 127.0.0.2\r\nx-real-ip: 192.0.2.7\r\n", "127.0.0.4"),
    ] {
        let authorization = basic(&token.user, &token.secret);
        let bytes = format!(
            "GET {MANIFEST} HTTP/1.1\r\nhost: a\r\nauthorization: {authorization}\r\n{forwarded}connection: close\r\n\r\n"
        );
        let answer = said(from, address, bytes.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{forwarded}: {answer}");
        expected.push(client);
        assert_eq!(clients_of(&landfall).await, expected, "{from} {forwarded}");
    }
    let reached = fake.seen().iter().filter(|seen| seen.header("x-forwarded-for").is_some()).count();
    assert_eq!(reached, 0, "the registry sees nothing of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_protocol_is_spoken_by_trusted_proxies_and_by_nobody_else() {
    let (fake, identity) = (registry().await, Identity::new());
    let setup =
        Setup::before(&fake.url()).flag("--trusted-proxy", "127.0.0.2").flag("--proxy-protocol", "true");
    let landfall = setup.start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    let address: SocketAddr = landfall.proxy().parse().unwrap();
    let authorization = basic(&token.user, &token.secret);
    let asked = format!(
        "GET {MANIFEST} HTTP/1.1\r\nhost: a\r\nauthorization: {authorization}\r\nconnection: close\r\n\r\n"
    );
    let v1 = "PROXY TCP4 192.0.2.7 127.0.0.1 4711 443\r\n".to_owned();
    let mut expected = Vec::new();
    for (from, header, client) in [
        (2, v1.as_bytes(), Some("192.0.2.7")),
        (2, b"PROXY UNKNOWN\r\n", Some("127.0.0.2")),
        (
            2,
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x08\x7f\x00\x00\x01\x12\x67\x01\xbb",
            Some("192.0.2.8"),
        ),
        (2, b"", None),
        (3, v1.as_bytes(), None),
        (3, b"", Some("127.0.0.3")),
    ] {
        let answer = said(from, address, &[header, asked.as_bytes()].concat()).await;
        assert_eq!(answer.starts_with("HTTP/1.1 200"), client.is_some(), "{from} {header:?}: {answer}");
        expected.extend(client);
        assert_eq!(clients_of(&landfall).await, expected, "{from} {header:?}");
    }

    let trusted = TrustedProxies::new(["127.0.0.2/32".parse().unwrap()]);
    let bounds = ListenerLimits { first_head: SHORT, ..proxy::LIMITS };
    let tls = Plane::start_behind(trusted, true, bounds, &fake.url(), Some(&identity)).await;
    let mut stream = connect_from(2, tls.address).await;
    stream.write_all(v1.as_bytes()).await.unwrap();
    let mut stream = connect_over(stream, &identity, "http/1.1").await.unwrap();
    let head = format!("GET /v2/ HTTP/1.1\r\nhost: a\r\nauthorization: {}\r\n\r\n", tls.authorization);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    // The time for a first head begins before the header.
    let mut silent = connect_from(2, tls.address).await;
    silent.write_all(b"PROXY TCP4 192").await.unwrap();
    ended("half a header", &mut silent).await;
    tls.stop().await;
}
