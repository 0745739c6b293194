//! A Kubernetes API server of the tests' own: objects in memory, behind TLS and a token. It takes nothing but what a real
//! one takes in that shape, keeps every request, and makes the trouble that it is told to make.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::tls::Identity;
use super::watches::{Body, Gone, Manner, Objects, events};

/// The token in the kubeconfig, which the server wants.
const TOKEN: &str = "the-service-accounts-token";
/// The namespace of the kubeconfig's context.
pub const NAMESPACE: &str = "shop";
/// The collection of namespaces.
const NAMESPACES: &str = "/api/v1/namespaces";

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub body: Value,
}

impl Seen {
    pub fn is_dry_run(&self) -> bool {
        self.query.get("dryRun").is_some_and(|value| value == "All")
    }
}

/// The server's wrong deeds, for requests to paths that end so.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The role does not allow this verb.
    Forbid(&'static str),
    /// Fields are managed by this one, unless the request is forced.
    Managed(&'static str),
    /// The connection ends without an answer when the change is not a dry run.
    Vanish,
}

#[derive(Default)]
struct State {
    objects: Objects,
    seen: Vec<Seen>,
    troubles: Vec<(String, Trouble)>,
}

/// The server. It ends with this value.
pub struct ApiServer {
    port: u16,
    identity: Identity,
    state: Arc<Mutex<State>>,
    _serving: JoinSet<()>,
}

impl ApiServer {
    /// An empty cluster on a free port.
    pub async fn start() -> Self {
        let identity = Identity::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, tls) = (Arc::<Mutex<State>>::default(), identity.acceptor());
        let mut serving = JoinSet::new();
        let shared = state.clone();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                let (tls, state) = (tls.clone(), shared.clone());
                connections.spawn(async move {
                    let Ok(stream) = tls.accept(tcp).await else { return };
                    let service = service_fn(|request| answer(&state, request));
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { port, identity, state, _serving: serving }
    }

    /// Writes a kubeconfig for it into a folder.
    pub fn kubeconfig(&self, folder: &Path) -> PathBuf {
        let authority = base64::engine::general_purpose::STANDARD.encode(self.identity.pem());
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             contexts:\n- name: test\n  context: {{cluster: test, user: landfall, namespace: {NAMESPACE}}}\n\
             clusters:\n- name: test\n  cluster:\n    server: https://localhost:{}\n    \
             certificate-authority-data: {authority}\n\
             users:\n- name: landfall\n  user: {{token: {TOKEN}}}\n",
            self.port
        );
        let file = folder.join("kubeconfig");
        std::fs::write(&file, text).unwrap();
        file
    }

    /// Puts a workload there: containers as NAME=IMAGE, those that begin with `init-` before the others.
    pub fn workload(&self, namespace: &str, plural: &str, name: &str, containers: &[&str]) {
        let container = |text: &&str| {
            let (name, image) = text.split_once('=').unwrap();
            json!({"name": name, "image": image, "imagePullPolicy": "IfNotPresent", "env": [{"name": "A", "value": "1"}]})
        };
        let (init, main): (Vec<&str>, Vec<&str>) =
            containers.iter().partition(|text| text.starts_with("init-"));
        let mut pods = json!({"containers": main.iter().map(container).collect::<Vec<_>>()});
        if !init.is_empty() {
            pods["initContainers"] = init.iter().map(container).collect();
        }
        let template = json!({"metadata": {"labels": {"app": name}}, "spec": pods});
        let spec = match plural {
            "cronjobs" => json!({"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}}),
            _ => json!({"selector": {"matchLabels": {"app": name}}, "template": template}),
        };
        let group = if plural == "cronjobs" { "batch" } else { "apps" };
        let path = format!("/apis/{group}/v1/namespaces/{namespace}/{plural}/{name}");
        let metadata = json!({"name": name, "namespace": namespace, "resourceVersion": "1"});
        self.put(&path, json!({"metadata": metadata, "spec": spec}));
    }

    /// Changes the object whose path ends so.
    pub fn edit(&self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.lock();
        let found = state.objects.by_path.iter().find(|(name, _)| name.ends_with(path));
        let (path, mut object) = found.map(|(path, object)| (path.clone(), object.clone())).unwrap();
        change(&mut object);
        state.objects.put(&path, object);
    }

    /// Makes or changes the object at a path.
    pub fn put(&self, path: &str, object: Value) {
        self.lock().objects.put(path, object);
    }

    /// Deletes the object at a path.
    pub fn remove(&self, path: &str) {
        self.lock().objects.remove(path);
    }

    /// Changes what watches do wrong.
    pub fn manner(&self, change: impl FnOnce(&mut Manner)) {
        change(&mut self.lock().objects.manner);
    }

    /// Ends every watch in the middle.
    pub fn cut(&self) {
        self.lock().objects.cut();
    }

    /// Forgets the changes so far: watches have to list again.
    pub fn forget(&self) {
        let mut state = self.lock();
        state.objects.forget();
        state.objects.cut();
    }

    /// Makes trouble for requests to paths that end so.
    pub fn trouble(&self, path: &str, trouble: Trouble) {
        self.lock().troubles.push((path.to_owned(), trouble));
    }

    /// No trouble from now on.
    pub fn calm(&self) {
        self.lock().troubles.clear();
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// The changes so far, dry runs too: path and whether it was a dry run.
    pub fn changes(&self) -> Vec<(String, bool)> {
        let seen = self.seen().into_iter().filter(|seen| seen.method == Method::PATCH);
        seen.map(|seen| {
            (seen.path.rsplitn(3, '/').take(2).collect::<Vec<_>>().join(" of "), seen.is_dry_run())
        })
        .collect()
    }

    /// The object whose path ends so.
    pub fn object(&self, path: &str) -> Option<Value> {
        let state = self.lock();
        state.objects.by_path.iter().find(|(name, _)| name.ends_with(path)).map(|(_, object)| object.clone())
    }

    /// The images of an object's containers, in their order, those before the others first.
    pub fn images(&self, path: &str) -> Vec<String> {
        let object = self.object(path).unwrap_or_else(|| panic!("there is no {path}"));
        let spec = &object["spec"];
        let template = if spec["jobTemplate"].is_null() {
            &spec["template"]
        } else {
            &spec["jobTemplate"]["spec"]["template"]
        };
        let lists = ["initContainers", "containers"].map(|key| template["spec"][key].as_array().cloned());
        let containers = lists.into_iter().flatten().flatten();
        containers.map(|it| it["image"].as_str().unwrap().to_owned()).collect()
    }

    /// User and password of a pull secret with one registry.
    pub fn pull_secret(&self, name: &str) -> (String, String) {
        let secret = self.object(&format!("secrets/{name}")).unwrap();
        let data = secret["data"][".dockerconfigjson"].as_str().unwrap();
        let config = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
        let config: Value = serde_json::from_slice(&config).unwrap();
        let entry = config["auths"].as_object().unwrap().values().next().unwrap();
        let text = |key: &str| entry[key].as_str().unwrap().to_owned();
        (text("username"), text("password"))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl AsMut<Objects> for State {
    fn as_mut(&mut self) -> &mut Objects {
        &mut self.objects
    }
}

async fn answer(shared: &Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Response<Body>, Gone> {
    let (parts, body) = request.into_parts();
    let header = |name: &str| parts.headers.get(name).map_or("", |value| value.to_str().unwrap());
    let (authorization, content_type) =
        (header("authorization").to_owned(), header("content-type").to_owned());
    let body = body.collect().await.map_err(|_| Gone)?.to_bytes();
    let query = parts.uri.query().unwrap_or_default();
    let seen = Seen {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let mut state = shared.lock();
    state.seen.push(seen.clone());
    if authorization != format!("Bearer {TOKEN}") {
        return Ok(failure(401, "Unauthorized", "Unauthorized", json!({})));
    }
    if let Some(trouble) = in_the_way(&state, &seen) {
        return trouble;
    }
    Ok(match (&seen.method, state.objects.by_path.contains_key(&seen.path)) {
        (&Method::GET, true) => respond(200, &state.objects.by_path[&seen.path]),
        (&Method::GET, false) if is_collection(&seen.path) && seen.query.contains_key("watch") => {
            watch(shared, &state, &seen)
        }
        (&Method::GET, false) if is_collection(&seen.path) => list(&state, &seen),
        (&Method::PATCH, is_there) if is_there || seen.path.contains("/secrets/") => {
            apply(&mut state, &seen, &content_type)
        }
        _ => failure(404, "NotFound", "the server could not find the requested resource", json!({})),
    })
}

fn in_the_way(state: &State, seen: &Seen) -> Option<Result<Response<Body>, Gone>> {
    let verb = match seen.method {
        Method::PATCH => "patch",
        _ if seen.query.contains_key("watch") => "watch",
        _ if is_collection(&seen.path) => "list",
        _ => "get",
    };
    let is_forced = seen.query.get("force").is_some_and(|value| value == "true");
    let mut troubles = state.troubles.iter().filter(|(path, _)| seen.path.ends_with(path));
    troubles.find_map(|(_, trouble)| match trouble {
        Trouble::Forbid(forbidden) if *forbidden == verb => {
            let user = "system:serviceaccount:landfall:landfall";
            let message = format!("User \"{user}\" cannot {verb} resource \"{}\"", seen.path);
            Some(Ok(failure(403, "Forbidden", &message, json!({}))))
        }
        Trouble::Managed(manager) if verb == "patch" && !is_forced => {
            let field = ".spec.template.spec.containers[name=\"app\"].image";
            let message = format!("conflict with \"{manager}\" using apps/v1");
            let causes = json!([{"reason": "FieldManagerConflict", "message": message, "field": field}]);
            let message = format!("Apply failed with 1 conflict: {message}: {field}");
            Some(Ok(failure(409, "Conflict", &message, json!({"causes": causes}))))
        }
        Trouble::Vanish if verb == "patch" && !seen.is_dry_run() => Some(Err(Gone)),
        _ => None,
    })
}

fn is_collection(path: &str) -> bool {
    let plural = path.rsplit('/').next().unwrap_or_default();
    let known = ["deployments", "statefulsets", "daemonsets", "cronjobs", "pods", "replicasets", "jobs"];
    path == NAMESPACES || (path.contains("/namespaces/") && known.contains(&plural))
}

/// Two at a time, whatever was asked for: pages have to be followed. Of pods there are too many for that.
fn list(state: &State, seen: &Seen) -> Response<Body> {
    let asked: usize = seen.query.get("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
    if seen.path == NAMESPACES {
        return respond(200, &namespaces(state, seen));
    }
    let limit = if seen.path.ends_with("/pods") { asked } else { asked.min(2) };
    respond(200, &state.objects.page(&seen.path, limit, seen.query.get("continue")))
}

/// The namespaces with the label that the selector names.
fn namespaces(state: &State, seen: &Seen) -> Value {
    let (label, value) = seen.query["labelSelector"].split_once('=').unwrap();
    let below = format!("{NAMESPACES}/");
    let own = |path: &str| path.strip_prefix(&below).is_some_and(|name| !name.contains('/'));
    let all = state.objects.by_path.iter().filter(|(path, _)| own(path)).map(|(_, object)| object);
    let items: Vec<&Value> = all.filter(|object| object["metadata"]["labels"][label] == value).collect();
    json!({"metadata": {"resourceVersion": "1"}, "items": items})
}

fn watch(shared: &Arc<Mutex<State>>, state: &State, seen: &Seen) -> Response<Body> {
    if let Some(code) = state.objects.manner.refuse {
        return failure(code, "Expired", "the watch cannot start there", json!({}));
    }
    let number = |name: &str| seen.query.get(name).and_then(|value| value.parse().ok());
    let from = number("resourceVersion").unwrap();
    let watch = state.objects.watch(&seen.path, from, number("timeoutSeconds").unwrap_or(60));
    let mut response = Response::new(events(shared.clone(), watch));
    response.headers_mut().insert("content-type", "application/json".parse().unwrap());
    response
}

/// Server-side apply, as far as it shows: the request's shape is checked, and what it has is merged in.
fn apply(state: &mut State, seen: &Seen, content_type: &str) -> Response<Body> {
    let wrong = |what: &str| failure(400, "BadRequest", what, json!({}));
    let name = seen.path.rsplit('/').next().unwrap_or_default();
    let known = ["dryRun", "fieldManager", "force"];
    let kind = match seen.path.rsplit('/').nth(1).unwrap_or_default() {
        "deployments" => ("apps/v1", "Deployment"),
        "statefulsets" => ("apps/v1", "StatefulSet"),
        "daemonsets" => ("apps/v1", "DaemonSet"),
        "cronjobs" => ("batch/v1", "CronJob"),
        _ => ("v1", "Secret"),
    };
    if content_type != "application/apply-patch+yaml" {
        return failure(415, "UnsupportedMediaType", content_type, json!({}));
    }
    if seen.query.get("fieldManager").is_none_or(|manager| manager != "landfall") {
        return wrong("fieldManager must be landfall");
    }
    if seen.query.keys().any(|key| !known.contains(&key.as_str())) {
        return wrong("a parameter that is none");
    }
    if (&seen.body["apiVersion"], &seen.body["kind"]) != (&json!(kind.0), &json!(kind.1)) {
        return wrong("the body is of another kind than the path");
    }
    if seen.body["metadata"]["name"] != name {
        return wrong("the body has another name than the path");
    }
    let mut object = state.objects.by_path.get(&seen.path).cloned().unwrap_or_default();
    merge(&mut object, &seen.body);
    if !seen.is_dry_run() {
        state.objects.put(&seen.path, object.clone());
    }
    respond(200, &object)
}

/// Maps by key; lists of named things by name; anything else is replaced.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            from.iter().for_each(|(key, value)| merge(into.entry(key.clone()).or_insert(Value::Null), value));
        }
        (Value::Array(into), Value::Array(from)) if from.iter().all(|it| it["name"].is_string()) => {
            for value in from {
                match into.iter_mut().find(|it| it["name"] == value["name"]) {
                    Some(same) => merge(same, value),
                    None => into.push(value.clone()),
                }
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn failure(code: u16, reason: &str, message: &str, details: Value) -> Response<Body> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": details, "code": code,
    });
    respond(code, &status)
}

fn respond(status: u16, body: &Value) -> Response<Body> {
    let body = Full::<Bytes>::new(body.to_string().into()).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("content-type", "application/json".parse().unwrap());
    response
}
