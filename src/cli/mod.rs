//! The commands. Client commands speak HTTP to the admin API and never open the store.

pub mod admin_token;
pub mod answers;
pub mod audit;
pub mod client;
pub mod demo;
pub mod env;
pub mod error;
pub mod expiry;
pub mod export;
pub mod output;
pub mod replay;
pub mod serve;
pub mod status;
pub mod timeline;
pub mod token;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use client::{Client, ClientArgs};
use error::CliError;

/// Know what landed: a registry proxy that derives deployments and rollbacks from image pulls
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::ServeArgs),
    Demo(demo::DemoArgs),
    /// Make, show, change and delete environments
    Env(Remote<env::EnvArgs>),
    /// Make, list and revoke an environment's tokens
    Token(Remote<token::TokenArgs>),
    /// Make, list and revoke admin and viewer tokens
    AdminToken(Remote<admin_token::AdminTokenArgs>),
    /// Show who changed what, newest first
    Audit(Remote<audit::AuditArgs>),
    /// Show what runs in an environment, or in all of them
    Status(Remote<status::StatusArgs>),
    /// Show an environment's deployments and rollbacks, newest first
    Timeline(Remote<timeline::TimelineArgs>),
    /// Print every recorded pull as JSON Lines, in log order; `landfall replay` reads them
    Export(Remote<export::ExportArgs>),
    /// Derive deployments from recorded observations, without a server
    Replay(replay::Args),
}

/// A command that asks a server.
#[derive(Debug, Args)]
struct Remote<C: Args> {
    #[command(flatten)]
    client: ClientArgs,
    #[command(flatten)]
    command: C,
}

impl Cli {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        match self.command {
            Command::Serve(serve) => Ok(serve.run().await?),
            Command::Demo(demo) => demo.run().await,
            Command::Env(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Token(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::AdminToken(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Audit(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Status(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Timeline(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Replay(args) => Ok(replay::run(&args)?),
            Command::Export(remote) => remote.command.run(&Client::new(remote.client)?).await,
        }
    }
}
