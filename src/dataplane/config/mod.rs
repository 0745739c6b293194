//! Configuration: flags, variables and a file, merged into one [`Config`]. A flag beats a variable, which
//! beats the file.
//!
//! Everything is checked before anything is opened. Every error is one line with the key, the problem and the
//! allowed values.

mod ask;
mod cluster;
mod flags;
mod forge;
mod load;
mod outbound;
mod row;
mod shared;
mod upstream;
mod values;
mod webhook;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

pub use ask::AskConfig;
pub use cluster::{ClusterAccess, ClusterLogin};
pub use flags::Flags;
pub use forge::{Forge, Forges};
pub use load::DATA;
pub use outbound::{HttpProxy, OutboundProxies};
pub use row::Provider;
pub use shared::SharedConfig;
pub use webhook::Webhook;

use crate::model::deploy::Place;
use crate::model::deployments::Rules;
use crate::model::event::EnvironmentName;
use crate::model::registries::Host;
use crate::model::time::Span;

/// Configuration of `landfall serve`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Settings of the data plane.
    pub proxy: ProxyConfig,
    /// Registries behind the proxy, at least one; prefixes are unique.
    pub upstreams: Vec<UpstreamConfig>,
    /// Settings of the control plane.
    pub admin: AdminConfig,
    /// Language model for questions that `ask` does not understand.
    pub ask: Option<AskConfig>,
    /// Forges that may report releases.
    pub webhooks: Vec<Webhook>,
    /// Locations of the sources of images.
    pub forges: Forges,
    /// Folder of the log.
    pub data: PathBuf,
    /// Longest time that an answer waits for its observation to be durable.
    pub max_wait: Duration,
    /// Time that observations stay in the log; what they proved stays for ever.
    pub keep: Span,
    /// The stream that the log's replicas share, if it has any.
    pub shared: Option<SharedConfig>,
    /// Rules for deriving deployments.
    pub rules: Rules,
    /// Locations of the environments' workloads.
    pub places: BTreeMap<EnvironmentName, Place>,
    /// Access to the environments' clusters, where Landfall may apply changes.
    pub clusters: BTreeMap<EnvironmentName, ClusterAccess>,
    /// Environments whose clusters are watched, of those with access.
    pub watched: Vec<EnvironmentName>,
    /// Question that the first page offers; no key: the demo alone knows which one its data answer.
    pub example_question: Option<String>,
}

/// Settings of the data plane.
#[derive(Clone, Debug)]
pub struct ProxyConfig {
    /// Listen address; port 0 takes any free port.
    pub listen: SocketAddr,
    /// `host[:port]` for pull secrets and commands; by default the listen address.
    pub public_host: Option<String>,
    /// Certificate; without one the proxy speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Blob transfers whose digest is verified.
    pub verify: Verify,
    /// Tells whether the kernel splices trusted blobs from socket to socket, if both sides are plain HTTP/1.1 (Linux).
    pub splice: bool,
    /// Load balancers and reverse proxies that may state their clients' addresses.
    pub trusted_proxies: Vec<IpNet>,
    /// Tells whether trusted proxies start each connection with a PROXY protocol header.
    pub proxy_protocol: bool,
}

/// A certificate chain and its key, both PEM. Read again when either file changes.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Blob transfers whose digest is verified while they stream. Clients verify every blob in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Transfers of blobs that were not verified within the last hour; again after a broken transfer or a restart.
    #[default]
    First,
    /// Every transfer.
    Always,
}

/// Settings of the control plane.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// Listen address; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Certificate; without one the admin server speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// File with the admin token; by default one is made in the data folder on first start.
    pub token_file: Option<PathBuf>,
    /// Hosts that requests may name besides loopback and the listen address, without a port, in lower case.
    pub hosts: Vec<String>,
}

/// A registry behind the proxy.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// Path of the repositories it serves. The longest match wins; an empty prefix serves every repository.
    pub prefix: String,
    /// `http` or `https`, host and port.
    pub url: Url,
    /// Tells whether the prefix is removed from the repository's name in requests to the registry.
    pub strip_prefix: bool,
    /// Registries that it mirrors: hosts by which clients know it besides its URL's.
    pub hosts: Vec<Host>,
    /// Credentials for pulls; anonymous without.
    pub credentials: Option<CredentialsConfig>,
    /// PEM file with certificates trusted besides the system's: CAs' or servers' own.
    pub ca_file: Option<PathBuf>,
    /// Handling of redirects to blob stores.
    pub redirects: Redirects,
    /// Origins that may receive the password as token servers although they are of another domain or without TLS.
    pub token_servers: Vec<Url>,
    /// HTTP proxies for the registry, its token server and its redirect targets.
    pub outbound: OutboundProxies,
    /// Longest wait for the head of a manifest or blob, if not the default.
    pub head_timeout: Option<Duration>,
    /// Longest silence in a blob before its rest is requested again, if not the default.
    pub stall_timeout: Option<Duration>,
}

/// Credentials for a registry.
#[derive(Clone, Debug)]
pub enum CredentialsConfig {
    /// A user with a constant password.
    Fixed {
        /// The user to log in as.
        username: String,
        /// The user's password.
        password: Secret,
    },
    /// A user with a password from a file, which is read again when it changes and when the registry refuses it.
    File {
        /// The user; `<token>` if the password is a refresh token for the token server.
        username: String,
        /// Content of the file at the start.
        password: Secret,
        /// Path of the file.
        file: PathBuf,
    },
    /// `docker-credential-NAME`, or the path of a credential helper.
    Helper(String),
}

/// Handling of a registry's redirects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// The proxy follows them and streams the target.
    #[default]
    Follow,
    /// The client is redirected.
    Pass,
}

/// Text that is hidden from logs, errors and debug output.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the code that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Errors of the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value is not allowed.
    #[error("{key}: {problem}")]
    Value {
        /// The key and its flag.
        key: String,
        /// Problem and allowed values.
        problem: String,
    },
    /// A file cannot be read.
    #[error("{key}: cannot read {path}: {source}")]
    File {
        /// Key that names the file.
        key: String,
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
}

impl ConfigError {
    fn value(key: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self::Value { key: key.into(), problem: problem.to_string() }
    }
}
