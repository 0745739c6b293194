//! The demo's witness: it tells Landfall what the pods of its cluster run, in the words of `landfall agent`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::images::Image;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::clock::now;
use crate::model::names::EnvironmentName;
use crate::model::oci::Digest;
use crate::model::report::Source;
use crate::model::tally::{
    Change, Container, ContainerState, Heard, ImageName, OwnerKey, Pod, PodKey, Role, Witness,
};

/// Pods of each workload on each node.
const PODS_PER_NODE: usize = 2;
/// Pause before a report that failed is made again.
const RETRY_PAUSE: Duration = Duration::from_secs(5);
/// The one source of the witness.
const CLUSTER: usize = 0;

/// A witness of one environment, with what it sees.
pub(super) struct Agent {
    environment: EnvironmentName,
    /// The registry in the names of images: its nodes have the proxy as its mirror.
    registry: SocketAddr,
    hub: Client,
    witness: Witness,
    /// Number of reports that were made.
    sequence: u64,
    /// The last of them, until it is taken.
    unsent: Option<Value>,
}

impl Agent {
    /// A witness that has not begun. `hub` has its token.
    pub(super) fn new(environment: EnvironmentName, registry: SocketAddr, hub: Client) -> Self {
        Self {
            environment,
            registry,
            hub,
            witness: Witness::new(Source::Kubernetes, 1),
            sequence: 0,
            unsent: None,
        }
    }

    /// Sees the pods of a node start, in place of those that ran another image of the repository.
    pub(super) fn see(&mut self, node: &str, (repository, tag): Image, digest: Digest) {
        let image = ImageName::parse(&format!("{}/{repository}:{tag}", self.registry));
        let (namespace, name) = repository.split_once('/').unwrap_or(("default", repository));
        for place in 0..PODS_PER_NODE {
            let container = Container {
                name: name.into(),
                role: Role::Main,
                image: image.clone(),
                digest: Some(digest),
                state: ContainerState::Running { is_ready: true },
            };
            let pod = Pod {
                key: PodKey { namespace: namespace.into(), name: format!("{name}-{node}-{place}").into() },
                owner: Some(OwnerKey::new("Deployment", name)),
                hash: None,
                node: Arc::from(node),
                containers: vec![container],
            };
            self.witness.hear(Heard::Change(Change::Pod(pod)));
        }
    }

    /// Begins with all that runs.
    pub(super) async fn begin(&mut self) -> Result<(), CliError> {
        let now = now();
        self.witness.hear(Heard::Whole(CLUSTER, now, now));
        self.report().await
    }

    /// Tells what is new, if anything is and it has begun. A report that fails is made again before the next one.
    pub(super) async fn report(&mut self) -> Result<(), CliError> {
        self.send_unsent().await?;
        let now = now();
        self.witness.hear(Heard::Until(CLUSTER, now));
        let said = self.witness.say(now);
        if said.is_empty() {
            return Ok(());
        }
        self.sequence += 1;
        self.unsent = Some(json!({ "witness": "demo", "sequence": self.sequence, "sightings": said }));
        self.send_unsent().await
    }

    async fn send_unsent(&mut self) -> Result<(), CliError> {
        if let Some(body) = &self.unsent {
            let path = ["environments", self.environment.as_str(), "sightings"];
            self.hub.send(Method::POST, &path, &[], Some(body)).await?;
            self.unsent = None;
        }
        Ok(())
    }

    /// Says again and again that nothing else runs. A report that is refused ends nothing: somebody may try what happens when
    /// its token is revoked.
    pub(super) async fn stay(&mut self) -> Infallible {
        let mut is_refused = false;
        loop {
            let pause = self.witness.due(now()).since(now()).ms().max(1).unsigned_abs();
            tokio::time::sleep(Duration::from_millis(pause)).await;
            match self.report().await {
                Ok(()) => is_refused = false,
                Err(error) => {
                    if !is_refused {
                        eprintln!(
                            "The witness of {} could not report, and tries again: {error}",
                            self.environment
                        );
                    }
                    is_refused = true;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }
}
