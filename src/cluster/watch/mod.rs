//! Watches over pods and what owns them, for a witness. The watcher is kube's: lists in pages, bookmarks, 410 Gone, back-off.
//!
//! It hides bookmarks and the ends of watches, so nothing above it could tell a quiet watch from a dead one. `Pulse` hears
//! them below it.

mod kinds;
mod pulse;
mod raw;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::Object;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::access;
use super::error::{ApiCall, ClusterError};
use crate::clock::now;
use crate::config::ClusterAccess;
use crate::model::names::EnvironmentName;
use crate::model::tally::{Change, Heard, Owner, Pod, Source};
use crate::model::time::Time;

use kinds::Kind;
pub use kinds::SOURCES;
use pulse::Pulse;

/// The server ends a watch of pods after so long; each end is a sign of life. One that is silent for 5 s more is dead.
const PODS_WATCH_S: u32 = 20;
/// … and one of owners, whose only news are names.
const OWNERS_WATCH_S: u32 = 240;
/// Longest silence within any answer, a watch's too.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// The label of a namespace that names its environment.
const LABEL: &str = "landfall.dev/environment";
/// Most namespaces that are found by their label.
const NAMESPACES_MAX: usize = 200;
/// Objects in one page of a list.
const PAGE: u32 = 250;
/// Pause before everything is begun again: a client, a list, a watch.
const RENEW_PAUSE: Duration = Duration::from_secs(2);

/// The namespace of a cluster's access: its own, else that of the kubeconfig's context.
///
/// # Errors
/// The access cannot be used.
pub async fn namespace(access: &ClusterAccess) -> Result<Arc<str>, ClusterError> {
    match &access.namespace {
        Some(namespace) => Ok(namespace.as_str().into()),
        None => Ok(access::client(access, SILENCE_MAX).await?.1.into()),
    }
}

/// The namespaces that are labelled as an environment's, in their order.
///
/// # Errors
/// The cluster refuses or cannot be reached.
pub async fn labelled(
    access: &ClusterAccess,
    environment: &EnvironmentName,
) -> Result<Vec<Arc<str>>, ClusterError> {
    let (client, _) = access::client(access, SILENCE_MAX).await?;
    let call = ApiCall { verb: "list", resource: "namespaces", name: None, namespace: "the cluster" };
    let params = ListParams::default().labels(&format!("{LABEL}={environment}"));
    let api: Api<DynamicObject> = Api::all_with(client, &kinds::namespace());
    let found = api.list(&params).await.map_err(|error| call.failed(error))?;
    let mut names: Vec<Arc<str>> =
        found.items.into_iter().filter_map(|it| Some(it.metadata.name?.into())).collect();
    names.sort();
    names.truncate(NAMESPACES_MAX);
    Ok(names)
}

/// Watches one kind of thing in a namespace, the `kind`th of [`SOURCES`], as the witness's `source`. Ends when nobody listens.
pub async fn watch(
    access: ClusterAccess,
    namespace: Arc<str>,
    kind: usize,
    source: Source,
    heard: mpsc::Sender<Heard>,
) {
    let kind = Kind::ALL[kind];
    while !heard.is_closed() {
        match access::client(&access, SILENCE_MAX).await {
            Ok((client, _)) => {
                let watch = Watch { namespace: namespace.clone(), kind, source, heard: heard.clone() };
                if kind == Kind::Pod {
                    watch.run(client, |pod| raw::pod(pod).map(Item::Pod)).await;
                } else {
                    watch.run(client, move |owner| raw::owner(kind, owner).map(Item::Owner)).await;
                }
            }
            Err(error) => tracing::warn!(%error, namespace = &*namespace, "the cluster cannot be watched"),
        }
        tokio::time::sleep(RENEW_PAUSE).await;
    }
}

/// A thing that is watched.
enum Item {
    Pod(Pod),
    Owner(Owner),
}

/// The end of a watch that nobody listens to.
struct Unheard;

struct Watch {
    namespace: Arc<str>,
    kind: Kind,
    source: Source,
    heard: mpsc::Sender<Heard>,
}

