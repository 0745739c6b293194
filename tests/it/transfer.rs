//! A blob's body arrives whole and right, or is broken off below its length.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use hyper::body::Body;
use landfall::config;
use landfall::model::oci::Digest;
use landfall::proxy::transfer::{Outcome, Transfer, TransferError};
use landfall::proxy::upstream::{Resource, Target, Timeouts, UpstreamRequest};
use tokio::sync::oneshot;

use crate::rig::fake::{Fake, Reply, Seen, serve_range};
use crate::upstream::{certificate, setting, target, timeouts};

const ETAG: &str = "\"sha256:of-the-blob\"";

/// Content in which each position shows.
fn content() -> Vec<u8> {
    (0u32..50_000).flat_map(u32::to_be_bytes).collect()
}

/// A body as it came, how it ended for who read it, and what was reported.
struct Got {
    declared: Option<u64>,
    bytes: Vec<u8>,
    error: Option<TransferError>,
    outcome: Outcome,
}

async fn begin(
    fake: &Fake,
    range: Option<&str>,
    verify: Option<Digest>,
    timeouts: Timeouts,
) -> (Transfer, oneshot::Receiver<Outcome>) {
    let mut headers = HeaderMap::new();
    if let Some(range) = range {
        headers.insert("range", range.parse().unwrap());
        headers.insert("if-none-match", "\"another\"".parse().unwrap());
    }
    headers.insert("accept", "a/b".parse().unwrap());
    let ask = UpstreamRequest::new(Method::GET, Resource::Blob(Digest::of(&content())), &headers);
    wrap(target(setting(&fake.url()), timeouts), ask, verify).await
}

async fn wrap(
    target: Target,
    ask: UpstreamRequest,
    verify: Option<Digest>,
) -> (Transfer, oneshot::Receiver<Outcome>) {
    let response = target.send(&ask).await.unwrap();
    let (report, outcome) = oneshot::channel();
    let wrapped = Transfer::wrap(response, target, ask, verify, move |outcome| {
        let _ = report.send(outcome);
    });
    (wrapped.into_body(), outcome)
}

async fn get_with(fake: &Fake, range: Option<&str>, verify: Option<Digest>, timeouts: Timeouts) -> Got {
    let (body, outcome) = begin(fake, range, verify, timeouts).await;
    read(body, outcome).await
}

async fn read(mut body: Transfer, outcome: oneshot::Receiver<Outcome>) -> Got {
    let declared = body.size_hint().exact();
    let (mut bytes, mut error) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap_or_else(|_| Bytes::new())),
            Err(what) => error = Some(what),
        }
    }
    assert!(body.is_end_stream());
    // Reported before the body is dropped: hyper may keep it.
    let outcome = outcome.await.unwrap();
    Got { declared, bytes, error, outcome }
}

async fn get(fake: &Fake, range: Option<&str>, verify: Option<Digest>) -> Got {
    get_with(fake, range, verify, timeouts()).await
}

fn finished(bytes: usize, resumed: u32, verified: bool) -> Outcome {
    Outcome::Finished { bytes: bytes as u64, resumed, verified }
}

/// A handler that knows how often it was asked before.
fn nth(reply: impl Fn(usize, &Seen) -> Reply + Send + Sync) -> impl Fn(&Seen) -> Reply + Send + Sync {
    let count = AtomicUsize::new(0);
    move |seen| reply(count.fetch_add(1, Ordering::SeqCst), seen)
}

/// The range that a request asks for, cut off after `bytes`.
fn cut_range(seen: &Seen, bytes: usize) -> Reply {
    let body = content();
    let (first, last) = seen.header("range").unwrap().trim_start_matches("bytes=").split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    Reply::new(206)
        .header("etag", ETAG)
        .header("content-range", format!("bytes {first}-{last}/{}", body.len()))
        .cut(&body[first..=last], bytes)
}

#[tokio::test]
async fn a_whole_blob_is_verified() {
    let body = content();
    let fake = Fake::start(|seen| serve_range(seen, &content(), ETAG)).await;
    let got = get(&fake, None, Some(Digest::of(&body))).await;
    assert_eq!((got.error, got.outcome), (None, finished(body.len(), 0, true)));
    assert!(got.bytes == body && got.declared == Some(body.len() as u64));
    let got = get(&fake, None, None).await;
    assert_eq!((got.error, got.outcome), (None, finished(body.len(), 0, false)));
}

