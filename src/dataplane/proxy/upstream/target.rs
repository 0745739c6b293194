//! All configured registries, and the one that a repository belongs to.

use std::sync::Arc;

use rustls::ClientConfig;

use super::error::SetupError;
use super::health::Gauges;
use super::limits::Timeouts;
use super::pools::Pools;
use super::registry::Upstream;
use crate::config;
use crate::model::oci::Repository;
use crate::model::registries::{Host, Registries, Registry, Routed, Unrouted};
use crate::tls::{self, TrustError};

/// All configured registries. Cheap to clone.
#[derive(Clone)]
pub struct Upstreams {
    registries: Arc<Registries>,
    /// Upstreams in the order of `registries`.
    pub(super) all: Arc<[Arc<Upstream>]>,
}

/// A registry, with its name for a repository. Cheap to clone.
#[derive(Clone)]
pub struct Target {
    registry: usize,
    pub(super) upstream: Arc<Upstream>,
    pub(super) name: Arc<str>,
    repository: Repository,
}

impl Upstreams {
    /// Prepares the configured registries. Reads the CA files and the system's roots; opens no connection.
    ///
    /// # Errors
    /// A setting is invalid; the error names its key.
    pub fn new(settings: &[config::UpstreamConfig], timeouts: Timeouts) -> Result<Self, SetupError> {
        let gauges = Gauges::default();
        let mut upstreams = Vec::with_capacity(settings.len());
        for (index, setting) in settings.iter().enumerate() {
            if settings[..index].iter().any(|other| other.prefix == setting.prefix) {
                return Err(SetupError::Twice(setting.prefix.clone()));
            }
            let tls = client_tls(setting)?;
            let timeouts = timeouts.with_overrides(setting);
            upstreams.push(Arc::new(Upstream::new(
                setting,
                Pools::new(&tls, &Arc::new(setting.outbound.clone()), timeouts),
                timeouts,
                &gauges,
            )?));
        }
        let registries = Registries::new(settings.iter().filter_map(registry).collect());
        Ok(Self { registries: registries.into(), all: upstreams.into() })
    }

    /// Sets the host by which clients know the proxy.
    pub fn known_as(self, host: &Host) -> Self {
        Self { registries: Arc::new(Registries::clone(&self.registries).known_as(host)), ..self }
    }

    /// Names of the registries and their repositories.
    pub fn registries(&self) -> Arc<Registries> {
        self.registries.clone()
    }

    /// Selects the registry of a repository, as [`Registries::route`] does.
    ///
    /// # Errors
    /// No registry serves it.
    pub fn select(&self, repository: &Repository, ns: Option<&Host>) -> Result<Target, Unrouted> {
        let Routed { registry, name, repository } = self.registries.route(repository, ns)?;
        Ok(Target { registry, upstream: self.all[registry].clone(), name, repository })
    }
}

/// TLS of one upstream's connections.
fn client_tls(setting: &config::UpstreamConfig) -> Result<Arc<ClientConfig>, SetupError> {
    let path = setting.ca_file.as_deref();
    let mut config = tls::client_config(path).map_err(|error| match (error, path) {
        (TrustError::CaFile(reason), Some(path)) => {
            SetupError::CaFile { prefix: setting.prefix.clone(), path: path.to_owned(), reason }
        }
        (error, _) => SetupError::Tls(error.to_string()),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Naming part of a setting.
fn registry(setting: &config::UpstreamConfig) -> Option<Registry> {
    let (host, port) = (setting.url.host_str()?, setting.url.port());
    let at = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")).parse().ok()?;
    let default_port = if setting.url.scheme() == "http" { 80 } else { 443 };
    let prefix = setting.prefix.trim_matches('/');
    Some(Registry::new(prefix, setting.strip_prefix, &at, default_port, &setting.hosts))
}

impl Target {
    /// Index of the registry among the upstreams.
    pub fn registry(&self) -> usize {
        self.registry
    }

    /// The repository's name at the registry.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The repository's canonical name in Landfall.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Timeouts of this registry.
    pub fn timeouts(&self) -> Timeouts {
        self.upstream.timeouts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Redirects;

    fn upstream(prefix: &str, url: &str, strip_prefix: bool) -> config::UpstreamConfig {
        config::UpstreamConfig {
            prefix: prefix.into(),
            url: url.parse().unwrap(),
            strip_prefix,
            hosts: Vec::new(),
            credentials: None,
            ca_file: None,
            redirects: Redirects::Follow,
            token_servers: Vec::new(),
            outbound: config::OutboundProxies::default(),
            head_timeout: None,
            stall_timeout: None,
        }
    }

    fn password(username: &str) -> config::CredentialsConfig {
        let password = config::Secret::new("hunter2".into());
        config::CredentialsConfig::Fixed { username: username.into(), password }
    }

    type Change = fn(&mut config::UpstreamConfig);

    #[test]
    fn settings_that_cannot_work_are_named() {
        let with = |change: Change| {
            let mut setting = upstream("docker", "https://r.example", false);
            change(&mut setting);
            Upstreams::new(&[setting], Timeouts::default()).err().map(|error| error.to_string())
        };
        let cases: [(Change, &str); 6] = [
            (
                |s| s.ca_file = Some("/nowhere/ca.crt".into()),
                "upstream \"docker\": ca_file /nowhere/ca.crt: ",
            ),
            (|s| s.ca_file = Some("Cargo.toml".into()), "there is no PEM certificate in it"),
            (|s| s.url = "ftp://r.example".parse().unwrap(), "upstream \"docker\": url ftp://r.example"),
            (|s| s.url = "https://me:hunter2@r.example".parse().unwrap(), "url https://r.example"),
            (|s| s.url = "https://r.example/?a=b".parse().unwrap(), "without query"),
            (|s| s.credentials = Some(password("a:b")), "upstream \"docker\": username: "),
        ];
        for (change, expected) in cases {
            let error = with(change).unwrap();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
        }
        let twice = [upstream("a", "http://b.example", false), upstream("a", "http://c.example", false)];
        assert!(
            matches!(Upstreams::new(&twice, Timeouts::default()), Err(SetupError::Twice(prefix)) if prefix == "a")
        );
        assert!(with(|_| ()).is_none());
    }
}
