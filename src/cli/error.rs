//! Reasons why a command failed, in words for the person who typed it, and their exit codes.

use std::io;
use std::path::PathBuf;

use super::options::Options;
use super::terminal::clean;

/// The error of one command.
pub trait CommandError: std::error::Error + Send + Sync + 'static {
    /// The exit code, as in `sysexits.h`.
    fn exit_code(&self) -> u8;
}

impl<E: CommandError> From<E> for CliError {
    fn from(error: E) -> Self {
        Self::Command { exit_code: error.exit_code(), error: Box::new(error) }
    }
}

/// The reason why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A command failed in a way of its own.
    #[error("{error}")]
    Command {
        /// The error.
        error: Box<dyn std::error::Error + Send + Sync>,
        /// The exit code.
        exit_code: u8,
    },
    /// Nobody answers at the address.
    #[error(
        "no Landfall server answers at {address} ({reason})\n  start one with `landfall serve`, or name the address of \
         its admin server with {} URL or {}",
        options.address,
        options.address_variable
    )]
    Unavailable {
        /// The options that say how it is reached.
        options: Options,
        /// The address that was tried.
        address: String,
        /// The cause.
        reason: String,
    },
    /// The server wants a token, or another one.
    #[error(
        "{address} refused the admin token ({given})\n  give it with LANDFALL_ADMIN_TOKEN or --admin-token-file FILE; \
         the server keeps its own in admin.token in its data directory, and `landfall admin-token create` makes others"
    )]
    Unauthorized {
        /// The server's address.
        address: String,
        /// The source of the refused token, or a note that there was none.
        given: String,
    },
    /// The server says no, and why.
    #[error("{}", clean(.detail))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's detail.
        detail: String,
    },
    /// Nobody can be asked whether to go on.
    #[error(
        "nothing was {done}: there is nobody to ask whether to {what}\n  to {what} without asking: --yes"
    )]
    Unconfirmed {
        /// The thing that was not done.
        done: &'static str,
        /// The deed that would have been asked about.
        what: &'static str,
    },
    /// The token would be sent in clear.
    #[error(
        "nothing was sent: {address} is another machine, and over plain HTTP everybody on the way there can read the \
         token\n  name it with https:// (the server has admin.tls_cert and admin.tls_key), or reach it on this machine \
         through a tunnel (`ssh -L 8081:127.0.0.1:8081 HOST`, `kubectl port-forward`); where the way is safe: --plain-http"
    )]
    InClear {
        /// The server's address.
        address: String,
    },
    /// The certificates that are to be trusted cannot be used.
    #[error("--ca-file{}: {reason}", path.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default())]
    Trust {
        /// The file.
        path: Option<PathBuf>,
        /// The trouble with it.
        reason: String,
    },
    /// The answer is none that Landfall gives.
    #[error(
        "{address} does not answer like a Landfall server: {reason}\n  is --admin the address of its admin server?"
    )]
    Protocol {
        /// The server's address.
        address: String,
        /// The fault in the answer.
        reason: String,
    },
    /// The answer broke off.
    #[error(
        "{address} broke off in the middle of its answer: {reason}\n  what came is incomplete; try again"
    )]
    BrokeOff {
        /// The server's address.
        address: String,
        /// The cause.
        reason: String,
    },
    /// The token file cannot be used.
    #[error("{option}: cannot use {}: {reason}", path.display())]
    TokenFile {
        /// The option that names it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// The trouble with it.
        reason: String,
    },
    /// A file that an argument names cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The agent's side of the protocol went wrong.
    #[error(
        "the agent's messages cannot be answered: {0}\n  `landfall mcp` is started by a coding agent, not by hand"
    )]
    Mcp(String),
    /// The standard input cannot be read.
    #[error("cannot read the input: {0}")]
    Input(#[source] io::Error),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
}

impl CliError {
    /// 1 where the server refused, 2 where the command has to be another, else as in `sysexits.h`.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Command { exit_code, .. } => *exit_code,
            Self::Refused { .. } | Self::Unauthorized { .. } | Self::Unconfirmed { .. } => 1,
            Self::InClear { .. } => 2,
            Self::TokenFile { .. } | Self::Trust { .. } | Self::File { .. } => 66, // EX_NOINPUT
            Self::Unavailable { .. } | Self::BrokeOff { .. } => 69,                // EX_UNAVAILABLE
            Self::Input(_) | Self::Output(_) => 74,                                // EX_IOERR
            Self::Protocol { .. } | Self::Mcp(_) => 76,                            // EX_PROTOCOL
        }
    }
}