#[tokio::test]
async fn a_blob_that_is_cut_twice_arrives_whole() {
    let body = content();
    let fake = Fake::start(nth(|count, seen| match count {
        0 => Reply::new(200).header("etag", ETAG).cut(&content(), 70_000),
        1 => cut_range(seen, 50_001),
        _ => serve_range(seen, &content(), ETAG),
    }))
    .await;
    let got = get(&fake, None, Some(Digest::of(&body))).await;
    assert_eq!((got.error, got.outcome), (None, finished(body.len(), 2, true)));
    assert!(got.bytes == body);
    let asked: Vec<_> = fake.seen().iter().map(|seen| seen.header("range").map(str::to_owned)).collect();
    assert_eq!(asked, [None, Some("bytes=70000-199999".into()), Some("bytes=120001-199999".into())]);
    assert!(
        fake.seen()[1..]
            .iter()
            .all(|seen| { seen.header("if-range") == Some(ETAG) && seen.header("accept") == Some("a/b") })
    );
}

#[tokio::test]
async fn a_blob_that_is_cut_often_arrives_as_long_as_each_try_brings_something() {
    let fake = Fake::start(nth(|count, seen| match count {
        0 => Reply::new(200).cut(&content(), 1),
        1..=9 => cut_range(seen, 1),
        _ => serve_range(seen, &content(), ETAG),
    }))
    .await;
    let got = get(&fake, None, Some(Digest::of(&content()))).await;
    assert_eq!((got.error, got.outcome), (None, finished(content().len(), 10, true)));
}

#[tokio::test]
async fn a_range_shorter_than_asked_for_is_asked_on() {
    let fake = Fake::start(nth(|count, seen| match count {
        0 => Reply::new(200).cut(&content(), 70_000),
        1 => Reply::new(206)
            .header("content-range", "bytes 70000-79999/200000")
            .body(&content()[70_000..80_000]),
        _ => serve_range(seen, &content(), ETAG),
    }))
    .await;
    let got = get(&fake, None, Some(Digest::of(&content()))).await;
    assert_eq!((got.error, got.outcome), (None, finished(content().len(), 2, true)));
    assert_eq!(fake.seen()[2].header("range"), Some("bytes=80000-199999"));
}

#[tokio::test]
async fn the_end_is_told_with_the_last_byte() {
    let fake = Fake::start(|_| Reply::new(200).body("a")).await;
    let (mut body, outcome) = begin(&fake, None, None, timeouts()).await;
    assert!(!body.is_end_stream());
    body.frame().await.unwrap().unwrap();
    assert!(body.is_end_stream());
    assert_eq!(outcome.await.unwrap(), finished(1, 0, false));
}

#[tokio::test]
async fn a_blob_that_is_cut_under_tls_arrives_whole() {
    let directory = tempfile::tempdir().unwrap();
    let (tls, ca_file) = certificate(directory.path());
    let fake = Fake::start_tls(
        tls,
        nth(|count, seen| match count {
            0 => Reply::new(200).cut(&content(), 70_000),
            _ => serve_range(seen, &content(), ETAG),
        }),
    )
    .await;
    let setting =
        config::UpstreamConfig { ca_file: Some(ca_file), ..setting(&format!("https://{}", fake.address)) };
    let ask = UpstreamRequest::new(Method::GET, Resource::Blob(Digest::of(&content())), &HeaderMap::new());
    let (body, outcome) = wrap(target(setting, timeouts()), ask, Some(Digest::of(&content()))).await;
    let got = read(body, outcome).await;
    assert_eq!((got.error, got.outcome), (None, finished(content().len(), 1, true)));
    assert!(got.bytes == content());
}

#[tokio::test]
async fn a_range_is_resumed_within_the_range() {
    let fake = Fake::start(nth(|count, seen| match count {
        0 => cut_range(seen, 10),
        _ => serve_range(seen, &content(), ETAG),
    }))
    .await;
    let got = get(&fake, Some("bytes=1000-1999"), Some(Digest::of(b"not of this range"))).await;
    assert_eq!((got.error, got.outcome), (None, finished(1000, 1, false)));
    assert!(got.bytes == content()[1000..2000]);
    let second = fake.seen().remove(1);
    assert_eq!(second.header("range"), Some("bytes=1010-1999"));
    assert_eq!(second.header("if-none-match"), None);
}

