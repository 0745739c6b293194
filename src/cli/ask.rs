//! `landfall ask`: a question in plain English.

use std::process::ExitCode;

use clap::Args;
use http::Method;
use serde_json::json;

use super::client::Client;
use super::error::CliError;
use super::terminal::clean;
use crate::wire::{Answered, Intent};

/// Answers a question in plain English; changes nothing
#[derive(Debug, Args)]
pub struct AskArgs {
    /// The question, e.g. "is the login fix live in production?"
    #[arg(required = true, value_name = "QUESTION")]
    question: Vec<String>,
}

impl AskArgs {
    /// Runs the command. What was not understood exits with 1.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let body = json!({ "question": self.question.join(" ") });
        let answer = client.send(Method::POST, &["ask"], &[], Some(&body)).await?;
        let answered: Answered = answer.parse()?;
        if client.output.json {
            client.output.print(&answer.as_json())?;
        } else {
            let link = answered.link.map(|path| format!("{}{path}\n", client.address())).unwrap_or_default();
            client.output.print(&format!("{}\n{}", clean(&answered.text), clean(&link)))?;
        }
        let is_answered = answered.intent != Intent::Unknown || answered.written_by.is_some();
        Ok(if is_answered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
