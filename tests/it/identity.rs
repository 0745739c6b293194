//! The image that a node pulls: through the proxy, with indexes that share manifests, and artifacts that are no images.

use std::collections::HashMap;

use http::Method;
use serde_json::{Value, json};

use crate::rig::fake::{Fake, Reply};
use crate::rig::http::Client;
use crate::rig::images::{Format, Image, Recipe, digest_of};
use crate::rig::landfall::Setup;
use crate::rig::until;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// A registry that has documents under their digests and tags.
struct Documents(HashMap<String, (&'static str, String)>);

impl Documents {
    fn add(&mut self, tag: Option<&str>, media_type: &'static str, document: &Value) -> String {
        let document = document.to_string();
        let digest = digest_of(document.as_bytes());
        for name in [Some(digest.as_str()), tag].into_iter().flatten() {
            self.0.insert(name.to_owned(), (media_type, document.clone()));
        }
        digest
    }

    async fn serve(self, image: Image) -> Fake {
        Fake::start(move |seen| {
            let last = seen.target.rsplit('/').next().unwrap();
            let reply = |media_type: &str, body: &[u8]| {
                let digest = digest_of(body);
                Reply::new(200)
                    .header("content-type", media_type)
                    .header("docker-content-digest", digest)
                    .body(body)
            };
            if let Some((media_type, document)) = self.0.get(last) {
                return reply(media_type, document.as_bytes());
            }
            let all = image.blobs.iter().chain([&image.manifest]);
            let found = all.into_iter().find(|content| content.digest == last);
            found.map_or_else(|| Reply::new(404), |content| reply(content.media_type, &content.bytes))
        })
        .await
    }
}

fn index(children: &[(&str, &str)], build: u32) -> Value {
    let child = |(media_type, digest): &(&str, &str)| json!({ "mediaType": media_type, "digest": digest, "size": 1, "platform": { "os": "linux", "architecture": "amd64" } });
    let manifests: Vec<Value> = children.iter().map(child).collect();
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, "annotations": { "build": build.to_string() } })
}

/// HEAD of the tag, then each manifest by its digest.
async fn pull(node: &Client, repository: &str, tag: &str, digests: &[&str]) {
    node.ask(Method::HEAD, &format!("/v2/{repository}/manifests/{tag}"), &[]).await.expect(200);
    for digest in digests {
        node.get(&format!("/v2/{repository}/manifests/{digest}")).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_another_environment_pulls_changes_nothing_here() {
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    let shared = image.digest().to_owned();
    let mut documents = Documents(HashMap::new());
    let inner = documents.add(None, INDEX, &index(&[(IMAGE, &shared)], 0));
    let first = documents.add(Some("first"), INDEX, &index(&[(INDEX, &inner)], 1));
    let second = documents.add(Some("second"), INDEX, &index(&[(INDEX, &inner), (IMAGE, &shared)], 2));
    let fake = documents.serve(image).await;
    let landfall = Setup::before(&fake.url()).start();
    let mut nodes = Vec::new();
    for environment in ["production", "staging"] {
        landfall.environment(environment).await;
        let token = landfall.token(environment).await;
        nodes.push(landfall.client(&token).with("user-agent", "containerd/1.7.22"));
    }
    pull(&nodes[0], "app", "first", &[&first, &inner, &shared]).await;
    pull(&nodes[1], "app", "second", &[&second, &shared]).await;
    nodes[0].get(&format!("/v2/app/manifests/{shared}")).await.expect(200);
    pull(&nodes[0], "app", "first", &[&first, &inner, &shared]).await;
    let observations = landfall.observations().await;
    let parents: Vec<&str> = observations
        .iter()
        .filter(|it| it["digest"] == shared.as_str())
        .map(|it| it["parent"].as_str().unwrap_or("none"))
        .collect();
    assert_eq!(parents, [&inner, &second, &inner, &inner], "each says what its own client read");
    for (environment, digest) in [("production", &first), ("staging", &second)] {
        let deployments = format!("/api/v1/environments/{environment}/deployments");
        until("the pull looks well", async || {
            let told = landfall.admin_get(&deployments).await["deployments"].as_array().cloned()?;
            let [one] = &told[..] else { return None };
            (one["changes"][0]["to"]["digest"] == digest.as_str()).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_that_a_node_pulls_is_no_service() {
    let helm = "application/vnd.cncf.helm.config.v1+json";
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    let mut documents = Documents(HashMap::new());
    let config = json!({ "mediaType": helm, "digest": digest_of(b"{}"), "size": 2 });
    let chart = json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [] });
    let chart = documents.add(Some("1.0.0"), IMAGE, &chart);
    let plain = image.digest().to_owned();
    let fake = documents.serve(image).await;
    let landfall = Setup::before(&fake.url()).start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    let node = landfall.client(&token).with("user-agent", "containerd/1.7.22");
    pull(&node, "charts/app", "1.0.0", &[&chart]).await;
    pull(&node, "charts/app", "1.0.0", &[]).await;
    let signature = format!("/v2/app/manifests/{}.sig", plain.replace(':', "-"));
    node.ask(Method::HEAD, &signature, &[]).await.expect(404);
    node.get(&format!("/v2/app/manifests/{plain}")).await.expect(200);
    until("the image is seen, and nothing else", async || {
        let running = landfall.admin_get("/api/v1/environments/production/running").await;
        let services = running["services"].as_array().cloned()?;
        let [one] = &services[..] else { return None };
        assert_eq!((&one["repository"], &running["failing"]), (&json!("app"), &json!([])));
        Some(())
    })
    .await;
    let types: Vec<Value> = landfall.observations().await.iter().map(|it| it["media_type"].clone()).collect();
    assert_eq!(types[..3], [json!(IMAGE), json!(helm), json!(helm)]);
}
