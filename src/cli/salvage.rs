//! `landfall salvage`: a log out of all that is whole of a damaged one, without a server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::error::{CliError, CommandError};
use super::output::Output;
use crate::config::DATA;
use crate::log::{DraftError, SalvageError, Salvaged, salvage};

/// Ranges of lost events that are named to people.
const RANGES_SHOWN: usize = 10;

/// Makes a log, in another folder, of all that is whole of a damaged one; stop the server first
///
/// Nothing in the damaged log is changed. Events keep their numbers; in the place of each one that is lost stands that
/// one is missing, so that answers which depend on it say so. A backup, if there is one, has what a salvage may lack:
/// compare what they say they hold, and go on with the better one.
#[derive(Debug, Args)]
pub struct SalvageArgs {
    /// Folder of the damaged log, as that of `landfall serve`
    #[arg(long, env = "LANDFALL_DATA", value_name = "DIR", default_value = DATA)]
    data: PathBuf,
    /// Folder for the new log, which must have none; it is made if it does not exist
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Print what was kept and lost as JSON
    #[arg(long)]
    json: bool,
}

/// Nothing was salvaged.
#[derive(Debug, thiserror::Error)]
#[error("{0}\n  nothing was salvaged, and nothing in the damaged log was changed")]
pub struct NotSalvaged(#[from] SalvageError);

impl CommandError for NotSalvaged {
    // The exit code, as in sysexits: 65 bad data, 66 no input, 73 something is in the way, 74 input or output, 75 try
    // again.
    fn exit_code(&self) -> u8 {
        match &self.0 {
            SalvageError::NoLog { .. } => 66,
            SalvageError::InUse { .. } => 75,
            SalvageError::Replica { .. }
            | SalvageError::NothingWhole { .. }
            | SalvageError::Event { .. }
            | SalvageError::Base => 65,
            SalvageError::Draft(DraftError::Occupied { .. }) => 73,
            SalvageError::Read { .. } | SalvageError::Draft(_) => 74,
        }
    }
}

impl SalvageArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// Nothing was salvaged; both folders are as they were.
    pub fn run(self) -> Result<ExitCode, CliError> {
        let salvaged = salvage(&self.data, &self.to).map_err(NotSalvaged)?;
        Output::detect(self.json).print(&self.summary(&salvaged))?;
        Ok(ExitCode::SUCCESS)
    }

    fn summary(&self, salvaged: &Salvaged) -> String {
        let Salvaged { events, from_journal, last, lost, lost_early, lost_base } = salvaged;
        let (data, to) = (self.data.display(), self.to.display());
        if self.json {
            let told = json!({
                "data": data.to_string(), "to": to.to_string(), "events": events, "from_journal": from_journal,
                "last": last, "lost": salvaged.lost_events(), "lost_ranges": lost, "lost_early": lost_early,
                "lost_base": lost_base,
            });
            return format!("{told}\n");
        }
        format!(
            "Kept {events} events in {to}, up to event {last}; {from_journal} of them were in the journal alone.\n{}\n\
             {data} is as it was. Start `landfall serve --data {to}`, look at it, and keep {data} until you are sure. The \
             server's own admin token is not taken along: copy {data}/admin.token, or let a new one be made.\n",
            losses(salvaged)
        )
    }
}

/// The losses, in words.
fn losses(salvaged: &Salvaged) -> String {
    let mut said = String::new();
    if salvaged.lost_events() == 0 {
        said.push_str("No event is lost.\n");
    } else {
        let events = if salvaged.lost_events() == 1 { "event" } else { "events" };
        said.push_str(&format!("Lost {} {events}: {}.\n", salvaged.lost_events(), named(salvaged)));
        said.push_str(
            "A token that was made or revoked by one of them is unknown or good again: check `landfall token list`.\n",
        );
    }
    if salvaged.lost_base {
        said.push_str(
            "What retention had kept of removed pulls is lost, too: what they proved is no longer known.\n",
        );
    }
    said
}

fn named(salvaged: &Salvaged) -> String {
    let range = |(first, last): &(u64, u64)| {
        if first == last { first.to_string() } else { format!("{first} to {last}") }
    };
    let mut named: Vec<_> = salvaged.lost.iter().take(RANGES_SHOWN).map(range).collect();
    if salvaged.lost.len() > RANGES_SHOWN {
        named.push(format!("{} more ranges", salvaged.lost.len() - RANGES_SHOWN));
    }
    if salvaged.lost_early > 0 {
        named.push(format!("{} of the log's beginning", salvaged.lost_early));
    }
    named.join(", ")
}
