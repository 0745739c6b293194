//! Landfall's requests to a registry: what goes there, what comes back, whom it logs in to, where it lets itself be
//! led.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::BodyExt;
use landfall::config::{self, CredentialsConfig, Redirects, Secret};
use landfall::model::oci::Digest;
use landfall::proxy::upstream::{
    ForbiddenTarget, Resource, SentCredentials, Target, Timeouts, UpstreamBody, UpstreamError,
    UpstreamRequest, Upstreams,
};
use tokio::sync::Notify;

use crate::rig::fake::{Fake, Reply, Seen, serve_range};

/// `me:word` by Basic.
pub const BASIC: &str = "Basic bWU6d29yZA==";

pub fn setting(url: &str) -> config::UpstreamConfig {
    config::UpstreamConfig {
        prefix: String::new(),
        url: url.parse().unwrap(),
        strip_prefix: false,
        hosts: Vec::new(),
        credentials: None,
        ca_file: None,
        redirects: Redirects::Follow,
        token_servers: Vec::new(),
        outbound: config::OutboundProxies::default(),
        head_timeout: None,
        stall_timeout: None,
    }
}

pub fn with_user(url: &str) -> config::UpstreamConfig {
    let credentials =
        CredentialsConfig::Fixed { username: "me".into(), password: Secret::new("word".into()) };
    config::UpstreamConfig { credentials: Some(credentials), ..setting(url) }
}

/// Short waits, long enough for a busy machine where a wait is not what is tested.
pub fn timeouts() -> Timeouts {
    Timeouts { resume_pause: Duration::from_millis(1), ..Timeouts::default() }
}

pub fn target(setting: config::UpstreamConfig, timeouts: Timeouts) -> Target {
    Upstreams::new(&[setting], timeouts).unwrap().select(&"docker/app".parse().unwrap(), None).unwrap()
}

pub fn manifest() -> UpstreamRequest {
    UpstreamRequest::new(Method::GET, Resource::Manifest("v1".parse().unwrap()), &HeaderMap::new())
}

pub fn blob() -> UpstreamRequest {
    UpstreamRequest::new(Method::GET, Resource::Blob(Digest::of(b"a")), &HeaderMap::new())
}

pub async fn text(response: Response<UpstreamBody>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

pub fn carried(response: &Response<UpstreamBody>) -> Option<SentCredentials> {
    response.extensions().get().copied()
}

#[tokio::test]
async fn every_status_comes_through_with_its_headers_and_body() {
    let fake = Fake::start(|seen| {
        let status = seen.target.rsplit('/').next().unwrap().trim_start_matches('s').parse().unwrap();
        Reply::new(status).header("retry-after", "7").header("x-of-the-registry", "a").body("body")
    })
    .await;
    let target = target(setting(&fake.url()), timeouts());
    for status in [200, 203, 400, 403, 404, 406, 410, 416, 429, 500, 503] {
        let what = Resource::Manifest(format!("s{status}").parse().unwrap());
        let response =
            target.send(&UpstreamRequest::new(Method::GET, what, &HeaderMap::new())).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["retry-after"], "7");
        assert_eq!(response.headers()["x-of-the-registry"], "a");
        assert_eq!(carried(&response), Some(SentCredentials::None));
        assert_eq!(text(response).await, "body");
    }
}

#[tokio::test]
async fn the_registry_sees_the_request_and_nothing_of_the_proxy() {
    let fake = Fake::start(|_| Reply::new(200)).await;
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("accept", "a/b"), ("accept", "*/*"), ("authorization", "Basic eDp5"), ("cookie", "a")]
    {
        headers.append(name, value.parse().unwrap());
    }
    let settings = config::UpstreamConfig {
        prefix: "docker".into(),
        strip_prefix: true,
        ..setting(&(fake.url() + "/cache/"))
    };
    let target = target(settings, timeouts());
    target
        .send(&UpstreamRequest::new(Method::HEAD, Resource::Manifest("v1".parse().unwrap()), &headers))
        .await
        .unwrap();

    let seen = fake.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("HEAD", "/cache/v2/app/manifests/v1"));
    let mut names: Vec<_> = seen.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "accept-encoding: identity".into(),
            "accept: */*".into(),
            "accept: a/b".into(),
            format!("host: {}", fake.address)
        ]
    );
}

