//! Answers to what revokes something: where several servers share the log, those that have not confirmed it.

use http::StatusCode;

use super::client::{Answer, Client};
use super::error::CliError;
use crate::wire::Revocation;
use crate::wording::unconfirmed;

/// The servers that have not confirmed what was done, on a line; nothing where all have.
pub(super) fn unaware(answer: &Answer) -> Result<String, CliError> {
    if answer.status == StatusCode::NO_CONTENT {
        return Ok(String::new());
    }
    let told: Revocation = answer.parse()?;
    Ok(unconfirmed("that", &told.unconfirmed).map(|text| text + "\n").unwrap_or_default())
}

/// The same as JSON.
pub(super) fn print_revocation(client: &Client, answer: &Answer) -> Result<(), CliError> {
    if answer.status == StatusCode::NO_CONTENT { Ok(()) } else { client.output.print(&answer.as_json()) }
}
