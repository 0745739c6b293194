//! Webhooks: a forge delivers a release, signed; it is taken once and becomes a registration like any other.
//!
//! ```text
//! configured? → claim → body → signature → event → delivery not seen before → release → the catalogue's rules
//! ```
//!
//! A delivery that does not end well is not remembered, so that the forge may send it again.

mod deliveries;
#[cfg(test)]
pub(crate) mod fuzz;
mod headers;
mod payload;
mod signature;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRef, Request, State};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use tokio::sync::Mutex;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::admin::http::answers::Json;
use crate::admin::http::caller::Connection;
use crate::admin::http::fields;
use crate::admin::http::problem::Problem;
use crate::admin::state::changes::Changes;
use crate::admin::state::limits::Limits;
use crate::admin::state::{App, Settings};
use crate::admin::v1::releases;
use crate::clock::now;
use crate::config::{Provider, Webhook};
use crate::model::releases::{Added, Registration, notes, tags};
use deliveries::Deliveries;
use headers::{event_header, text};
use payload::{Payload, Published};
use signature::{Claim, Signed};

/// Longest body of a delivery. GitHub cuts its own at 25 MB, and sends one release with notes of 125,000 characters.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The routes of webhooks. Deliveries are remembered as long as the answer lives.
pub(super) fn api(app: &App) -> OpenApiRouter<App> {
    let receiver = Receiver {
        settings: FromRef::from_ref(app),
        changes: FromRef::from_ref(app),
        limits: FromRef::from_ref(app),
        deliveries: Arc::default(),
        taking: Arc::default(),
    };
    OpenApiRouter::new().routes(routes!(github)).routes(routes!(gitlab)).with_state(receiver)
}

/// The parts of the state that deliveries are received with, and the deliveries that were taken.
#[derive(Clone)]
struct Receiver {
    settings: Arc<Settings>,
    changes: Changes,
    limits: Arc<Limits>,
    deliveries: Arc<Deliveries>,
    /// Held while a delivery is taken, so that none is taken twice.
    taking: Arc<Mutex<()>>,
}

/// The answer to a delivery.
type Received = Result<(StatusCode, Json<serde_json::Value>), Problem>;

/// Takes a delivery of GitHub, signed with a configured webhook's secret; a published release is registered.
#[utoipa::path(post, path = "/api/v1/webhooks/github", tag = "releases", operation_id = "webhook_github", security(()),
    request_body(content = Object, description = "The delivery, as GitHub sends it", content_type = "application/json"),
    responses((status = 200, body = Object), (status = 202, body = Object), (status = 401), (status = 404), (status = 409)))]
async fn github(State(receiver): State<Receiver>, request: Request) -> Received {
    receive(Provider::Github, &receiver, request).await
}

/// Takes a delivery of GitLab, signed with a configured webhook's secret; a published release is registered.
#[utoipa::path(post, path = "/api/v1/webhooks/gitlab", tag = "releases", operation_id = "webhook_gitlab", security(()),
    request_body(content = Object, description = "The delivery, as GitLab sends it", content_type = "application/json"),
    responses((status = 200, body = Object), (status = 202, body = Object), (status = 401), (status = 404), (status = 409)))]
async fn gitlab(State(receiver): State<Receiver>, request: Request) -> Received {
    receive(Provider::Gitlab, &receiver, request).await
}

async fn receive(provider: Provider, receiver: &Receiver, request: Request) -> Received {
    let connection = Connection::of(request.extensions());
    let from = connection.peer;
    let (parts, body) = request.into_parts();
    let claims = claims(receiver, provider, &parts.headers)?;
    if claims.is_empty() {
        return Err(unsigned(receiver, provider, from));
    }
    let body = fields::whole(body, BODY_BYTES_MAX).await?;
    let signed: Vec<&Webhook> = claims.iter().filter_map(|claim| claim.proven_by(&body)).collect();
    if signed.is_empty() {
        return Err(unsigned(receiver, provider, from));
    }
    connection.trust();
    let event = text(&parts.headers, event_header(provider)).unwrap_or_default();
    let published = match payload::read(provider, event, &body)? {
        Payload::Ignored(reason) => return ignored(&reason),
        Payload::Release(published) => published,
    };
    let is_of = |hook: &&&Webhook| hook.source.eq_ignore_ascii_case(&published.source);
    let hooks: Vec<&Webhook> = signed.iter().filter(is_of).copied().collect();
    if hooks.is_empty() {
        return ignored(&format!("no webhook with this secret has the source {:?}", published.source));
    }
    if !tags::is_version(&published.tag) {
        return ignored(&format!("the tag {:?} is no version", published.tag));
    }
    let delivery = deliveries::Delivery::of(provider, &parts.headers, &body)?;
    let _taking = receiver.taking.lock().await;
    if receiver.deliveries.has(&delivery) {
        return Err(Problem::conflict("this delivery was taken before; nothing was changed"));
    }
    let registered = register(receiver, from, &hooks, &published).await?;
    receiver.deliveries.remember(delivery);
    Ok((StatusCode::OK, Json(json!({ "registered": registered }))))
}

/// The claim in the headers: a body that no secret can fit is not read.
fn claims<'a>(
    receiver: &'a Receiver,
    provider: Provider,
    headers: &'a HeaderMap,
) -> Result<Vec<Claim<'a>>, Problem> {
    let mut hooks = receiver.settings.webhooks.iter().filter(|hook| hook.provider == provider).peekable();
    if hooks.peek().is_none() {
        return Err(Problem::not_found("no webhook of this forge is configured; see [[webhook]]"));
    }
    Ok(hooks.filter_map(|hook| Claim::of(hook, headers, now())).collect())
}

/// A sender that knows no secret counts as one that shows a wrong token; a signed delivery never has to wait for that.
fn unsigned(receiver: &Receiver, provider: Provider, from: IpAddr) -> Problem {
    tracing::warn!(?provider, %from, "a webhook's delivery was refused: no secret matches");
    receiver.limits.failed(from, Instant::now()).err().map_or_else(Problem::unsigned, Problem::too_many)
}

/// Registers the release for each image that is made from the source. The handler holds the lock of [`Changes`].
async fn register(
    receiver: &Receiver,
    from: IpAddr,
    hooks: &[&Webhook],
    published: &Published,
) -> Result<Vec<serde_json::Value>, Problem> {
    let mut registered = Vec::new();
    for hook in hooks {
        let release = registration(hook, published)?;
        let by = Signed::by(hook, from);
        let added = receiver.changes.decide(&by, |view, _| releases::addition(view, &release)).await?;
        registered.push(json!({ "repository": hook.repository.as_str(), "version": release.version }));
        if added != Added::Same {
            tracing::info!(webhook = hook.name, repository = %hook.repository, version = release.version, "release registered");
        }
    }
    Ok(registered)
}

fn registration(hook: &Webhook, published: &Published) -> Result<Registration, Problem> {
    let version = releases::name("tag", tags::version_of(&published.tag).to_owned())?;
    let read = notes::read(&published.notes, &version)
        .map_err(|error| Problem::invalid("notes", error.to_string()))?;
    Ok(Registration {
        revision: published.revision.clone(),
        created_at: published.created_at,
        changes: read.changes,
        ..Registration::named(hook.repository.clone(), version)
    })
}

/// 202: understood to be genuine, and none of Landfall's business.
fn ignored(reason: &str) -> Received {
    tracing::debug!(reason, "a webhook's delivery was ignored");
    Ok((StatusCode::ACCEPTED, Json(json!({ "ignored": reason }))))
}
