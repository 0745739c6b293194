//! Names of environments and tokens, and the kinds of tokens: what events, changes and answers all name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

/// Longest name of an environment, in bytes: that of a DNS label, so that it can be a Kubernetes name.
const ENVIRONMENT_BYTES_MAX: usize = 63;

/// An environment's name: lower-case letters, digits and inner dashes, at most 63.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct EnvironmentName(Arc<str>);

/// A text that is no name of an environment.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not an environment name: use 1 to 63 lower-case letters, digits and inner dashes, e.g. production"
)]
pub struct BadEnvironmentName(String);

/// The beginning of identifiers that no token has.
const UNPROVEN: &str = "unproven:";

/// The public identifier of a token, e.g. `tok_f147a6a9931f`. It is no secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenId(Arc<str>);

/// The purpose of a token; it decides what its pulls can prove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Image pull secrets of a cluster: its pulls are evidence for deployments.
    #[default]
    Cluster,
    /// People's machines: always "pulled locally".
    Local,
    /// A pre-pull DaemonSet: images arrive before they run.
    Prepull,
    /// Scanners and update bots: presence only.
    Scanner,
    /// Servers without a cluster: what their Docker daemons and podmans pull is evidence for deployments.
    Host,
    /// Witnesses: they report what runs, and pull nothing.
    Agent,
}

impl EnvironmentName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EnvironmentName {
    type Err = BadEnvironmentName;
    fn from_str(text: &str) -> Result<Self, BadEnvironmentName> {
        let bytes = text.as_bytes();
        let fits = !bytes.is_empty()
            && bytes.len() <= ENVIRONMENT_BYTES_MAX
            && !text.starts_with('-')
            && !text.ends_with('-')
            && bytes.iter().all(|&byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if fits { Ok(Self(text.into())) } else { Err(BadEnvironmentName(text.to_owned())) }
    }
}

impl<'de> Deserialize<'de> for EnvironmentName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Arc::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TokenId {
    /// An identifier that was made before.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The token identifier of requests that name an environment and bring a secret that is nobody's.
    pub fn unproven(environment: &EnvironmentName) -> Self {
        Self(format!("{UNPROVEN}{environment}").into())
    }

    /// Tells whether it stands for such requests.
    pub fn is_unproven(&self) -> bool {
        self.0.starts_with(UNPROVEN)
    }

    /// The identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Cluster, Self::Local, Self::Prepull, Self::Scanner, Self::Host, Self::Agent];

    /// The kind as it is written in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Local => "local",
            Self::Prepull => "prepull",
            Self::Scanner => "scanner",
            Self::Host => "host",
            Self::Agent => "agent",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_names_are_dns_labels() {
        for name in ["production", "eu-1", "a", "1"] {
            assert!(name.parse::<EnvironmentName>().is_ok(), "{name}");
        }
        for name in ["", "-a", "a-", "A", "a_b", "a/b", "a.b", &"a".repeat(64)] {
            assert!(name.parse::<EnvironmentName>().is_err(), "{name}");
        }
    }
}
