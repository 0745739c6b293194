//! `landfall token`: an environment's tokens.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::answers::whole_name;
use super::client::Client;
use super::error::CliError;
use super::expiry::Expiry;
use super::output::{Style, Table, ago, dim, plain, word};
use super::revocation::{print_revocation, unaware};
use crate::clock::now;
use crate::model::event::TokenKind;
use crate::model::names::EnvironmentName;
use crate::model::shell;
use crate::model::time::Time;
use crate::wire::{Instructions, NewToken, Token};
use crate::wording::token_state;

/// Makes, lists, rotates and revokes an environment's tokens
#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token; its secret is shown once
    Create {
        /// The environment that pulls with it
        env: EnvironmentName,
        /// Its name for people, e.g. cluster-eu-1
        #[arg(long)]
        name: String,
        /// Its purpose, which decides what its pulls can prove
        #[arg(long, default_value = "cluster", value_parser = TokenKind::ALL.map(TokenKind::as_str))]
        kind: String,
        /// Its end: after a while (90d, 12h, 30m) or at a time (2027-01-01T00:00:00Z)
        #[arg(long, value_name = "WHEN")]
        expires: Option<Expiry>,
        /// Print the secret and nothing else, for a script
        #[arg(long)]
        secret_only: bool,
    },
    /// List an environment's tokens
    List {
        /// The environment
        env: EnvironmentName,
    },
    /// Give a token a successor; both are accepted for a while, so that nodes can change over
    Rotate {
        /// The environment
        env: EnvironmentName,
        /// The token's identifier, as `token list` shows it
        id: String,
        /// Time for which the old token is accepted beside the new one: 24h, 7d, or 0m to end it at once
        #[arg(long, value_name = "LENGTH", default_value = "24h")]
        overlap: String,
        /// The end of the new one; after as long as the old one was to live, unless told
        #[arg(long, value_name = "WHEN")]
        expires: Option<Expiry>,
    },
    /// Revoke a token: it is refused from its next request on
    Revoke {
        /// The environment
        env: EnvironmentName,
        /// The token's identifier, as `token list` shows it
        id: String,
    },
}

