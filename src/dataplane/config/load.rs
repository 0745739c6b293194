//! Loads flags, variables and a file into a checked [`Config`].

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

use super::ask::{AskTable, ask_of};
use super::cluster::{ClusterTable, Clusters, clusters_of};
use super::flags::Flags;
use super::forge::{ForgeTable, forges_of};
use super::shared::{SharedTable, shared_of};
use super::upstream::{UpstreamTable, upstreams_of};
use super::values::{duration, read, span};
use super::webhook::{WebhookTable, webhooks_of};
use super::{AdminConfig, Config, ConfigError, ProxyConfig, TlsFiles, Verify};
use crate::model::deployments::Rules;
use crate::model::misread::misread;

/// Default address of the proxy.
const PROXY_LISTEN: &str = "0.0.0.0:8080";
/// Default address of the admin server: only reachable from this machine.
const ADMIN_LISTEN: &str = "127.0.0.1:8081";
/// Keys and flags of the proxy's certificate and its private key.
const PROXY_TLS: [&str; 2] = ["proxy.tls_cert (--tls-cert)", "proxy.tls_key (--tls-key)"];
/// Keys and flags of the admin server's.
const ADMIN_TLS: [&str; 2] = ["admin.tls_cert (--admin-tls-cert)", "admin.tls_key (--admin-tls-key)"];
/// Default folder of the log.
pub const DATA: &str = "./landfall-data";
/// Default of `log.max_wait`.
const MAX_WAIT: Duration = Duration::from_millis(25);
/// Largest `log.max_wait`: a longer wait would slow pulls down noticeably.
const MAX_WAIT_MAX: Duration = Duration::from_secs(5);
/// Default of `log.keep`: a year and some weeks, so that years can be compared.
const KEEP: Duration = Duration::from_secs(400 * 24 * 3600);
/// Smallest `log.keep`: questions about the recent past are answered from observations.
const KEEP_MIN: Duration = Duration::from_secs(24 * 3600);
/// Largest `log.keep`.
const KEEP_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// Largest `derive.settle`.
const SETTLE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// The file as it is written. Values are checked later, where their key is known.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConfigFile {
    data: Option<PathBuf>,
    proxy: ProxyTable,
    upstream: Vec<UpstreamTable>,
    admin: AdminTable,
    ask: AskTable,
    webhook: Vec<WebhookTable>,
    forge: Vec<ForgeTable>,
    log: LogTable,
    derive: DeriveTable,
    cluster: Vec<ClusterTable>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ProxyTable {
    listen: Option<String>,
    public_host: Option<String>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    verify: Option<String>,
    splice: Option<bool>,
    trusted_proxies: Vec<String>,
    proxy_protocol: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AdminTable {
    listen: Option<String>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    token_file: Option<PathBuf>,
    hosts: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LogTable {
    max_wait: Option<String>,
    keep: Option<String>,
    shared: Option<SharedTable>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DeriveTable {
    settle: Option<String>,
}

impl Config {
    /// Reads the file that the flags name, if any, and overrides it with the flags.
    ///
    /// # Errors
    /// The first problem.
    pub fn load(flags: Flags) -> Result<Self, ConfigError> {
        let file = match &flags.config {
            Some(path) => parse(&read("--config", path)?).map_err(|problem| in_file(path, problem))?,
            None => ConfigFile::default(),
        };
        Self::merge(flags, file)
    }

    fn merge(flags: Flags, file: ConfigFile) -> Result<Self, ConfigError> {
        let listen = pick("proxy.listen (--listen)", flags.listen, file.proxy.listen, PROXY_LISTEN);
        let admin_listen =
            pick("admin.listen (--admin-listen)", flags.admin_listen, file.admin.listen, ADMIN_LISTEN);
        let upstreams = match flags.upstream {
            Some(url) => vec![UpstreamTable::at(url)],
            None => file.upstream,
        };
        let Clusters { places, accesses: clusters, watched } = clusters_of(file.cluster)?;
        let shared = file.log.shared.map(shared_of).transpose()?;
        if shared.as_ref().is_some_and(|shared| shared.is_edge) {
            let (is_asked, is_told) = (file.ask.model_url.is_some(), !file.webhook.is_empty());
            let tables = [("ask", is_asked), ("webhook", is_told), ("cluster", !clusters.is_empty())];
            if let Some((table, _)) = tables.into_iter().find(|(_, is_there)| *is_there) {
                let problem = "is for a server that answers and changes things, and log.shared.role is `edge`: take it out here, and have it at \
                     the full replicas";
                return Err(ConfigError::value(table, problem));
            }
        }
        if shared.is_some() && !watched.is_empty() {
            return Err(ConfigError::value(
                "cluster[].watch",
                "is true, and log.shared is set: each replica would be a witness of its own; run one `landfall agent` instead",
            ));
        }
        let trusted_proxies = networks(flags.trusted_proxy, file.proxy.trusted_proxies)?;
        let proxy_protocol = flags.proxy_protocol.or(file.proxy.proxy_protocol).unwrap_or(false);
        if proxy_protocol && trusted_proxies.is_empty() {
            return Err(ConfigError::value(
                "proxy.trusted_proxies (--trusted-proxy)",
                "missing: proxy.proxy_protocol is true, so the addresses that may use it are required",
            ));
        }
        Ok(Self {
            proxy: ProxyConfig {
                listen: address(listen)?,
                public_host: flags.public_host.or(file.proxy.public_host).map(public_host).transpose()?,
                tls: tls(
                    PROXY_TLS,
                    flags.tls_cert.or(file.proxy.tls_cert),
                    flags.tls_key.or(file.proxy.tls_key),
                )?,
                verify: verify(flags.verify.or(file.proxy.verify))?,
                splice: flags.splice.or(file.proxy.splice).unwrap_or(true),
                trusted_proxies,
                proxy_protocol,
            },
            upstreams: upstreams_of(upstreams)?,
            example_question: None,
            admin: AdminConfig {
                listen: address(admin_listen)?,
                tls: tls(
                    ADMIN_TLS,
                    flags.admin_tls_cert.or(file.admin.tls_cert),
                    flags.admin_tls_key.or(file.admin.tls_key),
                )?,
                token_file: flags.admin_token_file.or(file.admin.token_file),
                hosts: admin_hosts(flags.admin_host, file.admin.hosts)?,
            },
            ask: ask_of(AskTable {
                model_url: flags.ask_model_url.or(file.ask.model_url),
                model: flags.ask_model.or(file.ask.model),
                api_key_file: flags.ask_api_key_file.or(file.ask.api_key_file),
                timeout: flags.ask_timeout.or(file.ask.timeout),
            })?,
            webhooks: webhooks_of(file.webhook)?,
            forges: forges_of(file.forge)?,
            data: flags.data.or(file.data).unwrap_or_else(|| DATA.into()),
            max_wait: duration(
                "log.max_wait (--max-wait)",
                flags.max_wait.or(file.log.max_wait),
                MAX_WAIT,
                Duration::ZERO..=MAX_WAIT_MAX,
            )?,
            keep: span(duration(
                "log.keep (--keep)",
                flags.keep.or(file.log.keep),
                KEEP,
                KEEP_MIN..=KEEP_MAX,
            )?),
            shared,
            rules: rules(flags.settle.or(file.derive.settle))?,
            places,
            clusters,
            watched,
        })
    }
}

fn parse(text: &str) -> Result<ConfigFile, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        let what = text.lines().nth(line - 1).unwrap_or_default();
        let key = what.split('=').next().unwrap_or_default().trim();
        let message = error.message().replace('\n', " ");
        // The parser names types of this program only where a value is of another kind.
        let message = if message.starts_with("invalid ") { misread(&message) } else { message };
        format!("line {line}, `{key}`: {message}")
    })
}

