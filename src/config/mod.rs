//! Flags, variables and a file, made into one [`Config`]; a flag beats a variable beats the file.
//!
//! Everything is checked here, before anything is opened. Every complaint is one line that names the key, what is
//! wrong with it and what is allowed.

mod ask;
mod cluster;
mod flags;
mod load;
mod outbound;
mod upstream;
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
pub use load::DATA;
pub use outbound::{HttpProxy, OutboundProxies};
pub use webhook::{Provider, Webhook};

use crate::model::deploy::Place;
use crate::model::deployments::Rules;
use crate::model::event::EnvironmentName;
use crate::model::registries::Host;
use crate::model::time::Span;

/// Everything that `landfall serve` can be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data plane.
    pub proxy: ProxyConfig,
    /// The registries behind it, at least one; prefixes are unique.
    pub upstreams: Vec<UpstreamConfig>,
    /// The control plane.
    pub admin: AdminConfig,
    /// The model that may answer what `ask` does not understand.
    pub ask: Option<AskConfig>,
    /// Who may tell of releases.
    pub webhooks: Vec<Webhook>,
    /// The folder that the log lives in.
    pub data: PathBuf,
    /// How long an answer waits for its observation to be durable.
    pub max_wait: Duration,
    /// How long observations stay in the log; what they proved stays for ever.
    pub keep: Span,
    /// How deployments are derived.
    pub rules: Rules,
    /// Where the workloads of environments are.
    pub places: BTreeMap<EnvironmentName, Place>,
    /// How the clusters of environments are reached, where Landfall may.
    pub clusters: BTreeMap<EnvironmentName, ClusterAccess>,
}

/// The data plane's settings.
#[derive(Clone, Debug)]
pub struct ProxyConfig {
    /// Where it listens; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The `host[:port]` that pull secrets and commands name; the listen address without one.
    pub public_host: Option<String>,
    /// Its certificate; plain HTTP without one.
    pub tls: Option<TlsFiles>,
    /// Which blob transfers have their digest verified.
    pub verify: Verify,
    /// Whether the kernel moves trusted blobs from socket to socket, where both sides are plain HTTP/1.1 (Linux).
    pub splice: bool,
    /// Load balancers and reverse proxies in front, which tell who their clients are.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether they tell by the PROXY protocol, at the begin of each connection.
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

/// Which blob transfers have their digest verified as they stream. Clients verify every one in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Until a digest was found right once; again after an hour, after a broken transfer, and after a restart.
    #[default]
    First,
    /// Each one.
    Always,
}

/// The control plane's settings.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// Where it listens; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where its token is read from; without one it is made on first start, in the data folder.
    pub token_file: Option<PathBuf>,
    /// Hosts that requests may name besides loopback and the listen address, without a port, in lower case.
    pub hosts: Vec<String>,
}

/// One registry behind the proxy.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// Repositories under this path are asked for here; the longest match wins; empty serves every repository.
    pub prefix: String,
    /// `http` or `https`, host and port.
    pub url: Url,
    /// Whether the prefix is taken off the repository's name before it is asked for.
    pub strip_prefix: bool,
    /// The names by which clients know it besides its url's host: what it mirrors.
    pub hosts: Vec<Host>,
    /// Who Landfall pulls as; nobody in particular without.
    pub credentials: Option<CredentialsConfig>,
    /// Certificates that are trusted beside the system's, PEM: CAs', and servers' own.
    pub ca_file: Option<PathBuf>,
    /// What happens when the registry redirects to a blob store.
    pub redirects: Redirects,
    /// Token servers that may be told the password though they are of another domain, or without TLS: origins.
    pub token_servers: Vec<Url>,
    /// The HTTP proxies on the way to it, to its token server and to where it redirects.
    pub outbound: OutboundProxies,
    /// Longest wait for the head of a manifest or blob, where it is not the default.
    pub head_timeout: Option<Duration>,
    /// Longest silence in the middle of a blob before the rest is asked for anew, where it is not the default.
    pub stall_timeout: Option<Duration>,
}

/// Who Landfall is to a registry.
#[derive(Clone, Debug)]
pub enum CredentialsConfig {
    /// A user with a password that does not change.
    Fixed {
        /// The user.
        username: String,
        /// That user's password.
        password: Secret,
    },
    /// A user with a password that stands in a file. It is read again when it changes, and when it is refused.
    File {
        /// The user; `<token>` where the password is a token for the token server (an identity token).
        username: String,
        /// What the file held at the start.
        password: Secret,
        /// The file.
        file: PathBuf,
    },
    /// `docker-credential-NAME`, or a program by its whole path, which tells both.
    Helper(String),
}

/// What happens when a registry redirects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// The proxy follows, and streams what it finds.
    #[default]
    Follow,
    /// The client is redirected.
    Pass,
}

/// A text that no log line, no error and no debug output shows.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that is not allowed.
    #[error("{key}: {problem}")]
    Value {
        /// Which key (and flag).
        key: String,
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// A file that cannot be read.
    #[error("{key}: cannot read {path}: {source}")]
    File {
        /// The key that names it.
        key: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl ConfigError {
    fn value(key: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self::Value { key: key.into(), problem: problem.to_string() }
    }
}
