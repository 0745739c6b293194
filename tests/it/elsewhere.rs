//! Registries that redirect to other registries, to stores, to themselves and in circles.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Method, StatusCode};
use landfall::proxy::upstream::{ForbiddenTarget, SentCredentials, UpstreamError, UpstreamRequest};

use crate::rig::fake::{Fake, Reply, Seen};
use crate::upstream::{BASIC, blob, carried, manifest, setting, target, text, timeouts, with_user};

/// A registry that gives a token to everybody, and takes only that one.
async fn open_registry(token: &'static str, answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Fake {
    let bearer = format!("Bearer {token}");
    Fake::start(move |seen| match seen.header("authorization") {
        _ if seen.target.starts_with("/token") => {
            Reply::new(200).body(format!(r#"{{"token":"{token}","expires_in":300}}"#))
        }
        Some(authorization) if authorization == bearer => answer(seen),
        _ => Reply::new(401).header(
            "www-authenticate",
            r#"Bearer realm="/token",service="b",scope="repository:real/app:pull,push""#,
        ),
    })
    .await
}

/// The same place by a name of its own, so that it is another host.
fn elsewhere(fake: &Fake) -> String {
    format!("http://localhost:{}", fake.address.port())
}

/// A registry that wants a user and a password, and answers so.
async fn registry(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Fake {
    Fake::start(move |seen| match seen.header("authorization") {
        Some(BASIC) => answer(seen),
        _ => Reply::new(401).header("www-authenticate", "Basic realm=a"),
    })
    .await
}

#[tokio::test]
async fn a_redirect_to_a_public_registry_works_and_shows_it_no_credentials() {
    for status in [301, 302, 303, 307, 308] {
        let real = open_registry("t", |_| Reply::new(200).body("content")).await;
        let there = elsewhere(&real);
        let fake = registry(move |seen| {
            Reply::new(status).header("location", there.clone() + &seen.target.replace("docker/", "real/"))
        })
        .await;
        let target = target(with_user(&fake.url()), timeouts());
        for ask in [manifest(), blob(), manifest()] {
            let response = target.send(&ask).await.unwrap();
            assert_eq!(
                (response.status(), carried(&response)),
                (StatusCode::OK, Some(SentCredentials::Bearer))
            );
            assert_eq!(text(response).await, "content", "{status}");
        }
        let seen = real.seen();
        assert_eq!(seen[1].target, "/token?service=b&scope=repository%3Areal%2Fapp%3Apull");
        assert!(seen.iter().all(|seen| seen.header("authorization").is_none_or(|it| it == "Bearer t")));
        assert_eq!(real.count("/token"), 1, "{status}");
        assert!(fake.seen().iter().all(|seen| seen.header("authorization").is_none_or(|it| it == BASIC)));
    }
}

#[tokio::test]
async fn its_token_goes_no_further_and_a_signed_url_gets_none() {
    let store = Fake::start(|seen| match seen.header("authorization") {
        None => Reply::new(200).body("blob"),
        // As S3 says to two ways of authorisation at once.
        Some(_) => Reply::new(400),
    })
    .await;
    let signed = format!("http://127.0.0.1:{}/b?X-Amz-Signature=a%2Fb", store.address.port());
    let real = open_registry("t", move |_| Reply::new(307).header("location", &signed)).await;
    let there = elsewhere(&real);
    let fake = registry(move |seen| Reply::new(307).header("location", there.clone() + &seen.target)).await;
    let target = target(with_user(&fake.url()), timeouts());
    for _ in 0..2 {
        assert_eq!(text(target.send(&blob()).await.unwrap()).await, "blob");
    }
    assert_eq!(store.seen()[0].target, "/b?X-Amz-Signature=a%2Fb");
}

#[tokio::test]
async fn a_redirect_that_comes_home_is_asked_as_oneself_again() {
    // Each needs the other's address.
    let home = Arc::new(std::sync::Mutex::new(String::new()));
    let back = home.clone();
    let detour =
        Fake::start(move |_| Reply::new(302).header("location", back.lock().unwrap().clone() + "/home?a=b"))
            .await;
    let there = elsewhere(&detour);
    let fake = registry(move |seen| match seen.target.as_str() {
        "/home?a=b" => Reply::new(200).body("home"),
        "/second/x" => Reply::new(307).header("location", there.clone() + "/away"),
        _ => Reply::new(307).header("location", "/first/../second/./x"),
    })
    .await;
    *home.lock().unwrap() = fake.url();
    assert_eq!(text(target(with_user(&fake.url()), timeouts()).send(&blob()).await.unwrap()).await, "home");
    assert_eq!(detour.seen()[0].header("authorization"), None);
    let places: Vec<_> = fake.seen().iter().map(|seen| seen.target.clone()).collect();
    assert_eq!(places[2..], ["/second/x", "/home?a=b"]);
}

#[tokio::test]
async fn circles_over_several_hosts_end() {
    let other = Arc::new(std::sync::Mutex::new(String::new()));
    let back = other.clone();
    let far = open_registry("t", move |seen| {
        Reply::new(307).header("location", back.lock().unwrap().clone() + &seen.target)
    })
    .await;
    let there = elsewhere(&far);
    let fake = registry(move |seen| Reply::new(307).header("location", there.clone() + &seen.target)).await;
    *other.lock().unwrap() = fake.url();
    let error = target(with_user(&fake.url()), timeouts()).send(&blob()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::TooManyRedirects { limit: 5 }), "{error}");
}

#[tokio::test]
async fn a_token_that_ended_there_is_replaced_and_one_that_is_refused_is_told() {
    let current = Arc::new(AtomicUsize::new(0));
    let (issued, asked) = (current.clone(), current.clone());
    let real = Fake::start(move |seen| match seen.header("authorization") {
        _ if seen.target.starts_with("/token") => Reply::new(200)
            .body(format!(r#"{{"token":"t{}","expires_in":300}}"#, issued.load(Ordering::SeqCst))),
        Some(token)
            if token == format!("Bearer t{}", asked.load(Ordering::SeqCst)) && seen.method == "GET" =>
        {
            Reply::new(200).body("content")
        }
        _ => Reply::new(401).header("www-authenticate", r#"Bearer realm="/token""#),
    })
    .await;
    let there = elsewhere(&real);
    let fake =
        Fake::start(move |seen| Reply::new(307).header("location", there.clone() + &seen.target)).await;
    let target = target(setting(&fake.url()), timeouts());
    for round in 0..3 {
        current.store(round, Ordering::SeqCst);
        assert_eq!(text(target.send(&manifest()).await.unwrap()).await, "content");
        assert_eq!(real.count("/token"), round + 1);
    }
    let head = UpstreamRequest::new(Method::HEAD, manifest().resource, manifest().headers());
    let response = target.send(&head).await.unwrap();
    assert_eq!(
        (response.status(), carried(&response)),
        (StatusCode::UNAUTHORIZED, Some(SentCredentials::Bearer))
    );
}

#[tokio::test]
async fn a_place_that_wants_a_user_is_named_and_told_none() {
    for challenge in ["Basic realm=b", "Negotiate", r#"Bearer error="x""#, r#"Digest realm="b", nonce="a""#] {
        let real = Fake::start(move |_| Reply::new(401).header("www-authenticate", challenge)).await;
        let there = elsewhere(&real);
        let fake =
            registry(move |_| Reply::new(307).header("location", there.clone() + "/x?sig=hunter2")).await;
        let error = target(with_user(&fake.url()), timeouts()).send(&blob()).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Unwelcome { .. }), "{challenge}: {error}");
        assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
        assert!(error.to_string().contains("make it an upstream of its own"), "{error}");
        assert!(!error.to_string().contains("hunter2") && !error.public().contains("localhost"));
        assert!(real.seen().iter().all(|seen| seen.header("authorization").is_none()));
    }
}

#[tokio::test]
async fn its_realm_is_no_way_inside() {
    for (realm, expected) in [
        ("http://169.254.169.254/token", ForbiddenTarget::Address),
        ("http://[fe80::1]/token", ForbiddenTarget::Address),
        ("file:///etc/passwd", ForbiddenTarget::Scheme),
        ("http://me:word@localhost/token", ForbiddenTarget::UserInfo),
    ] {
        let challenge = format!(r#"Bearer realm="{realm}""#);
        let real = Fake::start(move |_| Reply::new(401).header("www-authenticate", &challenge)).await;
        let there = elsewhere(&real);
        let fake = registry(move |_| Reply::new(307).header("location", there.clone() + "/x")).await;
        let error = target(with_user(&fake.url()), timeouts()).send(&blob()).await.unwrap_err();
        assert!(
            matches!(&error, UpstreamError::Refused { reason, .. } if *reason == expected),
            "{realm}: {error}"
        );
    }
    let refusing = Fake::start(|seen| match seen.target.starts_with("/token") {
        true => Reply::new(403),
        false => Reply::new(401).header("www-authenticate", r#"Bearer realm="/token""#),
    })
    .await;
    let there = elsewhere(&refusing);
    let fake = registry(move |_| Reply::new(307).header("location", there.clone() + "/x")).await;
    let error = target(with_user(&fake.url()), timeouts()).send(&blob()).await.unwrap_err();
    assert_eq!(error.status(), StatusCode::FORBIDDEN, "{error}");
}

#[tokio::test]
async fn a_token_server_without_tls_is_told_a_password_only_where_that_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, ca_file) = crate::upstream::certificate(folder.path());
    let tokens = Fake::start(|_| Reply::new(200).body(r#"{"token":"t"}"#)).await;
    let realm = format!(r#"Bearer realm="{}/token""#, tokens.url());
    let fake = Fake::start_tls(tls, move |seen| match seen.header("authorization") {
        Some("Bearer t") => Reply::new(200).body("manifest"),
        _ => Reply::new(401).header("www-authenticate", &realm),
    })
    .await;
    let settings = landfall::config::UpstreamConfig {
        ca_file: Some(ca_file),
        ..with_user(&format!("https://{}", fake.address))
    };
    let error = target(settings.clone(), timeouts()).send(&manifest()).await.unwrap_err();
    assert!(
        matches!(error, UpstreamError::Refused { reason: ForbiddenTarget::InsecureRealm, .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("token_servers") && error.to_string().contains(&tokens.url()),
        "{error}"
    );
    assert_eq!(tokens.seen().len(), 0);
    let token_servers = vec![tokens.url().parse().unwrap()];
    let allowed = landfall::config::UpstreamConfig { token_servers, ..settings };
    assert_eq!(text(target(allowed, timeouts()).send(&manifest()).await.unwrap()).await, "manifest");
    assert_eq!(tokens.seen()[0].header("authorization"), Some(BASIC));
}
