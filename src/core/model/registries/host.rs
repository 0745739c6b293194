//! Hosts of registries, as image names, `?ns=` and settings write them.

use std::fmt;
use std::str::FromStr;

use crate::model::oci::is_path_component;

/// Longest name of a host, in bytes (RFC 1035 §2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// A registry's `HOST` or `HOST:PORT`: in lower case, without a trailing dot, addresses in their usual form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    /// A domain name, an IPv4 address, or an IPv6 address in brackets.
    name: String,
    port: Option<u16>,
}

/// A text that is no [`Host`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a registry's host: write HOST or HOST:PORT, e.g. docker.io or registry.internal:5000")]
pub struct BadHost;

impl FromStr for Host {
    type Err = BadHost;
    fn from_str(text: &str) -> Result<Self, BadHost> {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port),
            _ => (text, ""),
        };
        let port = match port {
            "" => None,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().map_err(|_| BadHost)?)
            }
            _ => return Err(BadHost),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        // `url` would undo escapes, and what came in a query had its own undone already.
        if name.contains('%') {
            return Err(BadHost);
        }
        let name = url::Host::parse(name).map_err(|_| BadHost)?.to_string();
        if name.len() > NAME_BYTES_MAX { Err(BadHost) } else { Ok(Self { name, port }) }
    }
}

impl Host {
    /// The host that a query's `ns` names, if it names one. Several are one host or an error; an empty one is none.
    ///
    /// # Errors
    /// It is no host, or there are several.
    pub fn of_query(query: &str) -> Result<Option<Self>, BadHost> {
        let mut found = None;
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if key != "ns" || value.is_empty() {
                continue;
            }
            let host: Self = value.parse()?;
            if found.as_ref().is_some_and(|found| *found != host) {
                return Err(BadHost);
            }
            found = Some(host);
        }
        Ok(found)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// A host with its port, and the port that is meant where a name leaves it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    name: String,
    port: u16,
    default_port: u16,
}

impl Address {
    pub(super) fn of(host: &Host, default_port: u16) -> Self {
        Self { name: host.name.clone(), port: host.port.unwrap_or(default_port), default_port }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The same port of another host.
    pub(super) fn renamed(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// Tells whether names may leave its port out.
    pub(super) fn is_default(&self) -> bool {
        self.port == self.default_port
    }

    pub(super) fn is(&self, host: &Host) -> bool {
        self.name == host.name && self.port == host.port.unwrap_or(self.default_port)
    }
}

/// As names of repositories begin with it: without the port where that is understood and the name could stand in a path.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.is_default() && is_path_component(&self.name) { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_form() {
        for (text, form) in [
            ("docker.io", "docker.io"),
            ("Docker.IO.", "docker.io"),
            ("r.example:5000", "r.example:5000"),
            ("r.example.:05000", "r.example:5000"),
            ("r.example:", "r.example"),
            ("localhost", "localhost"),
            ("my_registry:1", "my_registry:1"),
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("127.1", "127.0.0.1"),
            ("[FD00:0::1]:5000", "[fd00::1]:5000"),
            ("[::1]", "[::1]"),
            ("bücher.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(text.parse::<Host>().map(|host| host.to_string()), Ok(form.to_owned()), "{text}");
        }
        let long = "a.".repeat(150);
        for text in [
            "", ".", ":5000", "a:b", "a:+1", "a:70000", "a b", "a/b", "a@b", "http://a", "a?b", "a#b",
            "a\\b", "a%2eb", "a%3A1", "::1", "[::1", "a:1:2", "a\n", "\u{0}", &long,
        ] {
            assert_eq!(text.parse::<Host>(), Err(BadHost), "{text:?}");
        }
    }

    #[test]
    fn a_query_names_one_registry_or_none() {
        for (query, found) in [
            ("", Ok(None)),
            ("n=5", Ok(None)),
            ("ns", Ok(None)),
            ("ns=", Ok(None)),
            ("NS=docker.io", Ok(None)),
            ("ns=docker.io", Ok(Some("docker.io"))),
            ("n=5&ns=r.example:5000", Ok(Some("r.example:5000"))),
            ("ns=r.example%3A5000&last=a", Ok(Some("r.example:5000"))),
            ("ns=r.example%3a5000", Ok(Some("r.example:5000"))),
            ("ns=%5B%3A%3A1%5D%3A5000", Ok(Some("[::1]:5000"))),
            ("%6es=docker%2eio", Ok(Some("docker.io"))),
            ("ns=docker.io&ns=DOCKER.io", Ok(Some("docker.io"))),
            ("ns=&ns=docker.io&ns=", Ok(Some("docker.io"))),
            ("ns=docker.io&ns=quay.io", Err(BadHost)),
            ("ns=docker.io&ns=quay.io&ns=docker.io", Err(BadHost)),
            ("ns=r.example%253A5000", Err(BadHost)),
            ("ns=a+b", Err(BadHost)),
            ("ns=https%3A%2F%2Fdocker.io", Err(BadHost)),
            ("ns=%ff", Err(BadHost)),
            ("ns=docker.io%00", Err(BadHost)),
        ] {
            let expected = found.map(|found: Option<&str>| found.map(|text| text.parse().unwrap()));
            assert_eq!(Host::of_query(query), expected, "{query}");
        }
    }
}
