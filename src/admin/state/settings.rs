//! The settings of the control plane, which stay the same while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::token_file::AdminToken;
use crate::config::{self, ClusterAccess, Forges, Webhook};
use crate::model::deploy::Place;
use crate::model::event::EnvironmentName;
use crate::model::former_names::FormerNames;
use crate::model::registries::Registries;
use crate::model::time::Time;

/// A registry behind the proxy that cannot be pulled from.
#[derive(Debug, Deserialize)]
pub(in crate::admin) struct FailingRegistry {
    /// Its host and port.
    pub(in crate::admin) host: String,
    /// The part that the problem lies in.
    pub(in crate::admin) cause: String,
    /// Problem and remedy.
    pub(in crate::admin) error: String,
}

impl Settings {
    /// The registries that could not be pulled from when they were last looked at.
    pub(in crate::admin) fn failing_registries(&self) -> Vec<FailingRegistry> {
        let figures = (self.proxy_figures)();
        let reports = figures["upstreams"].as_array().into_iter().flatten();
        // Others have no cause.
        reports.filter_map(|report| FailingRegistry::deserialize(report).ok()).collect()
    }
}

/// Settings of the control plane.
pub struct Settings {
    /// The token of the token file, which may do everything.
    pub admin_token: AdminToken,
    /// The admin listener speaks TLS.
    pub speaks_tls: bool,
    /// Hosts that requests may name besides loopback and the address that they came to; in lower case.
    pub hosts: Vec<String>,
    /// The host, with its port, under which clients reach the proxy: what pull secrets and commands name.
    pub registry_host: String,
    /// Names of the images of the registries behind the proxy.
    pub registries: Arc<Registries>,
    /// The proxy speaks TLS there.
    pub registry_tls: bool,
    /// Namespaces and workloads of environments, as far as they are configured.
    pub places: BTreeMap<EnvironmentName, Place>,
    /// Access to the clusters of environments, where Landfall has any.
    pub clusters: BTreeMap<EnvironmentName, ClusterAccess>,
    /// The model that answers what `ask` does not understand, where there is one.
    pub ask: Option<config::AskConfig>,
    /// The log is shared with other servers.
    pub is_shared: bool,
    /// This server is an edge: others answer questions and make changes.
    pub is_edge: bool,
    /// The question that the first page offers.
    pub example_question: Option<String>,
    /// The forges that may tell of releases.
    pub webhooks: Vec<Webhook>,
    /// Places of the sources of images.
    pub forges: Forges,
    /// Start of the process.
    pub started_at: Time,
    /// The proxy's figures for `/status`, without secrets.
    pub proxy_figures: Box<dyn Fn() -> serde_json::Value + Send + Sync>,
}

impl Settings {
    /// Namespaces and workloads of an environment; the configuration may call it by a former name.
    pub fn place(&self, former: &FormerNames, environment: &EnvironmentName) -> Option<&Place> {
        named(&self.places, former, environment)
    }

    /// Access to the cluster of an environment, likewise.
    pub fn cluster(&self, former: &FormerNames, environment: &EnvironmentName) -> Option<&ClusterAccess> {
        named(&self.clusters, former, environment)
    }
}

fn named<'a, T>(
    of: &'a BTreeMap<EnvironmentName, T>,
    former: &FormerNames,
    environment: &EnvironmentName,
) -> Option<&'a T> {
    of.get(environment).or_else(|| former.of(environment).find_map(|name| of.get(name)))
}
