//! `landfall replicas`: the servers that share a log, how far each is, and forgetting one that is gone.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;

use super::client::Client;
use super::error::CliError;
use super::output::{Style, Table, ago, dim, plain};
use crate::clock::now;
use crate::wire::ReplicaView;
use crate::wording::{applied, gone_for_good, lag, set_aside};

/// Shows the replicas of a log that several share, and how far each is
#[derive(Debug, Args)]
pub struct ReplicasArgs {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Forget one that is gone for good: answers and alerts wait for it no more, until it is heard again
    Forget {
        /// Its name
        name: String,
    },
}

impl ReplicasArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// The server refuses, or does not answer.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        match self.command {
            None => list(client).await,
            Some(Command::Forget { name }) => forget(client, &name).await,
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(client: &Client) -> Result<(), CliError> {
    let answer = client.get(&["replicas"], &[]).await?;
    if client.output.json {
        return client.output.print(&answer.as_json());
    }
    client.output.print(&table(client, answer.parse()?))
}

async fn forget(client: &Client, name: &str) -> Result<(), CliError> {
    client.send(Method::DELETE, &["replicas", name], &[], None).await?;
    if client.output.json {
        return Ok(());
    }
    let name = client.output.paint(name, Style::Plain);
    client.output.print(&format!(
        "The replica {name} is forgotten: answers and alerts wait for it no more. One that is heard again is listed again, and ships \
         what it has.\n"
    ))
}

fn table(client: &Client, replicas: Vec<ReplicaView>) -> String {
    if replicas.is_empty() {
        return "This log is one server's alone: log.shared is not set, or the stream did not answer yet.\n"
            .to_owned();
    }
    let now = now();
    let mut table = Table::with_headings(&["NAME", "ROLE", "RELEASE", "SHIPPED", "APPLIED", "LAG", "SEEN"]);
    let advice = replicas.iter().flat_map(|it| [set_aside(it), gone_for_good(it)]);
    let advice: String = advice.flatten().map(|text| text + "\n").collect();
    for replica in replicas {
        let (lag, applied) = (lag(&replica), applied(&replica));
        table.row([
            (replica.name, Style::Bold),
            plain(replica.role),
            plain(replica.release),
            plain(replica.shipped.to_string()),
            plain(applied),
            plain(lag),
            dim(ago(now, replica.seen_at)),
        ]);
    }
    table.render(&client.output) + &advice
}