#[tokio::test]
async fn an_upstream_without_ranges_is_read_from_the_beginning() {
    for (range, expected) in [(None, 0..200_000), (Some("bytes=1000-1999"), 1000..2000)] {
        let fake = Fake::start(nth(|count, seen| match (count, seen.header("range")) {
            (0, None) => Reply::new(200).cut(&content(), 70_000),
            (0, Some(_)) => cut_range(seen, 500),
            _ => Reply::new(200).body(content()),
        }))
        .await;
        let got = get(&fake, range, None).await;
        assert_eq!((got.error, got.outcome), (None, finished(expected.len(), 1, false)), "{range:?}");
        assert!(got.bytes == content()[expected], "{range:?}");
    }
}

#[tokio::test]
async fn a_stall_is_resumed() {
    let body = content();
    let fake = Fake::start(nth(|count, seen| match count {
        0 => Reply::new(200).length(content().len()).send(&content()[..5]).stall(),
        _ => serve_range(seen, &content(), ETAG),
    }))
    .await;
    let timeouts = Timeouts { stall: Duration::from_millis(50), ..timeouts() };
    let got = get_with(&fake, None, Some(Digest::of(&body)), timeouts).await;
    assert_eq!((got.error, got.outcome), (None, finished(body.len(), 1, true)));
    assert!(got.bytes == body);
}

#[tokio::test]
async fn a_lie_about_the_content_is_broken_off_below_its_length() {
    let body = content();
    let fake = Fake::start(|seen| serve_range(seen, &content(), ETAG)).await;
    let got = get(&fake, None, Some(Digest::of(b"something else"))).await;
    assert_eq!((got.error, got.outcome), (Some(TransferError::DigestMismatch), Outcome::DigestMismatch));
    assert!(got.bytes.len() < body.len() && got.declared == Some(body.len() as u64));
}

#[tokio::test]
async fn a_lie_after_a_cut_is_noticed() {
    let mut other = content();
    *other.last_mut().unwrap() ^= 1;
    let fake = Fake::start(nth(move |count, seen| match count {
        0 => Reply::new(200).cut(&content(), 70_000),
        _ => serve_range(seen, &other, ETAG),
    }))
    .await;
    let got = get(&fake, None, Some(Digest::of(&content()))).await;
    assert_eq!(got.error, Some(TransferError::DigestMismatch));
    assert!(got.bytes.len() < content().len());
}

#[tokio::test]
async fn answers_that_do_not_go_on_with_the_blob_are_not_joined_to_it() {
    let wrong: [fn(&Seen) -> Reply; 9] = [
        |_| Reply::new(206).header("content-range", "bytes 69999-199999/200000").body(&content()[69_999..]),
        |_| Reply::new(206).header("content-range", "bytes 70000-199999/200001").body(&content()[70_000..]),
        |_| Reply::new(206).body(&content()[70_000..]),
        |_| Reply::new(206).header("content-type", "multipart/byteranges; boundary=a").body("--a--"),
        |seen| serve_range(seen, &content(), "\"another\""),
        |_| Reply::new(200).body(&content()[1..]),
        |_| Reply::new(200).header("content-encoding", "gzip").body(content()),
        |_| Reply::new(416),
        |_| Reply::new(503),
    ];
    for (index, reply) in wrong.into_iter().enumerate() {
        let fake = Fake::start(nth(move |count, seen| match count {
            0 => Reply::new(200).header("etag", ETAG).cut(&content(), 70_000),
            _ => reply(seen),
        }))
        .await;
        let got = get(&fake, None, None).await;
        assert_eq!(
            (got.error, got.outcome),
            (Some(TransferError::Broken), Outcome::Broken { bytes: 70_000 }),
            "{index}"
        );
        assert!(got.bytes == content()[..70_000], "{index}");
        assert_eq!(fake.seen().len(), 4, "{index}: three tries in vain are enough");
    }
}

#[tokio::test]
async fn more_than_was_asked_for_is_an_error() {
    let fake = Fake::start(nth(|count, _| match count {
        0 => Reply::new(200).cut(&content(), 70_000),
        _ => Reply::new(206).header("content-range", "bytes 70000-199999/200000").body(vec![0; 130_001]),
    }))
    .await;
    let got = get(&fake, None, None).await;
    assert_eq!(got.error, Some(TransferError::TooLong));
    assert!(got.bytes.len() < content().len());
}

