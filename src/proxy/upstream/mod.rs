//! Registries: which one serves a repository, and how it is asked.
//!
//! In reading order: `ask` (what), `exchange` (a request with its redirects), `login` with `challenge` and `token`
//! (who Landfall is to the registry), `place` and `address` (where a registry may send Landfall), `pools`, `pool` and
//! `channel`, `connect` with `tls` (connections), `content` (what comes over them), `limits` and `error`.

mod address;
mod ask;
mod challenge;
mod channel;
mod connect;
mod content;
mod error;
mod exchange;
pub mod limits;
mod login;
mod place;
mod pool;
mod pools;
mod tls;
mod token;

use std::sync::Arc;

use http::Uri;
use url::Url;

use crate::config::{self, Redirects};
use crate::model::oci::Repository;

pub use ask::{Ask, Line, What};
pub use content::{Content, Socket};
pub use error::{Refusal, SetupError, UpstreamError};
pub use limits::Limits;
pub use login::Carried;

use login::Login;
use pools::Pools;

/// All configured registries. Cheap to clone.
#[derive(Clone)]
pub struct Upstreams(Arc<[Arc<Upstream>]>);

/// A registry and the name by which it knows a repository. Cheap to clone.
#[derive(Clone)]
pub struct Target {
    upstream: Arc<Upstream>,
    name: Arc<str>,
}

struct Upstream {
    prefix: String,
    strip_prefix: bool,
    url: Url,
    /// Scheme, host and port of `url`.
    origin: Uri,
    /// Its path without a slash at its end: paths are appended to it.
    base_path: String,
    redirects: Redirects,
    login: Login,
    pools: Pools,
    limits: Limits,
}

impl Upstreams {
    /// Prepares the configured registries. Opens no connection; reads the CA files and the system's roots.
    ///
    /// # Errors
    /// Settings that cannot work, by the name of their key.
    pub fn new(settings: &[config::Upstream], limits: Limits) -> Result<Self, SetupError> {
        let roots = tls::system_roots();
        let mut upstreams = Vec::with_capacity(settings.len());
        for setting in settings {
            let tls = tls::client_config(&roots, &setting.prefix, setting.ca_file.as_deref())?;
            upstreams.push(Arc::new(Upstream::new(setting, Pools::new(&tls, limits), limits)?));
        }
        // The longest prefix first, so that the first match is the right one.
        upstreams.sort_by_key(|upstream| std::cmp::Reverse(upstream.prefix.len()));
        if let Some(pair) = upstreams.windows(2).find(|pair| pair[0].prefix == pair[1].prefix) {
            return Err(SetupError::Twice(pair[0].prefix.clone()));
        }
        Ok(Self(upstreams.into()))
    }

    /// The registry that serves a repository: the one whose prefix covers most of the name's components.
    ///
    /// `ns` is what containerd adds when it asks through a mirror: the host of the registry that an image names. It
    /// decides only when it is the host of a configured registry, which then knows the repository by its full name.
    pub fn select(&self, repository: &Repository, ns: Option<&str>) -> Option<Target> {
        let name = repository.as_str();
        if let Some(upstream) = ns.and_then(|ns| self.at(ns, name)) {
            return Some(Target { upstream: upstream.clone(), name: name.into() });
        }
        let upstream = self.0.iter().find(|upstream| upstream.serves(name))?;
        Some(Target { upstream: upstream.clone(), name: upstream.own_name(name).into() })
    }

    fn at(&self, host: &str, name: &str) -> Option<&Arc<Upstream>> {
        let there = || self.0.iter().filter(|upstream| place::is_host(&upstream.url, host));
        there().find(|upstream| upstream.serves(name)).or_else(|| there().next())
    }
}

impl Upstream {
    fn new(setting: &config::Upstream, pools: Pools, limits: Limits) -> Result<Self, SetupError> {
        let (prefix, url) = (setting.prefix.trim_matches('/').to_owned(), setting.url.clone());
        if let Some(reason) = place::unfit_for_registry(&url) {
            let url = place::shown(&url);
            return Err(SetupError::Url { prefix, url, reason });
        }
        let origin = exchange::uri(url.as_str()).map_err(|_| {
            let (prefix, url) = (prefix.clone(), place::shown(&url));
            SetupError::Url { prefix, url, reason: "its host cannot stand in a request" }
        })?;
        let password = setting.password.as_ref().map_or("", config::Secret::reveal);
        let login = Login::new(setting.username.as_deref(), password)
            .map_err(|reason| SetupError::Credentials { prefix: prefix.clone(), reason })?;
        Ok(Self {
            prefix,
            strip_prefix: setting.strip_prefix,
            origin,
            base_path: url.path().trim_end_matches('/').to_owned(),
            url,
            redirects: setting.redirects,
            login,
            pools,
            limits,
        })
    }

