//! Headers of the registry arrive unchanged (promise 3 of ARCHITECTURE.md): every one that matters, through HEAD and
//! GET, against the registry's own answers.

use http::Method;

use crate::rig::fake::{Fake, Reply};
use crate::rig::http::{Answer, Client};
use crate::rig::images::{Format, Recipe, digest_of};
use crate::rig::landfall::{Landfall, Setup};
use crate::rig::registry::{Auth, Registry};
use crate::rig::skip::need;

/// The headers that are compared. Beside these a registry sends `Date` and what belongs to the connection.
const HEADERS: [&str; 14] = [
    "accept-ranges",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "docker-content-digest",
    "docker-distribution-api-version",
    "etag",
    "last-modified",
    "link",
    "location",
    "oci-filters-applied",
    "retry-after",
];
const EVERY_MANIFEST: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json, */*";
const ANY: (&str, &str) = ("accept", EVERY_MANIFEST);

/// A request to be made of both.
type Row<'a> = (&'a str, Vec<(&'a str, &'a str)>, u16);

struct Both {
    upstream: Client,
    proxy: Client,
    _landfall: Landfall,
}

impl Both {
    async fn new(registry: Client, setup: Setup) -> Self {
        let landfall = setup.start();
        landfall.environment("production").await;
        let proxy = landfall.client(&landfall.token("production").await);
        Self { upstream: registry, proxy, _landfall: landfall }
    }

    /// Asks both by HEAD and by GET, and compares status, headers and body.
    async fn agree(&self, (path, headers, status): &Row<'_>) {
        for method in [Method::HEAD, Method::GET] {
            let what = format!("{method} {path} {headers:?}");
            let expected = self.upstream.ask(method.clone(), path, headers).await;
            assert_eq!(expected.status, *status, "the registry itself: {what}");
            let answer = self.proxy.ask(method, path, headers).await;
            assert_eq!(essence(&answer), essence(&expected), "{what}");
        }
    }
}

/// Everything of an answer that must be the same; the boundary of a multipart answer is random and is taken out.
fn essence(answer: &Answer) -> (u16, Vec<(&'static str, String)>, Vec<u8>) {
    let boundary = answer.header("content-type").and_then(|it| it.split_once("boundary=")).map(|(_, it)| it);
    let plain = |text: &str| boundary.map_or(text.to_owned(), |boundary| text.replace(boundary, "BOUNDARY"));
    let headers = HEADERS.iter().flat_map(|name| {
        answer.headers.get_all(*name).iter().map(|value| (*name, plain(value.to_str().unwrap())))
    });
    let body = match boundary {
        Some(_) => plain(&answer.text()).into_bytes(),
        None => answer.body.to_vec(),
    };
    (answer.status.as_u16(), headers.collect(), body)
}

#[tokio::test(flavor = "multi_thread")]
async fn landfall_answers_as_the_registry_does() {
    need!("docker-registry", "htpasswd");
    let registry = Registry::start(Auth::Htpasswd).await;
    let client = registry.client().await;
    let oci = Recipe::app(Format::Oci, "1.0.0").build();
    let index = Recipe::app(Format::Oci, "1.1.0").build_index();
    let docker = Recipe::app(Format::Docker, "1.2.0").build();
    let list = Recipe::app(Format::Docker, "1.3.0").build_index();
    for (tag, image) in [("a", &oci), ("b", &index), ("c", &docker), ("d", &list)] {
        image.push(&client, "docker/app", tag).await;
    }
    let both = Both::new(client, Setup::before_registry(&registry)).await;

    let manifest = |reference: &str| format!("/v2/docker/app/manifests/{reference}");
    let blob = |digest: &str| format!("/v2/docker/app/blobs/{digest}");
    let (base, nothing) = (&oci.blobs[1], digest_of(b"nothing"));
    let (layer, by_digest, etag) =
        (blob(&base.digest), manifest(oci.digest()), format!("\"{}\"", oci.digest()));
    let blob_etag = format!("\"{}\"", base.digest);
    let last = format!("bytes={}-", base.bytes.len() - 5);
    let one_type = ("accept", "application/vnd.docker.distribution.manifest.v2+json");
    let rows: Vec<Row<'_>> = vec![
        ("/v2/docker/app/manifests/a", vec![ANY], 200),
        ("/v2/docker/app/manifests/b", vec![ANY], 200),
        ("/v2/docker/app/manifests/c", vec![ANY], 200),
        ("/v2/docker/app/manifests/d", vec![ANY], 200),
        // The registry negotiates: what a client does not accept is not there, or is converted.
        ("/v2/docker/app/manifests/a", vec![], 404),
        ("/v2/docker/app/manifests/b", vec![one_type], 404),
        ("/v2/docker/app/manifests/d", vec![one_type], 200),
        ("/v2/docker/app/manifests/c", vec![one_type, ("accept", "*/*")], 200),
        (&by_digest, vec![ANY], 200),
        (&by_digest, vec![ANY, ("accept-encoding", "gzip")], 200),
        (&by_digest, vec![ANY, ("if-none-match", &etag)], 304),
        (&by_digest, vec![ANY, ("if-none-match", "\"other\"")], 200),
        ("/v2/docker/app/manifests/nothing", vec![ANY], 404),
        ("/v2/docker/other/manifests/a", vec![ANY], 404),
        (&layer, vec![], 200),
        (&layer, vec![("accept-encoding", "gzip")], 200),
        (&layer, vec![("range", "bytes=0-0")], 206),
        (&layer, vec![("range", "bytes=10-19")], 206),
        (&layer, vec![("range", "bytes=-7")], 206),
        (&layer, vec![("range", &last)], 206),
        (&layer, vec![("range", "bytes=0-4,10-14")], 206),
        (&layer, vec![("range", "bytes=0-4"), ("if-range", &blob_etag)], 206),
        (&layer, vec![("range", "bytes=0-4"), ("if-range", "\"other\"")], 200),
        (&layer, vec![("if-none-match", &blob_etag)], 304),
    ];
    for row in &rows {
        both.agree(row).await;
    }
    let unknown = blob(&nothing);
    both.agree(&(&unknown, vec![], 404)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_handed_on() {
    need!("docker-registry");
    let registry = Registry::start(Auth::Open).await;
    let client = registry.client().await;
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    image.push(&client, "docker/app", "a").await;
    let both = Both::new(client, Setup::before(&registry.url())).await;
    for path in ["/v2/docker/app/tags/list", "/v2/docker/app/tags/list?n=2", "/v2/docker/other/tags/list"] {
        let expected = both.upstream.get(path).await;
        assert_eq!(essence(&both.proxy.get(path).await), essence(&expected), "{path}");
    }
}

/// Debian's docker-registry has no pages of tags, so a scripted one has: its links lead to itself, in both forms that
/// registries use, and must lead to the proxy instead.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_page_is_found_through_the_proxy() {
    let registry = Fake::start(|seen| {
        let host = seen.header("host").unwrap();
        let (_, query) = seen.target.split_once('?').unwrap();
        let (tags, next) = match query {
            "n=2" => (r#""a", "b""#, Some(format!("http://{host}/v2/docker/app/tags/list?n=2&last=b"))),
            "n=2&last=b" => (r#""c", "d""#, Some("/v2/docker/app/tags/list?last=d&n=2".to_owned())),
            "last=d&n=2" => (r#""e""#, None),
            _ => panic!("nobody asked for {query}"),
        };
        let page = Reply::new(200).header("content-type", "application/json");
        let page = match next {
            Some(next) => page.header("link", format!("<{next}>; rel=\"next\"")),
            None => page,
        };
        page.body(format!(r#"{{"name": "docker/app", "tags": [{tags}]}}"#))
    })
    .await;
    let both = Both::new(Client::new(registry.address.to_string()), Setup::before(&registry.url())).await;
    let (mut tags, mut next) = (Vec::new(), Some("/v2/docker/app/tags/list?n=2".to_owned()));
    while let Some(path) = next {
        let page = both.proxy.get(&path).await.expect(200);
        tags.extend(page.json()["tags"].as_array().unwrap().clone());
        next = page.header("link").map(|link| {
            let (target, relation) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
            assert!(relation.contains("next"), "{link}");
            assert!(target.starts_with("/v2/"), "a link without a host leads back to the proxy: {link}");
            target.to_owned()
        });
    }
    assert_eq!(tags, ["a", "b", "c", "d", "e"]);
}

/// docker-registry's own 416 declares the whole blob's length and closes after 33 bytes: a client that believes it
/// waits for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_range_that_cannot_be_is_refused_without_a_wait() {
    need!("docker-registry");
    let registry = Registry::start(Auth::Open).await;
    let client = registry.client().await;
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    image.push(&client, "docker/app", "a").await;
    let both = Both::new(client, Setup::before(&registry.url())).await;
    let layer = &image.blobs[1];
    let path = format!("/v2/docker/app/blobs/{}", layer.digest);
    let range = format!("bytes={}-", layer.bytes.len());
    for method in [Method::GET, Method::HEAD] {
        let answer = both.proxy.ask(method.clone(), &path, &[("range", &range)]).await.expect(416);
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        if method == Method::GET {
            assert_eq!(length, answer.body.len());
        }
        let total = format!("bytes */{}", layer.bytes.len());
        assert!(answer.header("content-range").is_none_or(|it| it == total), "{:?}", answer.headers);
        both.proxy.get(&path).await.expect(200);
    }
}

/// Headers that docker-registry does not send, from a scripted one: throttling, referrers, links with a host,
/// redirects.
#[tokio::test(flavor = "multi_thread")]
async fn what_other_registries_say_arrives_too() {
    let store = Fake::start(|_| Reply::new(200).body("a layer of eighteen")).await;
    let (digest, elsewhere) = (digest_of(b"a layer of eighteen"), store.url());
    let registry = Fake::start(move |seen| {
        let answer = match seen.target.split('?').next().unwrap() {
            "/v2/docker/app/manifests/throttled" => Reply::new(429).header("retry-after", "17"),
            "/v2/docker/app/manifests/down" => Reply::new(503).header("retry-after", "3"),
            path if path.contains("/referrers/") => Reply::new(200)
                .header("content-type", "application/vnd.oci.image.index.v1+json")
                .header("oci-filters-applied", "artifactType")
                .header("link", format!("<{path}?artifactType=x&next=2>; rel=\"next\"")),
            path if path.contains("/blobs/") => {
                Reply::new(307).header("location", format!("{elsewhere}/bucket/layer?signature=s3cr3t"))
            }
            _ => Reply::new(404),
        };
        answer.body("{}")
    })
    .await;
    let both = Both::new(Client::new(registry.address.to_string()), Setup::before(&registry.url())).await;
    let referrers = format!("/v2/docker/app/referrers/{digest}?artifactType=x");
    let rows: Vec<Row<'_>> = vec![
        ("/v2/docker/app/manifests/throttled", vec![ANY], 429),
        ("/v2/docker/app/manifests/down", vec![ANY], 503),
    ];
    for row in &rows {
        both.agree(row).await;
    }
    let expected = both.upstream.get(&referrers).await;
    assert_eq!(essence(&both.proxy.get(&referrers).await), essence(&expected));

    // Followed within the proxy: the client gets the bytes, and learns nothing of where they came from.
    let answer = both.proxy.get(&format!("/v2/docker/app/blobs/{digest}")).await.expect(200);
    assert_eq!(answer.text(), "a layer of eighteen");
    assert_eq!(answer.header("location"), None);
    let asked = &store.seen()[0];
    assert_eq!(asked.target, "/bucket/layer?signature=s3cr3t");
    assert_eq!(asked.header("authorization"), None, "credentials go to nobody else");
}
