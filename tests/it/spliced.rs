//! Blobs that pass from socket to socket, beside what hyper says on the same connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::rig::fake::{Fake, Reply, Seen, serve_range};
use crate::rig::http::{Client, basic};
use crate::rig::images::digest_of;
use crate::rig::landfall::{Landfall, Setup, Token};
use crate::rig::until;

const ETAG: &str = "\"sha256:of-the-blob\"";
const MANIFEST: &str = "{\"schemaVersion\":2}";

/// Content in which each position shows, larger than what comes with a head.
pub fn content() -> Vec<u8> {
    (0u32..500_000).flat_map(u32::to_be_bytes).collect()
}

pub fn blob() -> String {
    format!("/v2/docker/app/blobs/{}", digest_of(&content()))
}

fn manifest() -> String {
    format!("/v2/docker/app/manifests/{}", digest_of(MANIFEST.as_bytes()))
}

/// A registry that answers the blob's requests by their number, and manifests always.
async fn registry(reply: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Fake {
    let blobs = AtomicUsize::new(0);
    Fake::of_pulls(move |seen| {
        if seen.target.contains("/manifests/") {
            return Reply::new(200).header("content-type", "application/json").body(MANIFEST);
        }
        reply(blobs.fetch_add(1, Ordering::SeqCst), seen)
    })
    .await
}

/// A client's connection that is kept, and shows what comes on it byte for byte.
pub struct Line {
    pub stream: BufReader<TcpStream>,
    authorization: String,
}

impl Line {
    pub async fn open(landfall: &Landfall, token: &Token) -> Self {
        let stream = BufReader::new(TcpStream::connect(landfall.proxy()).await.unwrap());
        Self { stream, authorization: basic(&token.user, &token.secret) }
    }

    /// A GET with further lines in its head.
    pub fn request(&self, target: &str, lines: &str) -> String {
        let authorization = &self.authorization;
        format!("GET {target} HTTP/1.1\r\nhost: a\r\nauthorization: {authorization}\r\n{lines}\r\n")
    }

    pub async fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    /// The head of an answer, and the length that it declares.
    pub async fn head(&mut self) -> (String, usize) {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            assert_ne!(self.stream.read_line(&mut line).await.unwrap(), 0, "no whole head: {head}");
            if line == "\r\n" {
                return (head, length);
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if !line.starts_with("date: ") {
                head += &line;
            }
        }
    }

    /// A whole answer.
    pub async fn answer(&mut self) -> (String, Vec<u8>) {
        let (head, length) = self.head().await;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.unwrap();
        (head, body)
    }

    pub async fn get(&mut self, target: &str, lines: &str) -> (String, Vec<u8>) {
        self.send(&self.request(target, lines)).await;
        self.answer().await
    }
}

pub async fn counted(landfall: &Landfall, name: &str) -> u64 {
    let metrics =
        Client::new(landfall.admin_url().trim_start_matches("http://")).get("/metrics").await.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("landfall_proxy_{name}_total ")));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().unwrap()
}

/// A proxy whose client has pulled the blob once, so that it is trusted.
pub async fn trusting(fake: &Fake) -> (Landfall, Token, Line) {
    let landfall = Setup::before(&fake.url()).start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    let mut line = Line::open(&landfall, &token).await;
    assert!(line.get(&blob(), "").await.1 == content());
    assert_eq!(counted(&landfall, "transfers_spliced").await, 0);
    (landfall, token, line)
}

#[tokio::test]
async fn a_trusted_blob_is_spliced_and_its_connection_goes_on() {
    let fake = registry(|_, seen| serve_range(seen, &content(), ETAG)).await;
    let (landfall, token, _) = trusting(&fake).await;
    let mut line = Line::open(&landfall, &token).await;
    for _ in 0..2 {
        let (head, body) = line.get(&blob(), "").await;
        assert!(body == content());
        assert_eq!(
            head,
            format!("HTTP/1.1 200 OK\r\netag: {ETAG}\r\ncontent-length: {}\r\n", content().len())
        );
    }
    let (head, body) = line.get(&blob(), "range: bytes=7-90006\r\nconnection: keep-alive\r\n").await;
    assert!(body == content()[7..=90_006]);
    assert!(head.starts_with("HTTP/1.1 206 Partial Content\r\n"), "{head}");
    assert!(head.contains(&format!("content-range: bytes 7-90006/{}", content().len())), "{head}");
    assert_eq!(line.get(&manifest(), "").await.1, MANIFEST.as_bytes());
    assert!(line.get(&blob(), "").await.1 == content());
    assert_eq!(counted(&landfall, "transfers_spliced").await, 4);

    let seen = fake.seen();
    let spliced: Vec<_> =
        seen.iter().filter(|seen| seen.target == blob()).map(|seen| seen.connection).collect();
    assert!(
        spliced[1..].iter().all(|connection| *connection == spliced[1]),
        "one is used again: {spliced:?}"
    );
    let blobs = until("every transfer is in the log", async || {
        let observations = landfall.observations().await;
        let blobs = observations.iter().filter(|one| one["object"] == "blob" && one["status"] != 404).count();
        (blobs == 5).then_some(observations)
    })
    .await;
    assert!(blobs.iter().any(|one| one["status"] == 206 && one["bytes"] == 90_000), "{blobs:?}");
}

