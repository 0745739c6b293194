//! The question before something that cannot be undone.

use std::io::{self, IsTerminal as _, Write as _};

use super::error::CliError;

/// Tells whether somebody is there to be asked.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal()
}

/// Asks on the terminal. Whatever is not yes is no.
pub(super) async fn agreed(question: String) -> Result<bool, CliError> {
    let asked = tokio::task::spawn_blocking(move || {
        let mut terminal = io::stderr();
        write!(terminal, "{question} [y/N] ").and_then(|()| terminal.flush())?;
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
    });
    asked.await.map_err(io::Error::other).flatten().map_err(CliError::Output)
}
