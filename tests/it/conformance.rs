//! The distribution spec's checks of a registry that is pulled from ("Pull", "Content Discovery"), as its conformance
//! suite makes them, against a real registry behind Landfall.

use http::Method;

use crate::rig::http::{Answer, Client};
use crate::rig::images::{Format, Image, Recipe, digest_of};
use crate::rig::landfall::Setup;
use crate::rig::registry::{Auth, Registry};
use crate::rig::skip::need;

const REPOSITORY: &str = "conformance/app";
const ACCEPT: (&str, &str) =
    ("accept", "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json");
/// Distribution spec, "Error Codes".
const ERROR_CODES: [&str; 14] = [
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
];

struct Pull {
    client: Client,
    image: Image,
}

impl Pull {
    async fn ask(&self, method: Method, what: &str, headers: &[(&str, &str)]) -> Answer {
        self.client.ask(method, &format!("/v2/{REPOSITORY}/{what}"), headers).await
    }

    /// HEAD and GET of what is there: status, length, digest, and the bytes.
    async fn has(&self, what: &str, bytes: &[u8]) {
        for method in [Method::HEAD, Method::GET] {
            let answer = self.ask(method.clone(), what, &[ACCEPT]).await.expect(200);
            assert_eq!(answer.header("content-length"), Some(&*bytes.len().to_string()), "{method} {what}");
            let digest = answer.header("docker-content-digest");
            assert!(digest.is_none_or(|it| it == digest_of(bytes)), "{method} {what}");
            assert!(method == Method::HEAD || answer.body == bytes, "{method} {what}");
        }
    }

    /// HEAD and GET of what is not there, or cannot be: a status, and an error body in the spec's form.
    async fn has_not(&self, what: &str, statuses: &[u16]) {
        for method in [Method::HEAD, Method::GET] {
            let answer = self.ask(method.clone(), what, &[ACCEPT]).await;
            assert!(statuses.contains(&answer.status.as_u16()), "{method} {what}: {}", answer.status);
            if method == Method::GET {
                let code = answer.json()["errors"][0]["code"].clone();
                assert!(ERROR_CODES.contains(&code.as_str().unwrap()), "{what}: {code}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_behind_landfall_is_pulled_from_as_the_spec_says() {
    need!("docker-registry");
    let registry = Registry::start(Auth::Open).await;
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    let push = registry.client().await;
    let tags = ["test0", "test1", "test2", "test3"];
    for tag in tags {
        image.push(&push, REPOSITORY, tag).await;
    }
    let landfall = Setup::before(&registry.url()).start();
    landfall.environment("production").await;
    let client = landfall.client(&landfall.token("production").await);
    let it = Pull { client, image };

    // end-1
    it.client.get("/v2/").await.expect(200);
    // end-2: blobs
    let missing = digest_of(b"missing");
    for blob in &it.image.blobs {
        it.has(&format!("blobs/{}", blob.digest), &blob.bytes).await;
    }
    it.has_not(&format!("blobs/{missing}"), &[404]).await;
    it.has_not("blobs/sha256:malformed", &[400, 404]).await;
    it.has_not("blobs/sha256", &[400, 404]).await;
    let layer = &it.image.blobs[1];
    for (range, part) in [("bytes=0-9", &layer.bytes[..10]), ("bytes=10-", &layer.bytes[10..])] {
        let answer = it.ask(Method::GET, &format!("blobs/{}", layer.digest), &[("range", range)]).await;
        assert_eq!(answer.expect(206).body, part, "{range}");
    }
    let beyond = format!("bytes={}-", layer.bytes.len());
    it.ask(Method::GET, &format!("blobs/{}", layer.digest), &[("range", &beyond)]).await.expect(416);
    // end-3: manifests
    for reference in tags.into_iter().chain([it.image.digest()]) {
        it.has(&format!("manifests/{reference}"), &it.image.manifest.bytes).await;
        let answer = it.ask(Method::GET, &format!("manifests/{reference}"), &[ACCEPT]).await;
        assert_eq!(answer.header("content-type"), Some(it.image.manifest.media_type));
    }
    it.has_not(&format!("manifests/{missing}"), &[404]).await;
    it.has_not("manifests/none", &[404]).await;
    it.has_not("manifests/.INVALID_MANIFEST_NAME", &[400, 404]).await;
    // end-8: tags; this registry knows neither order nor pages, which `headers` holds
    let list = it.ask(Method::GET, "tags/list", &[]).await.expect(200).json();
    let mut names: Vec<_> =
        list["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!((list["name"].as_str(), &names[..]), (Some(REPOSITORY), &tags[..]));
    // A proxy that is pulled from is not pushed to.
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for what in ["blobs/uploads/", "manifests/test0", &format!("blobs/{missing}")] {
            let path = format!("/v2/{REPOSITORY}/{what}");
            let answer = it.client.send(method.clone(), &path, &[], "a".into()).await.unwrap().expect(405);
            assert_eq!(answer.json()["errors"][0]["code"], "UNSUPPORTED", "{method} {what}");
        }
    }
}
