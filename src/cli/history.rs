//! `landfall history` and `landfall changes`: what became of one service, and what changed in a stretch of time.

use std::process::ExitCode;

use clap::Args;

use super::answers::{found, heading, listed};
use super::client::Client;
use super::error::CliError;
use super::output::{Style, Table, ago, dim, plain, word};
use super::times;
use crate::clock::now;
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;
use crate::wire::{Changes, History, Image};
use crate::wording::counted;

/// Changes that `history` shows unless told.
const LIMIT: u16 = 20;

/// Shows what became of one service, newest first
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The environment
    env: EnvironmentName,
    /// The service's repository
    repository: Repository,
    /// Number of changes
    #[arg(long, value_name = "N", default_value_t = LIMIT, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// As of this time, e.g. 2026-03-02T06:00:48Z, 2026-03-02, yesterday, 2h
    #[arg(long, value_name = "TIME", value_parser = times::at)]
    at: Option<Time>,
}

/// Shows what changed in an environment in a stretch of time: the last seven days unless told
#[derive(Debug, Args)]
pub struct ChangesArgs {
    /// The environment
    env: EnvironmentName,
    /// From this time on, e.g. 2026-03-02T06:00:00Z, yesterday, 24h, 7d
    #[arg(long, value_name = "TIME", value_parser = times::since)]
    since: Option<Time>,
    /// Up to this time [default: now]
    #[arg(long, value_name = "TIME", value_parser = times::at)]
    until: Option<Time>,
    /// As of this time, e.g. 2026-03-02T06:00:48Z, 2026-03-02, yesterday, 2h
    #[arg(long, value_name = "TIME", value_parser = times::at)]
    at: Option<Time>,
}

impl HistoryArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let limit = self.limit.to_string();
        let at = self.at.map(|at| at.to_string());
        let mut query = vec![("repository", self.repository.as_str()), ("limit", limit.as_str())];
        query.extend(at.as_deref().map(|at| ("at", at)));
        let answer = client.get(&["environments", self.env.as_str(), "history"], &query).await?;
        if client.output.json {
            client.output.print(&answer.as_json())?;
            return Ok(ExitCode::SUCCESS);
        }
        let history: History = answer.parse()?;
        let mut table = Table::with_headings(&["WHEN", "KIND", "FROM", "TO", "DIGEST", "STATE", "CLIENTS"]);
        for change in &history.changes {
            table.row([
                plain(ago(now(), change.started_at)),
                word(change.kind.as_str()),
                plain(change.from.as_ref().map_or_else(|| "-".to_owned(), Image::label)),
                (change.to.label(), Style::Bold),
                dim(change.to.digest.short()),
                word(change.state.as_str()),
                plain(change.clients.to_string()),
            ]);
        }
        let more = if history.is_cut { "There are older ones: --limit shows up to 200.\n" } else { "" };
        let heading = heading(self.at);
        let found = found(client, &history.revisions, history.revisions_left_out);
        client.output.print(&format!("{heading}{}{more}{found}", table.render(&client.output)))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl ChangesArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let times = [("from", self.since), ("until", self.until), ("at", self.at)];
        let times: Vec<(&str, String)> =
            times.into_iter().filter_map(|(name, at)| Some((name, at?.to_string()))).collect();
        let query: Vec<(&str, &str)> = times.iter().map(|(name, at)| (*name, at.as_str())).collect();
        let answer = client.get(&["environments", self.env.as_str(), "changes"], &query).await?;
        if client.output.json {
            client.output.print(&answer.as_json())?;
        } else {
            client.output.print(&(heading(self.at) + &self.describe(client, &answer.parse()?)))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn describe(&self, client: &Client, changes: &Changes) -> String {
        let env = &changes.environment;
        if changes.deployments.is_empty() {
            return format!("Nothing changed in {env} between {} and {}.\n", changes.from, changes.until);
        }
        let mut text = format!(
            "{env} since {}: {}, {}; {} and {} landed, {} reverted\n\n",
            changes.from,
            counted(changes.deployments.len(), "deployment", "deployments"),
            counted(changes.rollbacks, "of them a rollback", "of them rollbacks"),
            counted(changes.releases.len(), "release", "releases"),
            counted(changes.fixes, "fix", "fixes"),
            counted(changes.reverted.len(), "release was", "releases were")
        );
        let mut table = Table::default();
        for deployment in &changes.deployments {
            table.row([
                plain(ago(now(), deployment.started_at)),
                word(deployment.kind.as_str()),
                (deployment.summary.clone(), Style::Bold),
                word(deployment.state.as_str()),
                dim(deployment.id.clone()),
            ]);
        }
        text.push_str(&table.render(&client.output));
        for (title, releases) in [("Landed", &changes.releases), ("Reverted", &changes.reverted)] {
            if !releases.is_empty() {
                text.push_str(&format!("\n{title}\n{}", listed(client, releases)));
            }
        }
        text
    }
}