/// A registry that wants a bearer token, with its own token server at `/token`.
pub fn bearer(seen: &Seen, realm: &str, token: &str, expires_in_s: u64) -> Reply {
    if seen.target.starts_with("/token") {
        return Reply::new(200).body(format!(r#"{{"token":"{token}","expires_in":{expires_in_s}}}"#));
    }
    if seen.header("authorization") == Some(&format!("Bearer {token}")) {
        return Reply::new(200).body("manifest");
    }
    let challenge =
        format!(r#"Bearer realm="{realm}",service="reg, istry",scope="repository:docker/app:pull""#);
    Reply::new(401).header("www-authenticate", challenge).body("{}")
}

#[tokio::test]
async fn a_bearer_token_is_fetched_once_and_used_unasked() {
    let fake = Fake::start(|seen| bearer(seen, "/token?a=b", "t1", 300)).await;
    let target = target(with_user(&fake.url()), timeouts());
    for _ in 0..3 {
        let response = target.send(&manifest()).await.unwrap();
        assert_eq!((response.status(), carried(&response)), (StatusCode::OK, Some(SentCredentials::Bearer)));
        assert_eq!(text(response).await, "manifest");
    }
    assert_eq!((fake.count("/token"), fake.count("/v2/")), (1, 4));
    let asked = fake.seen().into_iter().find(|seen| seen.target.starts_with("/token")).unwrap();
    assert_eq!(asked.target, "/token?a=b&service=reg%2C+istry&scope=repository%3Adocker%2Fapp%3Apull");
    assert_eq!(asked.header("authorization"), Some(BASIC));
    assert!(
        fake.seen()
            .iter()
            .all(|seen| seen.target.starts_with("/token") || seen.header("authorization") != Some(BASIC))
    );
}

#[tokio::test]
async fn many_waiters_share_one_fetch() {
    let gate = Arc::new(Notify::new());
    let fake = {
        let gate = gate.clone();
        Fake::start(move |seen| match seen.target.starts_with("/token") {
            true => Reply::new(200).header("content-length", 14).wait(&gate).send(r#"{"token":"t1"}"#),
            false => bearer(seen, "/token", "t1", 300),
        })
        .await
    };
    let target = target(setting(&fake.url()), timeouts());
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let target = target.clone();
        asking.spawn(async move { target.send(&manifest()).await.unwrap().status() });
    }
    while fake.count("/v2/") < 32 || fake.count("/token") < 1 {
        tokio::task::yield_now().await;
    }
    gate.notify_one();
    assert!(asking.join_all().await.iter().all(StatusCode::is_success));
    assert_eq!(fake.count("/token"), 1);
}

#[tokio::test]
async fn a_token_at_its_end_is_renewed_before_it_is_used() {
    let fake = Fake::start(|seen| match seen.target.starts_with("/token") {
        true => Reply::new(200).body(r#"{"token":"t1","expires_in":0.000001}"#),
        false => bearer(seen, "/token", "t1", 300),
    })
    .await;
    let target = target(setting(&fake.url()), timeouts());
    for _ in 0..3 {
        assert_eq!(target.send(&manifest()).await.unwrap().status(), StatusCode::OK);
    }
    // One refusal at the very first request, then each token is renewed without one.
    assert_eq!((fake.count("/token"), fake.count("/v2/")), (3, 4));
}

#[tokio::test]
async fn a_token_that_the_registry_forgot_is_replaced_once() {
    let issued = Arc::new(AtomicUsize::new(0));
    let fake = {
        let issued = issued.clone();
        Fake::start(move |seen| {
            let current = issued.load(Ordering::SeqCst);
            match seen.target.starts_with("/token") {
                // The next client gets what the registry believes now.
                true => bearer(seen, "/token", &format!("t{current}"), 300),
                false => bearer(seen, "/token", &format!("t{current}"), 300),
            }
        })
        .await
    };
    let target = target(setting(&fake.url()), timeouts());
    assert_eq!(target.send(&manifest()).await.unwrap().status(), StatusCode::OK);
    issued.fetch_add(1, Ordering::SeqCst);
    assert_eq!(target.send(&manifest()).await.unwrap().status(), StatusCode::OK);
    assert_eq!((fake.count("/token"), fake.count("/v2/")), (2, 4));
}

#[tokio::test]
async fn a_refusal_in_spite_of_a_token_is_handed_on() {
    let fake = Fake::start(|seen| match seen.target.starts_with("/token") {
        true => Reply::new(200).body(r#"{"access_token":"t1"}"#),
        false => Reply::new(401).header("www-authenticate", r#"Bearer realm="/token""#).body("why"),
    })
    .await;
    let target = target(setting(&fake.url()), timeouts());
    let response = target.send(&manifest()).await.unwrap();
    assert_eq!(
        (response.status(), carried(&response)),
        (StatusCode::UNAUTHORIZED, Some(SentCredentials::Bearer))
    );
    assert_eq!(text(response).await, "why");
    assert_eq!((fake.count("/token"), fake.count("/v2/")), (1, 2));
}

#[tokio::test]
async fn a_bad_answer_of_a_token_server_is_an_error_and_heals() {
    let answers = ["no json", "{}", r#"{"token":""}"#, "{\"token\":\"a\\nb\"}"].map(str::to_owned);
    for answer in answers.into_iter().chain([format!(r#"{{"token":"{}"}}"#, "a".repeat(70_000))]) {
        let broken = Arc::new(AtomicUsize::new(1));
        let fake = {
            let (answer, broken) = (answer.clone(), broken.clone());
            Fake::start(move |seen| {
                match seen.target.starts_with("/token") && broken.load(Ordering::SeqCst) == 1 {
                    true => Reply::new(200).body(&answer),
                    false => bearer(seen, "/token", "t1", 300),
                }
            })
            .await
        };
        let target = target(setting(&fake.url()), timeouts());
        let error = target.send(&manifest()).await.unwrap_err();
        assert!(matches!(error, UpstreamError::BadResponse { .. }), "{answer:.20}: {error}");
        assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
        broken.store(0, Ordering::SeqCst);
        assert_eq!(target.send(&manifest()).await.unwrap().status(), StatusCode::OK, "{answer:.20}");
    }
}

#[tokio::test]
async fn basic_is_sent_when_it_was_demanded_once() {
    let fake = Fake::start(|seen| match seen.header("authorization") {
        Some(BASIC) => Reply::new(200),
        _ => Reply::new(401).header("www-authenticate", r#"bAsIc realm="a, b""#),
    })
    .await;
    let target = target(with_user(&fake.url()), timeouts());
    for _ in 0..3 {
        let response = target.send(&manifest()).await.unwrap();
        assert_eq!((response.status(), carried(&response)), (StatusCode::OK, Some(SentCredentials::Basic)));
    }
    assert_eq!(fake.seen().len(), 4);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_a_request() {
    let fake = Fake::start(|_| Reply::new(401).header("www-authenticate", "Basic realm=a")).await;
    let target = target(with_user(&fake.url()), timeouts());
    let response = target.send(&manifest()).await.unwrap();
    assert_eq!(
        (response.status(), carried(&response)),
        (StatusCode::UNAUTHORIZED, Some(SentCredentials::Basic))
    );
    assert_eq!(fake.seen().len(), 2);
    target.send(&manifest()).await.unwrap();
    assert_eq!(fake.seen().len(), 3);
}

#[tokio::test]
async fn a_redirect_is_followed_without_credentials() {
    let store = Fake::start(|seen| serve_range(seen, b"0123456789", "\"a\"")).await;
    let elsewhere = format!("http://localhost:{}/store?sig=a%2Fb", store.address.port());
    let fake = Fake::start(move |seen| match seen.header("authorization") {
        Some(BASIC) => Reply::new(307).header("location", &elsewhere),
        _ => Reply::new(401).header("www-authenticate", "Basic realm=a"),
    })
    .await;
    let mut headers = HeaderMap::new();
    headers.insert("range", "bytes=2-4".parse().unwrap());
    headers.insert("accept", "a/b".parse().unwrap());
    let target = target(with_user(&fake.url()), timeouts());
    let response = target
        .send(&UpstreamRequest::new(Method::GET, Resource::Blob(Digest::of(b"")), &headers))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(text(response).await, "234");

    let seen = store.seen().remove(0);
    assert_eq!(seen.target, "/store?sig=a%2Fb");
    assert_eq!((seen.header("authorization"), seen.header("accept")), (None, Some("a/b")));
}

#[tokio::test]
async fn a_redirect_within_the_registry_keeps_its_credentials() {
    let fake = Fake::start(|seen| match (seen.header("authorization"), seen.target.as_str()) {
        (Some(BASIC), "/blobs/here") => Reply::new(200).body("blob"),
        (Some(BASIC), _) => Reply::new(302).header("location", "../../../../blobs/here#part"),
        _ => Reply::new(401).header("www-authenticate", "Basic realm=a"),
    })
    .await;
    assert_eq!(text(target(with_user(&fake.url()), timeouts()).send(&blob()).await.unwrap()).await, "blob");
}

#[tokio::test]
async fn another_port_of_the_same_host_gets_no_credentials() {
    let other = Fake::start(|_| Reply::new(200)).await;
    let location = other.url();
    let fake = Fake::start(move |seen| match seen.header("authorization") {
        Some(BASIC) => Reply::new(308).header("location", &location),
        _ => Reply::new(401).header("www-authenticate", "Basic realm=a"),
    })
    .await;
    assert_eq!(
        target(with_user(&fake.url()), timeouts()).send(&blob()).await.unwrap().status(),
        StatusCode::OK
    );
    assert_eq!(other.seen().remove(0).header("authorization"), None);
}

#[tokio::test]
async fn redirects_end_somewhere() {
    let fake = Fake::start(|_| Reply::new(302).header("location", "/again")).await;
    let error = target(setting(&fake.url()), timeouts()).send(&blob()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::TooManyRedirects { limit: 5 }), "{error}");
    assert_eq!(fake.seen().len(), 6);
}

#[tokio::test]
async fn neither_redirect_nor_realm_leads_to_a_forbidden_place() {
    let cases = [
        ("http://169.254.169.254/latest/meta-data", ForbiddenTarget::Address),
        ("http://[::ffff:a9fe:a9fe]/", ForbiddenTarget::Address),
        ("http://[fe80::1]/", ForbiddenTarget::Address),
        ("http://0.0.0.0/", ForbiddenTarget::Address),
        ("http://2852039166/", ForbiddenTarget::Address),
        ("ftp://127.0.0.1/", ForbiddenTarget::Scheme),
        ("http://me:hunter2@127.0.0.1/", ForbiddenTarget::UserInfo),
    ];
    for (place, expected) in cases {
        for by_realm in [false, true] {
            let fake = Fake::start(move |_| match by_realm {
                true => Reply::new(401).header("www-authenticate", format!(r#"Bearer realm="{place}""#)),
                false => Reply::new(307).header("location", place),
            })
            .await;
            // A token server that is named is no nearer for that.
            let token_servers = vec![place.parse().unwrap()];
            let settings = config::UpstreamConfig { token_servers, ..with_user(&fake.url()) };
            let error = target(settings, timeouts()).send(&manifest()).await.unwrap_err();
            assert!(
                matches!(&error, UpstreamError::Refused { reason, .. } if *reason == expected),
                "{place}: {error}"
            );
            assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
            assert!(!error.to_string().contains("hunter2") && !error.public().contains("169"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_redirect_is_passed_with_an_absolute_location() {
    let fake = Fake::start(|_| Reply::new(307).header("location", "/store/x?sig=a").body("moved")).await;
    let settings = config::UpstreamConfig { redirects: Redirects::Pass, ..with_user(&fake.url()) };
    let response = target(settings, timeouts()).send(&blob()).await.unwrap();
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(response.headers()["location"], format!("{}/store/x?sig=a", fake.url()));
    assert_eq!(text(response).await, "moved");
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn an_upstream_that_heals_works_again_at_once() {
    let fake = Fake::start(|_| Reply::new(200)).await;
    let (address, target) = (fake.address, target(setting(&fake.url()), timeouts()));
    assert_eq!(target.send(&manifest()).await.unwrap().status(), StatusCode::OK);
    drop(fake);
    let error = target.send(&manifest()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Unreachable { .. }), "{error}");
    assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
    assert!(!error.public().contains("127.0.0.1"));
    let _fake = Fake::start_at(address, |_| Reply::new(200)).await;
    assert_eq!(target.send(&manifest()).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_kept_connection_that_dies_costs_no_request() {
    let per_connection = std::sync::Mutex::new(std::collections::HashMap::<usize, usize>::new());
    let fake = Fake::start(move |seen| {
        let mut requests = per_connection.lock().unwrap();
        let count = requests.entry(seen.connection).or_default();
        *count += 1;
        if *count == 1 { Reply::new(200).body("a") } else { Reply::nothing() }
    })
    .await;
    let target = target(setting(&fake.url()), timeouts());
    for _ in 0..3 {
        assert_eq!(text(target.send(&manifest()).await.unwrap()).await, "a");
    }
}

/// A head and a small body in one piece.
fn at_once(head: &str) -> Reply {
    Reply::new(0).send(format!("HTTP/1.1 {head}content-length: 4\r\n\r\nbody"))
}

#[tokio::test]
async fn an_answer_that_nobody_reads_leaves_its_connection_unless_it_is_large() {
    let large = vec![b'x'; 1 << 20];
    let fake = Fake::start(move |seen| match (seen.method.as_str(), seen.target.as_str()) {
        ("HEAD", _) => Reply::new(200).length(1_000_000),
        (_, "/elsewhere") => Reply::new(200).body("moved"),
        (_, target) if target.contains("/tags/") => Reply::new(200).body(&large),
        (_, target) if target.contains("/manifests/") => at_once("404 Not Found\r\n"),
        _ => at_once("307 Temporary Redirect\r\nlocation: /elsewhere\r\n"),
    })
    .await;
    let target = target(setting(&fake.url()), timeouts());
    let connections = || fake.seen().iter().map(|seen| seen.connection).collect::<Vec<_>>();
    for _ in 0..2 {
        let head =
            UpstreamRequest::new(Method::HEAD, Resource::Manifest("v1".parse().unwrap()), &HeaderMap::new());
        assert_eq!(target.send(&head).await.unwrap().status(), StatusCode::OK);
        drop(target.send(&manifest()).await.unwrap());
    }
    assert_eq!(connections(), [0; 4]);
    for _ in 0..2 {
        let referrers =
            UpstreamRequest::new(Method::GET, Resource::Referrers(Digest::of(b"a")), &HeaderMap::new());
        assert_eq!(text(target.send(&referrers).await.unwrap()).await, "moved");
    }
    assert_eq!(connections(), [0; 8], "a redirect has a body as well");
    let tags = UpstreamRequest::new(Method::GET, Resource::Tags, &HeaderMap::new());
    for _ in 0..2 {
        drop(target.send(&tags).await.unwrap());
    }
    assert_eq!(connections()[8..], [0, 1], "a large one costs less to break off than to read");
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed_and_one_task_sees_to_that() {
    let fake = Fake::start(|_| Reply::new(200).body("a")).await;
    let target = target(setting(&fake.url()), timeouts());
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(text(target.send(&manifest()).await.unwrap()).await, "a");
    let after_one = tasks();
    for _ in 0..10 {
        assert_eq!(text(target.send(&manifest()).await.unwrap()).await, "a");
    }
    assert_eq!(tasks(), after_one);
    fake.until_open(1).await;
    // From here on time passes as fast as nothing else happens.
    tokio::time::pause();
    let closed = tokio::time::timeout(Duration::from_secs(120), fake.until_open(0)).await;
    assert_eq!(closed, Ok(()));
    tokio::time::resume();
    assert_eq!(text(target.send(&manifest()).await.unwrap()).await, "a");
    assert_eq!(tasks(), after_one, "it began anew");
}

#[tokio::test]
async fn many_requests_at_once_have_a_connection_each_and_leave_them_to_the_next() {
    let (gate, together) = (Arc::new(Notify::new()), 5);
    let waiting = gate.clone();
    let fake = Fake::start(move |_| Reply::new(200).wait(&waiting).body("a")).await;
    let target = target(setting(&fake.url()), timeouts());
    for _ in 0..2 {
        let before = fake.seen().len();
        let (ask, all) = (manifest(), async {
            while fake.seen().len() < before + together {
                tokio::task::yield_now().await;
            }
            // One permit at a time is kept for who has not yet begun to wait.
            for _ in 0..together {
                gate.notify_one();
                tokio::task::yield_now().await;
            }
        });
        let answers = futures_util::future::join_all((0..together).map(|_| target.send(&ask)));
        let (answers, ()) = tokio::join!(answers, all);
        for answer in answers {
            assert_eq!(text(answer.unwrap()).await, "a");
        }
    }
    let connections: std::collections::BTreeSet<_> = fake.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections.len(), together);
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let fake = Fake::start(|_| Reply::silence()).await;
    let timeouts = Timeouts { head: Duration::from_millis(50), ..timeouts() };
    let error = target(setting(&fake.url()), timeouts).send(&manifest()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::TimedOut { .. }), "{error}");
    assert_eq!(error.status(), StatusCode::GATEWAY_TIMEOUT);
    fake.until_open(0).await;
}

#[tokio::test]
async fn what_a_registry_may_have_to_fetch_first_is_waited_for_longer_than_lists() {
    let asks = [
        (manifest(), true),
        (
            UpstreamRequest::new(Method::HEAD, Resource::Manifest("v1".parse().unwrap()), &HeaderMap::new()),
            true,
        ),
        (blob(), true),
        (UpstreamRequest::new(Method::HEAD, Resource::Blob(Digest::of(b"a")), &HeaderMap::new()), true),
        (UpstreamRequest::new(Method::GET, Resource::Tags, &HeaderMap::new()), false),
        (UpstreamRequest::new(Method::GET, Resource::Referrers(Digest::of(b"a")), &HeaderMap::new()), false),
    ];
    for (ask, is_fetched) in asks {
        let gate = Arc::new(Notify::new());
        let waiting = gate.clone();
        let fake = Fake::start(move |_| Reply::silence_until(&waiting).send(ANSWER)).await;
        let target = target(setting(&fake.url()), timeouts());
        let asked = ask.clone();
        let asking = tokio::spawn(async move { target.send(&asked).await });
        while fake.seen().is_empty() {
            tokio::task::yield_now().await;
        }
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(2 * 30)).await;
        tokio::time::resume();
        gate.notify_one();
        match asking.await.unwrap() {
            Ok(response) => assert!(is_fetched && response.status() == StatusCode::OK, "{ask:?}"),
            Err(UpstreamError::TimedOut { limit, .. }) => {
                assert!(!is_fetched && limit == Duration::from_secs(30), "{ask:?}: {limit:?}");
            }
            Err(error) => panic!("{ask:?}: {error}"),
        }
    }
}

/// A whole answer without a body, as it stands on the wire.
const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn an_upstream_has_a_wait_of_its_own() {
    let fake = Fake::start(|_| Reply::silence()).await;
    let wait = Duration::from_millis(50);
    let settings = config::UpstreamConfig { head_timeout: Some(wait), ..setting(&fake.url()) };
    let target = target(settings, timeouts());
    for ask in [manifest(), UpstreamRequest::new(Method::GET, Resource::Tags, &HeaderMap::new())] {
        let error = target.send(&ask).await.unwrap_err();
        assert!(matches!(error, UpstreamError::TimedOut { limit, .. } if limit == wait), "{error}");
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_a_timeout() {
    // The kernel accepts, and nobody speaks.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let timeouts = Timeouts { connect: Duration::from_millis(50), ..timeouts() };
    let error = target(setting(&url), timeouts).send(&manifest()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::TimedOut { limit, .. } if limit.as_millis() == 50), "{error}");
}

#[tokio::test]
async fn a_connection_without_a_response_is_tried_twice() {
    let fake = Fake::start(|_| Reply::nothing()).await;
    let error = target(setting(&fake.url()), timeouts()).send(&manifest()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Unreachable { .. }), "{error}");
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn what_is_not_http_is_a_bad_response() {
    let fake = Fake::start(|_| Reply::raw("220 mail.example ESMTP\r\n\r\n")).await;
    let error = target(setting(&fake.url()), timeouts()).send(&manifest()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::BadResponse { .. }), "{error}");
}

/// TLS for 127.0.0.1, and the file that makes it trusted.
pub fn certificate(directory: &std::path::Path) -> (tokio_rustls::TlsAcceptor, std::path::PathBuf) {
    let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let ca_file = directory.join("ca.crt");
    std::fs::write(&ca_file, key.cert.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], key.signing_key.into())
        .unwrap();
    (Arc::new(config).into(), ca_file)
}
