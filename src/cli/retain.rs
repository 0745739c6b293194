//! `landfall retain`: which images must stay in the registry, and why?

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::answers::sentence;
use super::client::Client;
use super::error::CliError;
use super::output::{Output, Style, Table, ago, dim, plain};
use super::times;
use crate::clock::now;
use crate::model::time::Time;
use crate::wire::Retained;
use crate::wording;

/// Forms of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people.
    Text,
    /// The API's answer; the same as `--json`.
    Json,
}

/// Shows which images must not be deleted from the registry, and why
#[derive(Debug, Args)]
pub struct RetainArgs {
    /// Those of this repository alone; the end of its name is enough where it fits no other
    #[arg(long)]
    repository: Option<String>,
    /// As of this time, e.g. 2026-03-02T06:00:48Z, 2026-03-02, yesterday, 2h
    #[arg(long, value_name = "TIME", value_parser = times::at)]
    at: Option<Time>,
    /// The form of the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl RetainArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// The server refuses, or does not answer.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let at = self.at.map(|at| at.to_string());
        let query = [("repository", self.repository.as_deref()), ("at", at.as_deref())];
        let query: Vec<(&str, &str)> =
            query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let answer = client.get(&["retain"], &query).await?;
        if client.output.json || self.format == Format::Json {
            Output::detect(true).print(&answer.as_json())?;
        } else {
            client.output.print(&describe(client, &answer.parse()?, self.at))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn describe(client: &Client, retained: &Retained, past: Option<Time>) -> String {
    let mut table = Table::with_headings(&["REPOSITORY", "VERSION", "DIGEST", "KEPT BECAUSE", "SINCE"]);
    for image in &retained.digests {
        let since = image.reasons.first().map(|reason| reason.since);
        table.row([
            plain(image.repository.to_string()),
            (image.version.clone().unwrap_or_else(|| "-".to_owned()), Style::Bold),
            plain(image.digest.to_string()),
            plain(wording::kept_because(image)),
            dim(since.map(|since| ago(past.unwrap_or_else(now), since)).unwrap_or_default()),
        ]);
    }
    let said = sentence(&wording::as_of(past, wording::retained(retained)));
    if retained.digests.is_empty() { said } else { said + "\n" + &table.render(&client.output) }
}
