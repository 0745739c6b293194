//! The commands.

pub mod replay;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Know what landed.
#[derive(Parser)]
#[command(name = "landfall", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Derive deployments from recorded observations, without a server
    Replay(replay::Args),
}

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Replay(args) => replay::run(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("landfall: {error}");
        error.exit_code()
    })
}
