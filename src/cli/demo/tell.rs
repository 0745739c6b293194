//! What the demo shows at its end: the answers of the real commands, and what to try next.

use super::client::Credentials;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::output::Style;
use crate::cli::serve::Running;
use crate::cli::status::StatusArgs;
use crate::cli::timeline::TimelineArgs;
use crate::model::event::EnvironmentName;

/// As `landfall timeline` and `landfall status` print it.
pub(super) async fn print_answers(client: &Client, environment: &EnvironmentName) -> Result<(), CliError> {
    print_command(client, &format!("landfall timeline {environment}"))?;
    TimelineArgs::of(environment.clone()).run(client).await?;
    print_command(client, "landfall status")?;
    StatusArgs::default().run(client).await?;
    Ok(())
}

fn print_command(client: &Client, command: &str) -> Result<(), CliError> {
    let prompt = client.output.paint(&format!("$ {command}"), Style::Bold);
    client.output.print(&format!("\n{prompt}\n"))
}

/// Where everything is, and what can be done with it.
pub(super) fn print_next_steps(
    client: &Client,
    running: &Running,
    production: &Credentials,
) -> Result<(), CliError> {
    let (proxy, admin) = (running.proxy, running.admin_url());
    // Without it the commands below still say what is missing.
    let token = std::fs::read_to_string(&running.admin_token_file).unwrap_or_default();
    let token = token.trim();
    let program = std::env::args().next().unwrap_or_else(|| "landfall".to_owned());
    let Credentials { username, secret } = production;
    client.output.print(&format!(
        "
Landfall runs on until Ctrl-C, which removes everything. To try, in another terminal:

  export LANDFALL_ADMIN={admin} LANDFALL_ADMIN_TOKEN={token}
  {program} timeline production --evidence
  {program} status
  {program} token create staging --name ci
  curl -H \"Authorization: Bearer $LANDFALL_ADMIN_TOKEN\" $LANDFALL_ADMIN/api/v1/environments/production/local

and a pull of your own, with Docker on this machine:

  printf %s {secret} | docker login {proxy} --username {username} --password-stdin
  docker pull {proxy}/shop/payment-service:v2.3.1
"
    ))
}
