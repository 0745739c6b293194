//! The page of activity: the latest pulls as they come, and the audit trail.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{StatusCode, Uri};

use super::page::{Page, page};
use super::parts::{Badge, Choice, When, choices};
use super::visitor::{Chrome, Visitor};
use crate::admin::http::fields::Fields;
use crate::admin::state::Settings;
use crate::admin::v1::audit;
use crate::admin::v1::news::is_news;
use crate::clock::now;
use crate::log::Log;
use crate::model::act::{Act, Who};
use crate::model::agent::{Puller, puller};
use crate::model::deployments::PULL;
use crate::model::event::{EnvironmentName, Method, Observation};
use crate::model::oci::Reference;
use crate::model::time::Time;

/// Pulls on the page.
const PULLS_MAX: usize = 60;
/// Events of the log in which they are looked for.
const LOOKED_AT_MAX: u64 = 4_000;
/// Pulls that a further request may belong to.
const OPEN_MAX: usize = 64;
/// Entries of the audit trail on the page.
const ACTS_MAX: usize = 30;

#[derive(Template)]
#[template(path = "activity.html")]
struct ActivityPage {
    chrome: Chrome,
    environments: Vec<Choice>,
    kinds: Vec<Choice>,
    pulls: Vec<PullRow>,
    acts: Vec<ActRow>,
    next: Option<u64>,
    /// The host that images are pulled from.
    host: String,
    environment: String,
}

struct PullRow {
    when: When,
    kind: Badge,
    environment: String,
    repository: String,
    reference: String,
    client: String,
    agent: String,
    token: String,
    outcome: String,
}

struct ActRow {
    when: When,
    who: String,
    through: &'static str,
    from: String,
    summary: String,
}

pub(super) async fn show(
    State(log): State<Log>,
    State(settings): State<Arc<Settings>>,
    visitor: Visitor,
    uri: Uri,
) -> Page {
    let query = Fields::from_query(&uri, &["environment", "kind", "before"])?;
    let name = query.text("environment")?.unwrap_or_default();
    let kind = query.text("kind")?.unwrap_or_default().to_owned();
    let wanted = if name.is_empty() { None } else { audit::environment(&query)? };
    let before = audit::before(&query)?;
    let (view, now) = (log.view(), now());
    let wanted = wanted.map(|name| view.directory.former().today(&name).clone());
    let (reading, applied, place, of_kind) = (log.clone(), view.applied, wanted.clone(), kind.clone());
    let read = tokio::task::spawn_blocking(move || latest(&reading, applied, place.as_ref(), &of_kind)).await;
    let pulls = read.map_err(audit::unreadable)?;
    let (acts, next) = audit::page(&log, before, ACTS_MAX, wanted).await?;
    let names = view.directory.environments().map(|one| &one.name);
    page(
        StatusCode::OK,
        &ActivityPage {
            chrome: visitor.chrome("activity"),
            environments: choices(names, name),
            kinds: choices(["node", "local", "other", "failing"], &kind),
            pulls: pulls.iter().map(|pull| PullRow::new(pull, now)).collect(),
            acts: acts.into_iter().map(|(_, act)| ActRow::new(act, now)).collect(),
            next,
            host: settings.registry_host.clone(),
            environment: name.to_owned(),
        },
    )
}

/// Requests of one client about one image, as one.
struct Pull {
    /// The request that names the image best: by its tag, where one of them did.
    named: Observation,
    methods: Vec<Method>,
    last_at: Time,
}

impl Pull {
    fn takes(&self, other: &Observation) -> bool {
        let of = |it: &Observation| (it.client.clone(), it.token.clone(), it.repository.clone(), it.digest);
        of(&self.named) == of(other) && other.digest.is_some() && other.at.since(self.last_at) <= PULL
    }

    fn take(&mut self, other: Observation) {
        self.last_at = other.at;
        if self.methods.last() != Some(&other.method) {
            self.methods.push(other.method);
        }
        if matches!(other.reference, Reference::Tag(_)) {
            self.named = other;
        }
    }
}

/// The latest pulls, the newest first. While the log cannot be read there are none.
fn latest(log: &Log, applied: u64, place: Option<&EnvironmentName>, kind: &str) -> Vec<Pull> {
    let events = log.events_after(applied.saturating_sub(LOOKED_AT_MAX)).into_iter().flatten();
    let view = log.view();
    let observed = events.map_while(Result::ok).filter_map(|(_, event)| {
        let mut observation = event.observation()?.clone();
        observation.environment = view.directory.former().today(&observation.environment).clone();
        Some(observation)
    });
    let is_wanted = |observation: &Observation| {
        is_news(observation)
            && place.is_none_or(|place| *place == observation.environment)
            && (kind.is_empty() || kind_of(observation) == kind)
    };
    let mut pulls: Vec<Pull> = Vec::new();
    for observation in observed.filter(is_wanted) {
        let open = pulls.iter_mut().rev().take(OPEN_MAX).find(|pull| pull.takes(&observation));
        match open {
            Some(pull) => pull.take(observation),
            None => pulls.push(Pull {
                methods: vec![observation.method],
                last_at: observation.at,
                named: observation,
            }),
        }
    }
    pulls.sort_by_key(|pull| std::cmp::Reverse(pull.last_at));
    pulls.truncate(PULLS_MAX);
    pulls
}

/// The kind of a puller, as the page's filter calls it.
fn kind_of(observation: &Observation) -> &'static str {
    if observation.digest.is_none() {
        return "failing";
    }
    match puller(observation.token_kind, &observation.agent) {
        Puller::Node(_) => "node",
        Puller::Laptop(_) => "local",
        Puller::Prepull(_) | Puller::Other => "other",
    }
}

impl PullRow {
    fn new(whole: &Pull, now: Time) -> Self {
        let pull = &whole.named;
        let by = match kind_of(pull) {
            "local" => "pulled_locally",
            "failing" => "failing",
            "node" => "cluster",
            _ => pull.token_kind.as_str(),
        };
        let reference = match &pull.reference {
            Reference::Tag(tag) => format!(":{}", tag.as_str()),
            Reference::Digest(digest) => format!("@{}", digest.short()),
        };
        let methods = whole.methods.iter().map(|method| match method {
            Method::Head => "HEAD",
            Method::Get => "GET",
        });
        let methods = methods.collect::<Vec<_>>().join(", ");
        let got = pull.digest.map(|digest| digest.short());
        Self {
            when: When::new(whole.last_at, now),
            kind: Badge::of(by),
            environment: pull.environment.to_string(),
            repository: pull.repository.to_string(),
            reference,
            client: pull.client.to_string(),
            agent: pull.agent.to_string(),
            token: pull.token.to_string(),
            outcome: format!("{methods} {}", got.unwrap_or_else(|| pull.status.to_string())),
        }
    }
}

impl ActRow {
    fn new(act: Act, now: Time) -> Self {
        Self {
            when: When::new(act.at, now),
            who: match act.by.who {
                Who::Unknown => "somebody".to_owned(),
                Who::TokenFile => "bootstrap admin".to_owned(),
                Who::AdminToken { name, .. } | Who::Webhook { name } => name,
            },
            through: act.by.through.as_str(),
            from: act.by.from.as_deref().unwrap_or_default().to_owned(),
            summary: act.action.to_string(),
        }
    }
}
