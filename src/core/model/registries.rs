//! From a request to the registry that serves it, and from that registry's repositories to their names here.
//!
//! A name leads to a registry by its prefix. containerd, asking through a mirror, sends the name as the image has it and
//! the registry beside it, as `?ns=HOST`: then the host decides, and nobody else answers. One image has one name here,
//! whichever way it was asked for.

mod host;

use std::borrow::Cow;
use std::sync::Arc;

use host::Address;
pub use host::{BadHost, Host};

use super::oci::Repository;

/// The hosts by which Docker Hub is known, first the one in image names. Its API is at `registry-1.docker.io`.
const DOCKER_HUB: [&str; 4] =
    ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];
/// Docker Hub's namespace of images with a name of one word.
const DOCKER_HUB_LIBRARY: &str = "library";

/// All registries behind the proxy, and the proxy's own name.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    all: Vec<Registry>,
    /// Places in `all`, the longest prefix first.
    by_prefix: Vec<usize>,
    /// The proxy's own addresses: names that begin with them are meant by their path.
    own: Vec<Address>,
}

/// A registry behind the proxy.
#[derive(Clone, Debug)]
pub struct Registry {
    prefix: String,
    strip_prefix: bool,
    /// Its hosts, as names of images say them; the first one stands in our names.
    addresses: Vec<Address>,
    is_docker_hub: bool,
}

/// The destination of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// The registry, by its place among those that [`Registries::new`] was given.
    pub registry: usize,
    /// The repository's name there.
    pub name: Arc<str>,
    /// The repository's name here, the same for every way to it.
    pub repository: Repository,
}

/// The reason why a request has no destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrouted {
    /// No prefix covers the name.
    #[error("no upstream serves this repository")]
    NoPrefix,
    /// The client wants another registry's image.
    #[error(
        "no upstream of this proxy is {0}: its operator can add an [[upstream]] for it, name it in `hosts` of the one that \
         mirrors it, or, where it is a name of this proxy itself, in proxy.public_host"
    )]
    NoRegistry(Host),
}

impl Registry {
    /// The registry that serves names under `prefix`, takes the prefix off if `strip_prefix` says so, and is at `at`,
    /// where a host without a port means `default_port`. `hosts` are the names by which clients know it besides that.
    pub fn new(prefix: &str, strip_prefix: bool, at: &Host, default_port: u16, hosts: &[Host]) -> Self {
        /// That of https, as names of images mean it.
        const IMAGES_PORT: u16 = 443;
        let known_as = hosts.iter().map(|host| Address::of(host, IMAGES_PORT));
        let mut addresses: Vec<_> = known_as.chain([Address::of(at, default_port)]).collect();
        let hub = addresses.iter().find(|it| it.is_default() && DOCKER_HUB.contains(&it.name())).cloned();
        if let Some(hub) = &hub {
            let aliases = DOCKER_HUB.map(|name| hub.renamed(name));
            addresses = aliases.into_iter().chain(addresses).collect();
        }
        Self { prefix: prefix.to_owned(), strip_prefix, addresses, is_docker_hub: hub.is_some() }
    }

    fn serves(&self, name: &str) -> bool {
        self.prefix.is_empty()
            || name.strip_prefix(&self.prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The registry's own name for what is called `name` behind the proxy: without the prefix, unless nothing would be
    /// left.
    fn own_name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let stripped = name.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('/'));
        self.full_name(stripped.filter(|_| self.strip_prefix).unwrap_or(name))
    }

    /// Docker Hub's short names are for people; its API knows `redis` as `library/redis`.
    fn full_name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        if self.is_docker_hub && !name.contains('/') {
            format!("{DOCKER_HUB_LIBRARY}/{name}").into()
        } else {
            name.into()
        }
    }

    /// The rank among registries at the same host for `name`: one whose own names begin with the prefix comes first.
    fn fits(&self, name: &str) -> usize {
        match (self.strip_prefix, self.serves(name)) {
            (false, true) => 2 + self.prefix.len(),
            (true, _) => 1,
            (false, false) => 0,
        }
    }
}

impl Registries {
    /// All of these.
    pub fn new(all: Vec<Registry>) -> Self {
        let mut by_prefix: Vec<usize> = (0..all.len()).collect();
        by_prefix.sort_by_key(|&place| std::cmp::Reverse(all[place].prefix.len()));
        Self { all, by_prefix, own: Vec::new() }
    }

