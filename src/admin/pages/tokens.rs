//! An environment's tokens: seen, made, rotated, revoked. A new secret is shown once, with the commands that use it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{AppendHeaders, IntoResponse};
use http::{HeaderMap, Method, StatusCode, header};

use super::environment::Head;
use super::page::{Page, page, to};
use super::parts::{Badge, When};
use super::replicas::LATEST;
use super::visitor::{Chrome, Visitor};
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::admin::state::Settings;
use crate::admin::state::changes::Changes;
use crate::admin::state::sessions::{Sessions, Unseen};
use crate::admin::v1::instructions::instructions;
use crate::admin::v1::token_views::{NewToken, TokenRequest};
use crate::admin::v1::tokens;
use crate::clock::now;
use crate::log::Log;
use crate::model::directory::Token;
use crate::model::event::TokenKind;
use crate::model::secret::Secret;
use crate::model::time::{Span, Time};
use crate::wire::Instructions;
use crate::wording::unconfirmed;

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    chrome: Chrome,
    head: Head,
    /// Servers of the log that have not confirmed the latest change: a token that was revoked is taken there.
    unconfirmed: Option<String>,
    tokens: Vec<TokenRow>,
    kinds: [(&'static str, &'static str); TokenKind::ALL.len()],
}

struct TokenRow {
    id: String,
    name: String,
    kind: Badge,
    state: Badge,
    created: When,
    ends: Option<When>,
    used: Option<When>,
    used_from: String,
    pulls: u64,
    warnings: Vec<WarningRow>,
    is_active: bool,
    can_rotate: bool,
}

/// Something about a token that somebody should look at.
struct WarningRow {
    detail: String,
    when: When,
}

#[derive(Template)]
#[template(path = "token.html")]
struct NewTokenPage<'a> {
    chrome: Chrome,
    head: Head,
    id: &'a str,
    name: &'a str,
    ends: Option<When>,
    /// None where it was shown before.
    fresh: Option<Fresh>,
}

/// A secret that nobody has seen yet.
struct Fresh {
    secret: Secret,
    instructions: Instructions,
    replaced_ends: Option<When>,
}

pub(super) async fn list(State(log): State<Log>, visitor: Visitor, params: Params) -> Page {
    let (view, now) = (log.view(), now());
    let environment = params.environment(&view.directory)?;
    let mut tokens: Vec<&Token> = environment.tokens().collect();
    // Those in use first, the newest first among them.
    tokens.sort_by_key(|token| (!token.is_active(now), std::cmp::Reverse(token.created_at)));
    let kinds = TokenKind::ALL.map(|kind| {
        let name = kind.as_str();
        (name, crate::model::words::known(name).meaning)
    });
    page(
        StatusCode::OK,
        &TokensPage {
            chrome: visitor.chrome("environments"),
            head: Head::new(environment, "tokens"),
            unconfirmed: unconfirmed(LATEST, &log.unconfirmed()),
            tokens: tokens.into_iter().map(|token| TokenRow::new(token, now)).collect(),
            kinds,
        },
    )
}

pub(super) async fn create(
    State(changes): State<Changes>,
    State(settings): State<Arc<Settings>>,
    State(sessions): State<Arc<Sessions>>,
    visitor: Visitor,
    params: Params,
    headers: HeaderMap,
    request: Request,
) -> Page {
    let (admin, fields) = visitor.form(request, &["name", "kind", "expires"]).await?;
    let expires_at = match fields.text("expires")?.filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let span: Result<Span, _> = text.parse();
            let bad = |error: crate::model::time::BadSpan| Problem::invalid("expires", error.to_string());
            Some(now() + span.map_err(bad)?)
        }
    };
    let kind = match fields.text("kind")? {
        None => None,
        Some(text) => {
            let kind = TokenKind::ALL.into_iter().find(|kind| kind.as_str() == text);
            Some(kind.ok_or_else(|| {
                Problem::invalid("kind", "must be cluster, local, prepull, scanner, host or agent")
            })?)
        }
    };
    let wanted = TokenRequest { name: fields.required_text("name")?.to_owned(), kind, expires_at };
    let token = tokens::make(&changes, &settings, &admin, params.get("env"), wanted).await?;
    to_secret(&sessions, &headers, params.get("env"), token)
}

