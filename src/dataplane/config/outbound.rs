//! HTTP proxies for outbound connections: `[[upstream]] proxy`, and the usual environment variables.
//!
//! `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` are interpreted as in Go programs
//! (golang.org/x/net/http/httpproxy), like containerd, dockerd and registries do.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;

use super::{ConfigError, Secret};

/// Entries read of `NO_PROXY`: each connection searches them.
const EXEMPT_MAX: usize = 1024;

/// Proxies for an upstream's connections.
#[derive(Clone, Debug, Default)]
pub struct OutboundProxies {
    http: Option<HttpProxy>,
    https: Option<HttpProxy>,
    exempt: Vec<NoProxyEntry>,
    /// Tells whether loopback addresses bypass the proxy, as they do for proxies from variables.
    is_loopback_direct: bool,
}

/// An HTTP proxy.
#[derive(Clone, Debug)]
pub struct HttpProxy {
    /// Name or address of the proxy, without brackets.
    pub host: String,
    /// TCP port of the proxy.
    pub port: u16,
    /// Value for `Proxy-Authorization` (RFC 9110 §11.7.2).
    pub authorization: Option<Secret>,
}

/// An entry of `NO_PROXY`: hosts that are reached directly.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NoProxyEntry {
    hosts: HostPattern,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    All,
    Network(IpAddr, u8),
    /// The name and all names below it.
    Domain(String),
    /// All names below it, but not the name itself.
    Below(String),
}

/// Values of the environment variables.
#[derive(Clone, Debug, Default)]
pub(super) struct ProxyVariables {
    http: Option<(&'static str, String)>,
    https: Option<(&'static str, String)>,
    no: String,
}

impl ProxyVariables {
    /// Reads the variables of this process.
    pub(super) fn of_process() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    /// Takes the first non-empty variable of each pair. In a CGI program, `HTTP_PROXY` is the client's
    /// `Proxy` header (CVE-2016-5385, "httpoxy") and ignored.
    fn of(variable: impl Fn(&'static str) -> Option<String>) -> Self {
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let first = |names: [&'static str; 2]| {
            let mut said = names.into_iter().filter_map(|name| Some((name, variable(name)?)));
            let is_clients = |name: &str| is_cgi && name == "HTTP_PROXY";
            said.find(|(name, text)| !is_clients(name) && !text.trim().is_empty())
        };
        Self {
            http: first(["HTTP_PROXY", "http_proxy"]),
            https: first(["HTTPS_PROXY", "https_proxy"]),
            no: first(["NO_PROXY", "no_proxy"]).map_or_else(String::new, |(_, text)| text),
        }
    }
}

impl OutboundProxies {
    /// Combines the value of `proxy` at `key` with the variables, which apply if there is none.
    pub(super) fn new(
        key: &str,
        setting: Option<&str>,
        variables: &ProxyVariables,
    ) -> Result<Self, ConfigError> {
        let exempt = exempt(&variables.no);
        match setting {
            Some("none") => Ok(Self::default()),
            Some(text) => {
                let proxy = Some(proxy(key, text)?);
                Ok(Self { http: proxy.clone(), https: proxy, exempt, is_loopback_direct: false })
            }
            None => {
                let read = |said: &Option<(&str, String)>| {
                    said.as_ref().map(|(name, text)| proxy(&format!("the variable {name}"), text)).transpose()
                };
                let (http, https) = (read(&variables.http)?, read(&variables.https)?);
                Ok(Self { http, https, exempt, is_loopback_direct: true })
            }
        }
    }

    /// Proxy for connections to a host; `None` if it is reached directly.
    pub fn proxy_for(&self, is_tls: bool, host: &str, port: u16) -> Option<&HttpProxy> {
        let proxy = if is_tls { self.https.as_ref() } else { self.http.as_ref() }?;
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let is_here =
            host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback());
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let is_exempt = self.is_loopback_direct && is_here
            || self.exempt.iter().any(|exempt| exempt.has(&name, address, port));
        (!is_exempt).then_some(proxy)
    }
}

impl NoProxyEntry {
    fn has(&self, name: &str, address: Option<IpAddr>, port: u16) -> bool {
        if self.port.is_some_and(|own| own != port) {
            return false;
        }
        let below = |domain: &str| name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
        match (&self.hosts, address) {
            (HostPattern::All, _) => true,
            (HostPattern::Network(network, bits), Some(address)) => is_in(address, *network, *bits),
            (HostPattern::Domain(domain), None) => name == domain || below(domain),
            (HostPattern::Below(domain), None) => below(domain),
            _ => false,
        }
    }
}

/// Tells whether an address is in `network/bits`.
fn is_in(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let same = |one: u128, other: u128, width: u8| {
        let rest = u32::from(width.saturating_sub(bits));
        one.checked_shr(rest) == other.checked_shr(rest)
    };
    match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => same(one.to_bits().into(), other.to_bits().into(), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => same(one.to_bits(), other.to_bits(), 128),
        _ => false,
    }
}

/// Parses `NO_PROXY`; malformed entries match no host and are skipped.
fn exempt(text: &str) -> Vec<NoProxyEntry> {
    let entries = text.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty());
    entries.filter_map(|entry| one_exempt(&entry.to_ascii_lowercase())).take(EXEMPT_MAX).collect()
}

fn one_exempt(entry: &str) -> Option<NoProxyEntry> {
    if entry == "*" {
        return Some(NoProxyEntry { hosts: HostPattern::All, port: None });
    }
    if let Some((network, bits)) = entry.split_once('/') {
        let (network, bits) = (network.parse::<IpAddr>().ok()?, bits.parse().ok()?);
        let width = if network.is_ipv4() { 32 } else { 128 };
        return (bits <= width)
            .then_some(NoProxyEntry { hosts: HostPattern::Network(network, bits), port: None });
    }
    // An IPv6 address has colons of its own.
    let (host, port) = match (entry.parse::<IpAddr>(), entry.rsplit_once(':')) {
        (Err(_), Some((host, port))) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
        _ => (entry, None),
    };
    let host = host.trim_matches(['[', ']']);
    let hosts = match host.parse::<IpAddr>() {
        Ok(address) => {
            let address = address.to_canonical();
            HostPattern::Network(address, if address.is_ipv4() { 32 } else { 128 })
        }
        Err(_) => match host.strip_prefix("*.").or_else(|| host.strip_prefix('.')) {
            Some(domain) => HostPattern::Below(domain.trim_end_matches('.').to_owned()),
            None => HostPattern::Domain(host.trim_end_matches('.').to_owned()),
        },
    };
    let is_named = !matches!(&hosts, HostPattern::Domain(name) | HostPattern::Below(name) if name.is_empty());
    is_named.then_some(NoProxyEntry { hosts, port })
}

/// Parses a proxy's URL; the scheme defaults to http. The value is not shown, because it may have a password.
fn proxy(key: &str, text: &str) -> Result<HttpProxy, ConfigError> {
    let text = text.trim();
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&whole).ok().filter(|url| url.has_host() && url.scheme() == "http");
    let url = url.filter(|url| url.query().is_none() && url.fragment().is_none());
    let wrong = "is not the address of a proxy that speaks HTTP; write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT \
                 (a proxy behind TLS or SOCKS cannot be used)";
    let url = url.ok_or_else(|| ConfigError::value(key, wrong))?;
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let authorization = (!url.username().is_empty() || url.password().is_some()).then(|| {
        let pair = format!("{}:{}", decoded(url.username()), decoded(url.password().unwrap_or_default()));
        Secret::new(format!("Basic {}", STANDARD.encode(pair)))
    });
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    Ok(HttpProxy { host, port: url.port().unwrap_or(80), authorization })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(set: &[(&str, &str)]) -> ProxyVariables {
        ProxyVariables::of(|name| Some((*set.iter().find(|(key, _)| *key == name)?.1).to_owned()))
    }

