//! Facts about a blob hold for the next client: its length once it was found right, and while one transfer hashes it
//! what that one finds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::join_all;
use http::Method;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;

use crate::rig::fake::{Fake, Reply, Seen, serve_range};
use crate::rig::images::digest_of;
use crate::rig::landfall::{Landfall, Setup, Token};
use crate::rig::until;
use crate::spliced::{Line, blob, content, counted, trusting};

const ETAG: &str = "\"sha256:of-the-blob\"";
/// Clients that want the same blob at the same moment.
const HERD: usize = 12;

/// An upstream that answers by the request's number.
async fn nth(reply: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Fake {
    let count = AtomicUsize::new(0);
    Fake::of_pulls(move |seen| reply(count.fetch_add(1, Ordering::SeqCst), seen)).await
}

/// The same, counted for each path.
async fn nth_of_path(reply: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Fake {
    let counts = Mutex::new(HashMap::<String, usize>::new());
    Fake::of_pulls(move |seen| {
        let count = {
            let mut counts = counts.lock().unwrap();
            let count = counts.entry(seen.target.clone()).or_default();
            *count += 1;
            *count - 1
        };
        reply(count, seen)
    })
    .await
}

/// Blobs of one length.
fn blob_of(number: usize) -> Vec<u8> {
    let mut blob = content();
    blob[..8].copy_from_slice(&number.to_be_bytes());
    blob
}

#[tokio::test]
async fn an_answer_of_another_length_is_not_a_trusted_blob() {
    type Wrong = fn(&Seen) -> Reply;
    let wrong: [Wrong; 3] = [
        |seen| serve_range(seen, &content().repeat(2), ETAG),
        |_| Reply::new(200).body("{\"evil\":1}"),
        |_| Reply::new(200),
    ];
    let lines = ["", "connection: close\r\n", "range: bytes=7-90006\r\n"];
    // Once: another request's answer that came late. Or again and again: a lie.
    let cases: Vec<_> = wrong
        .into_iter()
        .flat_map(|wrong| lines.map(|lines| (wrong, lines)))
        .flat_map(|(wrong, lines)| [(wrong, lines, false), (wrong, lines, true)])
        .collect();
    let blobs: Vec<_> = (0..cases.len()).map(|number| Bytes::from(blob_of(number))).collect();
    let paths: Vec<_> =
        blobs.iter().map(|blob| format!("/v2/docker/app/blobs/{}", digest_of(blob))).collect();
    let (served, at) = ((cases.clone(), blobs.clone()), paths.clone());
    let fake = nth_of_path(move |count, seen| {
        let number = at.iter().position(|path| *path == seen.target).unwrap();
        let (wrong, _, is_lie) = served.0[number];
        if count == 1 || (is_lie && count > 1) {
            wrong(seen)
        } else {
            serve_range(seen, &served.1[number], ETAG)
        }
    })
    .await;
    let (landfall, token) = before(&fake, "first").await;
    let mut lies = 0;
    for (number, (_, lines, is_lie)) in cases.into_iter().enumerate() {
        let mut line = Line::open(&landfall, &token).await;
        assert!(line.get(&paths[number], "").await.1 == blobs[number]);
        let (head, body) = line.get(&paths[number], lines).await;
        if is_lie {
            lies += 1;
            assert!(head.starts_with("HTTP/1.1 502 "), "{number}: {head}");
            assert!(String::from_utf8_lossy(&body).contains("DIGEST_INVALID"), "{number}");
        } else {
            let right =
                if lines.starts_with("range") { &blobs[number][7..=90_006] } else { &blobs[number][..] };
            assert!(body == right, "{number}: {} bytes", body.len());
        }
        assert_eq!(counted(&landfall, "digest_mismatches").await, lies, "{number}");
        let seen: Vec<_> = fake.seen().into_iter().filter(|seen| seen.target == paths[number]).collect();
        assert_eq!(seen.len(), 3, "{number}");
        assert_ne!(seen[1].connection, seen[2].connection, "{number}");
    }
}

#[tokio::test]
async fn a_head_of_another_length_is_asked_for_anew() {
    let fake = nth(|count, seen| match (count, seen.method.as_str()) {
        (1, _) => Reply::new(200).length(7),
        (_, "HEAD") => Reply::new(200).length(content().len()),
        _ => serve_range(seen, &content(), ETAG),
    })
    .await;
    let (landfall, token, _) = trusting(&fake).await;
    let answer = landfall.client(&token).ask(Method::HEAD, &blob(), &[]).await.expect(200);
    assert_eq!(answer.header("content-length"), Some(&*content().len().to_string()));
}

#[tokio::test]
async fn a_trusted_blob_without_a_declared_length_has_the_one_that_is_known() {
    let whole = |body: &[u8]| Reply::new(200).header("transfer-encoding", "chunked").chunk(body).chunk("");
    let cases: [(fn() -> Vec<u8>, bool); 3] = [
        (content, true),
        (|| [&content()[..], b"more"].concat(), false),
        // The rest is asked for, and nothing like it comes.
        (|| content()[1..].to_vec(), false),
    ];
    for (body, is_right) in cases {
        let fake = nth(move |count, seen| match count {
            0 => serve_range(seen, &content(), ETAG),
            1 => whole(&body()),
            _ => Reply::new(404),
        })
        .await;
        let (landfall, token, _) = trusting(&fake).await;
        let mut line = Line::open(&landfall, &token).await;
        line.send(&line.request(&blob(), "connection: close\r\n")).await;
        let (head, length) = line.head().await;
        assert_eq!(length, content().len(), "{head}");
        let mut got = Vec::new();
        let _ = line.stream.read_to_end(&mut got).await;
        assert_eq!(got.len() == length, is_right);
        assert!(content().starts_with(&got) || !is_right);
        assert_eq!(counted(&landfall, "transfers_broken").await, u64::from(!is_right));
    }
}

#[tokio::test]
async fn a_manifest_that_is_another_ones_is_asked_for_anew() {
    // By digest or tag, and whether the wrong answer states a digest.
    let kinds = [(true, false), (true, true), (false, true)];
    let cases: Vec<_> = [Method::GET, Method::HEAD]
        .into_iter()
        .flat_map(|method| kinds.map(|(by_digest, is_stated)| (method.clone(), by_digest, is_stated)))
        .collect();
    let manifest = |number: usize| format!("{{\"schemaVersion\":2,\"case\":{number}}}");
    let paths: Vec<_> = cases
        .iter()
        .enumerate()
        .map(|(number, (_, by_digest, _))| match by_digest {
            true => format!("/v2/docker/app/manifests/{}", digest_of(manifest(number).as_bytes())),
            false => format!("/v2/docker/app/manifests/v{number}"),
        })
        .collect();
    let (served, at, evil) = (cases.clone(), paths.clone(), digest_of(b"evil"));
    let fake = nth_of_path(move |count, seen| {
        let reply = Reply::new(200).header("content-type", "application/json");
        let Some(number) = at.iter().position(|path| *path == seen.target) else { return Reply::new(404) };
        match (count, served[number].2) {
            (0, true) => reply.header("docker-content-digest", &evil).body("other"),
            (0, false) => reply.body("other"),
            _ => {
                let body = manifest(number);
                reply.header("docker-content-digest", digest_of(body.as_bytes())).body(body)
            }
        }
    })
    .await;
    let (landfall, token) = before(&fake, "first").await;
    let client = landfall.client(&token);
    for (number, (method, by_digest, is_stated)) in cases.into_iter().enumerate() {
        let answer = client.ask(method.clone(), &paths[number], &[]).await.expect(200);
        if method == Method::GET {
            assert_eq!(answer.text(), manifest(number));
        }
        // Without a body there is only what is stated, and a tag may name any.
        let is_told_apart = method == Method::GET || (by_digest && is_stated);
        let asked = fake
            .seen()
            .into_iter()
            .filter(|seen| seen.target == paths[number] && seen.method == method.as_str());
        let asked: Vec<_> = asked.map(|seen| seen.connection).collect();
        assert_eq!(asked.len(), 1 + usize::from(is_told_apart), "{number}");
        assert!(asked.is_sorted_by(|one, next| one < next), "{number}: {asked:?}");
    }
    assert_eq!(counted(&landfall, "digest_mismatches").await, 0);
}

/// A registry that sends the first half of each body at once, and the second when it is told to.
struct Halves {
    fake: Fake,
    gates: Arc<[watch::Sender<bool>]>,
}

impl Halves {
    /// `body` is the answer to the request with this number.
    async fn of(body: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let gates: Arc<[watch::Sender<bool>]> = (0..=HERD + 2).map(|_| watch::Sender::new(false)).collect();
        let waits = gates.clone();
        let fake = nth(move |count, _| {
            let body = body(count);
            let (begin, end) = body.split_at(body.len() / 2);
            Reply::new(200).length(body.len()).send(begin).wait_for(waits[count].subscribe()).send(end)
        })
        .await;
        Self { fake, gates }
    }

    fn let_go(&self, count: usize) {
        self.gates[count].send_replace(true);
    }

    async fn until_asked(&self, times: usize) {
        until("all are asked for", async || (self.fake.seen().len() == times).then_some(())).await;
    }
}

async fn before(fake: &Fake, verify: &str) -> (Landfall, Token) {
    let landfall = Setup::before(&fake.url()).flag("--verify", verify).start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    (landfall, token)
}

/// Asks on a connection of its own. The answer is still to come.
async fn begin(landfall: &Landfall, token: &Token, lines: &str) -> Line {
    let mut line = Line::open(landfall, token).await;
    line.send(&line.request(&blob(), lines)).await;
    line
}

/// The content of an answer, and whether it is all that was declared.
async fn end(mut line: Line) -> (Vec<u8>, bool) {
    let (_, length) = line.head().await;
    let mut body = vec![0; length];
    let mut got = 0;
    while got < length {
        match line.stream.read(&mut body[got..]).await {
            Ok(0) | Err(_) => break,
            Ok(bytes) => got += bytes,
        }
    }
    body.truncate(got);
    (body, got == length)
}

#[tokio::test]
async fn a_herd_hashes_a_blob_once() {
    for (verify, spliced) in [("first", HERD - 1), ("always", 0)] {
        let halves = Halves::of(|_| content()).await;
        let (landfall, token) = before(&halves.fake, verify).await;
        let lines = join_all((0..HERD).map(|_| begin(&landfall, &token, ""))).await;
        halves.until_asked(HERD).await;
        (0..HERD + 1).for_each(|count| halves.let_go(count));
        for (body, is_whole) in join_all(lines.into_iter().map(end)).await {
            assert!(is_whole && body == content());
        }
        assert_eq!(counted(&landfall, "transfers_spliced").await, spliced as u64, "{verify}");
        let (body, _) = end(begin(&landfall, &token, "").await).await;
        assert!(body == content());
        let trusted = u64::from(verify == "first");
        assert_eq!(counted(&landfall, "transfers_spliced").await, spliced as u64 + trusted, "{verify}");
    }
}

#[tokio::test]
async fn what_one_finds_wrong_is_broken_off_for_all() {
    let mut wrong = content();
    *wrong.last_mut().unwrap() ^= 1;
    let served = wrong.clone();
    let halves = Halves::of(move |count| if count < 4 { served.clone() } else { content() }).await;
    let (landfall, token) = before(&halves.fake, "first").await;
    let first = begin(&landfall, &token, "").await;
    halves.until_asked(1).await;
    // One is spliced and one is copied.
    let second = begin(&landfall, &token, "").await;
    halves.until_asked(2).await;
    let third = begin(&landfall, &token, "connection: close\r\n").await;
    halves.until_asked(3).await;
    halves.let_go(0);
    let (body, is_whole) = end(first).await;
    assert!(!is_whole && wrong.starts_with(&body));
    (1..=2).for_each(|count| halves.let_go(count));
    for line in [second, third] {
        let (body, is_whole) = end(line).await;
        assert!(!is_whole && wrong.starts_with(&body), "{} bytes", body.len());
    }
    assert_eq!(counted(&landfall, "transfers_spliced").await, 0);
    // Nobody trusts it: the next one hashes, and so does the one after that.
    halves.let_go(3);
    assert!(!end(begin(&landfall, &token, "").await).await.1);
    halves.let_go(4);
    assert!(end(begin(&landfall, &token, "").await).await.1);
    assert_eq!(counted(&landfall, "transfers_spliced").await, 0);
}

#[tokio::test]
async fn who_goes_away_leaves_the_hashing_to_the_next() {
    let halves = Halves::of(|_| content()).await;
    let (landfall, token) = before(&halves.fake, "first").await;
    let mut first = begin(&landfall, &token, "").await;
    // Its answer is the first to come, and is hashed.
    first.head().await;
    let mut second = begin(&landfall, &token, "").await;
    let (_, length) = second.head().await;
    halves.fake.until_open(2).await;
    drop(first);
    halves.fake.until_open(1).await;
    (1..5).for_each(|count| halves.let_go(count));
    let mut body = vec![0; length];
    second.stream.read_exact(&mut body).await.unwrap();
    assert!(body == content());
    // The one beside it was not hashed, the next one is, and the one after that need not be.
    for spliced in [1, 1, 2] {
        assert_eq!(counted(&landfall, "transfers_spliced").await, spliced);
        assert!(end(begin(&landfall, &token, "").await).await.0 == content());
    }
    assert_eq!(counted(&landfall, "transfers_spliced").await, 3);
}

#[tokio::test]
async fn one_of_another_length_is_hashed_for_itself() {
    let halves = Halves::of(|count| if count == 1 { content().repeat(2) } else { content() }).await;
    let (landfall, token) = before(&halves.fake, "first").await;
    let mut first = begin(&landfall, &token, "").await;
    // Its head has come, and what it declares is known.
    let (_, length) = first.head().await;
    let second = begin(&landfall, &token, "").await;
    halves.until_asked(2).await;
    halves.let_go(1);
    let (body, is_whole) = end(second).await;
    assert!(!is_whole && body.len() > length);
    halves.let_go(0);
    let mut body = vec![0; length];
    first.stream.read_exact(&mut body).await.unwrap();
    assert!(body == content());
    assert_eq!(counted(&landfall, "digest_mismatches").await, 1);
}
