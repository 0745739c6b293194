//! The registries that the proxy stands in front of: `[[upstream]]`.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::load::read;
use super::{ConfigError, Redirects, Secret, Upstream};
use crate::model::oci::Repository;
use crate::model::registries::Host;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UpstreamTable {
    prefix: String,
    url: Option<String>,
    strip_prefix: bool,
    hosts: Vec<String>,
    username: Option<String>,
    password_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    redirects: Option<String>,
}

impl UpstreamTable {
    /// The one of `--upstream`.
    pub(super) fn at(url: String) -> Self {
        Self { url: Some(url), ..Self::default() }
    }
}

/// Checks them; there must be one.
pub(super) fn upstreams_of(tables: Vec<UpstreamTable>) -> Result<Vec<Upstream>, ConfigError> {
    if tables.is_empty() {
        return Err(ConfigError::value(
            "upstream (--upstream)",
            "missing: name the registry to stand in front of, e.g. --upstream https://registry.internal:5000",
        ));
    }
    let mut upstreams: Vec<Upstream> = Vec::with_capacity(tables.len());
    for (index, table) in tables.into_iter().enumerate() {
        let upstream = upstream(index, table)?;
        if upstreams.iter().any(|other| other.prefix == upstream.prefix) {
            let problem = format_args!("`{}` is there twice; each upstream needs its own", upstream.prefix);
            return Err(ConfigError::value(format!("upstream[{index}].prefix"), problem));
        }
        upstreams.push(upstream);
    }
    Ok(upstreams)
}

fn upstream(index: usize, table: UpstreamTable) -> Result<Upstream, ConfigError> {
    let key = |name: &str| format!("upstream[{index}].{name}");
    let prefix = table.prefix.trim_end_matches('/').to_owned();
    if !prefix.is_empty() && Repository::in_path(&prefix).is_err() {
        let problem = format_args!("`{prefix}` is no repository path; e.g. docker or team/images");
        return Err(ConfigError::value(key("prefix"), problem));
    }
    if table.strip_prefix && prefix.is_empty() {
        return Err(ConfigError::value(key("strip_prefix"), "true needs a prefix to strip"));
    }
    let url = table
        .url
        .ok_or_else(|| ConfigError::value(key("url"), "missing; e.g. https://registry.internal:5000"))?;
    let password = match (&table.username, &table.password_file) {
        (_, None) => None,
        (None, Some(_)) => return Err(ConfigError::value(key("username"), "missing: password_file is set")),
        (Some(_), Some(path)) => {
            Some(Secret::new(read(&key("password_file"), path)?.trim_end_matches(['\r', '\n']).to_owned()))
        }
    };
    if table.username.is_some() && password.is_none() {
        return Err(ConfigError::value(key("password_file"), "missing: username is set"));
    }
    let redirects = match table.redirects.as_deref() {
        None | Some("follow") => Redirects::Follow,
        Some("pass") => Redirects::Pass,
        Some(other) => {
            return Err(ConfigError::value(key("redirects"), format_args!("`{other}`: use follow or pass")));
        }
    };
    Ok(Upstream {
        prefix,
        url: upstream_url(key("url"), &url)?,
        strip_prefix: table.strip_prefix,
        hosts: table.hosts.iter().map(|text| known_as(&key("hosts"), text)).collect::<Result<_, _>>()?,
        username: table.username,
        password,
        ca_file: table.ca_file,
        redirects,
    })
}

fn known_as(key: &str, text: &str) -> Result<Host, ConfigError> {
    text.parse().map_err(|problem| ConfigError::value(key, format_args!("`{text}` is {problem}")))
}

fn upstream_url(key: String, text: &str) -> Result<Url, ConfigError> {
    let complain = |problem: &str| ConfigError::value(&key, format_args!("`{}`: {problem}", redacted(text)));
    let url =
        Url::parse(text).map_err(|_| complain("not a URL; write http:// or https://, a host and a port"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(complain("write http:// or https://, a host and a port"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(complain("credentials do not belong into the URL; use username and password_file"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(complain("only scheme, host and port; a path belongs into prefix"));
    }
    Ok(url)
}

/// A URL in a complaint, without what stands before its `@`.
fn redacted(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => text.to_owned(),
    }
}
