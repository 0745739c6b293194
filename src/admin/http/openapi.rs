//! The OpenAPI document: the handlers' descriptions, and what holds for all of them.
//!
//! A handler names its path, its parameters and its own answers in `#[utoipa::path]`, and is routed by `routes!`, so that
//! no route is without a description. The answers of the gate, the guard and the reading of requests are added here, by
//! the shape of each operation.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

use crate::wire::Problem;

/// Path of the document.
pub(in crate::admin) const PATH: &str = "/api/v1/openapi.json";

/// The document before the handlers' descriptions.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Landfall",
        description = "Know what landed: environments and tokens, what runs where, what was deployed and rolled back, \
                       which release has which fix. Times are RFC 3339. Errors are RFC 9457 problems. Methods that a \
                       path does not have are answered 405, paths that are not here 404."
    ),
    components(schemas(Problem)),
    tags(
        (name = "environments", description = "Environments and the tokens that pull for them"),
        (name = "questions", description = "What landed where, and since when"),
        (name = "releases", description = "The release catalogue"),
        (name = "deploys", description = "What puts a release into an environment, and what became of it"),
        (name = "administration", description = "Who may see and change, and who did"),
        (name = "operations", description = "Health, figures, and the recorded pulls"),
    )
)]
struct Head;

/// Hands out this document.
#[utoipa::path(get, path = PATH, tag = "operations", operation_id = "openapi", security(()),
    responses((status = 200, body = Object)))]
async fn own(State(document): State<Bytes>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document)
}

#[derive(OpenApi)]
#[openapi(paths(own))]
struct Own;

/// The document before the handlers' descriptions.
pub(in crate::admin) fn head() -> Document {
    Head::openapi()
}

/// The document as it is served, from what the handlers said.
pub(in crate::admin) fn finished(mut document: Document) -> Bytes {
    document.merge(Own::openapi());
    // A document of texts and numbers always has a JSON form.
    completed(document).unwrap_or_default()
}

fn completed(document: Document) -> Result<Bytes, serde_json::Error> {
    let mut document = serde_json::to_value(document)?;
    document["components"]["securitySchemes"] = json!({
        "token": {"type": "http", "scheme": "bearer", "description": "An admin or viewer token"},
        "session": {
            "type": "apiKey", "in": "cookie", "name": "landfall_session",
            "description": "The dashboard's login; a change needs the Origin header, too"
        },
    });
    document["security"] = json!([{"token": []}, {"session": []}]);
    let paths = document["paths"].as_object_mut();
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                complete(path, method, operation);
            }
        }
    }
    serde_json::to_vec(&document).map(Bytes::from)
}

/// Adds to an operation what follows from its shape.
fn complete(path: &str, method: &str, operation: &mut Map<String, Value>) {
    let names: Vec<&str> = path.split(['{', '}']).skip(1).step_by(2).collect();
    let mut parameters = operation.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
    let refusals = refusals(path, method, operation, !parameters.is_empty(), !names.is_empty());
    parameters.extend(names.iter().map(|name| path_parameter(path, name)));
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), parameters.into());
    }
    let Some(answers) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for status in refusals {
        answers.entry(status.as_str()).or_insert_with(|| json!({}));
    }
    for (status, answer) in answers {
        let status = status.parse().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        describe(status, answer);
    }
}

fn path_parameter(path: &str, name: &str) -> Value {
    // RFC 3986 allows an empty path segment, but no route has one.
    let text = |what: &str| {
        json!({"name": name, "in": "path", "required": true, "description": what,
        "schema": {"type": "string", "minLength": 1}})
    };
    match name {
        "env" => {
            let mut parameter = text("The environment's name");
            parameter["schema"]["examples"] = json!(["production"]);
            parameter
        }
        _ if path.contains("tokens") => text("The token's identifier"),
        _ => text("The identifier"),
    }
}

/// Refusals of the gate, the guard and the reading of a request.
fn refusals(
    path: &str,
    method: &str,
    operation: &Map<String, Value>,
    has_query: bool,
    has_names: bool,
) -> Vec<StatusCode> {
    let mut refusals = Vec::new();
    if super::gate::PROBES.contains(&path) {
        return refusals;
    }
    refusals.extend([
        StatusCode::BAD_REQUEST,
        StatusCode::MISDIRECTED_REQUEST,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::INTERNAL_SERVER_ERROR,
    ]);
    if !operation.contains_key("security") {
        // A publisher's token and an agent's read nothing.
        refusals.extend([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]);
    }
    if method != "get" {
        refusals.extend([StatusCode::FORBIDDEN, StatusCode::SERVICE_UNAVAILABLE]);
    }
    if has_names {
        refusals.push(StatusCode::NOT_FOUND);
    }
    let has_body = operation.contains_key("requestBody");
    if has_body {
        refusals.extend([StatusCode::REQUEST_TIMEOUT, StatusCode::PAYLOAD_TOO_LARGE]);
    }
    if has_body || has_query {
        refusals.push(StatusCode::UNPROCESSABLE_ENTITY);
    }
    refusals
}

/// Gives an answer the words of its status where it has none, and a refusal the form of a problem.
fn describe(status: StatusCode, answer: &mut Value) {
    if answer["description"].as_str().unwrap_or_default().is_empty() {
        answer["description"] = status.canonical_reason().unwrap_or_default().into();
    }
    if status.is_success() || answer.get("content").is_some() {
        return;
    }
    answer["content"] = json!({
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    });
    let text = |description: &str| json!({"description": description, "schema": {"type": "string"}});
    match status {
        StatusCode::UNAUTHORIZED => {
            answer["headers"] = json!({"WWW-Authenticate": text("The challenge of RFC 6750")});
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let seconds =
                json!({"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}});
            answer["headers"] = json!({"Retry-After": seconds});
        }
        _ => {}
    }
}

/// Serves the document. It tells what the program can do and nothing of what it holds, so it needs no token.
pub(in crate::admin) fn router<S>(path: &str, document: Bytes) -> Router<S> {
    Router::new().route(path, get(own)).with_state(document)
}
