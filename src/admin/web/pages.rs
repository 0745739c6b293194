//! What the pages show, in words.

use askama::Template;

use crate::log::View;
use crate::model::directory::{Environment, Token};
use crate::model::questions::{self, Change, Confidence, Deployment, Image, Kind, Phase, RunningService};
use crate::model::time::{Time, ago};

/// Local pulls on an environment's page, the latest ones.
const LOCAL_MAX: usize = 10;

#[derive(Template)]
#[template(path = "login.html")]
pub(super) struct LoginPage {
    /// Why the last try failed.
    pub(super) refused: Option<String>,
}

#[derive(Template)]
#[template(path = "index.html")]
pub(super) struct IndexPage {
    environments: Vec<Card>,
}

#[derive(Template)]
#[template(path = "environment.html")]
pub(super) struct EnvironmentPage {
    card: Card,
    deployments: Vec<DeploymentRow>,
    next: Option<String>,
    is_first_page: bool,
    tokens: Vec<TokenRow>,
    local: Vec<LocalRow>,
    failing: Vec<FailingRow>,
}

/// What somebody tries to pull and cannot.
struct FailingRow {
    image: String,
    status: u16,
    cause: &'static str,
    count: u64,
    ago: String,
}

/// An environment and what runs in it.
struct Card {
    name: String,
    description: String,
    color: String,
    tokens_active: usize,
    latest: Option<DeploymentRow>,
    services: Vec<ServiceRow>,
}

struct ServiceRow {
    repository: String,
    version: String,
    digest: String,
    state: &'static str,
    confidence: &'static str,
    since: String,
    last_seen: String,
    clients: u32,
}

struct DeploymentRow {
    kind: &'static str,
    state: &'static str,
    summary: String,
    at: String,
    ago: String,
    changes: Vec<ChangeRow>,
}

struct ChangeRow {
    repository: String,
    kind: &'static str,
    from: Option<String>,
    to: String,
    clients: u32,
    reverted: Vec<String>,
    reason: String,
}

struct TokenRow {
    name: String,
    kind: &'static str,
    state: &'static str,
    last_used: String,
    pulls: u64,
    warnings: Vec<WarningRow>,
}

/// Something about a token that somebody should look at.
struct WarningRow {
    detail: String,
    ago: String,
}

struct LocalRow {
    repository: String,
    version: String,
    client: String,
    reason: String,
    ago: String,
}

impl IndexPage {
    pub(super) fn new(view: &View, now: Time) -> Self {
        Self { environments: view.directory.environments().map(|one| Card::new(view, one, now)).collect() }
    }
}

impl EnvironmentPage {
    pub(super) fn new(
        view: &View,
        environment: &Environment,
        now: Time,
        limit: usize,
        before: Option<&str>,
    ) -> Self {
        let timeline = questions::timeline(&view.state, &environment.name, now, limit, before);
        let local = questions::local(&view.state, &environment.name);
        let failing = questions::running(&view.state, &environment.name, now).failing;
        Self {
            card: Card::new(view, environment, now),
            deployments: timeline.deployments.iter().map(|one| DeploymentRow::new(one, now)).collect(),
            next: timeline.next,
            is_first_page: before.is_none(),
            tokens: environment.tokens().map(|token| TokenRow::new(token, now)).collect(),
            local: local.iter().rev().take(LOCAL_MAX).map(|pull| LocalRow::new(pull, now)).collect(),
            failing: failing.iter().map(|attempt| FailingRow::new(attempt, now)).collect(),
        }
    }
}

impl FailingRow {
    fn new(attempt: &questions::FailedAttempt, now: Time) -> Self {
        Self {
            image: format!("{} {}", attempt.repository, attempt.reference),
            status: attempt.status,
            cause: attempt.cause,
            count: attempt.count,
            ago: ago(now, attempt.last_at),
        }
    }
}

impl Card {
    fn new(view: &View, environment: &Environment, now: Time) -> Self {
        let name = &environment.name;
        let latest = questions::timeline(&view.state, name, now, 1, None).deployments;
        let services = questions::running(&view.state, name, now).services;
        Self {
            name: name.to_string(),
            description: environment.description.clone(),
            color: environment.color.clone(),
            tokens_active: environment.tokens_active(now),
            latest: latest.first().map(|latest| DeploymentRow::new(latest, now)),
            services: services.iter().map(|service| ServiceRow::new(service, now)).collect(),
        }
    }
}

impl ServiceRow {
    fn new(service: &RunningService, now: Time) -> Self {
        Self {
            repository: service.repository.to_string(),
            version: service.version.clone().unwrap_or_else(|| "unknown version".to_owned()),
            digest: service.digest.short(),
            state: phase(service.state),
            confidence: confidence(service.confidence),
            since: ago(now, service.since),
            last_seen: ago(now, service.last_seen_at),
            clients: service.clients,
        }
    }
}

impl DeploymentRow {
    fn new(deployment: &Deployment, now: Time) -> Self {
        Self {
            kind: kind(deployment.kind),
            state: phase(deployment.state),
            summary: deployment.summary.clone(),
            at: deployment.started_at.to_string(),
            ago: ago(now, deployment.started_at),
            changes: deployment.changes.iter().map(ChangeRow::new).collect(),
        }
    }
}

impl ChangeRow {
    fn new(change: &Change) -> Self {
        Self {
            repository: change.repository.to_string(),
            kind: kind(change.kind),
            from: change.from.as_ref().map(label),
            to: label(&change.to),
            clients: change.clients,
            reverted: change.reverted.iter().map(|release| release.version.clone()).collect(),
            reason: change.reason.clone(),
        }
    }
}

impl TokenRow {
    fn new(token: &Token, now: Time) -> Self {
        let state = match (token.is_active(now), token.revoked_at) {
            (true, _) => "active",
            (false, Some(_)) => "revoked",
            (false, None) => "expired",
        };
        let last_used = token.last_used_at.map_or_else(|| "never".to_owned(), |at| ago(now, at));
        let warnings = token
            .warnings(now)
            .map(|warning| WarningRow { detail: warning.detail.clone(), ago: ago(now, warning.since) });
        Self {
            name: token.name.clone(),
            kind: token.kind.as_str(),
            state,
            last_used,
            pulls: token.pulls,
            warnings: warnings.collect(),
        }
    }
}

impl LocalRow {
    fn new(pull: &questions::LocalPull, now: Time) -> Self {
        Self {
            repository: pull.repository.to_string(),
            version: pull.version.clone().unwrap_or_else(|| pull.digest.short()),
            client: pull.client.to_string(),
            reason: pull.reason.to_string(),
            ago: ago(now, pull.at),
        }
    }
}

/// The version, or else the digest, short.
fn label(image: &Image) -> String {
    image.version.clone().unwrap_or_else(|| image.digest.short())
}

// These words are classes of the stylesheet too.

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Initial => "initial",
        Kind::Upgrade => "upgrade",
        Kind::Rollback => "rollback",
        Kind::Restore => "restore",
        Kind::Rebuild => "rebuild",
        Kind::Changed => "changed",
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::RollingOut => "rolling out",
        Phase::Settled => "settled",
        Phase::Mixed => "mixed",
        Phase::Aborted => "aborted",
    }
}

fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Tentative => "tentative",
        Confidence::Likely => "likely",
    }
}
