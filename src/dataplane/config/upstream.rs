//! `[[upstream]]`: the registries behind the proxy.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::outbound::{OutboundProxies, ProxyVariables};
use super::values::{duration, read};
use super::{ConfigError, CredentialsConfig, Redirects, Secret, UpstreamConfig};
use crate::model::oci::Repository;
use crate::model::registries::Host;

/// Smallest timeout of an upstream.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// Largest timeout of an upstream: a waiting request holds a connection on both sides.
const WAIT_MAX: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UpstreamTable {
    prefix: String,
    url: Option<String>,
    strip_prefix: bool,
    hosts: Vec<String>,
    username: Option<String>,
    password_file: Option<PathBuf>,
    credential_helper: Option<String>,
    ca_file: Option<PathBuf>,
    redirects: Option<String>,
    token_servers: Vec<String>,
    proxy: Option<String>,
    head_timeout: Option<String>,
    stall_timeout: Option<String>,
}

impl UpstreamTable {
    /// The upstream of `--upstream`.
    pub(super) fn at(url: String) -> Self {
        Self { url: Some(url), ..Self::default() }
    }
}

/// Checks the upstreams; at least one is required.
pub(super) fn upstreams_of(tables: Vec<UpstreamTable>) -> Result<Vec<UpstreamConfig>, ConfigError> {
    if tables.is_empty() {
        return Err(ConfigError::value(
            "upstream (--upstream)",
            "missing: name the registry to stand in front of, e.g. --upstream https://registry.internal:5000",
        ));
    }
    let variables = ProxyVariables::of_process();
    let mut upstreams: Vec<UpstreamConfig> = Vec::with_capacity(tables.len());
    for (index, table) in tables.into_iter().enumerate() {
        let upstream = upstream(index, table, &variables)?;
        if upstreams.iter().any(|other| other.prefix == upstream.prefix) {
            let problem = format_args!("`{}` is there twice; each upstream needs its own", upstream.prefix);
            return Err(ConfigError::value(format!("upstream[{index}].prefix"), problem));
        }
        upstreams.push(upstream);
    }
    Ok(upstreams)
}

fn upstream(
    index: usize,
    table: UpstreamTable,
    variables: &ProxyVariables,
) -> Result<UpstreamConfig, ConfigError> {
    let key = |name: &str| format!("upstream[{index}].{name}");
    let prefix = table.prefix.trim_end_matches('/').to_owned();
    if !prefix.is_empty() && Repository::in_path(&prefix).is_err() {
        let problem = format_args!("`{prefix}` is not a repository path; e.g. docker or team/images");
        return Err(ConfigError::value(key("prefix"), problem));
    }
    if table.strip_prefix && prefix.is_empty() {
        return Err(ConfigError::value(key("strip_prefix"), "true needs a prefix to strip"));
    }
    let url = table
        .url
        .ok_or_else(|| ConfigError::value(key("url"), "missing; e.g. https://registry.internal:5000"))?;
    let credentials = credentials(key, table.username, table.password_file, table.credential_helper)?;
    let redirects = match table.redirects.as_deref() {
        None | Some("follow") => Redirects::Follow,
        Some("pass") => Redirects::Pass,
        Some(other) => {
            return Err(ConfigError::value(key("redirects"), format_args!("`{other}`: use follow or pass")));
        }
    };
    Ok(UpstreamConfig {
        prefix,
        url: upstream_url(key("url"), &url)?,
        strip_prefix: table.strip_prefix,
        hosts: table.hosts.iter().map(|text| known_as(&key("hosts"), text)).collect::<Result<_, _>>()?,
        credentials,
        ca_file: table.ca_file,
        redirects,
        token_servers: token_servers(&key("token_servers"), &table.token_servers)?,
        outbound: OutboundProxies::new(&key("proxy"), table.proxy.as_deref(), variables)?,
        head_timeout: wait(key("head_timeout"), table.head_timeout)?,
        stall_timeout: wait(key("stall_timeout"), table.stall_timeout)?,
    })
}

fn known_as(key: &str, text: &str) -> Result<Host, ConfigError> {
    text.parse().map_err(|problem| ConfigError::value(key, format_args!("`{text}` is {problem}")))
}

/// Parses origins: scheme, host and optional port.
fn token_servers(key: &str, origins: &[String]) -> Result<Vec<Url>, ConfigError> {
    let is_origin = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && (url.path(), url.query(), url.fragment(), url.username(), url.password())
                == ("/", None, None, "", None)
    };
    let read = |text: &String| {
        Url::parse(text).ok().filter(is_origin).ok_or_else(|| {
            let problem = format_args!(
                "`{}` is no https://HOST:PORT or http://HOST:PORT; e.g. https://auth.internal:5001",
                redacted(text)
            );
            ConfigError::value(key, problem)
        })
    };
    origins.iter().map(read).collect()
}

fn credentials(
    key: impl Fn(&str) -> String,
    username: Option<String>,
    file: Option<PathBuf>,
    helper: Option<String>,
) -> Result<Option<CredentialsConfig>, ConfigError> {
    match (username, file, helper) {
        (None, None, None) => Ok(None),
        (None, None, Some(name)) if is_helper(&name) => Ok(Some(CredentialsConfig::Helper(name))),
        (None, None, Some(name)) => {
            let problem =
                format_args!("`{name}`: write the part after docker-credential-, or an absolute path");
            Err(ConfigError::value(key("credential_helper"), problem))
        }
        (_, _, Some(_)) => {
            let problem = "stands beside username and password_file, which it takes the place of";
            Err(ConfigError::value(key("credential_helper"), problem))
        }
        (None, Some(_), None) => Err(ConfigError::value(key("username"), "missing: password_file is set")),
        (Some(_), None, None) => Err(ConfigError::value(key("password_file"), "missing: username is set")),
        (Some(username), Some(file), None) => {
            let password = read(&key("password_file"), &file)?.trim_end_matches(['\r', '\n']).to_owned();
            Ok(Some(CredentialsConfig::File { username, password: Secret::new(password), file }))
        }
    }
}

/// Tells whether `name` is a path or a plain name; no shell interprets it.
fn is_helper(name: &str) -> bool {
    let is_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    Path::new(name).is_absolute() || (!name.is_empty() && name.chars().all(is_name))
}

fn wait(key: String, text: Option<String>) -> Result<Option<Duration>, ConfigError> {
    text.map(|text| duration(&key, Some(text), Duration::ZERO, WAIT_MIN..=WAIT_MAX)).transpose()
}

fn upstream_url(key: String, text: &str) -> Result<Url, ConfigError> {
    let complain = |problem: &str| ConfigError::value(&key, format_args!("`{}`: {problem}", redacted(text)));
    let url =
        Url::parse(text).map_err(|_| complain("not a URL; write http:// or https://, a host and a port"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(complain("write http:// or https://, a host and a port"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(complain("credentials do not belong in the URL; use username and password_file"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(complain("only scheme, host and port; a path belongs in prefix"));
    }
    Ok(url)
}

/// Hides the user and password of a URL in an error.
fn redacted(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => text.to_owned(),
    }
}
