//! `[[cluster]]`: location of an environment's workloads, and Landfall's access to them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;
use crate::model::deploy::{BadWorkload, Place, is_namespace};
use crate::model::event::{BadEnvironmentName, EnvironmentName};
use crate::model::oci::{Malformed, Repository};

/// One `[[cluster]]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ClusterTable {
    environment: Option<String>,
    context: Option<String>,
    namespace: Option<String>,
    kubeconfig: Option<PathBuf>,
    in_cluster: bool,
    watch: bool,
    workloads: BTreeMap<String, Vec<String>>,
}

/// Access to an environment's cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterAccess {
    /// Source of the credentials.
    pub login: ClusterLogin,
    /// The environment's namespace; by default that of the kubeconfig's context.
    pub namespace: Option<String>,
}

/// Source of credentials for a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterLogin {
    /// The service account of Landfall's own pod, for the surrounding cluster.
    InCluster,
    /// A kubeconfig.
    Kubeconfig {
        /// Path of the file, which is read for each use.
        file: PathBuf,
        /// Context in the file; by default its current one.
        context: Option<String>,
    },
}

/// Locations of the environments' workloads, and access to clusters.
#[derive(Default)]
pub(super) struct Clusters {
    pub(super) places: BTreeMap<EnvironmentName, Place>,
    pub(super) accesses: BTreeMap<EnvironmentName, ClusterAccess>,
    /// The environments whose clusters are watched.
    pub(super) watched: Vec<EnvironmentName>,
}

/// Checks the clusters; each environment has one at most.
pub(super) fn clusters_of(tables: Vec<ClusterTable>) -> Result<Clusters, ConfigError> {
    let Clusters { mut places, mut accesses, mut watched } = Clusters::default();
    for (index, table) in tables.into_iter().enumerate() {
        let key = |name: &str| format!("cluster[{index}].{name}");
        let wrong = |name: &str, problem: String| ConfigError::value(key(name), problem);
        let name = table.environment.ok_or_else(|| {
            wrong("environment", "missing: name the environment whose workloads these are".into())
        })?;
        let environment: EnvironmentName =
            name.parse().map_err(|error: BadEnvironmentName| wrong("environment", error.to_string()))?;
        if let Some(namespace) = table.namespace.as_deref().filter(|text| !is_namespace(text)) {
            return Err(wrong("namespace", format!("`{namespace}` is not a namespace's name; e.g. shop")));
        }
        let mut workloads = BTreeMap::new();
        for (repository, names) in table.workloads {
            let named: Result<Vec<_>, BadWorkload> = names.iter().map(|name| name.parse()).collect();
            let named = named.map_err(|error| wrong("workloads", error.to_string()))?;
            let repository: Repository =
                repository.parse().map_err(|error: Malformed| wrong("workloads", error.to_string()))?;
            workloads.insert(repository, named);
        }
        let login = match (table.kubeconfig, table.in_cluster) {
            (None, false) => None,
            (None, true) => Some(ClusterLogin::InCluster),
            (Some(file), false) => Some(ClusterLogin::Kubeconfig { file, context: table.context.clone() }),
            (Some(_), true) => {
                return Err(wrong("in_cluster", "either that or a kubeconfig, not both".into()));
            }
        };
        if login.is_some() && cfg!(not(feature = "cluster")) {
            let problem = "this landfall was built without the feature `cluster`: leave `in_cluster` and `kubeconfig` \
                           away, and run the commands of plans with kubectl";
            return Err(wrong("environment", problem.into()));
        }
        if login == Some(ClusterLogin::InCluster) && table.namespace.is_none() {
            let problem =
                "missing: in_cluster needs it, because Landfall's own namespace is hardly the environment's";
            return Err(wrong("namespace", problem.into()));
        }
        if table.watch {
            if login.is_none() {
                return Err(wrong("watch", "needs in_cluster or a kubeconfig".into()));
            }
            watched.push(environment.clone());
        }
        if let Some(login) = login {
            accesses.insert(environment.clone(), ClusterAccess { login, namespace: table.namespace.clone() });
        }
        let place = Place { context: table.context, namespace: table.namespace, workloads };
        if places.insert(environment, place).is_some() {
            return Err(wrong(
                "environment",
                format!("`{name}` is used twice; each environment has one cluster"),
            ));
        }
    }
    Ok(Clusters { places, accesses, watched })
}
