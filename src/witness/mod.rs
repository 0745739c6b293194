//! A witness at work: it hears its sources, and reports to the hub what runs.
//!
//! ```text
//! sources (a cluster's watches, a host's Docker) → tally (pure: what is told, and when) → queue → hub
//! ```
//!
//! Nothing that the hub does holds a source up for longer than the queue has room: then all that waits is given up, and
//! everything that there is is told again. README.md says why the queue is in memory.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::clock::now;
use crate::cluster::watch::{self, SOURCES};
use crate::config::ClusterAccess;
use crate::host::{self, Socket};
use crate::model::names::EnvironmentName;
use crate::model::report::{self, Statement};
use crate::model::tally::{Batch, Heard, Queue, Witness, pause};
use crate::model::time::{Span, Time};

/// Changes that come within so long are told together.
const GATHER: Span = Span::from_ms(250);
/// Longest wait for the hub's answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// A clock that was set is noticed after so long.
const LOOK_EVERY_MS: i64 = 10_000;
/// Labels of namespaces are read this often.
const LABELS_EVERY: Duration = Duration::from_secs(30);
/// Messages of sources that wait.
const HEARD_MAX: usize = 1_024;

/// The reason why a report was not taken.
#[derive(Debug)]
pub enum NotTaken {
    /// It may be taken later.
    Yet(String),
    /// It never will be.
    Ever(String),
}

/// The hub that reports go to.
pub trait Hub: Send + Sync + 'static {
    /// Sends a report. Returns the number of the last one that was taken.
    fn report(&self, batch: Batch) -> Pin<Box<dyn Future<Output = Result<u64, NotTaken>> + Send + '_>>;
}

/// Watches namespaces of a cluster that belong to one environment, and reports to its hub. Does not end.
pub async fn of_cluster(access: ClusterAccess, namespaces: Vec<Arc<str>>, hub: Arc<dyn Hub>) {
    let (say, heard) = mpsc::channel(HEARD_MAX);
    let mut watches = JoinSet::new();
    for (place, namespace) in namespaces.iter().enumerate() {
        for kind in 0..SOURCES {
            let source = place * SOURCES + kind;
            watches.spawn(watch::watch(access.clone(), namespace.clone(), kind, source, say.clone()));
        }
    }
    drop(say);
    let sources = namespaces.len() * SOURCES;
    Reporter::new(Witness::new(report::Source::Kubernetes, sources), hub).run(heard).await;
}

/// Watches the namespaces of a cluster that are labelled as this environment's, and reports to its hub. Does not end. Where
/// other ones are, everything is told anew.
pub async fn of_labelled(access: ClusterAccess, environment: EnvironmentName, hub: Arc<dyn Hub>) {
    let mut namespaces: Vec<Arc<str>> = Vec::new();
    loop {
        let watching = async {
            if namespaces.is_empty() {
                std::future::pending::<()>().await;
            }
            of_cluster(access.clone(), namespaces.clone(), hub.clone()).await;
        };
        let others = tokio::select! {
            () = watching => None,
            others = others(&access, &environment, &namespaces) => Some(others),
        };
        namespaces = others.unwrap_or(namespaces);
        tracing::info!(%environment, namespaces = namespaces.join(","), "watching the namespaces with the label");
    }
}

/// The labelled namespaces, once they are others than these.
async fn others(access: &ClusterAccess, environment: &EnvironmentName, known: &[Arc<str>]) -> Vec<Arc<str>> {
    loop {
        match watch::labelled(access, environment).await {
            Ok(found) if found != known => return found,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the namespaces' labels cannot be read"),
        }
        tokio::time::sleep(LABELS_EVERY).await;
    }
}

/// Watches the containers of a host, and reports to its hub. Does not end.
pub async fn of_host(socket: Socket, hub: Arc<dyn Hub>) {
    let (say, heard) = mpsc::channel(HEARD_MAX);
    let watching = host::watch(socket, 0, say);
    let reporting = Reporter::new(Witness::new(report::Source::Docker, 1), hub).run(heard);
    tokio::join!(watching, reporting);
}

