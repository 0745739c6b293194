//! Token servers as the field has them: what they refuse, where they send Landfall, how they write.

use std::sync::Arc;

use http::StatusCode;
use landfall::proxy::upstream::{ForbiddenTarget, SentCredentials, UpstreamError};

use crate::rig::fake::{Fake, Reply, Seen};
use crate::rig::landfall::Setup;
use crate::upstream::{BASIC, carried, manifest, setting, target, text, timeouts, with_user};

/// A registry that demands a token by this challenge and takes `t`, and beside it a token server below `/token`.
async fn registry(challenge: &str, token: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Fake {
    let challenge = challenge.to_owned();
    Fake::start(move |seen| match seen.header("authorization") {
        _ if seen.target.starts_with("/token") => token(seen),
        Some("Bearer t") => Reply::new(200).body("manifest"),
        _ => Reply::new(401).header("www-authenticate", &challenge).body("{}"),
    })
    .await
}

const CHALLENGE: &str = r#"Bearer realm="/token",service="reg",scope="repository:docker/app:pull""#;

fn granted() -> Reply {
    Reply::new(200).body(r#"{"token":"t","expires_in":300}"#)
}

#[tokio::test]
async fn its_refusal_is_for_the_client_and_said_with_what_to_do() {
    let cases = [
        (401, 403, "check username and password_file", "give the upstream a username"),
        (403, 403, "the upstream's user may not pull it", "give the upstream a username"),
        (429, 429, "its limit is reached", "users often have a higher one"),
        (503, 503, "look at its own log", "look at its own log"),
        (500, 502, "look at its own log", "look at its own log"),
        (502, 502, "look at its own log", "look at its own log"),
        (400, 502, "look at its own log", "look at its own log"),
        (404, 502, "look at its own log", "look at its own log"),
    ];
    for (status, expected, to_user, to_nobody) in cases {
        for (is_user, advice) in [(true, to_user), (false, to_nobody)] {
            let answer = move |_: &Seen| Reply::new(status).header("retry-after", "30").body("{}");
            let fake = registry(CHALLENGE, answer).await;
            let url = fake.url();
            let target = target(if is_user { with_user(&url) } else { setting(&url) }, timeouts());
            for times in 1..3 {
                let error = target.send(&manifest()).await.unwrap_err();
                assert!(matches!(error, UpstreamError::NoToken { .. }), "{status}: {error}");
                assert_eq!(error.status().as_u16(), expected, "{status}");
                assert_eq!(error.retry_after().unwrap(), "30");
                assert!(error.to_string().contains(advice), "{status} {is_user}: {error}");
                assert!(!error.public().contains("127.0.0.1"));
                assert_eq!(fake.count("/token"), times, "it is asked once for a request");
            }
        }
    }
}

#[tokio::test]
async fn a_client_hears_of_its_refusal_in_the_registrys_words() {
    for (status, expected, code) in
        [(401, 403, "DENIED"), (403, 403, "DENIED"), (429, 429, "TOOMANYREQUESTS"), (500, 502, "UNKNOWN")]
    {
        let fake = registry(CHALLENGE, move |_| Reply::new(status).header("retry-after", "30")).await;
        let landfall = Setup::before(&fake.url()).start();
        landfall.environment("production").await;
        let client = landfall.client(&landfall.token("production").await);
        let blob = format!("/v2/docker/app/blobs/sha256:{}", "0".repeat(64));
        for path in ["/v2/docker/app/manifests/v1", "/v2/docker/app/tags/list", &blob] {
            let answer = client.get(path).await.expect(expected);
            assert_eq!(answer.header("retry-after"), Some("30"), "{path}");
            assert_eq!(answer.header("www-authenticate"), None, "{path}");
            assert_eq!(answer.json()["errors"][0]["code"], code, "{path}");
        }
    }
}

#[tokio::test]
async fn what_the_registry_itself_says_of_limits_comes_through() {
    for status in [429, 503, 403] {
        let fake = Fake::start(move |_| {
            Reply::new(status)
                .header("retry-after", "77")
                .header("ratelimit-limit", "100;w=21600")
                .body("why")
        })
        .await;
        let landfall = Setup::before(&fake.url()).start();
        landfall.environment("production").await;
        let client = landfall.client(&landfall.token("production").await);
        let blob = format!("/v2/docker/app/blobs/sha256:{}", "0".repeat(64));
        for path in ["/v2/docker/app/manifests/v1", "/v2/docker/app/tags/list", &blob] {
            let answer = client.get(path).await.expect(status);
            assert_eq!(answer.header("retry-after"), Some("77"), "{path}");
            assert_eq!(answer.header("ratelimit-limit"), Some("100;w=21600"), "{path}");
            assert_eq!(answer.text(), "why", "{path}");
        }
    }
}

#[tokio::test]
async fn its_redirects_are_followed_with_the_password_at_home_alone() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Fake::start(|_| granted()).await;
        let there = format!("http://localhost:{}/token?a=b", elsewhere.address.port());
        for (location, is_home) in [("/token/v2?a=b", true), ("token/v2?a=b#c", true), (&*there, false)] {
            let location = location.to_owned();
            let fake = registry(CHALLENGE, move |seen| match seen.header("authorization") {
                Some(BASIC) if seen.target == "/token/v2?a=b" => granted(),
                Some(BASIC) => Reply::new(status).header("location", &location),
                _ => Reply::new(401),
            })
            .await;
            let response = target(with_user(&fake.url()), timeouts()).send(&manifest()).await.unwrap();
            assert_eq!(carried(&response), Some(SentCredentials::Bearer), "{status} {is_home}");
            assert_eq!(text(response).await, "manifest");
            assert_eq!(fake.count("/token"), if is_home { 2 } else { 1 });
        }
        let seen = elsewhere.seen();
        assert_eq!((seen.len(), seen[0].header("authorization")), (1, None), "{status}");
    }
}

