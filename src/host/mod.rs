//! A host with Docker or podman: its containers, over the socket of its daemon.
//!
//! Four requests are all that is asked, with the HTTP library that is there anyway. A client crate (bollard) would bring its
//! own code for named pipes and sockets, and the models of the whole API.
//!
//! ```text
//! events (something changed) → list of containers → pods of one container each
//! ```

mod api;
mod read;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::clock::now;
use crate::model::tally::{Change, Heard, Pod, Source};

use api::{Api, ApiError, Events};
use read::{Inspected, Listed};

/// The list is read this often where no event asks for it: the daemon lives.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Events that come within so long ask for one list.
const GATHER: Duration = Duration::from_millis(200);
/// Pause before a daemon that does not answer is asked again.
const PAUSE: Duration = Duration::from_secs(2);
/// Most containers that are told of.
const CONTAINERS_MAX: usize = 5_000;

/// The socket of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket(PathBuf);

/// A text that names no socket.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{0}` is no socket of this machine; write it as unix:///var/run/docker.sock")]
pub struct BadSocket(String);

impl std::str::FromStr for Socket {
    type Err = BadSocket;
    fn from_str(text: &str) -> Result<Self, BadSocket> {
        let path = text.strip_prefix("unix://").unwrap_or(text);
        if path.starts_with('/') { Ok(Self(path.into())) } else { Err(BadSocket(text.to_owned())) }
    }
}

impl std::fmt::Display for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unix://{}", self.0.display())
    }
}

/// Watches the containers of a host as the witness's `source`. Ends when nobody listens.
pub async fn watch(socket: Socket, source: Source, heard: mpsc::Sender<Heard>) {
    let mut host = Host { api: Api::new(socket.0), source, heard, known: BTreeMap::new() };
    loop {
        match host.run().await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(%error, "the host's containers cannot be watched; it is tried again");
            }
        }
        if host.heard.send(Heard::Lost(source)).await.is_err() {
            return;
        }
        sleep(PAUSE).await;
    }
}

struct Host {
    api: Api,
    source: Source,
    heard: mpsc::Sender<Heard>,
    /// Of containers that are there, what does not change.
    known: BTreeMap<Arc<str>, Inspected>,
}

impl Host {
    /// Runs until the daemon fails, or nobody listens.
    async fn run(&mut self) -> Result<(), ApiError> {
        // First the events: what changes while the list is read is heard of, and read again.
        let mut events = self.api.events().await?;
        let began_at = now();
        let pods = self.pods().await?;
        if !self.say(Heard::Change(Change::Pods(None, pods))).await
            || !self.say(Heard::Whole(self.source, began_at, now())).await
        {
            return Ok(());
        }
        loop {
            tokio::select! {
                event = events.next() => event?,
                () = sleep(LOOK_EVERY) => {}
            }
            gather(&mut events).await?;
            let began_at = now();
            let pods = self.pods().await?;
            if !self.say(Heard::Change(Change::Pods(None, pods))).await
                || !self.say(Heard::Until(self.source, began_at)).await
            {
                return Ok(());
            }
        }
    }

    async fn say(&self, heard: Heard) -> bool {
        self.heard.send(heard).await.is_ok()
    }

    async fn pods(&mut self) -> Result<Vec<Pod>, ApiError> {
        let mut listed: Vec<Listed> = self.api.get("/containers/json?all=true").await?;
        listed.truncate(CONTAINERS_MAX);
        let mut known = std::mem::take(&mut self.known);
        let mut pods = Vec::new();
        for container in listed {
            let inspected = match known.remove(&container.id) {
                Some(inspected) => inspected,
                // One that was removed in the meantime is not there.
                None => match self.api.inspect(&container.id).await? {
                    Some(inspected) => inspected,
                    None => continue,
                },
            };
            pods.extend(read::pod(&container, &inspected));
            self.known.insert(container.id, inspected);
        }
        Ok(pods)
    }
}

/// Waits until no event has come for a moment, or one has come for long enough.
async fn gather(events: &mut Events) -> Result<(), ApiError> {
    let until = tokio::time::Instant::now() + GATHER;
    while let Ok(event) = tokio::time::timeout_at(until, events.next()).await {
        event?;
    }
    Ok(())
}
