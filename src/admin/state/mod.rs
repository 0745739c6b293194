//! The state that handlers share. It is made at start; a handler names the parts that it takes (`State<Log>`,
//! `State<Changes>`), and gets no others. Nothing here knows a handler or a request's form.

pub(super) mod bodies;
pub(super) mod changes;
pub(super) mod feed;
pub(super) mod holder;
pub(super) mod limits;
pub(super) mod random;
pub(super) mod readers;
pub(super) mod readiness;
mod seal;
pub(super) mod seats;
pub(super) mod sessions;
mod settings;
pub(super) mod token_file;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRef;
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;

use crate::answer::Answers;
use crate::log::Log;

use bodies::Bodies;
use changes::Changes;
use feed::Feed;
use limits::{Limits, Reports};
use readers::Readers;
use readiness::Readiness;
use sessions::Sessions;
#[cfg(feature = "dashboard")]
pub(super) use settings::FailingRegistry;
pub use settings::Settings;

/// The control plane's state: a bundle of handles, which is cheap to clone.
#[derive(Clone)]
pub struct App {
    log: Log,
    answers: Arc<Answers>,
    changes: Changes,
    settings: Arc<Settings>,
    registry: Arc<Registry>,
    readiness: Readiness,
    started: Started,
    rollout: Rollout,
    sessions: Arc<Sessions>,
    feed: Arc<Feed>,
    readers: Readers,
    limits: Arc<Limits>,
    reports: Arc<Reports>,
    bodies: Arc<Bodies>,
}

/// The instant at which the control plane was made, for its uptime.
#[derive(Clone, Copy)]
pub(super) struct Started(pub(super) Instant);

/// Held while a plan is carried out, so that a cluster gets one plan whole before the next begins.
#[derive(Clone, Default)]
pub(super) struct Rollout(pub(super) Arc<Mutex<()>>);

impl App {
    /// A control plane over this log; `registry` has the counters of every module, `readiness` is what `/readyz` says.
    pub fn new(log: Log, registry: Arc<Registry>, readiness: Readiness, settings: Settings) -> Self {
        Self {
            answers: Arc::new(Answers::new(log.clone())),
            changes: Changes::new(log.clone()),
            log,
            sessions: Arc::new(Sessions::new(&settings.admin_token, settings.speaks_tls)),
            settings: Arc::new(settings),
            registry,
            readiness,
            started: Started(Instant::now()),
            rollout: Rollout::default(),
            feed: Arc::default(),
            readers: Readers::default(),
            limits: Arc::default(),
            reports: Arc::default(),
            bodies: Arc::default(),
        }
    }
}

/// Says which field a handler gets that names a part.
macro_rules! parts {
    ($($field:ident: $part:ty),* $(,)?) => {
        $(impl FromRef<App> for $part {
            fn from_ref(app: &App) -> Self {
                app.$field.clone()
            }
        })*
    };
}

/// Makes a struct of parts a part itself.
macro_rules! bundle {
    ($bundle:ident { $($field:ident),* $(,)? }) => {
        impl axum::extract::FromRef<$crate::admin::state::App> for $bundle {
            fn from_ref(app: &$crate::admin::state::App) -> Self {
                Self { $($field: axum::extract::FromRef::from_ref(app)),* }
            }
        }
    };
}
pub(in crate::admin) use bundle;

parts! {
    log: Log,
    answers: Arc<Answers>,
    changes: Changes,
    settings: Arc<Settings>,
    registry: Arc<Registry>,
    readiness: Readiness,
    started: Started,
    rollout: Rollout,
    sessions: Arc<Sessions>,
    feed: Arc<Feed>,
    readers: Readers,
    limits: Arc<Limits>,
    reports: Arc<Reports>,
    bodies: Arc<Bodies>,
}
