//! `landfall replicas`: the servers that share a log, and how far each is.

use std::process::ExitCode;

use clap::Args;

use super::client::Client;
use super::error::CliError;
use super::output::{Style, Table, ago, dim, plain};
use crate::clock::now;
use crate::wire::ReplicaView;
use crate::wording::{applied, lag};

/// Shows the replicas of a log that several share, and how far each is
#[derive(Debug, Args)]
pub struct ReplicasArgs {}

impl ReplicasArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// The server refuses, or does not answer.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let answer = client.get(&["replicas"], &[]).await?;
        if client.output.json {
            client.output.print(&answer.as_json())?;
            return Ok(ExitCode::SUCCESS);
        }
        client.output.print(&table(client, answer.parse()?))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn table(client: &Client, replicas: Vec<ReplicaView>) -> String {
    if replicas.is_empty() {
        return "This log is one server's alone: log.shared is not set, or the stream did not answer yet.\n"
            .to_owned();
    }
    let now = now();
    let mut table = Table::with_headings(&["NAME", "ROLE", "RELEASE", "SHIPPED", "APPLIED", "LAG", "SEEN"]);
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
    table.render(&client.output)
}
