//! `landfall ask`: a question in plain English, or a conversation.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::process::ExitCode;

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::answers::sentence;
use super::client::Client;
use super::error::CliError;
use super::output::Style;
use super::terminal::clean;
use crate::wire::{Answered, Intent};

/// Longest line that is read; the server takes fewer.
const LINE_BYTES_MAX: u64 = 8 * 1024;
/// Words that end a conversation.
const ENDS: [&str; 4] = ["quit", "exit", "q", "bye"];

/// Answers a question in plain English, or without one holds a conversation; changes nothing
#[derive(Debug, Args)]
pub struct AskArgs {
    /// The question, e.g. "is the login fix live in production?"; without one, a line each is read and answered
    #[arg(value_name = "QUESTION")]
    question: Vec<String>,
    /// Go on with this conversation, which an answer named; it is remembered for an hour
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
}

impl AskArgs {
    /// Runs the command. A question that was not understood exits with 1.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        let mut talk = Talk { client, conversation: self.conversation, offered: Vec::new(), is_shown: false };
        if self.question.is_empty() {
            talk.is_shown = io::stdin().is_terminal() && io::stdout().is_terminal() && !client.output.json;
            return talk.hold().await;
        }
        let is_answered = talk.ask(&self.question.join(" ")).await?;
        if io::stdout().is_terminal() && !client.output.json {
            let id = talk.conversation.as_deref().unwrap_or_default();
            let how = format!("To go on: landfall ask --conversation {id} \"and in staging?\"");
            client.output.print(&format!("{}\n", client.output.paint(&how, Style::Dim)))?;
        }
        Ok(if is_answered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// A conversation.
struct Talk<'a> {
    client: &'a Client,
    conversation: Option<String>,
    /// Questions that the last answer led to; their number asks them.
    offered: Vec<String>,
    /// Somebody sits at a terminal.
    is_shown: bool,
}

impl Talk<'_> {
    /// Answers line by line until there is none. On a terminal it was good talking; from a pipe, every line has to be
    /// answered.
    async fn hold(&mut self) -> Result<ExitCode, CliError> {
        let output = self.client.output;
        if self.is_shown {
            output.print("Ask what runs where, what is live, what changed. An answer's number asks what it leads to; Ctrl-D ends.\n")?;
        }
        let mut is_answered = true;
        while let Some(line) = self.line().await? {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            if ENDS.contains(&line) {
                break;
            }
            let question = self.chosen(line).unwrap_or_else(|| line.to_owned());
            match self.ask(&question).await {
                Ok(answered) => is_answered &= answered,
                Err(error @ CliError::Refused { .. }) => {
                    is_answered = false;
                    eprintln!("{error}");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(if is_answered || self.is_shown { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The next line; none at the end.
    async fn line(&self) -> Result<Option<String>, CliError> {
        if self.is_shown {
            self.client.output.print("> ")?;
        }
        let read = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            let read = io::stdin().lock().take(LINE_BYTES_MAX).read_line(&mut line);
            read.map(|bytes| (bytes > 0).then_some(line))
        });
        let read = read.await.map_err(io::Error::other).flatten();
        read.map_err(CliError::Input)
    }

    /// The question that a number stands for.
    fn chosen(&self, line: &str) -> Option<String> {
        let number: usize = line.parse().ok()?;
        self.offered.get(number.checked_sub(1)?).cloned()
    }

    /// Asks and prints; whether it was answered.
    async fn ask(&mut self, question: &str) -> Result<bool, CliError> {
        let output = self.client.output;
        let body = json!({ "question": question, "conversation": self.conversation });
        let answer = self.client.send(Method::POST, &["ask"], &[], Some(&body)).await?;
        let answered: Answered = answer.parse()?;
        if output.json {
            output.print(&answer.as_json())?;
        } else {
            output.print(&self.told(&answered))?;
        }
        let is_answered = answered.intent != Intent::Unknown || answered.written_by.is_some();
        self.conversation = Some(answered.conversation).filter(|id| !id.is_empty());
        self.offered = answered.follow_ups;
        Ok(is_answered)
    }

    fn told(&self, answered: &Answered) -> String {
        let mut told = sentence(answered.notice.as_deref().unwrap_or_default());
        answered.text.lines().for_each(|line| told += &sentence(line));
        for command in
            answered.data["plan"]["commands"].as_array().into_iter().flatten().filter_map(Value::as_str)
        {
            told += &format!("  {}\n", clean(command));
        }
        if let Some(link) = &answered.link {
            told += &format!("{}{}\n", self.client.address(), clean(link));
        }
        if self.is_shown {
            for (place, question) in answered.follow_ups.iter().enumerate() {
                let line = format!("{}  {question}", place + 1);
                told += &format!("{}\n", self.client.output.paint(&line, Style::Dim));
            }
        }
        told
    }
}
