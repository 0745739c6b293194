//! `landfall admin-token`: who may see and who may change.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::client::Client;
use super::error::CliError;
use super::expiry::Expiry;
use super::output::{Style, Table, ago, dim, plain, word};
use super::revocation::{print_revocation, unaware};
use crate::clock::now;
use crate::model::act;
use crate::model::oci::Repository;
use crate::wire::{AdminToken, NewAdminToken, Role};
use crate::wording::token_state;

/// Makes, lists and revokes admin, viewer and publisher tokens
#[derive(Debug, Args)]
pub struct AdminTokenArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an admin, viewer or publisher token; its secret is shown once
    Create {
        /// Its holder or the program that uses it, e.g. ada or ci
        #[arg(long)]
        name: String,
        /// The kind of the token: a viewer sees everything and changes nothing, a publisher registers releases and nothing else
        #[arg(long, default_value = "viewer", value_parser = act::Role::ALL.map(act::Role::as_str))]
        kind: String,
        /// A repository whose releases a publisher may register
        #[arg(long, value_name = "REPOSITORY", required_if_eq("kind", "publisher"))]
        repository: Vec<Repository>,
        /// Its end: after a while (90d, 12h, 30m) or at a time (2027-01-01T00:00:00Z)
        #[arg(long, value_name = "WHEN")]
        expires: Option<Expiry>,
    },
    /// List the admin, viewer and publisher tokens
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
            Command::Create { name, kind, repository, expires } => {
                create(client, &name, &kind, &repository, expires).await
            }
            Command::List => list(client).await,
            Command::Revoke { id } => revoke(client, &id).await,
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn create(
    client: &Client,
    name: &str,
    kind: &str,
    repositories: &[Repository],
    expires: Option<Expiry>,
) -> Result<(), CliError> {
    let expires_at = expires.map(|expires| expires.at(now()));
    let fields =
        json!({ "name": name, "kind": kind, "repositories": repositories, "expires_at": expires_at });
    let answer = client.send(Method::POST, &["admin-tokens"], &[], Some(&fields)).await?;
    if client.output.json {
        return client.output.print(&answer.as_json());
    }
    let token: NewAdminToken = answer.parse()?;
    let plain = |text: &str| client.output.paint(text, Style::Plain);
    let expiry = token.expires_at.map(|end| format!(" It ends {end}.")).unwrap_or_default();
    client.output.print(&format!(
        "The {kind} token {name} ({id}) is ready.{expiry} Its secret is shown this once:\n\n  {secret}\n\n\
         {use_of}\n\
         To revoke it: landfall admin-token revoke {id}\n",
        kind = plain(token.kind.as_str()),
        use_of = match token.kind {
            Role::Publisher =>
                "`landfall release add` and `release import` take it from LANDFALL_ADMIN_TOKEN.",
            Role::Viewer | Role::Admin | Role::Unlisted(_) => {
                "It logs in to the dashboard, and the commands take it from LANDFALL_ADMIN_TOKEN."
            }
        },
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
    let mut table =
        Table::with_headings(&["ID", "NAME", "KIND", "REPOSITORIES", "STATE", "CREATED", "EXPIRES"]);
    for token in tokens {
        let repositories: Vec<&str> = token.repositories.iter().map(Repository::as_str).collect();
        table.row([
            plain(token.id.to_string()),
            (token.name, Style::Bold),
            plain(token.kind.to_string()),
            plain(repositories.join(", ")),
            word(token_state(token.revoked_at, token.expires_at, now)),
            dim(ago(now, token.created_at)),
            dim(token.expires_at.map_or_else(|| "never".to_owned(), |end| ago(now, end))),
        ]);
    }
    client.output.print(&table.render(&client.output))
}

async fn revoke(client: &Client, id: &str) -> Result<(), CliError> {
    let answer = client.send(Method::DELETE, &["admin-tokens", id], &[], None).await?;
    if client.output.json {
        return print_revocation(client, &answer);
    }
    client.output.print(&format!(
        "The token is refused from its next request on, and whoever logged in with it is logged out.\n{}",
        unaware(&answer)?
    ))
}
