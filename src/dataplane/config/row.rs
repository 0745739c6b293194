//! One table of several of a kind (`[[webhook]]`, `[[forge]]`), and the values that several kinds have.

use super::ConfigError;
use crate::model::oci::Repository;

/// A supported forge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// GitHub and GitHub Enterprise Server.
    Github,
    /// GitLab, self-managed or not.
    Gitlab,
}

/// The place of a table: its kind, and which of them it is, counted from 0.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) kind: &'static str,
    pub(super) index: usize,
}

impl Row {
    /// The key as errors name it, e.g. `webhook[0].provider`.
    pub(super) fn key(self, name: &str) -> String {
        format!("{}[{}].{name}", self.kind, self.index)
    }

    /// The error for a key that has to be there.
    pub(super) fn missing(self, name: &str, example: &str) -> ConfigError {
        ConfigError::value(self.key(name), format_args!("missing; e.g. {example}"))
    }

    /// The image's repository.
    ///
    /// # Errors
    /// It is missing, or no name of a repository.
    pub(super) fn repository(self, text: Option<String>) -> Result<Repository, ConfigError> {
        let text = text.ok_or_else(|| self.missing("repository", "docker/app"))?;
        text.parse()
            .map_err(|error| ConfigError::value(self.key("repository"), format_args!("`{text}`: {error}")))
    }

    /// The host of the source.
    ///
    /// # Errors
    /// It is missing, or none that is known.
    pub(super) fn provider(self, text: Option<&str>) -> Result<Provider, ConfigError> {
        match text {
            Some("github") => Ok(Provider::Github),
            Some("gitlab") => Ok(Provider::Gitlab),
            Some(other) => {
                let problem = format_args!("`{other}`: use github or gitlab");
                Err(ConfigError::value(self.key("provider"), problem))
            }
            None => Err(self.missing("provider", "github")),
        }
    }
}
