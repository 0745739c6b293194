//! A release's changes and notes as a command is given them.

use std::path::PathBuf;

use crate::cli::error::CliError;
use crate::model::releases::Change;

/// The changes that were written in a line each.
pub(super) fn changes(texts: &[String]) -> Vec<Change> {
    texts.iter().filter_map(|text| Change::parse(text, None)).collect()
}

/// The notes in a file, or what is piped in.
pub(super) fn notes(path: Option<&PathBuf>) -> Result<Option<String>, CliError> {
    let read = |path: &PathBuf| {
        let text = if path.as_os_str() == "-" {
            std::io::read_to_string(std::io::stdin())
        } else {
            std::fs::read_to_string(path)
        };
        text.map_err(|source| CliError::File { path: path.clone(), source })
    };
    path.map(read).transpose()
}
