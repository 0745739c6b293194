//! `landfall admin-token`: who may see and who may change.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::client::Client;
use super::error::CliError;
use super::expiry::Expiry;
use super::output::{Style, Table, ago, dim, plain, word};
use crate::clock::now;
use crate::model::act::Role;
use crate::wire::{AdminToken, NewAdminToken};
use crate::wording::token_state;

/// Makes, lists and revokes admin and viewer tokens
#[derive(Debug, Args)]
pub struct AdminTokenArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an admin or viewer token; its secret is shown once
    Create {
        /// Whose it is, or what uses it, e.g. ada or ci
        #[arg(long)]
        name: String,
        /// What it allows: a viewer sees everything and changes nothing
        #[arg(long, default_value = "viewer", value_parser = Role::ALL.map(Role::as_str))]
        kind: String,
        /// When it ends: after a while (90d, 12h, 30m) or at a time (2027-01-01T00:00:00Z)
        #[arg(long, value_name = "WHEN")]
        expires: Option<Expiry>,
    },
    /// List the admin and viewer tokens
    List,
    /// Revoke one: it is refused from its next request on
    Revoke {
        /// Its identifier, as `admin-token list` shows it
        id: String,
    },
}

impl AdminTokenArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        match self.command {
            Command::Create { name, kind, expires } => create(client, &name, &kind, expires).await,
            Command::List => list(client).await,
            Command::Revoke { id } => revoke(client, &id).await,
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn create(client: &Client, name: &str, kind: &str, expires: Option<Expiry>) -> Result<(), CliError> {
    let expires_at = expires.map(|expires| expires.at(now()));
    let fields = json!({ "name": name, "kind": kind, "expires_at": expires_at });
    let answer = client.send(Method::POST, &["admin-tokens"], &[], Some(&fields)).await?;
    if client.output.json {
        return client.output.print(&answer.as_json());
    }
    let token: NewAdminToken = answer.parse()?;
    let plain = |text: &str| client.output.paint(text, Style::Plain);
    let expiry = token.expires_at.map(|end| format!(" It ends {end}.")).unwrap_or_default();
    client.output.print(&format!(
        "The {kind} token {name} ({id}) is ready.{expiry} Its secret is shown this once:\n\n  {secret}\n\n\
         It logs in to the dashboard, and the commands take it from LANDFALL_ADMIN_TOKEN.\n\
         To revoke it: landfall admin-token revoke {id}\n",
        kind = plain(token.kind.as_str()),
        name = plain(&token.name),
        id = plain(token.id.as_str()),
        secret = client.output.paint(&token.secret, Style::Bold),
    ))
}

async fn list(client: &Client) -> Result<(), CliError> {
    let answer = client.get(&["admin-tokens"], &[]).await?;
    if client.output.json {
        return client.output.print(&answer.as_json());
    }
    let tokens: Vec<AdminToken> = answer.parse()?;
    if tokens.is_empty() {
        return client.output.print(
            "There is none but the server's own. Make one for each person and program:\n\n  \
             landfall admin-token create --name ada --kind admin\n",
        );
    }
    let now = now();
    let mut table = Table::with_headings(&["ID", "NAME", "KIND", "STATE", "CREATED", "EXPIRES"]);
    for token in tokens {
        table.row([
            plain(token.id.to_string()),
            (token.name, Style::Bold),
            plain(token.kind.to_string()),
            word(token_state(token.revoked_at, token.expires_at, now)),
            dim(ago(now, token.created_at)),
            dim(token.expires_at.map_or_else(|| "never".to_owned(), |end| ago(now, end))),
        ]);
    }
    client.output.print(&table.render(&client.output))
}

async fn revoke(client: &Client, id: &str) -> Result<(), CliError> {
    client.send(Method::DELETE, &["admin-tokens", id], &[], None).await?;
    if client.output.json {
        return Ok(());
    }
    client.output.print(
        "The token is refused from its next request on, and whoever logged in with it is logged out.\n",
    )
}
