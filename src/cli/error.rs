//! Why a command failed, in words for the person who typed it, and with which exit code.

use std::io;
use std::path::PathBuf;

use super::output::clean;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The server does not start.
    #[error(transparent)]
    Serve(#[from] super::serve::ServeError),
    /// The trace cannot be replayed.
    #[error(transparent)]
    Replay(#[from] super::replay::ReplayError),
    /// The repository cannot be imported.
    #[error(transparent)]
    Import(#[from] super::release::ImportError),
    /// There is no backup.
    #[error(transparent)]
    Save(#[from] super::backup::SaveError),
    /// Nothing was restored.
    #[error(transparent)]
    Restore(#[from] super::restore::NotRestored),
    /// Nothing was salvaged.
    #[error(transparent)]
    Salvage(#[from] super::salvage::NotSalvaged),
    /// The demo does not end as it should.
    #[error(transparent)]
    Demo(#[from] super::demo::DemoError),
    /// Nobody answers at the address.
    #[error(
        "no Landfall server answers at {address} ({reason})\n  start one with `landfall serve`, or name the address of \
         its admin server with --admin URL or LANDFALL_ADMIN"
    )]
    Unavailable {
        /// The address that was tried.
        address: String,
        /// What went wrong.
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
        /// Where the refused token came from, or that there was none.
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
        "nothing was planned or applied: there is nobody to ask whether to apply it\n  to apply without asking: --yes"
    )]
    Unconfirmed,
    /// The answer is none that Landfall gives.
    #[error(
        "{address} does not answer like a Landfall server: {reason}\n  is --admin the address of its admin server?"
    )]
    Protocol {
        /// The server's address.
        address: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The answer broke off.
    #[error(
        "{address} broke off in the middle of its answer: {reason}\n  what came is incomplete; try again"
    )]
    BrokeOff {
        /// The server's address.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// The token file cannot be used.
    #[error("--admin-token-file: cannot use {}: {reason}", path.display())]
    TokenFile {
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
        /// Why.
        source: io::Error,
    },
    /// The agent's side of the protocol went wrong.
    #[error(
        "the agent's messages cannot be answered: {0}\n  `landfall mcp` is started by a coding agent, not by hand"
    )]
    Mcp(String),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
}

impl CliError {
    /// 1 where the server refused, else as in `sysexits.h`.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Serve(error) => error.exit_code(),
            Self::Replay(error) => error.exit_code(),
            Self::Demo(error) => error.exit_code(),
            Self::Import(error) => error.exit_code(),
            Self::Refused { .. } | Self::Unauthorized { .. } | Self::Unconfirmed => 1,
            Self::Save(error) => error.exit_code(),
            Self::Restore(error) => error.exit_code(),
            Self::Salvage(error) => error.exit_code(),
            Self::TokenFile { .. } | Self::File { .. } => 66, // EX_NOINPUT
            Self::Unavailable { .. } | Self::BrokeOff { .. } => 69, // EX_UNAVAILABLE
            Self::Output(_) => 74,                            // EX_IOERR
            Self::Protocol { .. } | Self::Mcp(_) => 76,       // EX_PROTOCOL
        }
    }
}
