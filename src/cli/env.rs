//! `landfall env`: environments.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value};

use super::client::Client;
use super::error::CliError;
use super::output::{Style, Table, ago, dim, plain};
use super::revocation::{print_revocation, unaware};
use crate::clock::now;
use crate::model::names::EnvironmentName;
use crate::wire::Environment;

/// Makes, shows, changes and deletes environments
#[derive(Debug, Args)]
pub struct EnvArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an environment
    Create {
        /// Its name, e.g. production
        name: EnvironmentName,
        #[command(flatten)]
        about: About,
    },
    /// List the environments
    List,
    /// Show one environment
    Show {
        /// Its name
        name: EnvironmentName,
    },
    /// Change an environment's name, description or colour; tokens, history and old links go on
    #[command(group(clap::ArgGroup::new("change").args(["to", "description", "color"]).required(true).multiple(true)))]
    Update {
        /// Its name
        name: EnvironmentName,
        /// The name from now on
        #[arg(id = "to", long = "name", value_name = "NEW")]
        to: Option<EnvironmentName>,
        #[command(flatten)]
        about: About,
    },
    /// Delete an environment; without --confirm, say what that would do
    Delete {
        /// Its name
        name: EnvironmentName,
        /// Its name once more: all its tokens are refused from then on, and that cannot be undone
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
    },
}

#[derive(Debug, Args)]
struct About {
    /// Its description, for people
    #[arg(long)]
    description: Option<String>,
    /// Colour of its badge, e.g. '#16a34a'
    #[arg(long)]
    color: Option<String>,
}

impl About {
    fn into_fields(self) -> Map<String, Value> {
        let fields = [("description", self.description), ("color", self.color)];
        fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?.into()))).collect()
    }
}

impl EnvArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        match self.command {
            Command::Create { name, about } => create(client, &name, about).await,
            Command::List => list(client).await,
            Command::Show { name } => show(client, &name).await,
            Command::Update { name, to, about } => update(client, &name, to, about).await,
            Command::Delete { name, confirm } => delete(client, &name, confirm).await,
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn create(client: &Client, name: &EnvironmentName, about: About) -> Result<(), CliError> {
    let mut fields = about.into_fields();
    fields.insert("name".to_owned(), name.as_str().into());
    let answer = client.send(Method::POST, &["environments"], &[], Some(&fields.into())).await?;
    if client.output.json {
        return client.output.print(&answer.as_json());
    }
    client.output.print(&format!(
        "The environment {} is ready. Next, a token for what pulls in it:\n\n  landfall token create {name} --name cluster\n",
        client.output.paint(name.as_str(), Style::Bold)
    ))
}

async fn list(client: &Client) -> Result<(), CliError> {
    let answer = client.get(&["environments"], &[]).await?;
    if client.output.json {
        return client.output.print(&answer.as_json());
    }
    let environments: Vec<Environment> = answer.parse()?;
    if environments.is_empty() {
        return client
            .output
            .print("There is no environment yet. Make one:\n\n  landfall env create production\n");
    }
    let mut table = Table::with_headings(&["NAME", "TOKENS", "LATEST DEPLOYMENT", "", "DESCRIPTION"]);
    for environment in environments {
        let latest = environment.latest_deployment;
        table.row([
            (environment.name.to_string(), Style::Bold),
            plain(environment.tokens_active.to_string()),
            plain(latest.as_ref().map_or("none yet", |latest| &latest.summary)),
            dim(latest.map_or_else(String::new, |latest| ago(now(), latest.started_at))),
            plain(environment.description),
        ]);
    }
    client.output.print(&table.render(&client.output))
}

async fn show(client: &Client, name: &EnvironmentName) -> Result<(), CliError> {
    let answer = client.get(&["environments", name.as_str()], &[]).await?;
    if client.output.json {
        return client.output.print(&answer.as_json());
    }
    client.output.print(&about(client, answer.parse()?))
}

async fn update(
    client: &Client,
    name: &EnvironmentName,
    to: Option<EnvironmentName>,
    fields: About,
) -> Result<(), CliError> {
    let mut fields = fields.into_fields();
    fields.extend(to.map(|to| ("name".to_owned(), to.as_str().into())));
    let fields = fields.into();
    let answer = client.send(Method::PATCH, &["environments", name.as_str()], &[], Some(&fields)).await?;
    if client.output.json {
        return client.output.print(&answer.as_json());
    }
    client.output.print(&about(client, answer.parse()?))
}

async fn delete(client: &Client, name: &EnvironmentName, confirm: Option<String>) -> Result<(), CliError> {
    // Without the right word the server changes nothing and says what it would do.
    let confirm = confirm.unwrap_or_default();
    let sent =
        client.send(Method::DELETE, &["environments", name.as_str()], &[("confirm", &confirm)], None).await;
    let answer = sent.map_err(|error| match error {
        CliError::Refused { status: 409, detail } => {
            let (what, how) = detail.split_once(" To confirm").unwrap_or((&detail, ""));
            // The name of today, where `name` is a former one.
            let today = how.rsplit_once("confirm=").map_or(name.as_str(), |(_, today)| today);
            let detail = format!("{what}\n  to confirm: landfall env delete {today} --confirm {today}");
            CliError::Refused { status: 409, detail }
        }
        other => other,
    })?;
    if client.output.json {
        return print_revocation(client, &answer);
    }
    client.output.print(&format!(
        "The environment {confirm} is deleted; its tokens are refused from now on.\n{}",
        unaware(&answer)?
    ))
}

fn about(client: &Client, environment: Environment) -> String {
    let now = now();
    let latest = environment.latest_deployment.map_or_else(
        || "none yet".to_owned(),
        |latest| format!("{}, {}", latest.summary, ago(now, latest.started_at)),
    );
    let mut table = Table::default();
    table.row([dim("name"), (environment.name.to_string(), Style::Bold)]);
    table.row([dim("description"), plain(environment.description)]);
    table.row([dim("color"), plain(environment.color)]);
    table.row([dim("created"), plain(ago(now, environment.created_at))]);
    table.row([dim("active tokens"), plain(environment.tokens_active.to_string())]);
    table.row([dim("latest deployment"), plain(latest)]);
    table.render(&client.output)
}
