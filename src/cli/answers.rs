//! The parts that the answers of several commands have.

use super::client::Client;
use super::error::CliError;
use super::output::{Style, Table, ago, dim, plain};
use super::terminal::clean;
use crate::clock::now;
use crate::model::names::EnvironmentName;
use crate::model::oci::Digest;
use crate::model::time::Time;
use crate::wire::{Environment, Incomplete, Release, Revision};
use crate::wording;

/// A line above an answer as of a time; empty where that is now, or still to come.
pub fn heading(at: Option<Time>) -> String {
    at.filter(|at| *at < now()).map(|at| format!("As of {at}:\n")).unwrap_or_default()
}

/// A line that says what an answer may lack; empty where it lacks nothing.
pub fn lacks(parts: &[&Option<Incomplete>]) -> String {
    sentence(wording::lacks(parts).trim_start())
}

/// A sentence on a line of its own; empty where there is none.
pub fn sentence(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{}\n", clean(text)) }
}

/// The environment's whole name, where an answer does not say it: commands that change something want that.
pub async fn whole_name(client: &Client, env: &EnvironmentName) -> Result<EnvironmentName, CliError> {
    let answer = client.get(&["environments", env.as_str()], &[]).await?;
    answer.parse::<Environment>().map(|environment| environment.name)
}

/// Revisions of images that nothing saw run, a line each. Empty where there are none.
pub fn found(client: &Client, revisions: &[Revision], left_out: u64) -> String {
    if revisions.is_empty() {
        return String::new();
    }
    let mut table = Table::indented(2);
    for found in revisions {
        table.row([
            dim(found.made_at.to_string()),
            plain(found.repository.to_string()),
            (found.label(), Style::Bold),
            dim(found.digest.as_ref().map(Digest::short).unwrap_or_default()),
            plain(format!("{} in {}", found.workload, found.namespace)),
            dim(format!("found by {}", found.witness)),
        ]);
    }
    let more = sentence(&wording::older_revisions(left_out));
    format!("{}\n{}{more}", wording::REVISIONS, table.render(&client.output))
}

/// Releases, a line each.
pub fn listed(client: &Client, releases: &[Release]) -> String {
    let mut table = Table::indented(2);
    for release in releases {
        table.row([
            (release.version.clone(), Style::Bold),
            plain(ago(now(), release.created_at)),
            plain(release.summary.clone()),
            dim(release.id.clone()),
        ]);
    }
    table.render(&client.output)
}
