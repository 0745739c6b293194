//! The `landfall` command.

use std::process::ExitCode;

use clap::Parser;
use landfall::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    Cli::parse().run().await.unwrap_or_else(|error| {
        eprintln!("landfall: {error}");
        ExitCode::from(error.exit_code())
    })
}
