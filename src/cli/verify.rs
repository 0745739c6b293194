//! `landfall verify` and `landfall search`: which change is meant, and where it is live.

use std::process::ExitCode;

use clap::Args;

use super::answers::sentence;
use super::client::Client;
use super::error::CliError;
use super::output::{Style, Table, dim, plain, word};
use super::times;
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;
use crate::wire::{Certainty, EnvironmentStanding, ReleaseChange, ReleaseRef, Searched, Standing, Verified};
use crate::wording::{age, as_last_seen, gone};

/// Matches that `search` shows unless told.
const LIMIT: u16 = 10;

/// Exit code for a change that was live when it was last seen, longer ago than the settle time.
const LIVE_WHEN_LAST_SEEN: u8 = 3;

/// Said beneath the help of `verify`.
const EXIT_CODES: &str = "\
Exit codes:
  0  live, and a pull showed it within the settle time (`derive.settle`, 10 min unless set)
  3  live when last seen, and no pull has confirmed it since: nodes that have an image ask for
     nothing under IfNotPresent, so a rollback to one would not show
  1  anything else, and what cannot be answered";

/// Tells whether a change is live, and how old that is; exits with 0, 3 or 1
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct VerifyArgs {
    /// The change: words of its title, its pull request (`#4511`), a CVE
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
    /// The environment
    #[arg(long, value_name = "ENV")]
    env: EnvironmentName,
    /// As of this time, e.g. 2026-03-02T06:00:48Z, 2026-03-02, yesterday, 2h
    #[arg(long, value_name = "TIME", value_parser = times::at)]
    at: Option<Time>,
}

/// Finds changes by a loose description, and where each is live
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// The change: words of its title, its pull request (`#4511`), a CVE
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
    /// Only in this repository
    #[arg(long, value_name = "REPOSITORY")]
    repository: Option<Repository>,
    /// Number of matches at most
    #[arg(long, value_name = "N", default_value_t = LIMIT, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
}

impl VerifyArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let text = self.text.join(" ");
        let at = self.at.map(|at| at.to_string());
        let mut query = vec![("environment", self.env.as_str()), ("q", text.as_str())];
        query.extend(at.as_deref().map(|at| ("at", at)));
        let answer = client.get(&["verify"], &query).await?;
        let verified: Verified = answer.parse()?;
        if client.output.json {
            client.output.print(&answer.as_json())?;
        } else {
            client.output.print(&describe(client, &verified))?;
        }
        Ok(exit_code(&verified))
    }
}

fn describe(client: &Client, verified: &Verified) -> String {
    let (answer, style) = word(verified.answer.as_str());
    let mut text = format!(
        "{}  {}\n",
        client.output.paint(&answer, style),
        client.output.paint(&verified.text, Style::Plain)
    );
    if matches!(verified.answer, Standing::Unknown | Standing::NoSuchChange) {
        let matches = verified.matches.iter();
        text.push_str(&candidates(
            client,
            matches.map(|it| (it.score, &it.change, &it.release, &[] as &[EnvironmentStanding])),
        ));
        return text;
    }
    let mut table = Table::indented(2);
    for service in verified.matches.first().into_iter().flat_map(|best| &best.services) {
        let evidence = service.deployment_id.as_deref().unwrap_or_default();
        table.row([
            plain(service.repository.to_string()),
            match &service.absent {
                Some(absence) => plain(format!("nothing ({})", gone(absence))),
                None => (service.running.label(), Style::Bold),
            },
            word(service.state.as_str()),
            plain(format!("last seen {}", age(&service.seen))),
            dim(evidence),
        ]);
    }
    text.push_str(&table.render(&client.output));
    let has_evidence =
        verified.matches.iter().flat_map(|it| &it.services).any(|it| it.deployment_id.is_some());
    if has_evidence {
        text.push_str(&format!(
            "The pulls behind it: landfall timeline {} --evidence\n",
            verified.environment
        ));
    }
    text
}

/// 0 for a change that is live, 3 for one that was when it was last seen and that nothing has confirmed since, 1 for all else.
fn exit_code(verified: &Verified) -> ExitCode {
    match (&verified.answer, verified.unconfirmed_since) {
        (Standing::Live, None) => ExitCode::SUCCESS,
        (Standing::Live, Some(_)) => ExitCode::from(LIVE_WHEN_LAST_SEEN),
        _ => ExitCode::FAILURE,
    }
}

impl SearchArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let (text, limit) = (self.text.join(" "), self.limit.to_string());
        let mut query = vec![("q", text.as_str()), ("limit", limit.as_str())];
        query.extend(self.repository.as_ref().map(|repository| ("repository", repository.as_str())));
        let answer = client.get(&["search"], &query).await?;
        let searched: Searched = answer.parse()?;
        if client.output.json {
            client.output.print(&answer.as_json())?;
        } else if searched.matches.is_empty() {
            client.output.print("No known change fits. Which releases are known: landfall release list\n")?;
        } else {
            let heading = match searched.certainty {
                Certainty::Sure => "",
                Certainty::Perhaps => "It is not certain which is meant; these are the nearest:\n",
                Certainty::No | Certainty::Unlisted(_) => "No known change fits; these are the nearest:\n",
            };
            let matches = searched.matches.iter();
            let table = candidates(
                client,
                matches.map(|it| (it.score, &it.change, &it.release, &it.environments[..])),
            );
            let seen = searched.matches.iter().flat_map(|it| &it.environments);
            let seen = sentence(&as_last_seen(seen.map(|it| (it.name.to_string(), &it.seen))));
            client.output.print(&format!("{heading}{table}{seen}"))?;
        }
        Ok(if searched.certainty == Certainty::No { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// A change that may be meant: how well it fits, what it is, its release, and where it stands.
type Candidate<'a> = (f64, &'a ReleaseChange, &'a ReleaseRef, &'a [EnvironmentStanding]);

fn candidates<'a>(client: &Client, candidates: impl Iterator<Item = Candidate<'a>>) -> String {
    let mut table = Table::indented(2);
    for (score, change, release, environments) in candidates {
        let places =
            environments.iter().map(|it| format!("{}: {}", it.name, it.state.as_str().replace('_', " ")));
        table.row([
            dim(format!("{score:.2}")),
            word(change.kind.as_str()),
            (change.title.clone(), Style::Bold),
            plain(change.pr.map(|pr| format!("#{pr}")).unwrap_or_default()),
            plain(format!("{} {}", release.repository, release.label())),
            plain(places.collect::<Vec<_>>().join(", ")),
        ]);
    }
    table.render(&client.output)
}