    /// The same behind a proxy that clients know as `host`.
    pub fn known_as(mut self, host: &Host) -> Self {
        // TLS may be its own or that of something in front of it: either port may be left out.
        self.own = [443, 80].map(|port| Address::of(host, port)).into();
        self
    }

    /// Routes a request for `repository`, as its path names it; `ns` is the registry that it names beside that.
    ///
    /// # Errors
    /// No registry serves it.
    pub fn route(&self, repository: &Repository, ns: Option<&Host>) -> Result<Routed, Unrouted> {
        let path = repository.as_str();
        let by_path = self.by_path(path);
        let Some(ns) = ns.filter(|ns| !self.own.iter().any(|own| own.is(ns))) else {
            let (registry, name) = by_path.ok_or(Unrouted::NoPrefix)?;
            let is_short = !path.ends_with(&*name);
            let repository = if is_short { self.called(registry, &name) } else { repository.clone() };
            return Ok(Routed { registry, name: name.into(), repository });
        };
        let registry = self.at(ns, path).ok_or_else(|| Unrouted::NoRegistry(ns.clone()))?;
        let name = self.all[registry].full_name(path);
        let is_reached_by_path = by_path.is_some_and(|by_path| by_path == (registry, name.clone()));
        let is_whole = is_reached_by_path && path.ends_with(&*name);
        let repository = if is_whole { repository.clone() } else { self.called(registry, &name) };
        Ok(Routed { registry, name: name.into(), repository })
    }

    /// The name by which clients pull `repository` by way of this proxy, which is at `proxy`: the registry's own
    /// name where no path leads there.
    pub fn image(&self, repository: &Repository, proxy: &str) -> String {
        let begins = repository.as_str().split_once('/').map_or("", |(first, _)| first);
        let is_at_registry = self.all.iter().any(|it| it.addresses[0].to_string() == begins);
        if is_at_registry { repository.to_string() } else { format!("{proxy}/{repository}") }
    }

    /// The repository here of an image that a pod names `[HOST/]PATH`; none where the host is none of these. As Docker and
    /// containerd read it: a first part with a dot or a port is a host, and so is `localhost`; without one it is at Docker
    /// Hub.
    pub fn of_image(&self, name: &str) -> Option<Repository> {
        let is_host = |first: &str| first.contains(['.', ':']) || first == "localhost";
        let (host, path) =
            name.split_once('/').filter(|(first, _)| is_host(first)).unwrap_or((DOCKER_HUB[0], name));
        let routed = self.route(&Repository::in_path(path).ok()?, Some(&host.parse().ok()?));
        Some(routed.ok()?.repository)
    }

