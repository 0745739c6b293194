//! Witnesses inside the server: of the clusters that the configuration says to watch.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::clock::now;
use crate::cluster::watch;
use crate::config::{ClusterAccess, Config};
use crate::log::Log;
use crate::model::event::Event;
use crate::model::names::{EnvironmentName, TokenId};
use crate::model::oci::Repository;
use crate::model::registries::{Host, Registries};
use crate::model::report::{Report, Revision, Runs, Statement};
use crate::model::tally::Batch;
use crate::witness::{self, Hub, NotTaken};

/// The name of a witness inside the server, and of the token that it does not need.
const NAME: &str = "landfall";
/// Pause before a cluster whose access cannot be used is tried again.
const PAUSE: Duration = Duration::from_secs(30);

/// Watches the clusters that are to be watched. They end with what is returned.
pub(super) fn watch_clusters(config: &Config, log: &Log, registries: &Arc<Registries>) -> JoinSet<()> {
    let mut watching = JoinSet::new();
    for environment in &config.watched {
        let Some(access) = config.clusters.get(environment).cloned() else { continue };
        let (log, registries, environment) = (log.clone(), registries.clone(), environment.clone());
        watching.spawn(of_cluster(access, Arc::new(Own { log, registries, environment })));
    }
    watching
}

async fn of_cluster(access: ClusterAccess, hub: Arc<Own>) {
    loop {
        match watch::namespace(&access).await {
            Ok(namespace) => return witness::of_cluster(access, vec![namespace], hub).await,
            Err(error) => {
                tracing::warn!(%error, environment = %hub.environment, "a cluster cannot be watched");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// This server's own log as the hub.
struct Own {
    log: Log,
    registries: Arc<Registries>,
    environment: EnvironmentName,
}

impl Own {
    async fn take(&self, Batch { sequence, statements }: Batch) -> Result<u64, NotTaken> {
        let environment = self.environment.clone();
        if self.log.view().directory.environment(environment.as_str()).is_none() {
            return Err(NotTaken::Yet(format!("there is no environment {environment}")));
        }
        let statements = statements.into_iter().map(|statement| self.here(statement)).collect();
        let (at, token, witness) = (now(), TokenId::new(NAME), NAME.into());
        let report = Report { at, environment, token: token.clone(), witness, sequence, statements };
        let written = self.log.append(Event::Reported(Box::new(report))).await;
        written.map_err(|error| NotTaken::Yet(error.to_string()))?;
        let view = self.log.view();
        let state = view.state.environment(&self.environment);
        Ok(state.and_then(|state| state.witnesses().accepted_until(NAME, &token)).unwrap_or(sequence))
    }

    /// With the names that repositories have here.
    fn here(&self, statement: Statement) -> Statement {
        let named = |repository: Repository, host: Option<Arc<str>>| {
            let parsed = host.as_deref().and_then(|host| host.parse::<Host>().ok());
            match parsed.map(|host| self.registries.route(&repository, Some(&host))) {
                Some(Ok(routed)) => (routed.repository, None),
                Some(Err(_)) | None => (repository, host),
            }
        };
        match statement {
            Statement::Running(runs) => {
                let (repository, host) = named(runs.repository, runs.host);
                Statement::Running(Runs { repository, host, ..runs })
            }
            Statement::Past(revision) => {
                let (repository, host) = named(revision.repository, revision.host);
                Statement::Past(Revision { repository, host, ..revision })
            }
            alive @ Statement::Alive { .. } => alive,
        }
    }
}

impl Hub for Own {
    fn report(&self, batch: Batch) -> Pin<Box<dyn Future<Output = Result<u64, NotTaken>> + Send + '_>> {
        Box::pin(self.take(batch))
    }
}
