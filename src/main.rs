//! The `landfall` command.

use std::process::ExitCode;

use clap::Parser;
use landfall::cli::Cli;
use landfall::cli::terminal::printable;

/// One thread frees what another allocates, for each pull: glibc's allocator makes them wait for each other.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    Cli::parse().run().await.unwrap_or_else(|error| {
        eprintln!("landfall: {}", printable(&error.to_string()));
        ExitCode::from(error.exit_code())
    })
}
