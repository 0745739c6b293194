//! What happens, told to everybody who listens: pulls, deployments, and what administrators do.
//!
//! One task reads what the log published and derives deployments from it; it runs only while somebody listens. Nobody
//! waits for a listener: whoever is too slow is told how much was missed, and asks again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, broadcast, watch};

use super::audit::Entry;
use crate::admin::App;
use crate::clock::now;
use crate::model::act::{Act, Action};
use crate::model::agent::{Puller, puller};
use crate::model::deployments::State;
use crate::model::event::{EnvironmentName, Event, Object, Observation};
use crate::model::questions::{self, Kind, Phase};

/// Listeners at the same time.
const LISTENERS_MAX: usize = 128;
/// News that wait for a slow listener.
const NEWS_WAITING_MAX: usize = 1_024;
/// How often it is looked whether time alone changed something: rollouts settle when nothing comes.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// One thing that happened, as a server-sent event.
#[derive(Clone)]
pub(in crate::admin) struct News {
    /// `pull`, `attempt`, `deployment`, `token`, `environment`, `release`, `admin_token` or `missed`.
    pub(in crate::admin) kind: &'static str,
    /// Where, if it was in one environment.
    pub(in crate::admin) environment: Option<EnvironmentName>,
    /// The event as it is sent.
    pub(in crate::admin) frame: Bytes,
}

/// Who listens, and who tells.
pub(in crate::admin) struct Feed {
    /// A place for each listener.
    pub(in crate::admin) places: Arc<Semaphore>,
    told: Mutex<Option<broadcast::Sender<News>>>,
    closing: watch::Sender<bool>,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(LISTENERS_MAX)),
            told: Mutex::default(),
            closing: watch::Sender::new(false),
        }
    }
}

impl Feed {
    /// Begins to listen.
    pub(in crate::admin) fn listen(&self, app: &Arc<App>) -> broadcast::Receiver<News> {
        let mut told = self.lock();
        if let Some(sender) = &*told {
            return sender.subscribe();
        }
        let (sender, news) = broadcast::channel(NEWS_WAITING_MAX);
        *told = Some(sender.clone());
        tokio::spawn(tell(app.clone(), sender));
        news
    }

    /// Ends every stream: the server stops.
    pub(in crate::admin) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Resolves when the server stops.
    pub(in crate::admin) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Whether nobody listens any more; then the next listener starts another task.
    fn is_left(&self, sender: &broadcast::Sender<News>) -> bool {
        let mut told = self.lock();
        let is_left = sender.receiver_count() == 0;
        if is_left {
            *told = None;
        }
        is_left
    }

    fn lock(&self) -> MutexGuard<'_, Option<broadcast::Sender<News>>> {
        // It is whole at every instant, whoever panicked.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tell(app: Arc<App>, sender: broadcast::Sender<News>) {
    let mut published = app.log.follow();
    let mut closing = app.feed.closing();
    let mut look = tokio::time::interval(LOOK_PAUSE);
    let mut known = Known::of(&app);
    loop {
        let mut news = Vec::new();
        tokio::select! {
            told = published.recv() => match told {
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
        if app.feed.is_left(&sender) {
            return;
        }
        news.extend(known.changes(&app));
        for one in news {
            // Whoever listened may have gone.
            let _ = sender.send(one);
        }
    }
}

/// The latest deployment of each environment, as it was told.
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
    fn of(app: &App) -> Self {
        let view = app.log.view();
        let environments = view.state.environments();
        let latest = environments.map(|(name, _)| (name.clone(), stand(&view.state, name)));
        Self { latest: latest.collect(), touched: Vec::new() }
    }

    fn touch(&mut self, events: &[(u64, Event)]) {
        for (_, event) in events {
            let Event::Observed(Observation { environment, .. }) = event else { continue };
            if !self.touched.contains(environment) {
                self.touched.push(environment.clone());
            }
        }
    }

    /// The deployments that came or went on since they were told.
    fn changes(&mut self, app: &App) -> Vec<News> {
        let view = app.log.view();
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
                let told = deployments.first().map(|one| frame("deployment", 0, Some(&name), one));
                news.extend(told);
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
    /// Who pulls so: a `node`, a `prepull`, a `laptop`, or `other`.
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
        | Event::ClockStepped { .. } => None,
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
    frame(kind, sequence, environment.as_ref(), &Entry::from((sequence, act.clone())))
}

/// What an action is about.
pub(in crate::admin) fn subject(action: &Action) -> &'static str {
    let kind = action.kind();
    let subjects = ["admin_token", "token", "environment", "release"];
    subjects.into_iter().find(|subject| kind.starts_with(subject)).unwrap_or("other")
}

/// A listener missed so many.
pub(in crate::admin) fn missed(events: u64) -> News {
    frame("missed", 0, None, &BTreeMap::from([("events", events)]))
}

/// HTML, "Server-sent events", section 9.2.5: JSON has no line break of its own.
fn frame(
    kind: &'static str,
    sequence: u64,
    environment: Option<&EnvironmentName>,
    data: &impl Serialize,
) -> News {
    // These are texts and numbers: they always have a JSON form.
    let data = serde_json::to_string(data).unwrap_or_default();
    let id = if sequence > 0 { format!("id: {sequence}\n") } else { String::new() };
    let frame = format!("event: {kind}\n{id}data: {data}\n\n").into();
    News { kind, environment: environment.cloned(), frame }
}
