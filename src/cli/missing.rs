//! `landfall missing`: is an environment up to date, and what does it lack?

use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;

use super::answers::{Image, ReleaseLine, listed};
use super::client::Client;
use super::error::CliError;
use super::output::{Style, Table, ago, plain, word};
use crate::clock::now;
use crate::model::event::EnvironmentName;

/// Shows which releases an environment lacks; exits with 1 when it is not up to date
#[derive(Debug, Args)]
pub struct MissingArgs {
    /// The environment
    env: EnvironmentName,
}

#[derive(Deserialize)]
struct Missing {
    up_to_date: bool,
    services: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    repository: String,
    running: Image,
    latest: Option<ReleaseLine>,
    up_to_date: bool,
    missing: Vec<ReleaseLine>,
    fixes: usize,
}

impl MissingArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let answer = client.get(&["environments", self.env.as_str(), "missing"], &[]).await?;
        let missing: Missing = answer.parse()?;
        if client.output.json {
            client.output.print(&answer.as_json())?;
        } else {
            client.output.print(&(self.describe(client, &missing) + &answer.lacks()))?;
        }
        Ok(if missing.up_to_date { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn describe(&self, client: &Client, missing: &Missing) -> String {
        let env = &self.env;
        if missing.services.is_empty() {
            return format!("Nothing was pulled yet in {env}.\n");
        }
        let behind = missing.services.iter().filter(|service| !service.up_to_date).count();
        let mut text = match behind {
            0 => format!("{env} is up to date, as far as releases are known.\n"),
            1 => format!("{env} is not up to date: 1 service is behind.\n"),
            _ => format!("{env} is not up to date: {behind} services are behind.\n"),
        };
        let mut table = Table::with_headings(&["SERVICE", "RUNNING", "LATEST", "MISSING", "FIXES", "SINCE"]);
        for service in &missing.services {
            let latest = service.latest.as_ref().map_or("-", |latest| &latest.version);
            let since = service.missing.iter().map(|release| release.created_at).min();
            table.row([
                plain(service.repository.clone()),
                (service.running.label(), Style::Bold),
                plain(latest),
                if service.up_to_date {
                    word("up_to_date")
                } else {
                    plain(service.missing.len().to_string())
                },
                plain(if service.up_to_date { String::new() } else { service.fixes.to_string() }),
                plain(since.map(|since| ago(now(), since)).unwrap_or_default()),
            ]);
        }
        text.push_str(&table.render(&client.output));
        for service in missing.services.iter().filter(|service| !service.up_to_date) {
            text.push_str(&format!("\n{}\n", client.output.paint(&service.repository, Style::Bold)));
            text.push_str(&listed(client, &service.missing));
        }
        text
    }
}
