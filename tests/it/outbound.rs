//! Corporate networks: the only way out is an HTTP proxy.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use http::StatusCode;
use landfall::config::{Config, Flags};
use landfall::proxy::upstream::{ForbiddenTarget, Target, UpstreamError, Upstreams};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::rig::fake::{Fake, Reply};
use crate::rig::http::basic;
use crate::rig::landfall::Setup;
use crate::upstream::{blob, certificate, manifest, text, timeouts};

/// A proxy that tunnels (CONNECT), wherever it is asked to, to one address.
struct Tunnels {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Tunnels {
    /// `answer` is what it says; with a 2xx the bytes pass on to `to`.
    async fn to(to: SocketAddr, answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, heads) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let (mut serving, seen) = (JoinSet::new(), heads.clone());
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let seen = seen.clone();
                connections.spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = near.read_u8().await else { return };
                        head.push(byte);
                    }
                    seen.lock().unwrap().push(String::from_utf8(head).unwrap());
                    near.write_all(answer.as_bytes()).await.unwrap();
                    if answer.starts_with("HTTP/1.1 2") {
                        let mut far = TcpStream::connect(to).await.unwrap();
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        Self { address, heads, _serving: serving }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\nProxy-Agent: test\r\n\r\n";

/// The target of an upstream with these lines in its table.
fn target(folder: &Path, lines: &str) -> Target {
    let file = folder.join("landfall.toml");
    std::fs::write(&file, format!("[[upstream]]\n{lines}\n")).unwrap();
    let config = Config::load(Flags { config: Some(file), ..Flags::default() }).unwrap();
    Upstreams::new(&config.upstreams, timeouts())
        .unwrap()
        .select(&"docker/app".parse().unwrap(), None)
        .unwrap()
}

#[tokio::test]
async fn an_https_registry_is_reached_through_a_tunnel_that_the_proxy_does_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, ca_file) = certificate(folder.path());
    let registry = Fake::start_tls(tls, |seen| match seen.header("authorization") {
        _ if seen.target.starts_with("/token") => Reply::new(200).body(r#"{"token":"t"}"#),
        Some("Bearer t") => Reply::new(200).body("secure"),
        _ => Reply::new(401).header("www-authenticate", r#"Bearer realm="/token""#),
    })
    .await;
    let proxy = Tunnels::to(registry.address, ESTABLISHED).await;
    for user in ["", "me:a%40b@"] {
        let before = proxy.heads().len();
        let target = target(
            folder.path(),
            &format!(
                "url = \"https://{}\"\nca_file = {ca_file:?}\nproxy = \"http://{user}{}\"",
                registry.address, proxy.address
            ),
        );
        for _ in 0..2 {
            assert_eq!(text(target.send(&manifest()).await.unwrap()).await, "secure");
        }
        let heads = &proxy.heads()[before..];
        assert_eq!(heads.len(), 1, "the tunnel is kept as a connection is: {heads:?}");
        let mut lines: Vec<_> = heads[0].trim_end().split("\r\n").map(str::to_ascii_lowercase).collect();
        assert_eq!(lines.remove(0), format!("connect {} http/1.1", registry.address));
        lines.sort();
        let mut expected = vec![format!("host: {}", registry.address)];
        if !user.is_empty() {
            expected.push(format!("proxy-authorization: {}", basic("me", "a@b")).to_ascii_lowercase());
        }
        assert_eq!(lines, expected);
    }
    let said: Vec<_> = registry.seen().iter().flat_map(|seen| seen.headers.clone()).collect();
    assert!(
        said.iter().all(|(name, _)| !name.starts_with("proxy-")),
        "the registry hears nothing of the proxy"
    );
}

#[tokio::test]
async fn an_http_registry_is_asked_for_by_its_whole_url() {
    let proxy = Fake::start(|seen| match seen.header("proxy-authorization") {
        None => Reply::new(407).header("proxy-authenticate", "Basic realm=p"),
        Some(_) if seen.target.ends_with("/manifests/v1") => Reply::new(200).body("manifest"),
        Some(_) if seen.target.contains("/blobs/") => {
            Reply::new(307).header("location", "http://store.nowhere.test/b?sig=1")
        }
        Some(_) => Reply::new(200).body("blob"),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let lines =
        format!("url = \"http://registry.nowhere.test:5000\"\nproxy = \"http://me:word@{}\"", proxy.address);
    let target = target(folder.path(), &lines);
    assert_eq!(text(target.send(&manifest()).await.unwrap()).await, "manifest");
    assert_eq!(text(target.send(&blob()).await.unwrap()).await, "blob");
    let seen = proxy.seen();
    let asked: Vec<_> =
        seen.iter().map(|seen| (seen.target.as_str(), seen.header("host").unwrap())).collect();
    assert_eq!(
        asked[0],
        ("http://registry.nowhere.test:5000/v2/docker/app/manifests/v1", "registry.nowhere.test:5000")
    );
    assert_eq!(asked[2], ("http://store.nowhere.test/b?sig=1", "store.nowhere.test"));
    assert!(seen.iter().all(|seen| seen.header("proxy-authorization") == Some(&basic("me", "word"))));
    assert!(seen.iter().all(|seen| seen.header("authorization").is_none()));
}

#[tokio::test]
async fn a_proxys_failures_are_called_the_proxys() {
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&'static str, &str, &[&str]); 6] = [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
            "",
            &["407", "its URL has none"],
        ),
        (
            "HTTP/1.1 407 Nope\r\ncontent-length: 0\r\n\r\n",
            "me:hunter2@",
            &["407", "other than those in its URL"],
        ),
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "", &["403", "access rules"]),
        ("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", "", &["502", "check its log"]),
        ("HTTP/1.1 200 OK\r\n\r\nhello", "", &["sent data before"]),
        ("220 mail ESMTP\r\n\r\n", "", &["broke off"]),
    ];
    for (answer, user, words) in cases {
        let proxy = Tunnels::to(nobody, answer).await;
        let lines =
            format!("url = \"https://registry.nowhere.test\"\nproxy = \"http://{user}{}\"", proxy.address);
        let error = target(folder.path(), &lines).send(&manifest()).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
        assert!(!error.public().contains("127.0.0.1"));
        let error = error.to_string();
        assert!(error.contains(&format!("the proxy http://{} leads nowhere", proxy.address)), "{error}");
        assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    for url in ["https://registry.nowhere.test", "http://registry.nowhere.test"] {
        let lines = format!("url = \"{url}\"\nproxy = \"http://{nobody}\"");
        let error = target(folder.path(), &lines).send(&manifest()).await.unwrap_err().to_string();
        assert!(error.contains(&format!("the proxy http://{nobody} cannot be reached")), "{error}");
    }
    let wants_user = Fake::start(|_| Reply::new(407).header("proxy-authenticate", "Basic realm=p")).await;
    let lines = format!("url = \"http://registry.nowhere.test\"\nproxy = \"http://{}\"", wants_user.address);
    let error = target(folder.path(), &lines).send(&manifest()).await.unwrap_err();
    assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
    assert!(error.to_string().contains("leads nowhere: it answered 407"), "{error}");
    assert_eq!(wants_user.seen().len(), 1, "asking again changes nothing");
}

#[tokio::test]
async fn behind_a_proxy_no_redirect_leads_to_an_address_within() {
    let forbidden = [
        "http://127.0.0.1/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest",
        "http://[::1]/",
        "http://localhost/",
        "http://a.localhost/",
        "http://2130706433/",
        "https://192.168.0.1/",
    ];
    for location in forbidden {
        let proxy = Fake::start(move |seen| match seen.target.starts_with("http://registry.nowhere.test/") {
            true => Reply::new(307).header("location", location),
            false => Reply::new(200).body("within"),
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let lines = format!("url = \"http://registry.nowhere.test\"\nproxy = \"http://{}\"", proxy.address);
        let error = target(folder.path(), &lines).send(&manifest()).await.unwrap_err();
        assert!(
            matches!(error, UpstreamError::Refused { reason: ForbiddenTarget::Address, .. }),
            "{location}: {error}"
        );
        assert_eq!(proxy.seen().len(), 1, "{location}");
    }
}

#[tokio::test]
async fn the_variables_of_container_tools_are_honoured() {
    let proxy = Fake::start(|_| Reply::new(200).body("by proxy")).await;
    let registry = Fake::start(|_| Reply::new(200).body("directly")).await;
    let by = proxy.url();
    let local = format!("http://localhost:{}", registry.address.port());
    let named = "http://registry.nowhere.test";
    let cases: [(&str, &[(&str, &str)], u16); 5] = [
        (named, &[("HTTP_PROXY", &by)], 200),
        (named, &[("http_proxy", &by), ("NO_PROXY", "other.test")], 200),
        (named, &[("http_proxy", &by), ("no_proxy", ".nowhere.test")], 502),
        (named, &[("HTTP_PROXY", &by), ("REQUEST_METHOD", "GET")], 502),
        (&local, &[("HTTP_PROXY", &by)], 200),
    ];
    for (url, variables, status) in cases {
        let before = (proxy.count("http://"), registry.count("/v2/docker"));
        let landfall = variables
            .iter()
            .fold(Setup::before(url), |setup, (name, value)| setup.variable(name, value))
            .start();
        landfall.environment("production").await;
        let client = landfall.client(&landfall.token("production").await);
        client.get("/v2/docker/app/manifests/v1").await.expect(status);
        let asked = (proxy.count("http://") > before.0, registry.count("/v2/docker") > before.1);
        assert_eq!(asked, (url == named && status == 200, url == local), "{url} {variables:?}");
    }
}