    fn way(outbound: &OutboundProxies, url: &str) -> Option<String> {
        let url: Url = url.parse().unwrap();
        let host = url.host_str().unwrap().trim_matches(['[', ']']);
        let proxy =
            outbound.proxy_for(url.scheme() == "https", host, url.port_or_known_default().unwrap())?;
        Some(format!("{}:{}", proxy.host, proxy.port))
    }

    #[test]
    fn variables_are_read_as_go_programs_read_them() {
        let (http, https) = ("http://r.example", "https://r.example");
        type Set = &'static [(&'static str, &'static str)];
        let cases: [(Set, Option<&str>, Option<&str>); 10] = [
            (&[], None, None),
            (&[("HTTP_PROXY", "http://p:1"), ("HTTPS_PROXY", "http://p:2")], Some("p:1"), Some("p:2")),
            (&[("http_proxy", "http://p:1"), ("https_proxy", "p:2")], Some("p:1"), Some("p:2")),
            (&[("HTTP_PROXY", "http://p:1"), ("http_proxy", "http://p:2")], Some("p:1"), None),
            (&[("HTTP_PROXY", " "), ("http_proxy", "http://p:2/")], Some("p:2"), None),
            (&[("HTTPS_PROXY", "http://[::1]:3128")], None, Some("::1:3128")),
            (&[("HTTPS_PROXY", "proxy.example")], None, Some("proxy.example:80")),
            (&[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://evil")], None, None),
            (
                &[("REQUEST_METHOD", "GET"), ("http_proxy", "http://p:1"), ("HTTPS_PROXY", "p:2")],
                Some("p:1"),
                Some("p:2"),
            ),
            (&[("ALL_PROXY", "http://p:1")], None, None),
        ];
        for (set, to_http, to_https) in cases {
            let outbound = OutboundProxies::new("k", None, &variables(set)).unwrap();
            assert_eq!(
                (way(&outbound, http).as_deref(), way(&outbound, https).as_deref()),
                (to_http, to_https),
                "{set:?}"
            );
        }
    }

    #[test]
    fn no_proxy_has_the_forms_of_the_field() {
        let cases = [
            ("", "https://r.example", true),
            ("*", "https://r.example", false),
            ("r.example", "https://r.example", false),
            ("R.Example", "https://r.EXAMPLE.", false),
            ("r.example", "https://sub.r.example", false),
            ("r.example", "https://bar.example", true),
            ("r.example", "https://notr.example", true),
            (".example", "https://r.example", false),
            (".r.example", "https://r.example", true),
            ("*.example", "https://a.r.example", false),
            ("*.r.example", "https://r.example", true),
            ("other, r.example ,third", "https://r.example", false),
            ("other r.example", "https://r.example", false),
            ("r.example:443", "https://r.example", false),
            ("r.example:5000", "https://r.example", true),
            ("r.example:5000", "https://r.example:5000", false),
            (".example:5000", "https://r.example:5000", false),
            ("10.1.2.3", "https://10.1.2.3", false),
            ("10.1.2.3:5000", "https://10.1.2.3", true),
            ("10.1.2.3:443", "https://10.1.2.3", false),
            ("10.0.0.0/8", "https://10.1.2.3", false),
            ("10.0.0.0/8", "https://11.1.2.3", true),
            ("10.1.2.0/25", "https://10.1.2.128", true),
            ("0.0.0.0/0", "https://10.1.2.3", false),
            ("10.1.2.3/32", "https://10.1.2.3", false),
            ("10.0.0.0/33", "https://10.1.2.3", true),
            ("10.0.0.0/8", "https://r.example", true),
            ("fd00::/8", "https://[fd12::1]", false),
            ("fd00::/8", "https://[fe12::1]", true),
            ("::/0", "https://[fe12::1]", false),
            ("fd12::1", "https://[fd12::1]", false),
            ("[fd12::1]", "https://[fd12::1]", false),
            ("[fd12::1]:443", "https://[fd12::1]", false),
            ("[fd12::1]:5000", "https://[fd12::1]", true),
            (",,:80,.,*.,nonsense/x,a:b", "https://r.example", true),
            ("other", "https://localhost:5000", false),
            ("other", "https://LOCALHOST", false),
            ("other", "https://127.0.0.9", false),
            ("other", "https://[::1]", false),
            ("other", "https://[::ffff:127.0.0.1]", false),
            ("other", "https://localhost.example", true),
        ];
        for (no, url, is_proxied) in cases {
            let outbound =
                OutboundProxies::new("k", None, &variables(&[("HTTPS_PROXY", "p:1"), ("no_proxy", no)]))
                    .unwrap();
            assert_eq!(way(&outbound, url).is_some(), is_proxied, "{no:?} {url}");
        }
    }

    #[test]
    fn the_key_beats_the_variables_but_for_what_they_exempt() {
        let set = variables(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", "direct.example")]);
        let outbound = |setting| OutboundProxies::new("k", setting, &set).unwrap();
        let cases = [
            (None, "https://r.example", Some("p:1")),
            (None, "http://r.example", None),
            (Some("none"), "https://r.example", None),
            (Some("http://q:2"), "https://r.example", Some("q:2")),
            (Some("q:2"), "http://r.example", Some("q:2")),
            (Some("http://q:2"), "https://direct.example", None),
            (Some("http://q:2"), "https://127.0.0.1", Some("q:2")),
        ];
        for (setting, url, expected) in cases {
            assert_eq!(way(&outbound(setting), url).as_deref(), expected, "{setting:?} {url}");
        }
    }

    #[test]
    fn a_proxy_s_password_is_sent_as_it_is_meant_and_never_shown() {
        for (text, expected) in [
            ("http://p:1", None),
            ("http://me:hunter2@p:1", Some("Basic bWU6aHVudGVyMg==")),
            ("me:hunter2@p:1", Some("Basic bWU6aHVudGVyMg==")),
            ("http://me:a%40b%3A%2B+@p:1", Some("Basic bWU6YUBiOisr")),
            ("http://me@p:1", Some("Basic bWU6")),
        ] {
            let outbound = OutboundProxies::new("k", Some(text), &ProxyVariables::default()).unwrap();
            let proxy = outbound.proxy_for(true, "r.example", 443).unwrap();
            assert_eq!(proxy.authorization.as_ref().map(Secret::reveal), expected, "{text}");
            assert!(
                !format!("{outbound:?}").contains("hunter2") && !format!("{outbound:?}").contains("bWU6")
            );
        }
        for text in [
            "socks5://me:hunter2@p:1",
            "https://me:hunter2@p:1",
            "http://",
            "http://me:hunter2@",
            "p:port",
            "",
        ] {
            let complaint = |key: &str, setting, set: &ProxyVariables| {
                let error = OutboundProxies::new(key, setting, set).unwrap_err().to_string();
                assert!(error.contains("write http://HOST:PORT") && !error.contains("hunter2"), "{error}");
                error
            };
            assert!(
                complaint("upstream[0].proxy", Some(text), &ProxyVariables::default())
                    .starts_with("upstream[0].proxy: ")
            );
            if !text.is_empty() {
                let set = ProxyVariables {
                    https: Some(("https_proxy", text.to_owned())),
                    ..ProxyVariables::default()
                };
                assert!(complaint("k", None, &set).starts_with("the variable https_proxy: "));
            }
        }
    }
}
