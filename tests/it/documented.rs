//! An answer of the API against the OpenAPI document: its status is one that the document names.

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Fetches the document over a connection of its own, which is closed: a test may count the open ones.
pub async fn fetch(url: &str) -> Value {
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http::<Empty<Bytes>>();
    let answer = client.get(format!("{url}/api/v1/openapi.json").parse().unwrap()).await.unwrap();
    serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

/// Panics when the document has an operation for this request and does not name this status for it.
pub fn check(document: &Value, method: &Method, path: &str, status: StatusCode) {
    let path = path.split('?').next().unwrap();
    let operations = document["paths"].as_object().unwrap();
    // A path without a name in it goes before one with a name, as in the router.
    let item = operations
        .get(path)
        .or_else(|| operations.iter().find(|(template, _)| is_of(template, path)).map(|(_, item)| item));
    let Some(operation) = item.and_then(|item| item.get(method.as_str().to_lowercase())) else { return };
    assert!(
        operation["responses"].get(status.as_str()).is_some(),
        "{method} {path} answers {status}, which the OpenAPI document does not name"
    );
}

/// Tells whether a path is one of a template: each `{name}` stands for one segment.
fn is_of(template: &str, path: &str) -> bool {
    let (mut names, mut segments) = (template.split('/'), path.split('/'));
    loop {
        match (names.next(), segments.next()) {
            (None, None) => return true,
            (Some(name), Some(segment)) if name.starts_with('{') || name == segment => {}
            _ => return false,
        }
    }
}
