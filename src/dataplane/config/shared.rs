//! `[log.shared]`: the stream that the replicas of a log share.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::ConfigError;

/// Default of `log.shared.stream`.
const STREAM: &str = "landfall";
/// Longest name of a stream or a replica.
const NAME_BYTES_MAX: usize = 63;

/// The stream that the replicas of a log share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedConfig {
    /// NATS servers, `nats://` or `tls://`; at least one.
    pub urls: Vec<String>,
    /// The stream's name.
    pub stream: String,
    /// Credentials file of NATS; nobody in particular without.
    pub credentials_file: Option<PathBuf>,
    /// PEM file with the certificates that the servers' are trusted by, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// This replica's name, which no other has.
    pub replica: String,
    /// It is an edge: proxy, outbox and the acts alone.
    pub is_edge: bool,
}

/// The table as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SharedTable {
    url: Option<String>,
    stream: Option<String>,
    credentials_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    replica: Option<String>,
    role: Option<String>,
}

/// Checks the table.
///
/// # Errors
/// The first problem.
pub(super) fn shared_of(table: SharedTable) -> Result<SharedConfig, ConfigError> {
    if !cfg!(feature = "shared") {
        return Err(ConfigError::value(
            "log.shared",
            "this build shares no log: build it with the feature `shared`, or take the table out",
        ));
    }
    let missing = || {
        ConfigError::value(
            "log.shared.url",
            "missing: name the NATS servers, e.g. `nats://nats-0:4222,nats://nats-1:4222`",
        )
    };
    let urls = table.url.ok_or_else(missing)?;
    let urls = urls.split(',').map(|text| server(text.trim())).collect::<Result<Vec<_>, _>>()?;
    let is_edge = match table.role.as_deref() {
        None | Some("full") => false,
        Some("edge") => true,
        Some(role) => {
            let problem = format!(
                "`{role}`: write `full` for a replica with everything, or `edge` for one that proxies and ships alone"
            );
            return Err(ConfigError::value("log.shared.role", problem));
        }
    };
    let replica = match table.replica {
        Some(name) => name,
        None => host_name(),
    };
    Ok(SharedConfig {
        urls,
        stream: name("log.shared.stream", table.stream.unwrap_or_else(|| STREAM.to_owned()))?,
        credentials_file: table.credentials_file,
        ca_file: table.ca_file,
        replica: name("log.shared.replica", replica)?,
        is_edge,
    })
}

/// Checks the address of a server.
fn server(text: &str) -> Result<String, ConfigError> {
    let wrong = |problem: &str| Err(ConfigError::value("log.shared.url", problem));
    let Ok(url) = Url::parse(text) else {
        return wrong(&format!(
            "`{text}` is not an address; write nats://HOST:PORT or tls://HOST:PORT, several with commas"
        ));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong(
            "an address carries no credentials; put them into a file and name it in log.shared.credentials_file",
        );
    }
    let is_address = ["nats", "tls"].contains(&url.scheme())
        && url.has_host()
        && ["", "/"].contains(&url.path())
        && url.query().is_none();
    if is_address {
        Ok(text.to_owned())
    } else {
        wrong(&format!("`{text}`: write nats://HOST:PORT, or tls://HOST:PORT for TLS, several with commas"))
    }
}

/// Checks a name that becomes a part of subjects.
fn name(key: &str, text: String) -> Result<String, ConfigError> {
    let is_name = (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    let problem = || format!("`{text}`: use letters, digits, - and _, at most {NAME_BYTES_MAX}");
    if is_name { Ok(text) } else { Err(ConfigError::value(key, problem())) }
}

/// This machine's name, as a part of subjects.
fn host_name() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    let part = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    name.chars().map(part).take(NAME_BYTES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<SharedConfig, String> {
        shared_of(toml::from_str(text).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    #[cfg(feature = "shared")]
    fn a_stream_is_named_by_its_servers() {
        let config = of("url = \"nats://a:4222, tls://b\"\nreplica = \"landfall-0\"").unwrap();
        assert_eq!(config.urls, ["nats://a:4222", "tls://b"]);
        assert_eq!((&*config.stream, &*config.replica), ("landfall", "landfall-0"));
        assert!(!of("url = \"nats://a\"").unwrap().replica.is_empty(), "the host's name");
        for (role, is_edge) in [("full", false), ("edge", true)] {
            assert_eq!(of(&format!("url = \"nats://a\"\nrole = \"{role}\"")).unwrap().is_edge, is_edge);
        }
    }

    #[test]
    #[cfg(feature = "shared")]
    fn every_complaint_names_the_key_and_what_to_write() {
        for (text, complaint) in [
            ("", "log.shared.url: missing: name the NATS servers"),
            ("url = \"here\"", "log.shared.url: `here` is not an address; write nats://"),
            ("url = \"http://a:4222\"", "log.shared.url: `http://a:4222`: write nats://HOST:PORT"),
            ("url = \"nats://u:hunter2@a\"", "log.shared.url: an address carries no credentials"),
            ("url = \"nats://a,\"", "log.shared.url: `` is not an address"),
            ("url = \"nats://a\"\nstream = \"a.b\"", "log.shared.stream: `a.b`: use letters"),
            (
                "url = \"nats://a\"\nrole = \"half\"",
                "log.shared.role: `half`: write `full` for a replica with everything, or `edge`",
            ),
            ("url = \"nats://a\"\nreplica = \"*\"", "log.shared.replica: `*`: use letters"),
        ] {
            let said = of(text).unwrap_err();
            assert!(said.starts_with(complaint), "{text}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
