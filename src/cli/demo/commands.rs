//! The commands that the demo shows: each is run exactly as it is shown.

use std::ffi::OsString;

use clap::Parser as _;

use super::error::DemoError;
use crate::cli::Cli;
use crate::cli::client::ClientArgs;
use crate::cli::error::CliError;
use crate::cli::output::{Output, Style};
use crate::model::shell::quoted;

/// The question that the demo asks again and again.
pub(super) const VERIFY: &[&str] = &["verify", "login fix", "--env", "production"];

/// The questions that it ends with.
pub(super) const QUESTIONS: &[&[&str]] = &[
    VERIFY,
    &["ask", "is the login fix live in staging?"],
    &["ask", "what was rolled back in production?"],
    &["ask", "is staging up to date?"],
];

/// Shows a command and runs it against the demo's server. Its exit code is part of what it prints.
pub(super) async fn run(server: &ClientArgs, words: &[&str]) -> Result<(), CliError> {
    let output = Output::detect(server.json);
    let shown: Vec<_> = words.iter().map(|word| quoted(word)).collect();
    let prompt = output.paint(&format!("$ landfall {}", shown.join(" ")), Style::Bold);
    output.print(&format!("\n{prompt}\n"))?;
    let mut arguments: Vec<OsString> = ["landfall"].iter().chain(words).map(OsString::from).collect();
    arguments.extend(["--admin".into(), server.admin.as_str().into()]);
    if let Some(file) = &server.admin_token_file {
        arguments.extend(["--admin-token-file".into(), file.into()]);
    }
    let command = Cli::try_parse_from(arguments).map_err(DemoError::Command)?;
    // A future that holds itself needs a box: the demo is a command, too.
    Box::pin(command.run()).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_is_shown_is_one() {
        for words in QUESTIONS.iter().chain(super::super::tell::ANSWERS) {
            Cli::try_parse_from(["landfall"].iter().chain(*words)).unwrap();
        }
    }
}
