//! `landfall audit`: who changed what, newest first.

use std::process::ExitCode;

use clap::Args;

use super::client::Client;
use super::error::CliError;
use super::output::{Style, Table, ago, dim, plain};
use crate::clock::now;
use crate::model::names::EnvironmentName;
use crate::wire::AuditTrail;

/// Entries that are shown unless told otherwise.
const LIMIT: u16 = 20;

/// Shows who changed what, when, through what and from where, newest first
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Only what changed in this environment; it may be deleted by now
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// Number of changes
    #[arg(long, value_name = "N", default_value_t = LIMIT, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Only those before this one, to go on where the last page ended
    #[arg(long, value_name = "ID")]
    before: Option<u64>,
}

impl AuditArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let limit = self.limit.to_string();
        let before = self.before.map(|id| id.to_string());
        let mut query = vec![("limit", limit.as_str())];
        query.extend(before.as_deref().map(|id| ("before", id)));
        query.extend(self.environment.as_ref().map(|name| ("environment", name.as_str())));
        let answer = client.get(&["audit"], &query).await?;
        if client.output.json {
            client.output.print(&answer.as_json())?;
            return Ok(ExitCode::SUCCESS);
        }
        client.output.print(&self.table(client, answer.parse()?))?;
        Ok(ExitCode::SUCCESS)
    }

    fn table(&self, client: &Client, trail: AuditTrail) -> String {
        if trail.entries.is_empty() {
            return "Nobody changed anything.\n".to_owned();
        }
        let now = now();
        let mut table = Table::with_headings(&["WHEN", "WHO", "THROUGH", "FROM", "WHAT"]);
        for entry in trail.entries {
            let who = entry.by.name.unwrap_or_else(|| match &*entry.by.kind {
                "token_file" => "bootstrap admin".to_owned(),
                other => other.to_owned(),
            });
            table.row([
                dim(ago(now, entry.at)),
                (who, Style::Bold),
                plain(entry.through.to_string()),
                plain(entry.from.as_deref().unwrap_or_default()),
                plain(entry.summary),
            ]);
        }
        let mut text = table.render(&client.output);
        if let Some(next) = trail.next {
            let environment = self.environment.as_ref().map(|name| format!("--environment {name} "));
            let (environment, limit) = (environment.unwrap_or_default(), self.limit);
            text += &format!("\nOlder: landfall audit {environment}--limit {limit} --before {next}\n");
        }
        text
    }
}
