//! The settings of the control plane, which stay the same while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::token_file::AdminToken;
use crate::config::{self, ClusterAccess, Forges, Webhook};
use crate::model::deploy::Place;
use crate::model::event::EnvironmentName;
use crate::model::registries::Registries;
use crate::model::time::Time;

/// Settings of the control plane.
pub struct Settings {
    /// The token of the token file, which may do everything.
    pub admin_token: AdminToken,
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
    /// The forges that may tell of releases.
    pub webhooks: Vec<Webhook>,
    /// Where the sources of images are.
    pub forges: Forges,
    /// Start of the process.
    pub started_at: Time,
    /// The proxy's figures for `/status`, without secrets.
    pub proxy_figures: Box<dyn Fn() -> serde_json::Value + Send + Sync>,
}
