//! The commands. Client commands speak HTTP to the admin API and never open the store.

pub mod admin_token;
#[cfg(feature = "cluster")]
pub mod agent;
pub mod answers;
mod arguments;
pub mod ask;
pub mod audit;
pub mod backup;
pub mod check;
pub mod client;
pub mod compare;
mod confirm;
pub mod demo;
pub mod deploy;
pub mod env;
pub mod error;
pub mod expiry;
pub mod export;
pub mod history;
#[cfg(feature = "mcp")]
pub mod mcp;
pub mod missing;
pub mod options;
pub mod output;
mod reach;
pub mod release;
pub mod replay;
pub mod replicas;
pub mod restore;
pub mod retain;
mod revocation;
pub mod salvage;
pub mod serve;
#[cfg(feature = "shared")]
pub mod share;
pub mod status;
pub mod terminal;
pub mod timeline;
pub mod times;
pub mod token;
pub mod verify;
#[cfg(feature = "cluster")]
mod watching;

use std::ffi::OsString;
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
    #[cfg(feature = "cluster")]
    Agent(agent::AgentArgs),
    Demo(demo::DemoArgs),
    /// Make, show, change and delete environments
    Env(Remote<env::EnvArgs>),
    /// Make, list, rotate and revoke an environment's tokens
    Token(Remote<token::TokenArgs>),
    /// Make, list and revoke admin, viewer and publisher tokens
    AdminToken(Remote<admin_token::AdminTokenArgs>),
    /// Show who changed what, newest first
    Audit(Remote<audit::AuditArgs>),
    /// Show what runs in an environment, or in all of them
    Status(Remote<status::StatusArgs>),
    /// Show an environment's deployments and rollbacks, newest first
    Timeline(Remote<timeline::TimelineArgs>),
    /// Show two environments side by side, or one at two times
    Compare(Remote<compare::CompareArgs>),
    /// Show which releases an environment lacks
    Missing(Remote<missing::MissingArgs>),
    /// Tell whether a change is live, and how old that answer is
    Verify(Remote<verify::VerifyArgs>),
    /// Find changes by a loose description
    Search(Remote<verify::SearchArgs>),
    /// Answer a question in plain English, or hold a conversation; changes nothing
    Ask(Remote<ask::AskArgs>),
    /// Show what became of one service
    History(Remote<history::HistoryArgs>),
    /// Show what changed in an environment in a stretch of time
    Changes(Remote<history::ChangesArgs>),
    /// Plan what puts a release into an environment, and follow it until its pulls arrive
    Deploy(Remote<deploy::DeployArgs>),
    #[cfg(feature = "mcp")]
    /// Answer a coding agent over standard input and output (Model Context Protocol)
    Mcp(Remote<mcp::McpArgs>),
    /// Register and show releases
    Release(Remote<release::ReleaseArgs>),
    /// Show the replicas of a log that several servers share, and how far each is
    Replicas(Remote<replicas::ReplicasArgs>),
    /// Show which images must not be deleted from the registry, and why
    Retain(Remote<retain::RetainArgs>),
    /// Print every recorded pull as JSON Lines, in log order; `landfall replay` reads them
    Export(Remote<export::ExportArgs>),
    /// Take a backup of a running server; `landfall restore` makes a log of it
    Backup(Remote<backup::BackupArgs>),
    /// Make a log out of a backup, without a server
    Restore(restore::RestoreArgs),
    Salvage(salvage::SalvageArgs),
    #[cfg(feature = "shared")]
    Share(share::ShareArgs),
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
            #[cfg(feature = "cluster")]
            Command::Agent(agent) => agent.run().await,
            Command::Demo(demo) => demo.run(start).await,
            Command::Env(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Token(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::AdminToken(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Audit(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Status(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Timeline(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Compare(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Missing(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Verify(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Search(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Ask(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::History(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Changes(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Deploy(remote) => remote.command.run(&Client::new(remote.client)?).await,
            #[cfg(feature = "mcp")]
            Command::Mcp(remote) => remote.command.run(Client::new(remote.client)?).await,
            Command::Release(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Replicas(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Retain(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Replay(args) => Ok(replay::run(&args)?),
            Command::Backup(remote) => remote.command.run(&Client::new(remote.client)?).await,
            Command::Restore(args) => args.run(),
            Command::Salvage(args) => args.run(),
            #[cfg(feature = "shared")]
            Command::Share(args) => args.run(),
            Command::Export(remote) => remote.command.run(&Client::new(remote.client)?).await,
        }
    }
}

/// Reads a command line and runs what it says.
fn start(words: Vec<OsString>) -> Result<demo::Command, clap::Error> {
    Ok(Box::pin(Cli::try_parse_from(words)?.run()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_the_demo_shows_is_one() {
        for words in demo::shown() {
            Cli::try_parse_from(["landfall"].iter().chain(*words)).unwrap();
        }
    }
}