pub(super) async fn rotate(
    State(changes): State<Changes>,
    State(settings): State<Arc<Settings>>,
    State(sessions): State<Arc<Sessions>>,
    visitor: Visitor,
    params: Params,
    headers: HeaderMap,
    request: Request,
) -> Page {
    let (admin, fields) = visitor.form(request, &["overlap"]).await?;
    let token =
        tokens::turn(&changes, &settings, &admin, &params, tokens::overlap(fields.text("overlap")?)?, None)
            .await?;
    to_secret(&sessions, &headers, params.get("env"), token)
}

pub(super) async fn revoke(
    State(changes): State<Changes>,
    visitor: Visitor,
    params: Params,
    request: Request,
) -> Page {
    let (admin, _) = visitor.form(request, &[]).await?;
    tokens::end(&changes, &admin, &params).await?;
    Ok(to(&format!("/environments/{}/tokens", params.get("env"))))
}

/// To the one page that shows a new secret.
fn to_secret(sessions: &Sessions, headers: &HeaderMap, env: &str, token: NewToken) -> Page {
    let path = format!("/environments/{env}/tokens/{}", token.id);
    let replaced_ends = token.replaces.map(|replaced| replaced.expires_at);
    let unseen = Unseen::new(token.id, &token.secret, replaced_ends, now());
    let Some(session) = sessions.session(headers, now()) else { return Ok(to(&path)) };
    let cookie = sessions.keep(&session, &unseen).map_err(Problem::from)?;
    Ok(([(header::SET_COOKIE, cookie)], to(&path)).into_response())
}

/// A token that was just created, with its secret the first time that somebody sees it: a HEAD shows nothing.
pub(super) async fn created(
    State(log): State<Log>,
    State(settings): State<Arc<Settings>>,
    State(sessions): State<Arc<Sessions>>,
    visitor: Visitor,
    params: Params,
    method: Method,
    headers: HeaderMap,
) -> Page {
    let (view, now, id) = (log.view(), now(), params.get("id"));
    let environment = params.environment(&view.directory)?;
    let token = environment.tokens().find(|token| token.id.as_str() == id);
    let unknown = || Problem::not_found(format!("{} has no token `{id}`", environment.name));
    let token = token.ok_or_else(unknown)?;
    let unseen = (method == Method::GET).then(|| sessions.take(&headers, id, now)).flatten();
    let (unseen, forget) = unseen.unzip();
    let fresh = unseen.map(|unseen| {
        let replaced_ends = unseen.replaced_ends.map(|at| When::new(at, now));
        let secret = unseen.into_secret();
        let named = (&*token.name, token.kind);
        Fresh {
            instructions: instructions(&settings, &environment.name, named, &secret),
            secret,
            replaced_ends,
        }
    });
    let shown = page(
        StatusCode::OK,
        &NewTokenPage {
            chrome: visitor.chrome("environments"),
            head: Head::new(environment, "tokens"),
            id,
            name: &token.name,
            ends: token.expires_at.map(|at| When::new(at, now)),
            fresh,
        },
    )?;
    let forget = forget.map(|cookie| AppendHeaders([(header::SET_COOKIE, cookie)]));
    Ok((forget, shown).into_response())
}

impl TokenRow {
    fn new(token: &Token, now: Time) -> Self {
        let state = match (token.is_active(now), token.revoked_at) {
            (true, _) if token.successor.is_some() => "rotated",
            (true, _) => "active",
            (false, Some(_)) => "revoked",
            (false, None) => "expired",
        };
        let warnings = token.warnings(now).map(|warning| WarningRow {
            detail: warning.detail.clone(),
            when: When::new(warning.last_at, now),
        });
        Self {
            id: token.id.to_string(),
            name: token.name.clone(),
            kind: Badge::of(token.kind.as_str()),
            state: Badge::of(state),
            created: When::new(token.created_at, now),
            ends: token.expires_at.map(|at| When::new(at, now)),
            used: token.last_used_at.map(|at| When::new(at, now)),
            used_from: token.last_used_from.as_deref().unwrap_or_default().to_owned(),
            pulls: token.pulls,
            warnings: warnings.collect(),
            is_active: token.is_active(now),
            can_rotate: token.is_active(now) && token.successor.is_none(),
        }
    }
}