fn in_file(path: &Path, problem: String) -> ConfigError {
    ConfigError::value(format!("--config {}", path.display()), problem)
}

fn pick(
    key: &'static str,
    flag: Option<String>,
    file: Option<String>,
    default: &str,
) -> (&'static str, String) {
    (key, flag.or(file).unwrap_or_else(|| default.to_owned()))
}

fn address((key, text): (&'static str, String)) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| {
        ConfigError::value(key, format_args!("`{text}` is not an address; write IP:PORT, e.g. 0.0.0.0:8080"))
    })
}

fn public_host(text: String) -> Result<String, ConfigError> {
    let is_host = Url::parse(&format!("http://{text}/")).is_ok_and(|url| {
        url.path() == "/" && url.query().is_none() && url.username().is_empty() && url.has_host()
    });
    if is_host && !text.contains(['/', '\\', ' ', '@']) {
        Ok(text)
    } else {
        let problem = format_args!("`{text}` is not a host; write HOST or HOST:PORT, without a scheme");
        Err(ConfigError::value("proxy.public_host (--public-host)", problem))
    }
}

/// Checks hosts as requests name them, without a port.
fn admin_hosts(flags: Vec<String>, file: Vec<String>) -> Result<Vec<String>, ConfigError> {
    let given = if flags.is_empty() { file } else { flags };
    given.into_iter().map(|text| admin_host(&text)).collect()
}

