//! `landfall compare`: two environments side by side.

use std::process::ExitCode;

use clap::Args;

use super::answers::{heading, lacks, listed, sentence};
use super::client::Client;
use super::error::CliError;
use super::output::{Style, Table, plain, word};
use super::times;
use crate::model::names::EnvironmentName;
use crate::model::time::Time;
use crate::wire::{Absence, Comparison, Image};
use crate::wording::{compared_as_last_seen, compared_beside, counted, gone, side_names};

/// Shows two environments side by side, or one at two times
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The left environment
    left: EnvironmentName,
    /// The right environment
    right: EnvironmentName,
    /// Both as they were at this time, e.g. 2026-03-02T06:00:48Z, 2026-03-02, yesterday, 2h
    #[arg(long, value_name = "TIME", value_parser = times::at)]
    at: Option<Time>,
    /// The left one as it was at this time
    #[arg(long, value_name = "TIME", value_parser = times::at)]
    left_at: Option<Time>,
    /// The right one as it was at this time
    #[arg(long, value_name = "TIME", value_parser = times::at)]
    right_at: Option<Time>,
}

impl CompareArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let times = [("at", self.at), ("left_at", self.left_at), ("right_at", self.right_at)];
        let times: Vec<(&str, String)> =
            times.into_iter().filter_map(|(name, at)| Some((name, at?.to_string()))).collect();
        let mut query = vec![("left", self.left.as_str()), ("right", self.right.as_str())];
        query.extend(times.iter().map(|(name, at)| (*name, at.as_str())));
        let answer = client.get(&["compare"], &query).await?;
        if client.output.json {
            client.output.print(&answer.as_json())?;
        } else {
            let comparison: Comparison = answer.parse()?;
            let past = [self.at, self.left_at, self.right_at].into_iter().flatten().next();
            let past = past.filter(|_| comparison.left_at == comparison.right_at).map(|_| comparison.left_at);
            let lacks = lacks(&[&comparison.left_incomplete, &comparison.right_incomplete]);
            client.output.print(&(heading(past) + &describe(client, &comparison) + &lacks))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn describe(client: &Client, comparison: &Comparison) -> String {
    let (left, right) = &side_names(comparison);
    if comparison.services.is_empty() {
        return format!("Nothing runs in {left} or {right}, as far as was seen.\n");
    }
    let mut table = Table::with_headings(&["SERVICE", left, right, "RELATION", "BETWEEN"]);
    for service in &comparison.services {
        let none = |absence: &Option<Absence>| absence.as_ref().map_or_else(|| "-".to_owned(), gone);
        let label =
            |image: &Option<Image>, absence| image.as_ref().map_or_else(|| none(absence), Image::label);
        let releases = service.releases.len();
        let between = match releases {
            0 => String::new(),
            _ => format!(
                "{}, {}",
                counted(releases, "release", "releases"),
                counted(service.fixes, "fix", "fixes")
            ),
        };
        table.row([
            plain(service.repository.to_string()),
            (label(&service.left, &service.left_absent), Style::Bold),
            (label(&service.right, &service.right_absent), Style::Bold),
            word(service.relation.as_str()),
            plain(between),
        ]);
    }
    let mut text = table.render(&client.output);
    text.push_str(&sentence(&compared_beside(comparison, str::to_owned)));
    text.push_str(&sentence(&compared_as_last_seen(comparison)));
    for service in comparison.services.iter().filter(|service| !service.releases.is_empty()) {
        text.push_str(&format!("\n{}\n", client.output.paint(service.repository.as_str(), Style::Bold)));
        text.push_str(&listed(client, &service.releases));
        if !service.pull_requests.is_empty() {
            let numbers: Vec<String> = service.pull_requests.iter().map(|pr| format!("#{pr}")).collect();
            text.push_str(&format!("  pull requests: {}\n", numbers.join(" ")));
        }
    }
    text
}
