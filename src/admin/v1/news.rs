//! News for the feed: pulls, deployments, and what administrators do.
//!
//! One task reads what the log published and derives deployments from it; it runs only while somebody listens. A listener
//! that is too slow learns how much it missed, and asks again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event as Frame;
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::admin::state::feed::{Feed, News};
use crate::clock::now;
use crate::log::Log;
use crate::model::act::{Act, Action};
use crate::model::agent::{Puller, puller};
use crate::model::deployments::State;
use crate::model::event::{EnvironmentName, Event, Object, Observation};
use crate::model::questions::{self, Kind, Phase};
use crate::wire::AuditEntry;

/// Time between two looks at what time alone changes: rollouts settle when nothing comes.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// Writes the feed until nobody listens or the server stops.
pub(super) async fn write(log: Log, feed: Arc<Feed>, sender: broadcast::Sender<News>) {
    let mut published = log.follow();
    let mut closing = feed.closing();
    let mut look = tokio::time::interval(LOOK_PAUSE);
    let mut known = Known::of(&log);
    loop {
        let mut news = Vec::new();
        tokio::select! {
            received = published.recv() => match received {
                Ok(published) => {
                    known.touch(&published.events);
                    news.extend(published.events.iter().filter_map(|(place, event)| of_event(*place, event)));
                    news.extend((published.missed > 0).then(|| missed(published.missed)));
                }
                Err(RecvError::Lagged(publications)) => news.push(missed(publications)),
                Err(RecvError::Closed) => return,
            },
            _ = look.tick() => {}
            _ = closing.changed() => return,
        }
        if feed.is_left(&sender) {
            return;
        }
        news.extend(known.changes(&log));
        for one in news {
            // The listener may have gone.
            let _ = sender.send(one);
        }
    }
}

/// The latest deployment of each environment, as it was sent.
struct Known {
    latest: BTreeMap<EnvironmentName, Option<Stand>>,
    /// Environments to look at again.
    touched: Vec<EnvironmentName>,
}

#[derive(Clone, PartialEq)]
struct Stand {
    id: String,
    kind: Kind,
    state: Phase,
    changes: usize,
}

impl Known {
    fn of(log: &Log) -> Self {
        let view = log.view();
        let environments = view.state.environments();
        let latest = environments.map(|(name, _)| (name.clone(), stand(&view.state, name)));
        Self { latest: latest.collect(), touched: Vec::new() }
    }

    fn touch(&mut self, events: &[(u64, Event)]) {
        for (_, event) in events {
            let Some(environment) = event.evidence_of() else { continue };
            if !self.touched.contains(environment) {
                self.touched.push(environment.clone());
            }
        }
    }

    /// The deployments that came or went on since they were sent.
    fn changes(&mut self, log: &Log) -> Vec<News> {
        let view = log.view();
        let is_open = |stand: &Option<Stand>| {
            stand.as_ref().is_some_and(|stand| matches!(stand.state, Phase::RollingOut | Phase::Mixed))
        };
        let open = self.latest.iter().filter(|(_, stand)| is_open(stand)).map(|(name, _)| name.clone());
        let mut names: Vec<EnvironmentName> = open.collect();
        names.append(&mut self.touched);
        names.sort_unstable();
        names.dedup();
        let mut news = Vec::new();
        for name in names {
            let latest = stand(&view.state, &name);
            if latest.is_some() && self.latest.get(&name) != Some(&latest) {
                let deployments = questions::timeline(&view.state, &name, now(), 1, None).deployments;
                news.extend(deployments.first().map(|one| frame("deployment", 0, Some(&name), one)));
            }
            // A pull that was not complete when it was read is so a little later.
            if latest.is_none() && view.state.environment(&name).is_some() {
                self.touched.push(name.clone());
            }
            self.latest.insert(name, latest);
        }
        news
    }
}

fn stand(state: &State, name: &EnvironmentName) -> Option<Stand> {
    let latest = questions::latest(state, name, now())?;
    let changes = latest.changes.len() + latest.more;
    Some(Stand { id: latest.id, kind: latest.kind, state: latest.state, changes })
}

/// A pull, or what could not be pulled.
#[derive(Serialize)]
struct Pulled<'a> {
    #[serde(flatten)]
    observation: &'a Observation,
    /// The kind of the puller: `node`, `prepull`, `laptop` or `other`.
    by: &'static str,
}

fn of_event(sequence: u64, event: &Event) -> Option<News> {
    match event {
        Event::Observed(observation) => of_observation(sequence, observation),
        Event::Acted(act) => Some(of_act(sequence, act)),
        Event::Learned { .. }
        | Event::Gap { .. }
        | Event::Refused { .. }
        | Event::LeftOut(_)
        | Event::ClockStepped { .. }
        | Event::CaughtUp { .. }
        | Event::Reported(_) => None,
    }
}

/// Manifests that people name: what follows from them, platform manifests and layers, is no news.
pub(in crate::admin) fn is_news(observation: &Observation) -> bool {
    observation.object == Object::Manifest && observation.parent.is_none()
}

fn of_observation(sequence: u64, observation: &Observation) -> Option<News> {
    let kind = if observation.digest.is_some() { "pull" } else { "attempt" };
    let by = match puller(observation.token_kind, &observation.agent) {
        Puller::Node(_) => "node",
        Puller::Prepull(_) => "prepull",
        Puller::Laptop(_) => "laptop",
        Puller::Other => "other",
    };
    let pulled = Pulled { observation, by };
    is_news(observation).then(|| frame(kind, sequence, Some(&observation.environment), &pulled))
}

fn of_act(sequence: u64, act: &Act) -> News {
    let kind = subject(&act.action);
    let environment = act.action.environment().cloned();
    frame(kind, sequence, environment.as_ref(), &AuditEntry::from((sequence, act.clone())))
}

/// The subject of an action.
pub(in crate::admin) fn subject(action: &Action) -> &'static str {
    match action {
        Action::EnvironmentCreated { .. }
        | Action::EnvironmentUpdated { .. }
        | Action::EnvironmentRenamed { .. }
        | Action::EnvironmentDeleted { .. } => "environment",
        Action::TokenCreated { .. } | Action::TokenRevoked { .. } | Action::TokenRotated { .. } => "token",
        Action::AdminTokenCreated { .. }
        | Action::AdminTokenRevoked { .. }
        | Action::PublisherTokenCreated { .. } => "admin_token",
        Action::ReleaseAdded(_)
        | Action::ReleaseEdited(_)
        | Action::ReleaseYanked { .. }
        | Action::ReleaseDeleted { .. }
        | Action::ReleaseDated { .. } => "release",
        Action::DeployPlanned(_)
        | Action::DeployApplied { .. }
        | Action::DeployInterrupted { .. }
        | Action::DeployBegun { .. }
        | Action::TicketUsed { .. }
        | Action::ReplicaForgotten { .. }
        | Action::BackupTaken => "other",
    }
}

/// A listener missed so many.
pub(in crate::admin) fn missed(events: u64) -> News {
    frame("missed", 0, None, &BTreeMap::from([("events", events)]))
}

fn frame(
    kind: &'static str,
    sequence: u64,
    environment: Option<&EnvironmentName>,
    data: &impl Serialize,
) -> News {
    // These are texts and numbers: they always have a JSON form, and no line break.
    let event = Frame::default().event(kind);
    let event = if sequence > 0 { event.id(sequence.to_string()) } else { event };
    let event = event.data(serde_json::to_string(data).unwrap_or_default());
    News { kind, environment: environment.cloned(), event }
}