    /// A path, with its query, at this registry.
    fn uri_of(&self, path: String) -> Result<Uri, UpstreamError> {
        let mut parts = self.origin.clone().into_parts();
        parts.path_and_query = Some(path.try_into().map_err(|_| exchange::bad_place())?);
        Uri::from_parts(parts).map_err(|_| exchange::bad_place())
    }

    fn serves(&self, name: &str) -> bool {
        self.prefix.is_empty()
            || name.strip_prefix(&self.prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The name without the prefix, unless nothing would be left.
    fn own_name<'a>(&self, name: &'a str) -> &'a str {
        let stripped = name.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('/'));
        match stripped {
            Some(rest) if self.strip_prefix => rest,
            _ => name,
        }
    }
}

impl Target {
    /// The repository's name at the registry.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The waits that apply to this registry.
    pub fn limits(&self) -> Limits {
        self.upstream.limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(prefix: &str, url: &str, strip_prefix: bool) -> config::Upstream {
        config::Upstream {
            prefix: prefix.into(),
            url: url.parse().unwrap(),
            strip_prefix,
            username: None,
            password: None,
            ca_file: None,
            redirects: Redirects::Follow,
        }
    }

    #[test]
    fn the_longest_prefix_of_whole_components_serves() {
        let upstreams = Upstreams::new(
            &[
                upstream("", "https://rest.example", false),
                upstream("docker", "https://docker.example:5000", true),
                upstream("docker/team", "http://team.example", false),
            ],
            Limits::default(),
        )
        .unwrap();
        let cases = [
            ("docker/app", None, "docker.example", "app"),
            ("docker/a/b", None, "docker.example", "a/b"),
            ("dockerx/app", None, "rest.example", "dockerx/app"),
            ("docker", None, "docker.example", "docker"),
            ("docker/team/app", None, "team.example", "docker/team/app"),
            ("docker/teams/app", None, "docker.example", "teams/app"),
            ("other", None, "rest.example", "other"),
            ("other", Some("docker.example:5000"), "docker.example", "other"),
            ("docker/app", Some("DOCKER.example:5000"), "docker.example", "docker/app"),
            ("other", Some("docker.example"), "rest.example", "other"),
            ("other", Some("team.example"), "team.example", "other"),
            ("other", Some("team.example:80"), "team.example", "other"),
            ("other", Some("team.example:443"), "rest.example", "other"),
            ("docker/app", Some("evil.example"), "docker.example", "app"),
            ("docker/app", Some(""), "docker.example", "app"),
        ];
        for (name, ns, host, own) in cases {
            let target = upstreams.select(&name.parse().unwrap(), ns).unwrap();
            assert_eq!((target.upstream.url.host_str(), target.name()), (Some(host), own), "{name} {ns:?}");
        }
    }

    #[test]
    fn a_repository_that_nobody_serves_has_no_target() {
        let upstreams =
            Upstreams::new(&[upstream("docker", "http://a.example", false)], Limits::default()).unwrap();
        assert!(upstreams.select(&"other/app".parse().unwrap(), None).is_none());
    }

    type Change = fn(&mut config::Upstream);

    #[test]
    fn settings_that_cannot_work_are_named() {
        let with = |change: Change| {
            let mut setting = upstream("docker", "https://r.example", false);
            change(&mut setting);
            Upstreams::new(&[setting], Limits::default()).err().map(|error| error.to_string())
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
            (|s| s.username = Some("a:b".into()), "upstream \"docker\": username: "),
        ];
        for (change, expected) in cases {
            let error = with(change).unwrap();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
        }
        let twice = [upstream("a", "http://b.example", false), upstream("a", "http://c.example", false)];
        assert!(
            matches!(Upstreams::new(&twice, Limits::default()), Err(SetupError::Twice(prefix)) if prefix == "a")
        );
        assert!(with(|_| ()).is_none());
    }
}
