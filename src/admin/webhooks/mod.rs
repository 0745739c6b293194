//! Forges tell of releases: a delivery is signed, taken once, and becomes a registration like any other.
//!
//! ```text
//! configured? → claim → body → signature → event → delivery not seen before → release → the catalogue's rules
//! ```
//!
//! A delivery that does not end well is not remembered, so that the forge may send it again.

mod deliveries;
#[cfg(test)]
pub(crate) mod fuzz;
mod payload;
mod signature;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::admin::http::caller::Connection;
use crate::admin::http::fields;
use crate::admin::http::problem::Problem;
use crate::admin::v1::releases;
use crate::admin::{Answer, App, json as answer};
use crate::clock::now;
use crate::config::{Provider, Webhook};
use crate::model::act::Action;
use crate::model::releases::{Added, Registration, history, notes};
pub(super) use deliveries::Deliveries;
use payload::{Published, Told};
use signature::Claim;
pub(super) use signature::Signed;

/// Longest body of a delivery. GitHub cuts its own at 25 MB, and sends one release with notes of 125,000 characters.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Takes a delivery of GitHub, signed with a configured webhook's secret; a published release is registered.
#[utoipa::path(post, path = "/api/v1/webhooks/github", tag = "releases", operation_id = "webhook_github", security(()),
    request_body(content = Object, description = "The delivery, as GitHub sends it", content_type = "application/json"),
    responses((status = 200, body = Object), (status = 202, body = Object), (status = 401), (status = 404), (status = 409)))]
pub(super) async fn github(app: State<Arc<App>>, request: Request) -> Answer {
    receive(Provider::Github, &app, request).await
}

/// Takes a delivery of GitLab, signed with a configured webhook's secret; a published release is registered.
#[utoipa::path(post, path = "/api/v1/webhooks/gitlab", tag = "releases", operation_id = "webhook_gitlab", security(()),
    request_body(content = Object, description = "The delivery, as GitLab sends it", content_type = "application/json"),
    responses((status = 200, body = Object), (status = 202, body = Object), (status = 401), (status = 404), (status = 409)))]
pub(super) async fn gitlab(app: State<Arc<App>>, request: Request) -> Answer {
    receive(Provider::Gitlab, &app, request).await
}

async fn receive(provider: Provider, app: &App, request: Request) -> Answer {
    let connection = Connection::of(request.extensions());
    let from = connection.peer;
    let (parts, body) = request.into_parts();
    let claims = claims(app, provider, &parts.headers)?;
    if claims.is_empty() {
        return Err(unsigned(app, provider, from));
    }
    let body = fields::whole(body, BODY_BYTES_MAX).await?;
    let signed: Vec<&Webhook> = claims.iter().filter_map(|claim| claim.proven_by(&body)).collect();
    if signed.is_empty() {
        return Err(unsigned(app, provider, from));
    }
    connection.trust();
    let event = text(&parts.headers, event_header(provider)).unwrap_or_default();
    let published = match payload::read(provider, event, &body)? {
        Told::Nothing(reason) => return ignored(&reason),
        Told::Release(published) => published,
    };
    let is_of = |hook: &&&Webhook| hook.source.eq_ignore_ascii_case(&published.source);
    let hooks: Vec<&Webhook> = signed.iter().filter(is_of).copied().collect();
    if hooks.is_empty() {
        return ignored(&format!("no webhook with this secret has the source {:?}", published.source));
    }
    if !history::is_version(&published.tag) {
        return ignored(&format!("the tag {:?} is no version", published.tag));
    }
    let delivery = deliveries::Delivery::of(provider, &parts.headers, &body)?;
    let _changing = app.changes.lock().await;
    if app.deliveries.has(&delivery) {
        return Err(Problem::conflict("this delivery was taken before; nothing was changed"));
    }
    let told = register(app, from, &hooks, &published).await?;
    app.deliveries.remember(delivery);
    answer(StatusCode::OK, &json!({ "registered": told }))
}

/// The claim in the headers: a body that no secret can fit is not read.
fn claims<'a>(app: &'a App, provider: Provider, headers: &'a HeaderMap) -> Result<Vec<Claim<'a>>, Problem> {
    let mut hooks = app.settings.webhooks.iter().filter(|hook| hook.provider == provider).peekable();
    if hooks.peek().is_none() {
        return Err(Problem::not_found("no webhook of this forge is configured; see [[webhook]]"));
    }
    Ok(hooks.filter_map(|hook| Claim::of(hook, headers, now())).collect())
}

/// A sender that knows no secret counts as one that shows a wrong token; a signed delivery never has to wait for that.
fn unsigned(app: &App, provider: Provider, from: IpAddr) -> Problem {
    tracing::warn!(?provider, %from, "a webhook's delivery was refused: no secret matches");
    app.limits.failed(from, Instant::now()).err().map_or_else(Problem::unsigned, Problem::too_many)
}

/// Registers the release for each image that is made from the source. The handler holds [`App::changes`].
async fn register(
    app: &App,
    from: IpAddr,
    hooks: &[&Webhook],
    published: &Published,
) -> Result<Vec<serde_json::Value>, Problem> {
    let mut told = Vec::new();
    for hook in hooks {
        let release = registration(hook, published)?;
        let added = app
            .log
            .view()
            .state
            .catalogue()
            .check(&release)
            .map_err(|conflict| Problem::differs(&conflict))?;
        told.push(json!({ "repository": hook.repository.as_str(), "version": release.version }));
        if added != Added::Same {
            tracing::info!(webhook = hook.name, repository = %hook.repository, version = release.version, "release registered");
            app.act_signed(&Signed::by(hook, from), now(), Action::ReleaseAdded(Box::new(release))).await?;
        }
    }
    Ok(told)
}

fn registration(hook: &Webhook, published: &Published) -> Result<Registration, Problem> {
    let version = releases::name("tag", history::version_of(&published.tag).to_owned())?;
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
fn ignored(reason: &str) -> Answer {
    tracing::debug!(reason, "a webhook's delivery was ignored");
    Ok((StatusCode::ACCEPTED, axum::Json(json!({ "ignored": reason }))).into_response())
}

fn event_header(provider: Provider) -> &'static str {
    match provider {
        Provider::Github => "x-github-event",
        Provider::Gitlab => "x-gitlab-event",
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