impl TokenArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        match self.command {
            Command::Create { env, name, kind, expires, secret_only } => {
                create(client, &env, &name, &kind, expires, secret_only).await
            }
            Command::List { env } => list(client, &env).await,
            Command::Rotate { env, id, overlap, expires } => {
                rotate(client, &env, &id, &overlap, expires).await
            }
            Command::Revoke { env, id } => revoke(client, &env, &id).await,
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn create(
    client: &Client,
    env: &EnvironmentName,
    name: &str,
    kind: &str,
    expires: Option<Expiry>,
    secret_only: bool,
) -> Result<(), CliError> {
    let expires_at = expires.map(|expires| expires.at(now()));
    let fields = json!({ "name": name, "kind": kind, "expires_at": expires_at });
    let path = ["environments", env.as_str(), "tokens"];
    let answer = client.send(Method::POST, &path, &[], Some(&fields)).await?;
    if client.output.json {
        return client.output.print(&answer.as_json());
    }
    let token: NewToken = answer.parse()?;
    if secret_only {
        return client.output.print(&format!("{}\n", client.output.paint(&token.secret, Style::Plain)));
    }
    client.output.print(&handover(client, &token))
}

async fn rotate(
    client: &Client,
    env: &EnvironmentName,
    id: &str,
    overlap: &str,
    expires: Option<Expiry>,
) -> Result<(), CliError> {
    let expires_at = expires.map(|expires| expires.at(now()));
    let fields = json!({ "overlap": overlap, "expires_at": expires_at });
    let path = ["environments", env.as_str(), "tokens", id, "rotate"];
    let answer = client.send(Method::POST, &path, &[], Some(&fields)).await?;
    if client.output.json {
        return client.output.print(&answer.as_json());
    }
    let token: NewToken = answer.parse()?;
    let old = token.replaces.as_ref().map(|old| {
        let (id, end) = (client.output.paint(old.id.as_str(), Style::Plain), ago(now(), old.expires_at));
        format!("It takes the place of {id}, which ends {end} ({}).\n\n", old.expires_at)
    });
    client.output.print(&(old.unwrap_or_default() + &handover(client, &token)))
}

/// Uses of a new token, in the order of likelihood.
fn handover(client: &Client, token: &NewToken) -> String {
    let paint = |text: &str, style| client.output.paint(text, style);
    let plain = |text: &str| client.output.paint(text, Style::Plain);
    let heading = |text: &str| client.output.paint(text, Style::Bold);
    let expiry = token.expires_at.map(|end| format!(" It ends {end}.")).unwrap_or_default();
    let Instructions { registry, kubectl, docker_login, hosts_toml, agent } = &token.instructions;
    if let Some(manifest) = agent {
        return handover_of_agent(client, token, manifest);
    }
    let hosts_toml: String = hosts_toml.lines().map(|line| format!("  {}\n", plain(line))).collect();
    format!(
        "Token {name} ({id}) of {env}.{expiry} Its secret is shown this once:\n\n  {secret}\n\n\
         {kubernetes}, then name landfall-{env} in imagePullSecrets:\n\n  {kubectl}\n\n\
         {docker}:\n\n  {login}\n\n\
         {containerd}, in /etc/containerd/certs.d/{host}/hosts.toml:\n\n{hosts_toml}\n\
         Next, pull {host}/<repository>:<tag>, and see what landed:\n\n  landfall status {env}\n",
        name = plain(&token.name),
        id = plain(token.id.as_str()),
        env = plain(token.username.as_str()),
        secret = paint(&token.secret, Style::Bold),
        kubernetes = heading("Kubernetes"),
        kubectl = plain(kubectl),
        docker = heading("Docker"),
        login = plain(docker_login),
        containerd = heading("containerd"),
        host = plain(registry),
    )
}

/// The same of a token for an agent: a manifest, and the command for a host.
fn handover_of_agent(client: &Client, token: &NewToken, manifest: &str) -> String {
    let paint = |text: &str, style| client.output.paint(text, style);
    let expiry = token.expires_at.map(|end| format!(" It ends {end}.")).unwrap_or_default();
    let manifest: String = manifest.lines().map(|line| paint(line, Style::Plain) + "\n").collect();
    format!(
        "Token {name} ({id}) of {env}.{expiry} Its secret is shown this once:\n\n  {secret}\n\n\
         {host}, with the secret in FILE:\n\n  landfall agent --hub {hub} --token-file FILE --environment {env} \
         --name {name} --docker unix:///var/run/docker.sock\n\n\
         {kubernetes}; name the image and the namespace to watch, then kubectl apply -f this:\n\n{manifest}",
        name = paint(&shell::quoted(&token.name), Style::Plain),
        id = paint(token.id.as_str(), Style::Plain),
        env = paint(token.username.as_str(), Style::Plain),
        secret = paint(&token.secret, Style::Bold),
        host = paint("A host with Docker or podman", Style::Bold),
        hub = paint(&client.address(), Style::Plain),
        kubernetes = paint("Kubernetes", Style::Bold),
    )
}

async fn list(client: &Client, env: &EnvironmentName) -> Result<(), CliError> {
    let answer = client.get(&["environments", env.as_str(), "tokens"], &[]).await?;
    if client.output.json {
        return client.output.print(&answer.as_json());
    }
    let tokens: Vec<Token> = answer.parse()?;
    if tokens.is_empty() {
        let env = whole_name(client, env).await?;
        let next =
            format!("{env} has no token yet. Make one:\n\n  landfall token create {env} --name cluster\n");
        return client.output.print(&next);
    }
    let now = now();
    let mut table =
        Table::with_headings(&["ID", "NAME", "KIND", "STATE", "CREATED", "EXPIRES", "PULLS", "LAST USED"]);
    let mut notes = String::new();
    for token in tokens {
        notes += &self::notes(client, &token, now);
        table.row([
            plain(token.id.to_string()),
            (token.name.clone(), Style::Bold),
            plain(token.kind.to_string()),
            word(token_state(token.revoked_at, token.expires_at, now)),
            dim(ago(now, token.created_at)),
            dim(token.expires_at.map_or_else(|| "never".to_owned(), |end| ago(now, end))),
            plain(token.pulls.to_string()),
            plain(last_use(&token, now)),
        ]);
    }
    let gap = if notes.is_empty() { "" } else { "\n" };
    client.output.print(&format!("{}{gap}{notes}", table.render(&client.output)))
}

/// Things to look at, a line for each.
fn notes(client: &Client, token: &Token, now: Time) -> String {
    let paint = |text: &str| client.output.paint(text, Style::Plain);
    let id = paint(token.id.as_str());
    let rotated = token
        .successor
        .iter()
        .map(|successor| format!("{id} was rotated: its successor is {}\n", paint(successor.as_str())));
    let warnings = token.warnings.iter().map(|warning| {
        let (word, since) = (client.output.paint("warning:", Style::Yellow), ago(now, warning.since));
        format!("{word} {id}, {since}: {}\n", paint(&warning.detail))
    });
    rotated.chain(warnings).collect()
}

fn last_use(token: &Token, now: Time) -> String {
    match (&token.last_used_at, &token.last_used_from) {
        (Some(at), Some(from)) => format!("{} from {from}", ago(now, *at)),
        (Some(at), None) => ago(now, *at),
        (None, _) => "never".to_owned(),
    }
}

async fn revoke(client: &Client, env: &EnvironmentName, id: &str) -> Result<(), CliError> {
    let path = ["environments", env.as_str(), "tokens", id];
    let answer = client.send(Method::DELETE, &path, &[], None).await?;
    if client.output.json {
        return print_revocation(client, &answer);
    }
    let env = whole_name(client, env).await?;
    client.output.print(&format!(
        "The token is refused from its next request on. {env}'s others: landfall token list {env}\n{}",
        unaware(&answer)?
    ))
}
