//! A day of a shop: three services in two environments, five releases from a git repository, a rollback, all of it
//! pulled through the proxy, and every question answered right at every hour.

use http::Method;
use serde_json::Value;

use crate::rig::git::Repository;
use crate::rig::http::Client;
use crate::rig::images::{Format, Image, Recipe};
use crate::rig::landfall::{Landfall, Setup, Token};
use crate::rig::registry::{Auth, Registry};
use crate::rig::skip::need;
use crate::rig::until;

const SERVICES: [&str; 3] = ["shop/payment", "shop/web", "shop/worker"];
const VERSIONS: [&str; 5] = ["v1.0.0", "v1.1.0", "v1.2.0", "v1.2.1", "v2.0.0"];

/// The shop's source: five releases, told by commits, a merge and tags.
fn source() -> Repository {
    let source = Repository::new();
    let release = |version: &str, subjects: &[&str]| {
        for subject in subjects {
            source.git(&["commit", "--quiet", "--allow-empty", "-m", subject]);
        }
        source.git(&["tag", version]);
    };
    release("v1.0.0", &["feat: sell things"]);
    release("v1.1.0", &["fix: login times out behind a proxy (#11)", "feat: dark mode for invoices (#12)"]);
    release("v1.2.0", &["perf: load the charts lazily (#21)", "fix(cart): rounding of discounts (#22)"]);
    release("v1.2.1", &["fix: session cookie leaks to subdomains (CVE-2026-1234) (#31)"]);
    release("v2.0.0", &["feat!: remove the v1 price list endpoint (#41)"]);
    source
}