impl Watch {
    /// Runs until the watch has to be begun with another client, or nobody listens.
    async fn run<P, U>(&self, client: Client, read: impl Fn(Object<P, U>) -> Option<Item>)
    where
        P: Clone + Default + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
        U: Clone + Default + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
    {
        let pulse = Pulse::default();
        let resource: ApiResource = self.kind.resource();
        let api: Api<Object<P, U>> = Api::namespaced_with(pulse.listen(client), &self.namespace, &resource);
        let seconds = if self.kind == Kind::Pod { PODS_WATCH_S } else { OWNERS_WATCH_S };
        let config = watcher::Config::default().timeout(seconds).page_size(PAGE);
        let mut events = pin!(watcher(api, config).default_backoff());
        let mut list = (now(), Vec::new());
        loop {
            let step = tokio::select! {
                biased;
                // All that came before the pulse is told before it.
                event = events.next() => match event {
                    Some(Ok(event)) => self.take(event, &mut list, &read).await,
                    Some(Err(error)) if self.has_to_renew(&error).await => return,
                    Some(Err(_)) => Ok(()),
                    None => return,
                },
                until = pulse.beat() => self.say(Heard::Until(self.source, until)).await,
            };
            if step.is_err() {
                return;
            }
        }
    }

    async fn take<P: Clone, U: Clone>(
        &self,
        event: Event<Object<P, U>>,
        (began_at, items): &mut (Time, Vec<Item>),
        read: impl Fn(Object<P, U>) -> Option<Item>,
    ) -> Result<(), Unheard> {
        match event {
            Event::Init => {
                (*began_at, *items) = (now(), Vec::new());
                self.say(Heard::Lost(self.source)).await
            }
            Event::InitApply(object) => {
                items.extend(read(object));
                Ok(())
            }
            Event::InitDone => {
                self.say(Heard::Change(self.all(std::mem::take(items)))).await?;
                // Of owners only names are wanted: how old they are takes nothing from what runs.
                let until = if self.kind == Kind::Pod { now() } else { Time::from_ms(i64::MAX) };
                self.say(Heard::Whole(self.source, *began_at, until)).await
            }
            Event::Apply(object) => match read(object) {
                Some(Item::Pod(pod)) => self.say(Heard::Change(Change::Pod(pod))).await,
                Some(Item::Owner(owner)) => self.say(Heard::Change(Change::Owner(owner))).await,
                None => Ok(()),
            },
            Event::Delete(object) => match read(object) {
                Some(Item::Pod(pod)) => self.say(Heard::Change(Change::PodGone(pod.key))).await,
                Some(Item::Owner(owner)) => {
                    self.say(Heard::Change(Change::OwnerGone(owner.namespace, owner.key))).await
                }
                None => Ok(()),
            },
        }
    }

    fn all(&self, items: Vec<Item>) -> Change {
        let (mut pods, mut owners) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Pod(pod) => pods.push(pod),
                Item::Owner(owner) => owners.push(owner),
            }
        }
        let namespace = Some(self.namespace.clone());
        match self.kind {
            Kind::Pod => Change::Pods(namespace, pods),
            kind => Change::Owners(namespace, kind.as_str(), owners),
        }
    }

    async fn say(&self, heard: Heard) -> Result<(), Unheard> {
        self.heard.send(heard).await.map_err(|_| Unheard)
    }

    /// Tells whether an error wants another client or another list. Any other one is tried again by the watcher.
    async fn has_to_renew(&self, error: &watcher::Error) -> bool {
        let (namespace, what) = (&*self.namespace, self.kind.as_str());
        let status = match error {
            watcher::Error::InitialListFailed(kube::Error::Api(status))
            | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code,
            watcher::Error::WatchError(status) => status.code,
            _ => 0,
        };
        if status == 403 && self.kind != Kind::Pod {
            tracing::debug!(
                namespace,
                what,
                "this kind may not be watched; names of pods' owners tell enough"
            );
            let _ = self.say(Heard::Without(self.source)).await;
            return false;
        }
        tracing::warn!(%error, namespace, what, "a watch broke; it is tried again");
        // kube's watcher lists again where a watch under way ends so, and not where one cannot start.
        status == 401 || (status == 410 && matches!(error, watcher::Error::WatchStartFailed(_)))
    }
}
