//! `landfall timeline`: what landed in an environment, newest first.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::answers::{found, heading as past, lacks, whole_name};
use super::client::Client;
use super::error::CliError;
use super::output::{Style, Table, ago, dim, plain, word};
use super::terminal::clean;
use super::times;
use crate::clock::now;
use crate::model::names::EnvironmentName;
use crate::model::time::Time;
use crate::wire::{Deployment, Evidence, ServiceChange, Timeline};

/// Deployments that are shown unless told otherwise.
const LIMIT: u16 = 20;

/// Shows an environment's deployments and rollbacks, newest first
#[derive(Debug, Args)]
pub struct TimelineArgs {
    /// The environment
    env: EnvironmentName,
    /// Show the pulls behind each deployment too
    #[arg(long)]
    evidence: bool,
    /// Number of deployments
    #[arg(long, value_name = "N", default_value_t = LIMIT, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Only those before this one, to go on where the last page ended
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    /// As of this time, e.g. 2026-03-02T06:00:48Z, 2026-03-02, yesterday, 2h
    #[arg(long, value_name = "TIME", value_parser = times::at)]
    at: Option<Time>,
}

impl TimelineArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let limit = self.limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(self.before.as_deref().map(|before| ("before", before)));
        let at = self.at.map(|at| at.to_string());
        query.extend(at.as_deref().map(|at| ("at", at)));
        let answer = client.get(&["environments", self.env.as_str(), "deployments"], &query).await?;
        let timeline: Timeline = answer.parse()?;
        if client.output.json && !self.evidence {
            client.output.print(&answer.as_json())?;
        } else if client.output.json {
            client.output.print(&with_evidence(client, answer.parse()?).await?)?;
        } else {
            let described = self.describe(client, &timeline).await?;
            client.output.print(&(past(self.at) + &described + &lacks(&[&timeline.incomplete])))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn describe(&self, client: &Client, timeline: &Timeline) -> Result<String, CliError> {
        let Some(newest) = timeline.deployments.first() else {
            let env = whole_name(client, &self.env).await?;
            return Ok(format!(
                "Nothing landed in {env} yet. What it pulls with: landfall token list {env}\n{}",
                found(client, &timeline.revisions, timeline.revisions_left_out)
            ));
        };
        let mut text = String::new();
        for deployment in &timeline.deployments {
            text.push_str(&heading(client, deployment));
            text.push_str(&changes(client, &deployment.changes));
            if self.evidence {
                let answer = client.get(&["deployments", &deployment.id, "evidence"], &[]).await?;
                text.push_str(&evidence(client, &answer.parse()?));
            }
            text.push('\n');
        }
        if let Some(next) = &timeline.next {
            let at = self.at.map(|at| format!(" --at {at}")).unwrap_or_default();
            let env = &newest.environment;
            text.push_str(&format!("Older ones: landfall timeline {env} --before {}{at}\n", clean(next)));
        }
        text.push_str(&found(client, &timeline.revisions, timeline.revisions_left_out));
        Ok(text)
    }
}

/// The server's deployments, each with the server's evidence beside it.
async fn with_evidence(client: &Client, mut timeline: Value) -> Result<String, CliError> {
    for deployment in timeline["deployments"].as_array_mut().into_iter().flatten() {
        let id = deployment["id"].as_str().unwrap_or_default();
        let evidence: Value = client.get(&["deployments", id, "evidence"], &[]).await?.parse()?;
        deployment["evidence"] = evidence;
    }
    Ok(format!("{}\n", json!(timeline)))
}

fn heading(client: &Client, deployment: &Deployment) -> String {
    let mut table = Table::default();
    table.row([
        word(deployment.kind.as_str()),
        (deployment.summary.clone(), Style::Bold),
        plain(ago(now(), deployment.started_at)),
        word(deployment.state.as_str()),
        dim(deployment.id.clone()),
    ]);
    table.render(&client.output)
}

fn changes(client: &Client, changes: &[ServiceChange]) -> String {
    let mut table = Table::indented(2);
    for change in changes {
        let from = change.from.as_ref().map_or_else(String::new, |from| format!("{} → ", from.label()));
        let clients = if change.clients == 1 { "client" } else { "clients" };
        table.row([
            plain(change.repository.to_string()),
            word(change.kind.as_str()),
            (format!("{from}{}", change.to.label()), Style::Bold),
            dim(change.to.digest.short()),
            plain(format!("{} {clients}", change.clients)),
        ]);
    }
    table.render(&client.output)
}

/// The pulls behind each change, and the rule that spoke.
fn evidence(client: &Client, evidence: &Evidence) -> String {
    let mut text = String::new();
    for change in &evidence.changes {
        let title = format!("{} {}: {}", change.repository, change.digest.short(), change.reason);
        text.push_str(&format!("\n    {}\n", client.output.paint(&title, Style::Plain)));
        let rules: Vec<String> =
            change.rules.iter().map(|rule| format!("{} {}", rule.number, clean(&rule.name))).collect();
        text.push_str(&format!("    rules: {}\n", rules.join(", ")));
        for correction in &change.corrections {
            text.push_str(&format!("    corrected {}: {}\n", correction.at, clean(&correction.text)));
        }
        let mut table = Table::indented(4);
        for pull in &change.pulls {
            table.row([
                dim(pull.at.to_string()),
                plain(pull.client.to_string()),
                plain(pull.grade.as_str().replace('_', " ")),
                plain(pull.tag.clone().unwrap_or_else(|| "by digest".to_owned())),
                dim(if pull.arrived { "first on this node" } else { "" }),
            ]);
        }
        text.push_str(&table.render(&client.output));
        if change.pulls.len() < change.pulls_total as usize {
            text.push_str(&format!("    the first and the last of {} pulls\n", change.pulls_total));
        }
    }
    text
}
