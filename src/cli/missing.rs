//! `landfall missing`: is an environment up to date, and what does it lack?

use std::process::ExitCode;

use clap::Args;

use super::answers::{lacks, listed, sentence};
use super::client::Client;
use super::error::CliError;
use super::output::{Style, Table, ago, plain, word};
use super::times;
use crate::clock::now;
use crate::model::names::EnvironmentName;
use crate::model::time::Time;
use crate::wire::Missing;
use crate::wording::{as_last_seen, as_of, nothing_runs, unordered};

/// Shows which releases an environment lacks; exits with 1 when it is not up to date
#[derive(Debug, Args)]
pub struct MissingArgs {
    /// The environment
    env: EnvironmentName,
    /// As of this time, e.g. 2026-03-02T06:00:48Z, 2026-03-02, yesterday, 2h
    #[arg(long, value_name = "TIME", value_parser = times::at)]
    at: Option<Time>,
}

impl MissingArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let at = self.at.map(|at| at.to_string());
        let query: Vec<(&str, &str)> = at.as_deref().map(|at| ("at", at)).into_iter().collect();
        let answer = client.get(&["environments", self.env.as_str(), "missing"], &query).await?;
        let missing: Missing = answer.parse()?;
        if client.output.json {
            client.output.print(&answer.as_json())?;
        } else {
            client.output.print(
                &(describe(client, &missing, self.at.map(|_| missing.at)) + &lacks(&[&missing.incomplete])),
            )?;
        }
        Ok(if missing.up_to_date { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn describe(client: &Client, missing: &Missing, past: Option<Time>) -> String {
    let env = &missing.environment;
    let gone = nothing_runs(&missing.absent, str::to_owned);
    let gone = if gone.is_empty() { gone } else { sentence(&format!("In {env} {gone}.")) };
    if missing.services.is_empty() && !gone.is_empty() {
        return as_of(past, format!("Nothing runs in {env}, so nothing is missing.\n{gone}"));
    }
    if missing.services.is_empty() {
        return as_of(past, format!("Nothing was pulled yet in {env}.\n"));
    }
    let behind = missing.services.iter().filter(|service| !service.missing.is_empty()).count();
    let verdict = match behind {
        0 if missing.up_to_date => format!("{env} is up to date, as far as releases are known.\n"),
        0 => format!("Whether {env} is up to date is not known.\n"),
        1 => format!("{env} is not up to date: 1 service is behind.\n"),
        _ => format!("{env} is not up to date: {behind} services are behind.\n"),
    };
    let mut text = as_of(past, verdict);
    let mut table = Table::with_headings(&["SERVICE", "RUNNING", "LATEST", "MISSING", "FIXES", "SINCE"]);
    for service in &missing.services {
        let latest = service.latest.as_ref().map_or("-", |latest| &latest.version);
        let since = service.missing.iter().map(|release| release.created_at).min();
        table.row([
            plain(service.repository.to_string()),
            (service.running.label(), Style::Bold),
            plain(latest),
            if service.up_to_date {
                word("up_to_date")
            } else if service.missing.is_empty() {
                word("unknown")
            } else {
                plain(service.missing.len().to_string())
            },
            plain(if service.missing.is_empty() { String::new() } else { service.fixes.to_string() }),
            plain(since.map(|since| ago(past.unwrap_or(now()), since)).unwrap_or_default()),
        ]);
    }
    text.push_str(&table.render(&client.output));
    text.push_str(&gone);
    let seen = missing.services.iter().map(|service| (service.repository.to_string(), &service.seen));
    text.push_str(&sentence(&as_last_seen(seen)));
    for service in missing.services.iter().filter(|service| !service.unordered.is_empty()) {
        text.push_str(&format!("\n{}: register parents, or import the git history.\n", unordered(service)));
    }
    for service in missing.services.iter().filter(|service| !service.missing.is_empty()) {
        text.push_str(&format!("\n{}\n", client.output.paint(service.repository.as_str(), Style::Bold)));
        text.push_str(&listed(client, &service.missing));
    }
    text
}
