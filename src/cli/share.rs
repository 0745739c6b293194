//! `landfall share`: a log that one server wrote goes into a stream, for several servers to share it.

use std::process::ExitCode;

use clap::Args;

use super::error::{CliError, CommandError};
use crate::config::{self, Config, ConfigError, SharedConfig};
use crate::log::{NatsSettings, PublishError, publish};

/// Publish a server's log into an empty stream, for several servers to share it; with that server stopped
///
/// Takes the configuration of `landfall serve`, with `[log.shared]`. The folder stays as it is; each replica starts with an empty
/// one and takes everything from the stream.
#[derive(Debug, Args)]
pub struct ShareArgs {
    #[command(flatten)]
    flags: config::Flags,
}

/// Nothing uses what may be in the stream by now, and the log is as it was.
#[derive(Debug, thiserror::Error)]
pub enum NotShared {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It names no stream.
    #[error("log.shared: missing: name the stream in the file given with --config")]
    Unnamed,
    /// The log was not published, or not all of it.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl CommandError for NotShared {
    // The exit code, as in sysexits: 65 bad data, 69 unavailable, 73 something is in the way, 74 input or output, 78
    // configuration.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Unnamed | Self::Publish(PublishError::Nats(_)) => 78,
            Self::Publish(PublishError::Thinned(_)) => 65,
            Self::Publish(PublishError::NotEmpty(_)) => 73,
            Self::Publish(PublishError::Away { .. }) => 69,
            Self::Publish(PublishError::Open(_) | PublishError::Read(_)) => 74,
        }
    }
}

/// The stream of NATS that the configuration names.
pub(super) fn nats(shared: SharedConfig) -> NatsSettings {
    let SharedConfig { urls, stream, credentials_file, ca_file, replica, is_edge } = shared;
    NatsSettings { urls, stream, credentials_file, ca_file, replica, is_edge }
}

impl ShareArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// The configuration is wrong, the log cannot be read, or the stream is not empty or does not answer.
    pub fn run(self) -> Result<ExitCode, CliError> {
        let config = Config::load(self.flags).map_err(NotShared::from)?;
        let shared = config.shared.ok_or(NotShared::Unnamed)?;
        let settings = nats(shared);
        let published = publish(&config.data, &settings).map_err(NotShared::from)?;
        println!(
            "{published} events are in the stream `{}`. Start each replica with an empty folder (--data); keep {} until all \
             of them have everything (landfall replicas)",
            settings.stream,
            config.data.display()
        );
        Ok(ExitCode::SUCCESS)
    }
}