    fn by_path<'a>(&self, path: &'a str) -> Option<(usize, Cow<'a, str>)> {
        let registry = self.by_prefix.iter().copied().find(|&place| self.all[place].serves(path))?;
        Some((registry, self.all[registry].own_name(path)))
    }

    fn at(&self, host: &Host, name: &str) -> Option<usize> {
        let there = |&place: &usize| self.all[place].addresses.iter().any(|address| address.is(host));
        let there = self.by_prefix.iter().copied().filter(there);
        // Of equals the first.
        there.rev().max_by_key(|&place| self.all[place].fits(name))
    }

    /// The repository here of `name` at a registry: the path that leads there, else the name of the image.
    fn called(&self, registry: usize, name: &str) -> Repository {
        let Registry { prefix, strip_prefix, addresses, .. } = &self.all[registry];
        let path = if *strip_prefix { format!("{prefix}/{name}") } else { name.to_owned() };
        let leads_there = |path: &Repository| {
            self.by_path(path.as_str()).is_some_and(|(there, own)| (there, &*own) == (registry, name))
        };
        match Repository::in_path(&path).ok().filter(leads_there) {
            Some(path) => path,
            None => Repository::at(addresses[0].to_string(), name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        text.parse().unwrap()
    }

    fn registry(prefix: &str, strip_prefix: bool, url: &str, hosts: &[&str]) -> Registry {
        let (scheme, at) = url.split_once("://").unwrap();
        let hosts: Vec<_> = hosts.iter().map(|text| host(text)).collect();
        Registry::new(prefix, strip_prefix, &host(at), if scheme == "http" { 80 } else { 443 }, &hosts)
    }

    /// The destination of `path` with `ns`: the registry's index, the name there, the name here.
    fn routed(registries: &Registries, path: &str, ns: &str) -> Result<(usize, String, String), Unrouted> {
        let ns = (!ns.is_empty()).then(|| host(ns));
        let routed = registries.route(&path.parse().unwrap(), ns.as_ref())?;
        Ok((routed.registry, routed.name.to_string(), routed.repository.to_string()))
    }

    #[track_caller]
    fn assert_routes(registries: &Registries, cases: &[(&str, &str, usize, &str, &str)]) {
        for &(path, ns, place, name, here) in cases {
            let expected = Ok((place, name.to_owned(), here.to_owned()));
            assert_eq!(routed(registries, path, ns), expected, "{path} ns={ns}");
        }
    }

    #[test]
    fn the_longest_prefix_of_whole_components_serves() {
        let registries = Registries::new(vec![
            registry("", false, "https://rest.example", &[]),
            registry("docker", true, "https://docker.example:5000", &[]),
            registry("docker/team", false, "http://team.example", &[]),
        ]);
        assert_routes(
            &registries,
            &[
                ("docker/app", "", 1, "app", "docker/app"),
                ("docker/a/b", "", 1, "a/b", "docker/a/b"),
                ("dockerx/app", "", 0, "dockerx/app", "dockerx/app"),
                ("docker", "", 1, "docker", "docker"),
                ("docker/team/app", "", 2, "docker/team/app", "docker/team/app"),
                ("docker/teams/app", "", 1, "teams/app", "docker/teams/app"),
                ("other", "", 0, "other", "other"),
            ],
        );
        let registries = Registries::new(vec![registry("docker", false, "http://a.example", &[])]);
        assert_eq!(routed(&registries, "other/app", ""), Err(Unrouted::NoPrefix));
    }

    #[test]
    fn the_host_that_an_image_names_decides_and_nobody_else_answers() {
        let registries = Registries::new(vec![
            registry("", false, "https://rest.example", &[]),
            registry("docker", true, "https://docker.example:5000", &[]),
            registry("team", false, "http://team.example", &[]),
            registry("v6", true, "http://[fd00::1]:5000", &[]),
            registry("quay", false, "https://cache.example:8443", &["quay.io", "R.Example:5001"]),
        ])
        .known_as(&host("proxy.example:8080"));
        assert_routes(
            &registries,
            &[
                // Found by its host, with its scheme's port or without.
                ("app", "rest.example", 0, "app", "app"),
                ("app", "rest.example:443", 0, "app", "app"),
                ("app", "Rest.EXAMPLE.", 0, "app", "app"),
                ("team/app", "rest.example", 0, "team/app", "rest.example/team/app"),
                ("app", "team.example", 2, "app", "team.example/app"),
                ("app", "team.example:80", 2, "app", "team.example/app"),
                ("team/app", "team.example:80", 2, "team/app", "team/app"),
                // Named as the path would have it that leads there.
                ("app", "docker.example:5000", 1, "app", "docker/app"),
                ("docker/app", "DOCKER.example:5000", 1, "docker/app", "docker/docker/app"),
                ("app", "[fd00:0:0::1]:5000", 3, "app", "v6/app"),
                // By the names that it is known as.
                ("a/b", "quay.io", 4, "a/b", "quay.io/a/b"),
                ("a/b", "quay.io:443", 4, "a/b", "quay.io/a/b"),
                ("a/b", "cache.example:8443", 4, "a/b", "quay.io/a/b"),
                ("a/b", "r.example:5001", 4, "a/b", "quay.io/a/b"),
                ("quay/b", "quay.io", 4, "quay/b", "quay/b"),
                // The proxy's own name is none.
                ("docker/app", "proxy.example:8080", 1, "app", "docker/app"),
            ],
        );
        for ns in [
            "ghcr.io",
            "docker.io",
            "rest.example:80",
            "rest.example:444",
            "docker.example",
            "docker.example:443",
            "team.example:443",
            "quay.io:80",
            "proxy.example",
            "sub.rest.example",
            "rest.example.evil.example",
            "127.0.0.1",
        ] {
            for path in ["app", "docker/app", "team/app"] {
                assert_eq!(routed(&registries, path, ns), Err(Unrouted::NoRegistry(host(ns))), "{path} {ns}");
            }
        }
    }

    #[test]
    fn docker_hub_has_many_names_and_one_library() {
        let names = ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];
        for at in names.into_iter().chain(["mirror.example:5000"]) {
            let hosts: &[&str] = if at.starts_with("mirror") { &["index.docker.io"] } else { &[] };
            let registries = Registries::new(vec![
                registry("", false, "https://rest.example", &[]),
                registry("hub", true, &format!("https://{at}"), hosts),
            ]);
            for ns in names.map(str::to_owned).into_iter().chain(names.map(|name| format!("{name}:443"))) {
                assert_routes(
                    &registries,
                    &[
                        ("library/redis", &ns, 1, "library/redis", "hub/library/redis"),
                        ("redis", &ns, 1, "library/redis", "hub/library/redis"),
                        ("grafana/grafana", &ns, 1, "grafana/grafana", "hub/grafana/grafana"),
                    ],
                );
            }
            assert_routes(
                &registries,
                &[
                    ("hub/redis", "", 1, "library/redis", "hub/library/redis"),
                    ("hub/library/redis", "", 1, "library/redis", "hub/library/redis"),
                    ("redis", "", 0, "redis", "redis"),
                ],
            );
        }
        let plain = Registries::new(vec![registry("hub", false, "http://registry-1.docker.io", &[])]);
        assert_routes(
            &plain,
            &[
                ("redis", "registry-1.docker.io:80", 0, "library/redis", "docker.io/library/redis"),
                ("a/b", "docker.io", 0, "a/b", "docker.io/a/b"),
            ],
        );
        // Another port is another registry, as a host may have several.
        let other = Registries::new(vec![registry("", false, "http://docker.io:5000", &[])]);
        assert_eq!(
            routed(&other, "redis", "index.docker.io:5000"),
            Err(Unrouted::NoRegistry(host("index.docker.io:5000")))
        );
        assert_routes(&other, &[("redis", "docker.io:5000", 0, "redis", "redis")]);
    }

    #[test]
    fn one_path_at_two_registries_is_two_names_and_each_comes_back() {
        let registries = Registries::new(vec![
            registry("hub", false, "http://127.0.0.2:5000", &[]),
            registry("ghcr", false, "http://127.0.0.3:5000", &[]),
            registry("long", true, "http://a..b-:80", &[]),
        ]);
        assert_routes(
            &registries,
            &[
                ("grafana/grafana", "127.0.0.2:5000", 0, "grafana/grafana", "127.0.0.2:5000/grafana/grafana"),
                ("grafana/grafana", "127.0.0.3:5000", 1, "grafana/grafana", "127.0.0.3:5000/grafana/grafana"),
                // A name that no path could hold goes by its host.
                (&"a".repeat(255), "a..b-", 2, &"a".repeat(255), &format!("a..b-:80/{}", "a".repeat(255))),
            ],
        );
    }

    #[test]
    fn names_of_images_and_of_services_are_made_of_each_other() {
        let registries = Registries::new(vec![
            registry("", false, "https://rest.example:5000", &[]),
            registry("hub", true, "https://registry-1.docker.io", &[]),
            registry("ghcr", false, "https://ghcr.io", &[]),
        ])
        .known_as(&host("proxy.example"));
        for (repository, image, others) in [
            ("shop/web", "proxy.example/shop/web", &["rest.example:5000/shop/web"][..]),
            (
                "hub/library/redis",
                "proxy.example/hub/library/redis",
                &["redis", "docker.io/redis", "index.docker.io/library/redis", "proxy.example/hub/redis"],
            ),
            ("ghcr.io/a/b", "ghcr.io/a/b", &["ghcr.io:443/a/b"]),
            ("my.team/web", "proxy.example/my.team/web", &["rest.example:5000/my.team/web"]),
        ] {
            let repository: Repository = repository.parse().unwrap();
            assert_eq!(registries.image(&repository, "proxy.example"), image);
            for name in others.iter().chain([&image]) {
                assert_eq!(registries.of_image(name).as_ref(), Some(&repository), "{name}");
            }
        }
        for name in ["quay.io/shop/web", "localhost/shop/web", "Shop/Web", "", "proxy.example/"] {
            assert_eq!(registries.of_image(name), None, "{name}");
        }
        let none = Registries::default();
        assert_eq!(none.of_image("shop/web"), None);
        assert_eq!(none.image(&"docker.io/a".parse().unwrap(), "p"), "p/docker.io/a");
    }

    #[test]
    fn several_ways_to_one_registry_are_told_apart_by_the_name() {
        let registries = Registries::new(vec![
            registry("a", false, "https://r.example", &[]),
            registry("a/b", false, "https://r.example", &[]),
            registry("s", true, "https://r.example", &[]),
        ]);
        assert_routes(
            &registries,
            &[
                ("a/x", "r.example", 0, "a/x", "a/x"),
                ("a/b/x", "r.example", 1, "a/b/x", "a/b/x"),
                ("c/x", "r.example", 2, "c/x", "s/c/x"),
            ],
        );
    }
}