#[tokio::test]
async fn a_socket_that_the_registry_ends_is_not_used_again() {
    // It says so, and leaves it to the proxy to close.
    let fake = registry(|_, seen| serve_range(seen, &content(), ETAG).header("connection", "close")).await;
    let (landfall, _, mut line) = trusting(&fake).await;
    for _ in 0..2 {
        assert!(line.get(&blob(), "").await.1 == content());
    }
    assert_eq!(counted(&landfall, "transfers_spliced").await, 2);
    let seen = fake.seen();
    let blobs: Vec<_> =
        seen.iter().filter(|seen| seen.target == blob()).map(|seen| seen.connection).collect();
    assert!(blobs.len() == 3 && blobs.is_sorted_by(|one, next| one < next), "{blobs:?}");
}

#[tokio::test]
async fn what_is_asked_for_at_once_is_answered_in_order() {
    let fake = registry(|_, seen| serve_range(seen, &content(), ETAG)).await;
    let (landfall, _, mut line) = trusting(&fake).await;
    let targets = [manifest(), blob(), blob(), manifest(), blob(), manifest(), manifest(), blob()];
    let requests: String = targets.iter().map(|target| line.request(target, "")).collect();
    line.send(&requests).await;
    for target in &targets {
        let body = line.answer().await.1;
        let expected = if *target == manifest() { MANIFEST.as_bytes().to_vec() } else { content() };
        assert!(body == expected, "{target}");
    }
    assert_eq!(counted(&landfall, "transfers_spliced").await, 4);
}