#[tokio::test]
async fn an_upstream_that_is_gone_breaks_the_transfer() {
    let fake = Fake::start(nth(|count, _| match count {
        0 => Reply::new(200).cut(&content(), 70_000),
        _ => Reply::nothing(),
    }))
    .await;
    let got = get(&fake, None, None).await;
    assert_eq!((got.error, got.outcome), (Some(TransferError::Broken), Outcome::Broken { bytes: 70_000 }));
}

#[tokio::test]
async fn a_body_without_length_is_streamed_and_never_ended_early() {
    let body = content();
    let chunked = || Reply::new(200).header("transfer-encoding", "chunked").chunk(&content()[..999]);
    let whole = move || chunked().chunk(&content()[999..]).send("0\r\n\r\n");
    let fake = Fake::start(move |_| whole()).await;
    for (verify, verified) in [(None, false), (Some(Digest::of(&body)), true)] {
        let got = get(&fake, None, verify).await;
        assert_eq!((got.error, got.outcome, got.declared), (None, finished(body.len(), 0, verified), None));
        assert!(got.bytes == body);
    }
    let got = get(&fake, None, Some(Digest::of(b"something else"))).await;
    assert_eq!((got.error, got.outcome), (Some(TransferError::DigestMismatch), Outcome::DigestMismatch));
    assert!(got.bytes.len() < body.len());

    let fake = Fake::start(move |_| chunked().close()).await;
    let got = get(&fake, None, None).await;
    assert_eq!((got.error, got.outcome), (Some(TransferError::Broken), Outcome::Broken { bytes: 999 }));
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn what_is_no_plain_piece_of_a_blob_is_not_resumed() {
    let replies: [fn() -> Reply; 3] = [
        // The answer of docker-registry 2.8 to a range that cannot be satisfied.
        || Reply::new(416).length(200_000).send("{}").close(),
        || {
            Reply::new(206)
                .header("content-type", "multipart/byteranges; boundary=a")
                .length(99)
                .send("--a")
                .close()
        },
        || Reply::new(200).header("content-encoding", "gzip").length(99).send("gz").close(),
    ];
    for reply in replies {
        let fake = Fake::start(move |_| reply()).await;
        let got = get(&fake, None, Some(Digest::of(b""))).await;
        assert_eq!(got.error, Some(TransferError::Broken));
        assert_eq!(fake.seen().len(), 1);
    }
}

#[tokio::test]
async fn an_empty_body_is_finished_at_once() {
    let fake = Fake::start(|_| Reply::new(200)).await;
    let (body, outcome) = begin(&fake, None, Some(Digest::of(b"")), timeouts()).await;
    assert!(body.is_end_stream());
    assert_eq!(outcome.await.unwrap(), finished(0, 0, true));
    let got = get(&fake, None, Some(Digest::of(b"something"))).await;
    assert_eq!(got.outcome, Outcome::DigestMismatch);
}

#[tokio::test]
async fn a_client_that_goes_away_frees_the_upstream() {
    let fake = Fake::start(|_| Reply::new(200).length(200_000).send(vec![0; 1000]).stall()).await;
    let (mut body, outcome) = begin(&fake, None, None, timeouts()).await;
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    fake.until_open(1).await;
    drop(body);
    assert_eq!(outcome.await.unwrap(), Outcome::ClientGone { bytes: first.len() as u64 });
    fake.until_open(0).await;
}

#[tokio::test]
async fn a_finished_blob_leaves_its_connection_to_the_next() {
    let fake = Arc::new(Fake::start(|seen| serve_range(seen, &content(), ETAG)).await);
    let ask = UpstreamRequest::new(Method::GET, Resource::Blob(Digest::of(&content())), &HeaderMap::new());
    let target = target(setting(&fake.url()), timeouts());
    for _ in 0..3 {
        let response = target.send(&ask).await.unwrap();
        let body = Transfer::wrap(response, target.clone(), ask.clone(), None, |_| ()).into_body();
        assert!(body.collect().await.unwrap().to_bytes() == content());
    }
    assert!(fake.seen().iter().all(|seen| seen.connection == 0));
}