/// A witness with its queue and its hub.
struct Reporter {
    witness: Witness,
    queue: Queue,
    hub: Arc<dyn Hub>,
    failures: u32,
    /// The time at which the hub is asked again.
    again_at: Time,
}

/// A report under way.
type Sending = Pin<Box<dyn Future<Output = (u64, Result<u64, NotTaken>)> + Send>>;

impl Reporter {
    fn new(witness: Witness, hub: Arc<dyn Hub>) -> Self {
        // Later lives have greater numbers, unless the clock was set back; then the hub says so.
        let first = u64::try_from(now().ms()).unwrap_or_default();
        let never = Time::from_ms(0);
        Self { witness, queue: Queue::new(first), hub, failures: 0, again_at: never }
    }

    /// Runs until no source says anything any more.
    async fn run(mut self, mut heard: mpsc::Receiver<Heard>) {
        let mut sending: Option<Sending> = None;
        let mut say_at = now();
        loop {
            sending = sending.or_else(|| self.send());
            let is_sending = sending.is_some();
            tokio::select! {
                message = heard.recv() => {
                    let Some(message) = message else { return };
                    self.witness.hear(message);
                    while let Ok(message) = heard.try_recv() {
                        self.witness.hear(message);
                    }
                    say_at = say_at.min(now() + GATHER);
                }
                () = until(self.next(say_at, is_sending)) => {}
                (sequence, taken) = under_way(&mut sending) => {
                    sending = None;
                    self.answered(sequence, taken);
                    say_at = say_at.min(self.witness.due(now()));
                }
            }
            if now() >= say_at {
                let said = self.witness.say(now());
                self.push(said);
                say_at = self.witness.due(now());
            }
        }
    }

    /// The time of the next step, if nothing happens.
    fn next(&self, say_at: Time, is_sending: bool) -> Time {
        if is_sending || self.queue.is_empty() { say_at } else { say_at.min(self.again_at) }
    }

    fn push(&mut self, said: Vec<Statement>) {
        if !said.is_empty() && !self.queue.push(said) {
            tracing::warn!(
                "the hub was away for too long: what waited is given up, and everything is told again"
            );
            self.witness.begin_anew();
        }
    }

    fn send(&mut self) -> Option<Sending> {
        if now() < self.again_at {
            return None;
        }
        let batch = self.queue.send()?.clone();
        let (hub, sequence) = (self.hub.clone(), batch.sequence);
        Some(Box::pin(async move {
            let answer = timeout(ANSWER_TIME_MAX, hub.report(batch)).await;
            (sequence, answer.unwrap_or_else(|_| Err(NotTaken::Yet("no answer".into()))))
        }))
    }

    fn answered(&mut self, sequence: u64, taken: Result<u64, NotTaken>) {
        match taken {
            Ok(until) => {
                if self.failures > 0 {
                    tracing::info!("the hub takes reports again");
                }
                (self.failures, self.again_at) = (0, Time::from_ms(0));
                if !self.queue.accepted(until) {
                    self.witness.begin_anew();
                }
            }
            Err(NotTaken::Yet(why)) => {
                self.failures += 1;
                let pause = pause(self.failures, chance());
                // Once, and then rarely: it may be away for days.
                if self.failures.is_power_of_two() {
                    tracing::warn!(
                        why,
                        failures = self.failures,
                        "the hub takes no report; it is asked again"
                    );
                }
                self.again_at = now() + pause;
            }
            Err(NotTaken::Ever(why)) => {
                tracing::error!(why, sequence, "the hub refuses a report, which is given up");
                self.queue.drop_first();
            }
        }
    }
}

async fn until(at: Time) {
    let ms = at.since(now()).ms().clamp(1, LOOK_EVERY_MS);
    tokio::time::sleep(Duration::from_millis(ms as u64)).await;
}

async fn under_way(sending: &mut Option<Sending>) -> (u64, Result<u64, NotTaken>) {
    match sending {
        Some(sending) => sending.await,
        None => std::future::pending().await,
    }
}

/// A number between 0 and 1; that of nobody else. Without randomness there is no spreading.
fn chance() -> f64 {
    getrandom::u32().map_or(1.0, |drawn| f64::from(drawn) / f64::from(u32::MAX))
}
