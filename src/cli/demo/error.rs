//! Reasons why the demo did not work.

use std::io;

use super::client::PullError;
use crate::cli::error::CommandError;

/// The reason why the demo did not work, where neither the server nor a client command says it.
#[derive(Debug, thiserror::Error)]
pub(super) enum DemoError {
    /// The system refused something that the demo needs.
    #[error("the demo cannot {doing}: {source}")]
    System {
        /// The step that was tried.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// A pull did not work.
    #[error("a pull of the demo failed: {0}")]
    Pull(#[from] PullError),
    /// A pull worked that should not.
    #[error("{repository}:{tag} could be pulled, and should not be there")]
    Pulled {
        /// Of which repository.
        repository: &'static str,
        /// By which tag.
        tag: &'static str,
    },
    /// A release is told of that the registry does not have.
    #[error("the demo's registry has no {repository}:{version}")]
    NoImage {
        /// Of which repository.
        repository: &'static str,
        /// Its version.
        version: &'static str,
    },
    /// A command that is shown is none.
    #[error("{0}")]
    Command(clap::Error),
    /// A pull did not show in the answers.
    #[error("{environment} did not show {repository} {version} as pulled within {waited_s} s")]
    NotShown {
        /// In which environment.
        environment: &'static str,
        /// Of which repository.
        repository: &'static str,
        /// The version that was pulled.
        version: &'static str,
        /// For how long it was awaited, in seconds.
        waited_s: u64,
    },
}

impl CommandError for DemoError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::System { .. } => 71, // EX_OSERR
            Self::Pull(_)
            | Self::Pulled { .. }
            | Self::NoImage { .. }
            | Self::Command(_)
            | Self::NotShown { .. } => 70, // EX_SOFTWARE
        }
    }
}