#[tokio::test]
async fn an_answer_that_is_still_leaving_is_not_cut_short() {
    // More than the sockets between the proxy and a client that does not read hold.
    let large: Vec<u8> = content().repeat(10);
    let path = format!("/v2/docker/app/blobs/{}", digest_of(&large));
    let trusted = blob();
    let served = large.clone();
    let fake = registry(move |_, seen| {
        let whole = if seen.target == blob() { content() } else { served.clone() };
        serve_range(seen, &whole, ETAG)
    })
    .await;
    let (landfall, _, mut line) = trusting(&fake).await;
    line.send(&[line.request(&path, ""), line.request(&blob(), "")].concat()).await;
    let (_, length) = line.head().await;
    assert_eq!(length, large.len());
    let mut body = Vec::with_capacity(length);
    // Just so much that the proxy comes to the second request, with as much as can be of the first answer in its hands.
    // Slower than the proxy takes notice.
    while fake.count(&trusted) == 1 {
        let mut piece = [0; 65_536];
        line.stream.read_exact(&mut piece).await.unwrap();
        body.extend_from_slice(&piece);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let begun = body.len();
    assert!(begun < length);
    body.resize(length, 0);
    let rest = line.stream.read_exact(&mut body[begun..]);
    tokio::time::timeout(Duration::from_secs(60), rest).await.expect("the rest of it comes").unwrap();
    assert!(body == large);
    assert!(line.answer().await.1 == content());
    assert_eq!(counted(&landfall, "transfers_spliced").await, 1);
}

#[tokio::test]
async fn a_request_with_a_body_is_left_to_hyper() {
    let fake = registry(|_, seen| serve_range(seen, &content(), ETAG)).await;
    let (landfall, _, mut line) = trusting(&fake).await;
    let inner = line.request(&manifest(), "");
    let outer = line.request(&blob(), &format!("content-length: {}\r\n", inner.len()));
    line.send(&format!("{outer}{inner}")).await;
    assert!(line.answer().await.1 == content());
    // The body was no request: what is answered next is what is asked next.
    assert!(line.get(&blob(), "range: bytes=0-3\r\n").await.1 == content()[..4]);
    assert_eq!(fake.count(&manifest()), 0);
    assert_eq!(counted(&landfall, "transfers_spliced").await, 1);
}

#[tokio::test]
async fn what_breaks_off_is_resumed_and_the_connection_goes_on() {
    let fake = registry(|count, seen| match count {
        1 => Reply::new(200).header("etag", ETAG).cut(&content(), 700_000),
        _ => serve_range(seen, &content(), ETAG),
    })
    .await;
    let (landfall, _, mut line) = trusting(&fake).await;
    assert!(line.get(&blob(), "").await.1 == content());
    assert_eq!(fake.seen().last().unwrap().header("range"), Some("bytes=700000-1999999"));
    assert_eq!(counted(&landfall, "transfers_resumed").await, 1);
    // Made of two answers, it is verified at its next transfer, and trusted again after that.
    for spliced in [0, 1] {
        assert!(line.get(&blob(), "").await.1 == content());
        assert_eq!(counted(&landfall, "transfers_spliced").await, spliced);
    }
}

#[tokio::test]
async fn what_cannot_be_resumed_ends_below_its_length() {
    let fake = registry(|count, seen| match count {
        0 => serve_range(seen, &content(), ETAG),
        1 => Reply::new(200).header("etag", ETAG).cut(&content(), 700_000),
        _ => Reply::new(404),
    })
    .await;
    let (landfall, _, mut line) = trusting(&fake).await;
    line.send(&line.request(&blob(), "")).await;
    let (_, length) = line.head().await;
    assert_eq!(length, content().len());
    let mut body = Vec::new();
    let _ = line.stream.read_to_end(&mut body).await;
    assert!(body == content()[..700_000], "{} bytes", body.len());
    assert_eq!(counted(&landfall, "transfers_broken").await, 1);
}

#[tokio::test]
async fn a_client_that_goes_away_frees_the_registry() {
    let fake = registry(|count, seen| match count {
        0 => serve_range(seen, &content(), ETAG),
        _ => Reply::new(200).header("etag", ETAG).length(content().len()).send(&content()[..90_000]).stall(),
    })
    .await;
    let (_landfall, _, mut line) = trusting(&fake).await;
    line.send(&line.request(&blob(), "")).await;
    line.head().await;
    fake.until_open(2).await;
    drop(line);
    fake.until_open(1).await;
}

#[tokio::test]
async fn a_transfer_is_finished_before_the_server_ends() {
    let rest = Arc::new(Notify::new());
    let more = rest.clone();
    let fake = registry(move |count, seen| match count {
        0 => serve_range(seen, &content(), ETAG),
        _ => {
            let (begin, end) = (content()[..90_000].to_vec(), content()[90_000..].to_vec());
            Reply::new(200).length(content().len()).send(begin).wait(&more).send(end)
        }
    })
    .await;
    let (mut landfall, token, mut line) = trusting(&fake).await;
    line.send(&line.request(&blob(), "")).await;
    let (_, length) = line.head().await;
    landfall.process().terminate();
    until("the server takes no more", async || {
        let asked = landfall.client(&token).send(Method::GET, "/v2/", &[], Bytes::new()).await;
        asked.is_err().then_some(())
    })
    .await;
    rest.notify_one();
    let mut body = Vec::new();
    line.stream.read_to_end(&mut body).await.unwrap();
    assert_eq!(body.len(), length);
    assert!(body == content());
    assert!(landfall.stop().0.success());
}

#[tokio::test]
async fn what_has_no_length_or_may_not_be_spliced_is_copied() {
    let content: Vec<u8> = content();
    let fake = registry(move |_, _| {
        Reply::new(200).header("transfer-encoding", "chunked").chunk(&content).chunk("")
    })
    .await;
    for flag in ["true", "false"] {
        let landfall = Setup::before(&fake.url()).flag("--splice", flag).start();
        landfall.environment("production").await;
        let client = landfall.client(&landfall.token("production").await);
        for _ in 0..2 {
            assert!(client.get(&blob()).await.expect(200).body == self::content());
        }
        assert_eq!(counted(&landfall, "transfers_spliced").await, 0);
    }
    let fake = registry(|_, seen| serve_range(seen, &self::content(), ETAG)).await;
    let landfall = Setup::before(&fake.url()).flag("--splice", "false").start();
    landfall.environment("production").await;
    let client = landfall.client(&landfall.token("production").await);
    for _ in 0..2 {
        assert!(client.get(&blob()).await.expect(200).body == self::content());
    }
    assert_eq!(counted(&landfall, "transfers_spliced").await, 0);
}