struct Shop {
    landfall: Landfall,
    /// By version: what every service of it runs.
    images: Vec<Image>,
    tokens: [(&'static str, Token); 2],
    _registry: Registry,
}

impl Shop {
    async fn open() -> Self {
        let registry = Registry::start(Auth::Htpasswd).await;
        let landfall = Setup::before_registry(&registry).flag("--settle", "300ms").start();
        let source = source();
        for service in SERVICES {
            let said = landfall.cli(&["release", "import", "--git", source.path(), "--repository", service]);
            assert_eq!(said.code, Some(0), "{}", said.all());
        }
        let push = registry.client().await;
        let mut images = Vec::new();
        for version in VERSIONS {
            let revision = source.git(&["rev-list", "-n", "1", version]);
            let image = Recipe::new(Format::Oci)
                .label("org.opencontainers.image.version", version.trim_start_matches('v'))
                .label("org.opencontainers.image.revision", &revision)
                .layer("app/version", version.as_bytes())
                .build();
            for service in SERVICES {
                image.push(&push, service, version).await;
            }
            images.push(image);
        }
        let mut tokens = Vec::new();
        for environment in ["staging", "production"] {
            landfall.environment(environment).await;
            tokens.push((environment, landfall.token(environment).await));
        }
        let tokens = tokens.try_into().ok().unwrap();
        Self { landfall, images, tokens, _registry: registry }
    }

    /// A node of `environment` pulls `version` of these services as containerd does, and the rollout settles.
    async fn ship(&self, environment: &str, version: &str, services: &[&str]) {
        let image = &self.images[VERSIONS.iter().position(|it| *it == version).unwrap()];
        let token = &self.tokens.iter().find(|(name, _)| *name == environment).unwrap().1;
        let node = self.landfall.client(token).with("user-agent", "containerd/1.7.27");
        let accept = [("accept", "application/vnd.oci.image.manifest.v1+json, */*")];
        for service in services {
            pull(&node, service, version, image, &accept).await;
        }
        let path = format!("/api/v1/environments/{environment}/running");
        until("the rollout settles", async || {
            let running = self.landfall.admin_get(&path).await;
            let is_there = |service: &&str| {
                running["services"].as_array().unwrap().iter().any(|it| {
                    it["repository"] == **service
                        && it["digest"] == image.digest()
                        && it["state"] == "settled"
                })
            };
            services.iter().all(is_there).then_some(())
        })
        .await;
    }

    async fn get(&self, path: &str) -> Value {
        self.landfall.admin_get(path).await
    }

    /// `answer` to "is this live in `environment`?", over REST and by command.
    async fn verified(&self, environment: &str, text: &str, answer: &str) {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("environment", environment)
            .append_pair("q", text)
            .finish();
        let told = self.get(&format!("/api/v1/verify?{query}")).await;
        assert_eq!(told["answer"], answer, "{text} in {environment}: {told:#}");
        let said = self.landfall.cli(&["verify", text, "--env", environment]);
        // The rollout has been quiet for longer than the settle time: it was live when it was last seen.
        assert_eq!(said.code, Some(if answer == "live" { 3 } else { 1 }), "{}", said.all());
        let label = if answer == "no_such_change" { "no matching change" } else { &answer.replace('_', " ") };
        assert!(said.out.starts_with(label), "{}", said.out);
    }

    /// Checks the version that each service runs, in the order of the services.
    async fn running(&self, environment: &str, versions: [&str; 3]) {
        let running = self.get(&format!("/api/v1/environments/{environment}/running")).await;
        let told: Vec<&str> = running["services"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["version"].as_str().unwrap())
            .collect();
        assert_eq!(told, versions, "{environment}");
    }

    /// Checks the number of releases that each service lacks.
    async fn missing(&self, environment: &str, counts: [usize; 3]) {
        let missing = self.get(&format!("/api/v1/environments/{environment}/missing")).await;
        let services = missing["services"].as_array().unwrap();
        let told: Vec<usize> = services.iter().map(|it| it["missing"].as_array().unwrap().len()).collect();
        assert_eq!(told, counts, "{missing:#}");
        assert_eq!(missing["up_to_date"], counts == [0; 3]);
    }

    /// Checks how each service of staging stands to production, with the releases between.
    async fn compared(&self, relations: [(&str, usize); 3]) {
        let compared = self.get("/api/v1/compare?left=staging&right=production").await;
        let services = compared["services"].as_array().unwrap();
        let told: Vec<(&str, usize)> = services
            .iter()
            .map(|it| (it["relation"].as_str().unwrap(), it["releases"].as_array().unwrap().len()))
            .collect();
        assert_eq!(told, relations, "{compared:#}");
    }

    /// The kinds of an environment's deployments, the newest first, with releases landed and reverted.
    async fn timeline(&self, environment: &str, expected: &[(&str, u64, u64)]) {
        let timeline = self.get(&format!("/api/v1/environments/{environment}/deployments")).await;
        let deployments = timeline["deployments"].as_array().unwrap();
        let told: Vec<(&str, u64, u64)> = deployments
            .iter()
            .map(|it| {
                let count = |name: &str| it[name].as_u64().unwrap();
                (it["kind"].as_str().unwrap(), count("releases_landed"), count("releases_reverted"))
            })
            .collect();
        assert_eq!(told, expected, "{environment}");
    }
}

/// Sends the requests of containerd for a tag: HEAD, the manifest by digest, the config, the layers.
async fn pull(node: &Client, service: &str, tag: &str, image: &Image, accept: &[(&str, &str)]) {
    node.ask(Method::HEAD, &format!("/v2/{service}/manifests/{tag}"), accept).await.expect(200);
    node.ask(Method::GET, &format!("/v2/{service}/manifests/{}", image.digest()), accept).await.expect(200);
    for blob in &image.blobs {
        node.get(&format!("/v2/{service}/blobs/{}", blob.digest)).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_the_shop_is_told_right_at_every_hour() {
    need!("docker-registry", "htpasswd", "git");
    let shop = Shop::open().await;

    // Before anything is pulled, releases are known and nothing is live.
    shop.verified("production", "#11", "not_live").await;
    shop.verified("production", "#99", "no_such_change").await;
    shop.timeline("production", &[]).await;

    // Both environments start with v1.0.0.
    shop.ship("staging", "v1.0.0", &SERVICES).await;
    shop.ship("production", "v1.0.0", &SERVICES).await;
    shop.running("production", ["v1.0.0"; 3]).await;
    shop.missing("production", [4; 3]).await;
    shop.compared([("same", 0); 3]).await;
    shop.timeline("production", &[("initial", 3, 0)]).await;

    // The login fix goes to staging.
    shop.ship("staging", "v1.1.0", &SERVICES).await;
    shop.verified("staging", "#11", "live").await;
    shop.verified("production", "#11", "not_live").await;
    shop.compared([("left_ahead", 1); 3]).await;
    let before_production = shop.get("/api/v1/environments/production/running").await["at"].clone();

    // One service of production gets it, then all of them.
    shop.ship("production", "v1.1.0", &SERVICES[..1]).await;
    shop.verified("production", "pull request 11", "partly_live").await;
    shop.compared([("same", 0), ("left_ahead", 1), ("left_ahead", 1)]).await;
    shop.ship("production", "v1.1.0", &SERVICES[1..]).await;
    shop.verified("production", "is the fix for login times out behind a proxy live?", "live").await;
    shop.missing("production", [3; 3]).await;

    // v1.2.1 brings two releases at once.
    shop.ship("production", "v1.2.1", &SERVICES).await;
    shop.verified("production", "CVE-2026-1234", "live").await;
    shop.verified("staging", "CVE-2026-1234", "not_live").await;
    shop.compared([("right_ahead", 2); 3]).await;
    shop.running("production", ["v1.2.1"; 3]).await;

    // It is rolled back to v1.0.0: three releases are reverted, and with them the login fix.
    shop.ship("production", "v1.0.0", &SERVICES).await;
    shop.verified("production", "#11", "rolled_back").await;
    shop.verified("production", "CVE-2026-1234", "rolled_back").await;
    shop.verified("production", "#41", "not_live").await;
    let timeline = shop.get("/api/v1/environments/production/deployments?limit=1").await;
    let rollback = &timeline["deployments"][0];
    assert_eq!(
        (&rollback["kind"], &rollback["releases_reverted"]),
        (&"rollback".into(), &9.into()),
        "{rollback:#}"
    );
    let changes = shop.get("/api/v1/environments/production/changes").await;
    assert_eq!(changes["rollbacks"], 1);
    assert_eq!(changes["reverted"].as_array().unwrap().len(), 9);

    // v2.0.0 goes everywhere.
    for environment in ["staging", "production"] {
        shop.ship(environment, "v2.0.0", &SERVICES).await;
        shop.missing(environment, [0; 3]).await;
        shop.verified(environment, "#11", "live").await;
    }
    shop.compared([("same", 0); 3]).await;
    let history = shop.get("/api/v1/environments/production/history?repository=shop/payment").await;
    let kinds: Vec<&str> =
        history["changes"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["upgrade", "rollback", "upgrade", "upgrade", "initial"]);

    // The past is answered as it was.
    let at = before_production.as_str().unwrap();
    let then = shop.get(&format!("/api/v1/environments/production/running?at={at}")).await;
    assert_eq!(then["services"][0]["version"], "v1.0.0");
    let found = shop.get("/api/v1/search?q=price%20list%20endpoint").await;
    let places = found["matches"][0]["environments"].as_array().unwrap();
    assert!(places.iter().all(|place| place["state"] == "live"), "{found:#}");
    assert_eq!(places.len(), 2);
}
