//! Clients for clusters, made from the configuration. Files are read for each client, because their
//! credentials are renewed.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::error::ClusterError;
use crate::config::{ClusterAccess, ClusterLogin};

/// Longest time for reading files and running a kubeconfig's login program.
const LOGIN_TIME_MAX: Duration = Duration::from_secs(15);
/// Longest wait for a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest wait for one answer of the API server.
pub(super) const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// Makes a client that waits so long for each piece of an answer. Returns it with the environment's namespace.
pub(super) async fn client(
    access: &ClusterAccess,
    silence_max: Duration,
) -> Result<(Client, String), ClusterError> {
    let (access, runtime) = (access.clone(), Handle::current());
    // Files, and even more login programs, would block a runtime thread.
    let made = tokio::task::spawn_blocking(move || runtime.block_on(connected(&access, silence_max)));
    match timeout(LOGIN_TIME_MAX, made).await {
        Ok(Ok(made)) => made,
        Ok(Err(ended)) => Err(ClusterError::Access(ended.into())),
        Err(_) => Err(ClusterError::TimedOut),
    }
}

async fn connected(access: &ClusterAccess, silence_max: Duration) -> Result<(Client, String), ClusterError> {
    let unusable = |error: Box<dyn std::error::Error + Send + Sync>| ClusterError::Access(error);
    let mut config = match &access.login {
        ClusterLogin::InCluster => Config::incluster().map_err(|error| unusable(error.into()))?,
        ClusterLogin::Kubeconfig { file, context } => {
            let kubeconfig = Kubeconfig::read_from(file).map_err(|error| unusable(error.into()))?;
            let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
            config.map_err(|error| unusable(error.into()))?
        }
    };
    config.connect_timeout = Some(CONNECT_TIME_MAX);
    config.read_timeout = Some(silence_max);
    // Errors go to the caller at once, who decides about a retry.
    config.default_retry = false;
    let namespace = access.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config).map_err(|error| unusable(error.into()))?;
    Ok((client, namespace))
}
