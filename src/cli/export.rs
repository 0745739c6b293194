//! `landfall export`: every observation as a line of JSON, for `landfall replay` and other tools.

use std::io::{self, IsTerminal, Write as _};
use std::process::ExitCode;

use clap::Args;

use super::client::Client;
use super::error::CliError;

/// Progress is told after so many more observations.
const PROGRESS_STEP: usize = 10_000;

/// Prints every recorded pull as JSON Lines, in log order; `landfall replay` reads them
#[derive(Debug, Args)]
pub struct ExportArgs {}

impl ExportArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let mut stdout = io::BufWriter::new(io::stdout().lock());
        let mut progress = Progress::new();
        let exported = client
            .stream(&["export"], |data| {
                progress.count(data);
                stdout.write_all(data).map_err(CliError::Output)
            })
            .await;
        progress.end();
        match exported.and_then(|()| stdout.flush().map_err(CliError::Output)) {
            // `landfall export | head` has what it wants.
            Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                Ok(ExitCode::SUCCESS)
            }
            exported => exported.map(|()| ExitCode::SUCCESS),
        }
    }
}

/// Tells a person who waits how far it is: on a terminal only, and not between the lines of the export itself.
struct Progress {
    shown: bool,
    lines: usize,
    next: usize,
}

impl Progress {
    fn new() -> Self {
        let shown = io::stderr().is_terminal() && !io::stdout().is_terminal();
        Self { shown, lines: 0, next: PROGRESS_STEP }
    }

    fn count(&mut self, data: &[u8]) {
        self.lines += data.iter().filter(|&&byte| byte == b'\n').count();
        if self.shown && self.lines >= self.next {
            self.next = self.lines + PROGRESS_STEP;
            eprint!("\r{} observations", self.lines);
        }
    }

    fn end(&self) {
        if self.shown {
            eprintln!("\r{} observations", self.lines);
        }
    }
}
