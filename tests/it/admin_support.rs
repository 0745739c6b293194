//! A real admin server on a free port over a real log, and a client that sees every byte of an answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use landfall::admin::{AdminToken, App, LIMITS, Readiness, Serving, Settings, serve};
use landfall::clock::now;
use landfall::config::{AskConfig, ClusterAccess, Provider, Secret, Webhook};
use landfall::deadline::Deadlines;
use landfall::listen::{ListenerLimits, Slots, TrustedProxies};
use landfall::log::{Durability, Log};
use landfall::model::deployments::Rules;
use landfall::model::event::{
    EnvironmentName, Method as PullMethod, Object, Observation, TokenId, TokenKind,
};
use landfall::model::time::{Span, Time};
use prometheus_client::registry::Registry;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{OnceCell, oneshot};
use tokio::task::JoinHandle;

use crate::documented;

pub type Clusters = std::collections::BTreeMap<EnvironmentName, ClusterAccess>;

/// The OpenAPI document, which every answer of every test is held against.
static DOCUMENT: OnceCell<Value> = OnceCell::const_new();

pub const HOST: &str = "registry.test:5000";

pub struct Server {
    pub dir: TempDir,
    pub log: Log,
    pub token: String,
    pub url: String,
    http: Client<HttpConnector, Full<Bytes>>,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<Serving>,
    served: JoinHandle<()>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, self.body))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::start_in(TempDir::new().unwrap()).await
    }

    /// On the log in this folder.
    pub async fn start_in(dir: TempDir) -> Self {
        Self::start_of(dir, Clusters::new(), None, LIMITS).await
    }

    /// With access to the clusters of environments.
    pub async fn start_with(clusters: Clusters) -> Self {
        Self::start_of(TempDir::new().unwrap(), clusters, None, LIMITS).await
    }

    /// With other bounds on connections.
    pub async fn start_within(limits: ListenerLimits) -> Self {
        Self::start_of(TempDir::new().unwrap(), Clusters::new(), None, limits).await
    }

    /// With a language model behind `ask`.
    pub async fn start_with_model(ask: AskConfig) -> Self {
        Self::start_of(TempDir::new().unwrap(), Clusters::new(), Some(ask), LIMITS).await
    }

    async fn start_of(
        dir: TempDir,
        clusters: Clusters,
        ask: Option<AskConfig>,
        limits: ListenerLimits,
    ) -> Self {
        let log = Log::open(dir.path(), Rules::default()).unwrap();
        let mut registry = Registry::default();
        log.register(&mut registry);
        let (admin_token, _) = AdminToken::load(None, dir.path()).unwrap();
        let readiness = Readiness::default();
        let serving = readiness.begin();
        let settings = Settings {
            admin_token,
            speaks_tls: false,
            hosts: vec!["landfall.example.com".to_owned()],
            registry_host: HOST.to_owned(),
            registries: Arc::default(),
            registry_tls: false,
            places: std::collections::BTreeMap::default(),
            clusters,
            ask,
            is_shared: false,
            is_edge: false,
            example_question: None,
            webhooks: webhooks(),
            forges: landfall::config::Forges::default(),
            started_at: now(),
            proxy_figures: Box::new(|| serde_json::json!({"connections": 3})),
        };
        let app = App::new(log.clone(), Arc::new(registry), readiness, settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let served =
            tokio::spawn(serve(listener, None, Slots::new(limits, TrustedProxies::default()), app, stopped));
        let token = std::fs::read_to_string(dir.path().join("admin.token")).unwrap().trim().to_owned();
        let http = Client::builder(TokioExecutor::new()).build_http();
        DOCUMENT.get_or_init(|| documented::fetch(&url)).await;
        Self { dir, log, token, url, http, serving: Some(serving), stop: Some(stop), served }
    }

    /// Says that the proxy lets nobody in any more.
    pub fn let_nobody_in(&mut self) {
        self.serving.take();
    }

    /// Asks the server to stop.
    pub fn ask_to_stop(&mut self) {
        self.stop.take();
    }

    /// Tells whether the server has ended, after a moment in which it could have.
    pub async fn has_ended(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(50), &mut self.served).await.is_ok()
    }

    /// Stops serving, and waits until the listener is gone.
    pub async fn stop(mut self) -> TempDir {
        self.ask_to_stop();
        tokio::time::timeout(Duration::from_secs(20), self.served).await.unwrap().unwrap();
        self.log.close();
        self.dir
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &body.to_string()).await
    }

    /// A request with the admin token.
    pub async fn send(&self, method: Method, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        self.send_with(method, path, body, &[("authorization", &bearer)]).await
    }

    /// A request with another token than the server's own.
    pub async fn send_as(&self, token: &str, method: Method, path: &str, body: &str) -> Answer {
        self.send_with(method, path, body, &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// A request with these headers and no others of note.
    pub async fn send_with(
        &self,
        method: Method,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let (parts, body) = self.open(method, path, body, headers).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// A request and the head of its answer: a stream has no end to wait for.
    pub async fn open(
        &self,
        method: Method,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> http::Response<Incoming> {
        let mut request = Request::builder().method(method.clone()).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap();
        let answer = self.http.request(request).await.unwrap();
        documented::check(DOCUMENT.get().unwrap(), &method, path, answer.status());
        answer
    }

    /// An environment with a cluster token: its identifier and secret.
    pub async fn environment(&self, name: &str) -> (TokenId, String) {
        let made = self.post("/api/v1/environments", serde_json::json!({ "name": name })).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let path = format!("/api/v1/environments/{name}/tokens");
        let token = self.post(&path, serde_json::json!({"name": "cluster"})).await;
        assert_eq!(token.status, 201, "{}", token.text());
        let token = token.json();
        (TokenId::new(token["id"].as_str().unwrap()), token["secret"].as_str().unwrap().to_owned())
    }

    /// Records a pull as the proxy would, and waits until it is durable and questions see it.
    pub async fn pulled(&self, observation: Observation) {
        let durability = self.log.record(observation).durable(&Deadlines::new(Duration::from_secs(20))).await;
        assert_eq!(durability, Durability::Durable);
        let logged = self.log.events().unwrap().count() as u64;
        while self.log.view().applied < logged {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A containerd node's HEAD that was answered with `version`'s digest.
pub fn pull(environment: &str, token: &TokenId, at: Time, client: &str, version: u8) -> Observation {
    Observation {
        at,
        environment: environment.parse().unwrap(),
        token: token.clone(),
        token_kind: TokenKind::Cluster,
        client: client.into(),
        agent: "containerd/v1.7.22".into(),
        method: PullMethod::Head,
        repository: "docker/payment".parse().unwrap(),
        reference: format!("v{version}").parse().unwrap(),
        digest: Some(digest(version)),
        object: Object::Manifest,
        media_type: Some("application/vnd.oci.image.index.v1+json".into()),
        status: 200,
        bytes: 0,
        parent: None,
    }
}

pub fn digest(version: u8) -> landfall::model::oci::Digest {
    landfall::model::oci::Digest::from_bytes([version; 32])
}

/// A history of three nodes: v1 hours ago, v2 later, v1 again half an hour ago; and a laptop's pull.
/// Returns when v2 had settled.
pub async fn upgrade_and_rollback(server: &Server, token: &TokenId) -> Time {
    let minutes_ago = |minutes: i64| now() - Span::from_mins(minutes);
    for (version, minutes) in [(1, 270), (2, 150), (1, 30)] {
        for node in 1..=3 {
            let at = minutes_ago(minutes) + Span::from_secs(node * 5);
            server.pulled(pull("production", token, at, &format!("10.0.0.{node}"), version)).await;
        }
    }
    let laptop = pull("production", token, minutes_ago(20), "192.0.2.1", 2);
    let agent =
        "docker/28.2.2 go/go1.24 kernel/6.10-linuxkit UpstreamClient(Docker-Client/28.2.2 \\(darwin\\))";
    server.pulled(Observation { agent: agent.into(), ..laptop }).await;
    minutes_ago(90)
}

/// RFC 9457: every refusal has this shape.
pub fn check_problem(answer: &Answer, status: u16, field: Option<&str>) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert!(problem["type"].as_str().unwrap().starts_with("urn:landfall:problem:"));
    for member in ["title", "detail"] {
        assert!(!problem[member].as_str().unwrap().is_empty(), "{member}");
    }
    assert_eq!(problem.get("field").and_then(|field| field.as_str()), field, "{problem}");
}

/// The secrets of [`webhooks`].
pub const GITHUB_SECRET: &str = "what only GitHub knows";
pub const GITLAB_SECRET: &str = "what only GitLab knows";

/// A webhook of each provider, and one more image that is made from the same source.
fn webhooks() -> Vec<Webhook> {
    let webhook = |name: &str, provider, secret: &str, repository: &str| Webhook {
        name: name.to_owned(),
        provider,
        secret: Secret::new(secret.to_owned()),
        source: "shop/payment".to_owned(),
        repository: repository.parse().unwrap(),
    };
    vec![
        webhook("payment", Provider::Github, GITHUB_SECRET, "docker/payment"),
        webhook("worker", Provider::Github, GITHUB_SECRET, "docker/payment-worker"),
        webhook("another", Provider::Github, "what another project knows", "docker/another"),
        webhook("mirror", Provider::Gitlab, GITLAB_SECRET, "mirror/payment"),
    ]
}