#[tokio::test]
async fn its_redirects_end_and_lead_nowhere_forbidden() {
    for (location, expected) in [
        ("http://169.254.169.254/latest/meta-data", Some(ForbiddenTarget::Address)),
        ("file:///etc/passwd", Some(ForbiddenTarget::Scheme)),
        ("http://me:hunter2@127.0.0.1/", Some(ForbiddenTarget::UserInfo)),
        ("/token", None),
    ] {
        let fake = registry(CHALLENGE, move |_| Reply::new(307).header("location", location)).await;
        let error = target(with_user(&fake.url()), timeouts()).send(&manifest()).await.unwrap_err();
        match (&error, expected) {
            (UpstreamError::Refused { reason, .. }, Some(expected)) => assert_eq!(*reason, expected),
            (UpstreamError::TooManyRedirects { limit: 5 }, None) => assert_eq!(fake.count("/token"), 6),
            _ => panic!("{location}: {error}"),
        }
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn any_whole_answer_with_a_token_is_one() {
    let cases = [
        (200, "application/json; charset=utf-8", "{\"token\":\"t\"}"),
        (201, "text/plain", "{\"access_token\":\"t\",\"expires_in\":\"300\"}"),
        (203, "application/json;charset=ISO-8859-1", "\u{feff}{\"token\":\"t\",\"expires_in\":3600.0}"),
        (200, "application/octet-stream", "{\"token\":null,\"access_token\":\"t\",\"expires_in\":-1}"),
    ];
    for (status, media_type, body) in cases {
        let answer = move |_: &Seen| Reply::new(status).header("content-type", media_type).body(body);
        let fake = registry(CHALLENGE, answer).await;
        let target = target(setting(&fake.url()), timeouts());
        for _ in 0..2 {
            assert_eq!(text(target.send(&manifest()).await.unwrap()).await, "manifest", "{body}");
        }
        assert_eq!(fake.count("/token"), 1, "{body}");
    }
}

#[tokio::test]
async fn it_is_asked_as_the_challenge_says() {
    let own = "scope=repository%3Adocker%2Fapp%3Apull";
    let cases = [
        (r#"Bearer realm="/token""#, format!("/token?{own}")),
        (r#"Bearer realm="/token?account=a&x=%2F""#, format!("/token?account=a&x=%2F&{own}")),
        (
            r#"Bearer scope="repository:docker/app:pull,push",service="a b",realm="/token""#,
            format!("/token?service=a+b&{own}"),
        ),
        (
            r#"Bearer realm="/token",scope="repository:remote/app:pull",error="insufficient_scope""#,
            format!("/token?{own}&scope=repository%3Aremote%2Fapp%3Apull"),
        ),
        (r#"Basic realm="r", Bearer realm="/token",service="s""#, format!("/token?service=s&{own}")),
        (r#"Negotiate, NTLM, Bearer realm="/token", Basic realm="r""#, format!("/token?{own}")),
        (r#"Bearer, Bearer error="x", bearer REALM=/token"#, format!("/token?{own}")),
    ];
    for (challenge, expected) in cases {
        let fake = registry(challenge, |_| granted()).await;
        let target = target(with_user(&fake.url()), timeouts());
        assert_eq!(text(target.send(&manifest()).await.unwrap()).await, "manifest", "{challenge}");
        let asked = fake.seen().into_iter().find(|seen| seen.target.starts_with("/token")).unwrap();
        assert_eq!(asked.target, expected, "{challenge}");
        assert_eq!(asked.header("authorization"), Some(BASIC));
    }
}

#[tokio::test]
async fn where_it_gives_nothing_a_password_is_tried_if_the_registry_takes_one() {
    let fake = Arc::new(
        Fake::start(|seen| match seen.header("authorization") {
            _ if seen.target.starts_with("/token") => Reply::new(404),
            Some(BASIC) => Reply::new(200).body("manifest"),
            _ => Reply::new(401).header("www-authenticate", r#"Bearer realm="/token", Basic realm="r""#),
        })
        .await,
    );
    let target = target(with_user(&fake.url()), timeouts());
    for _ in 0..2 {
        let response = target.send(&manifest()).await.unwrap();
        assert_eq!((response.status(), carried(&response)), (StatusCode::OK, Some(SentCredentials::Basic)));
    }
    assert_eq!((fake.count("/token"), fake.count("/v2/")), (1, 3));
}
