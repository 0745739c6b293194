//! `landfall export`: every observation as a line of JSON, for `landfall replay` and other tools.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Args;

use super::client::Client;
use super::error::CliError;
use super::terminal::escaped;

/// Progress is told after so many more observations.
const PROGRESS_STEP: usize = 10_000;

/// Prints every recorded pull as JSON Lines, in log order; `landfall replay` reads them
#[derive(Debug, Args)]
pub struct ExportArgs {}

impl ExportArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let stdout = io::stdout();
        let is_read = stdout.is_terminal();
        let mut stdout = Lines { output: io::BufWriter::new(stdout.lock()), is_read, line: Vec::new() };
        let mut progress = Progress::new();
        let exported = client
            .stream(&["export"], |data| {
                progress.count(data);
                stdout.write(data).map_err(CliError::Output)
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

/// The lines as they come; on a terminal with nothing in them that it would obey.
struct Lines<W> {
    output: W,
    /// A terminal shows them.
    is_read: bool,
    /// One whose end has not come: a character may have come by half.
    line: Vec<u8>,
}

impl<W: io::Write> Lines<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        if !self.is_read {
            return self.output.write_all(data);
        }
        self.line.extend_from_slice(data);
        let whole = self.line.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.line.drain(..whole).collect();
        self.output.write_all(escaped(&String::from_utf8_lossy(&lines)).as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_nothing_to_obey_and_a_pipe_what_there_is() {
        let line = "{\"agent\":\"é\u{9b}2J\u{202e}\"}\n";
        for (is_read, expected) in [(true, "{\"agent\":\"é\\u009b2J\\u202e\"}\n"), (false, line)] {
            let mut lines = Lines { output: Vec::new(), is_read, line: Vec::new() };
            for piece in line.repeat(2).as_bytes().chunks(3) {
                lines.write(piece).unwrap();
            }
            assert_eq!(String::from_utf8(lines.output).unwrap(), expected.repeat(2));
        }
    }
}
