//! `landfall status`: what runs where.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::answers::{lacks, sentence};
use super::client::{Answer, Client};
use super::error::CliError;
use super::output::{Style, Table, ago, dim, plain, word};
use super::times;
use crate::clock::now;
use crate::model::names::EnvironmentName;
use crate::model::oci::Reference;
use crate::model::time::Time;
use crate::wire::{Environment, FailedAttempt, Running, RunningService, WorkloadImage};
use crate::wording::{
    all_stuck, apart, as_last_seen, beside_as, beside_label, bypasses, contradicted,
    refused as refused_since, watched_by,
};

/// Shows what runs in an environment, or in all of them
#[derive(Debug, Default, Args)]
pub struct StatusArgs {
    /// The environment; all of them without it
    env: Option<EnvironmentName>,
    /// As it was known at this time, e.g. 2026-03-02T06:00:48Z, 2026-03-02, yesterday, 2h
    #[arg(long, value_name = "TIME", value_parser = times::at)]
    at: Option<Time>,
}

impl StatusArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        match &self.env {
            Some(env) => {
                let answer = self.ask(client, env.as_str()).await?;
                if client.output.json {
                    client.output.print(&answer.as_json())?;
                } else {
                    client.output.print(&self.describe(client, &answer.parse()?))?;
                }
            }
            None => self.all(client).await?,
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn all(&self, client: &Client) -> Result<(), CliError> {
        let environments: Vec<Environment> = client.get(&["environments"], &[]).await?.parse()?;
        let mut answers = Vec::with_capacity(environments.len());
        for environment in &environments {
            answers.push(self.ask(client, environment.name.as_str()).await?);
        }
        if client.output.json {
            let answers: Vec<Value> = answers.iter().map(Answer::parse).collect::<Result<_, _>>()?;
            return client.output.print(&format!("{}\n", Value::from(answers)));
        }
        if answers.is_empty() {
            return client
                .output
                .print("There is no environment yet. Make one:\n\n  landfall env create production\n");
        }
        let described: Result<Vec<_>, CliError> =
            answers.iter().map(|answer| Ok(self.describe(client, &answer.parse()?))).collect();
        client.output.print(&described?.join("\n"))
    }

    async fn ask(&self, client: &Client, env: &str) -> Result<Answer, CliError> {
        let path = ["environments", env, "running"];
        match self.at {
            Some(at) => client.get(&path, &[("at", &at.to_string())]).await,
            None => client.get(&path, &[]).await,
        }
    }

    fn describe(&self, client: &Client, running: &Running) -> String {
        let env = client.output.paint(running.environment.as_str(), Style::Bold);
        let lacks = lacks(&[&running.incomplete]);
        let as_of = self.at.map(|_| format!(", as of {}", running.at)).unwrap_or_default();
        if running.services.is_empty() && running.failing.is_empty() && running.unstarted.is_empty() {
            return match self.at {
                Some(_) => format!("{env}{as_of}: nothing had been pulled yet\n{lacks}"),
                None => format!(
                    "{env}: nothing was pulled yet with one of its tokens\n  to see them: landfall token list {env}\n  to make one: landfall token create {env} --name cluster\n{lacks}"
                ),
            };
        }
        // Of a past answer, "2 min ago" would be wrong by the time between then and now.
        let spoken = |time: Time| if self.at.is_some() { time.to_string() } else { ago(now(), time) };
        let mut table = Table::with_headings(&[
            "SERVICE",
            "VERSION",
            "DIGEST",
            "STATE",
            "CONFIDENCE",
            "SINCE",
            "LAST SEEN",
            "CLIENTS",
        ]);
        for service in &running.services {
            table.row([
                plain(service.repository.to_string()),
                (service.version.clone().unwrap_or_else(|| "-".to_owned()), Style::Bold),
                dim(service.digest.short()),
                word(service.state.as_str()),
                word(service.confidence.as_str()),
                plain(spoken(service.since)),
                plain(spoken(service.seen.last_seen_at)),
                plain(service.clients.to_string()),
            ]);
            for (workload, image) in workloads_apart(service) {
                table.row([
                    plain(format!("  {workload}")),
                    plain(image.image.version.clone().unwrap_or_else(|| "-".to_owned())),
                    dim(image.image.digest.short()),
                    plain(""),
                    plain(""),
                    plain(""),
                    plain(""),
                    plain(format!("{} pods", image.ready)),
                ]);
            }
            for image in &service.beside {
                table.row([
                    plain(format!("  {}", beside_as(image))),
                    plain(beside_label(image)),
                    dim(image.digest.short()),
                    plain(""),
                    plain(""),
                    plain(spoken(image.since)),
                    plain(spoken(image.seen.last_seen_at)),
                    plain(image.clients.to_string()),
                ]);
            }
        }
        let table = if running.services.is_empty() { String::new() } else { table.render(&client.output) };
        let seen = running.services.iter().map(|service| (service.repository.to_string(), &service.seen));
        let seen = sentence(&as_last_seen(seen));
        let refused: String =
            running.services.iter().filter_map(|service| refused(service, &spoken)).collect();
        let stuck = sentence(&all_stuck(running, None, str::to_owned));
        let bypass = sentence(&contradicted(&running.services, str::to_owned))
            + &sentence(&bypasses(&running.bypass, str::to_owned))
            + &sentence(&watched_by(&running.witnesses, running.at, str::to_owned));
        format!(
            "{env}{as_of}\n{table}{seen}{stuck}{bypass}{refused}{}{lacks}",
            failing(client, &running.failing, spoken)
        )
    }
}

/// The workloads of a service with what they run, where they run different images.
fn workloads_apart(service: &RunningService) -> impl Iterator<Item = (&str, &WorkloadImage)> {
    let shown =
        if apart(&service.workloads, str::to_owned).is_empty() { &[][..] } else { &service.workloads[..] };
    shown.iter().flat_map(|workload| workload.images.iter().map(|image| (&*workload.workload, image)))
}

/// The line that tells that nodes of a service are refused.
fn refused(service: &RunningService, spoken: &impl Fn(Time) -> String) -> Option<String> {
    Some(format!("{}: {}\n", service.repository, refused_since(spoken(service.refused_since?))))
}

/// The pulls that somebody tries and that fail.
fn failing(client: &Client, failing: &[FailedAttempt], spoken: impl Fn(Time) -> String) -> String {
    let mut table = Table::default();
    for attempt in failing {
        let image = match &attempt.reference {
            _ if attempt.unproven => attempt.repository.to_string(),
            Reference::Tag(tag) => format!("{}:{}", attempt.repository, tag.as_str()),
            Reference::Digest(digest) => format!("{}@{digest}", attempt.repository),
        };
        let tries = if attempt.count == 1 { "try" } else { "tries" };
        table.row([
            word("failing"),
            (image, Style::Bold),
            plain(format!("{} {}", attempt.status, attempt.cause)),
            plain(format!("{} {tries}, the last {}", attempt.count, spoken(attempt.last_at))),
        ]);
    }
    if failing.is_empty() { String::new() } else { table.render(&client.output) }
}