fn admin_host(text: &str) -> Result<String, ConfigError> {
    let address = text.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_name = !text.is_empty()
        && text.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.'));
    match address {
        Ok(address) => Ok(address.to_canonical().to_string()),
        Err(_) if is_name => Ok(text.trim_end_matches('.').to_ascii_lowercase()),
        Err(_) => {
            let problem =
                format_args!("`{text}` is not a host; write a name or an address, without scheme and port");
            Err(ConfigError::value("admin.hosts (--admin-host)", problem))
        }
    }
}

fn networks(flags: Vec<String>, file: Vec<String>) -> Result<Vec<IpNet>, ConfigError> {
    let given = if flags.is_empty() { file } else { flags };
    given.into_iter().map(|text| network(&text)).collect()
}

/// Parses a network or a single address.
fn network(text: &str) -> Result<IpNet, ConfigError> {
    text.parse().or_else(|_| text.parse::<IpAddr>().map(|address| address.to_canonical().into())).map_err(
        |_| {
            let problem =
                format_args!("`{text}` is not a network; write ADDRESS/BITS, e.g. 10.0.0.0/8, or an address");
            ConfigError::value("proxy.trusted_proxies (--trusted-proxy)", problem)
        },
    )
}

/// The certificate of a listener, whose keys and flags are named so.
fn tls(
    [cert_key, key_key]: [&'static str; 2],
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<TlsFiles>, ConfigError> {
    let name = |key: &'static str| key.split(' ').next().unwrap_or(key);
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
        (None, None) => Ok(None),
        (Some(_), None) => {
            let cert = name(cert_key);
            Err(ConfigError::value(
                key_key,
                format_args!("missing: {cert} is set, so the key is required too"),
            ))
        }
        (None, Some(_)) => {
            let key = name(key_key);
            let problem = format_args!("missing: {key} is set, so the certificate is required too");
            Err(ConfigError::value(cert_key, problem))
        }
    }
}

fn verify(text: Option<String>) -> Result<Verify, ConfigError> {
    match text.as_deref() {
        None => Ok(Verify::default()),
        Some("first") => Ok(Verify::First),
        Some("always") => Ok(Verify::Always),
        Some(other) => {
            Err(ConfigError::value("proxy.verify (--verify)", format_args!("`{other}`: use first or always")))
        }
    }
}

fn rules(settle: Option<String>) -> Result<Rules, ConfigError> {
    let default = Rules::default();
    let default_settle = Duration::from_millis(default.settle.ms().unsigned_abs());
    let range = Duration::from_millis(1)..=SETTLE_MAX;
    let settle = duration("derive.settle (--settle)", settle, default_settle, range)?;
    let mut rules = default;
    rules.settle = span(settle);
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::model::time::Span;

    fn load(flags: Flags, file: &str) -> Result<Config, String> {
        let file = parse(file)?;
        Config::merge(flags, file).map_err(|error| error.to_string())
    }

    #[test]
    fn a_flag_beats_the_file_beats_the_default() {
        let file = "[proxy]\nlisten = \"127.0.0.1:1\"\n[[upstream]]\nurl = \"http://a:1\"\n[log]\nmax_wait = \"40ms\"";
        let config = load(Flags::default(), file).unwrap();
        assert_eq!(config.proxy.listen.port(), 1);
        assert_eq!(config.admin.listen.to_string(), ADMIN_LISTEN);
        assert_eq!(config.max_wait, Duration::from_millis(40));
        let flags = Flags {
            listen: Some("127.0.0.1:2".into()),
            upstream: Some("https://b".into()),
            settle: Some("2s".into()),
            keep: Some("30d".into()),
            ..Flags::default()
        };
        let config = load(flags, file).unwrap();
        assert_eq!(config.proxy.listen.port(), 2);
        assert_eq!(config.upstreams[0].url.as_str(), "https://b/");
        assert_eq!(config.rules.settle, Span::from_secs(2));
        assert_eq!(config.keep, Span::from_mins(30 * 24 * 60));
    }

    #[test]
    fn every_complaint_is_one_line_that_names_the_key() {
        let upstream = "[[upstream]]\nurl = \"http://a:1\"\n";
        let cases = [
            ("", "upstream (--upstream): missing"),
            ("[proxy]\nlisten = \"here\"", "proxy.listen (--listen): `here` is not an address"),
            ("[proxy]\nlisten = 8080", "line 2, `listen`: must be a string, not a number"),
            ("[proxy]\nport = 8080", "line 2, `port`: unknown field"),
            ("[proxy\n", "line 1"),
            ("[[upstream]]\nurl = \"ftp://a\"", "upstream[0].url: `ftp://a`: write http:// or https://"),
            ("[[upstream]]\nurl = \"http://u:hunter2@a\"", "upstream[0].url: `http://…@a`: credentials"),
            ("[[upstream]]\nurl = \"http://a/path\"", "upstream[0].url"),
            ("[[upstream]]\nprefix = \"Up\"\nurl = \"http://a\"", "upstream[0].prefix: `Up`"),
            ("[[upstream]]\nstrip_prefix = true\nurl = \"http://a\"", "upstream[0].strip_prefix"),
            ("[[upstream]]\nusername = \"u\"\nurl = \"http://a\"", "upstream[0].password_file: missing"),
            ("[[upstream]]\nurl = \"http://a\"\nredirects = \"maybe\"", "upstream[0].redirects: `maybe`"),
            (
                &format!("{upstream}credential_helper = \"a b\""),
                "upstream[0].credential_helper: `a b`: write",
            ),
            (
                &format!("{upstream}credential_helper = \"../a\""),
                "upstream[0].credential_helper: `../a`: write",
            ),
            (
                &format!("{upstream}credential_helper = \"a\"\nusername = \"u\""),
                "upstream[0].credential_helper: stands beside",
            ),
            (
                &format!("{upstream}token_servers = [\"https://a/token\"]"),
                "upstream[0].token_servers: `https://a/token` is no https://HOST:PORT",
            ),
            (
                &format!("{upstream}token_servers = [\"a:5001\"]"),
                "upstream[0].token_servers: `a:5001` is no https://HOST",
            ),
            (
                &format!("{upstream}proxy = \"socks5://u:hunter2@p\""),
                "upstream[0].proxy: is not the address of a proxy that speaks HTTP; write http://",
            ),
            (
                &format!("{upstream}head_timeout = \"soon\""),
                "upstream[0].head_timeout: `soon` is not a duration from 1s to 3600s",
            ),
            (&format!("{upstream}stall_timeout = \"2h\""), "upstream[0].stall_timeout: `2h`"),
            (&format!("{upstream}{upstream}"), "upstream[1].prefix: `` is there twice"),
            (
                &format!("{upstream}[log]\nmax_wait = \"1h\""),
                "log.max_wait (--max-wait): `1h` is not a duration",
            ),
            (&format!("{upstream}[log]\nkeep = \"1h\""), "log.keep (--keep): `1h` is not a duration"),
            (&format!("{upstream}[proxy]\ntls_cert = \"c\""), "proxy.tls_key (--tls-key): missing"),
            (
                &format!("{upstream}[admin]\ntls_key = \"k\""),
                "admin.tls_cert (--admin-tls-cert): missing: admin.tls_key is set",
            ),
            (&format!("{upstream}[proxy]\nverify = \"no\""), "proxy.verify (--verify): `no`"),
            (&format!("{upstream}[proxy]\npublic_host = \"http://x\""), "proxy.public_host (--public-host)"),
            (
                &format!("{upstream}[proxy]\ntrusted_proxies = [\"10.0.0.0/33\"]"),
                "proxy.trusted_proxies (--trusted-proxy): `10.0.0.0/33` is not a network",
            ),
            (
                &format!("{upstream}[proxy]\nproxy_protocol = true"),
                "proxy.trusted_proxies (--trusted-proxy): missing",
            ),
            (
                &format!("{upstream}[admin]\nhosts = [\"admin.example.com:8081\"]"),
                "admin.hosts (--admin-host): `admin.example.com:8081` is not a host",
            ),
            (
                &format!("{upstream}[[cluster]]\nenvironment = \"a\"\nin_cluster = true"),
                "cluster[0].namespace: missing",
            ),
            (
                &format!(
                    "{upstream}[[cluster]]\nenvironment = \"a\"\nnamespace = \"a\"\nin_cluster = true\nkubeconfig = \"k\""
                ),
                "cluster[0].in_cluster: either that or a kubeconfig",
            ),
            (&format!("{upstream}[derive]\nsettle = \"soon\""), "derive.settle (--settle): `soon`"),
        ];
        for (file, expected) in cases {
            let complaint = load(Flags::default(), file).unwrap_err();
            assert!(complaint.starts_with(expected), "{file:?} gave {complaint:?}");
            assert!(!complaint.contains('\n') && !complaint.contains("hunter2"), "{complaint:?}");
        }
    }

    #[test]
    fn a_secret_does_not_show() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "Secret(…)");
    }
}
