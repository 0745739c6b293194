//! The commands that the demo shows: each is run exactly as it is shown.

use std::ffi::OsString;
use std::pin::Pin;
use std::process::ExitCode;

use super::error::DemoError;
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

/// A command under way. A future that holds itself needs a box: the demo is a command, too.
pub type Running = Pin<Box<dyn Future<Output = Result<ExitCode, CliError>>>>;

/// Reads a command line, the program's name first, and runs what it says.
pub type Start = fn(Vec<OsString>) -> Result<Running, clap::Error>;

/// Landfall's commands, asked of the demo's server.
pub(super) struct Commands {
    pub(super) server: ClientArgs,
    pub(super) start: Start,
}

impl Commands {
    /// Shows a command and runs it. Its exit code is part of what it prints.
    pub(super) async fn run(&self, words: &[&str]) -> Result<(), CliError> {
        let server = &self.server;
        let output = Output::detect(server.json);
        let shown: Vec<_> = words.iter().map(|word| quoted(word)).collect();
        let prompt = output.paint(&format!("$ landfall {}", shown.join(" ")), Style::Bold);
        output.print(&format!("\n{prompt}\n"))?;
        let mut arguments: Vec<OsString> = ["landfall"].iter().chain(words).map(OsString::from).collect();
        arguments.extend(["--admin".into(), server.admin.as_str().into()]);
        if let Some(file) = &server.admin_token_file {
            arguments.extend(["--admin-token-file".into(), file.into()]);
        }
        (self.start)(arguments).map_err(DemoError::Command)?.await.map(drop)
    }
}
