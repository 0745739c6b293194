//! The end of the demo: the answers of the real commands, and the next things to try.

use super::commands::{Commands, QUESTIONS};
use super::credentials::Credentials;
use super::setup::QUESTION;
use super::story::say;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::output::{Table, dim, plain};
use crate::cli::serve::Running;
use crate::model::names::EnvironmentName;
use crate::wire::LocalPull;

/// Commands that show what became of production, and what runs everywhere.
pub(super) const ANSWERS: &[&[&str]] = &[&["timeline", "production"], &["status"]];

/// The answers of the commands, what a person pulled, and the questions that one has in the end.
pub(super) async fn print_answers(
    commands: &Commands,
    client: &Client,
    environment: &EnvironmentName,
) -> Result<(), CliError> {
    for words in ANSWERS {
        commands.run(words).await?;
    }
    print_local(client, environment).await?;
    say("The questions.");
    for words in QUESTIONS {
        commands.run(words).await?;
    }
    Ok(())
}

/// Prints the pulls that no node made: they change nothing above, and the text says why.
async fn print_local(client: &Client, environment: &EnvironmentName) -> Result<(), CliError> {
    let path = ["environments", environment.as_str(), "local"];
    let pulls: Vec<LocalPull> = client.get(&path, &[]).await?.parse()?;
    let mut table = Table::indented(2);
    for pull in pulls {
        let version = pull.version.unwrap_or_default();
        table.row([
            plain(pull.repository.to_string()),
            plain(version),
            dim(pull.digest.short()),
            plain(&*pull.client),
            dim(&*pull.reason),
        ]);
    }
    let pulls = table.render(&client.output);
    client.output.print(&format!(
        "\nPulled locally with a token of {environment}, which changes nothing above:\n{pulls}"
    ))
}

/// Prints all addresses, and the things to do with them.
pub(super) fn print_next_steps(
    client: &Client,
    running: &Running,
    production: &Credentials,
) -> Result<(), CliError> {
    let (proxy, admin) = (running.proxy, running.admin_url());
    // The commands below say so themselves where the token cannot be read.
    let token = std::fs::read_to_string(&running.admin_token_file).unwrap_or_default();
    let token = token.trim();
    let program = std::env::args().next().unwrap_or_else(|| "landfall".to_owned());
    let Credentials { username, secret } = production;
    let question: String = url::form_urlencoded::byte_serialize(QUESTION.as_bytes()).collect();
    client.output.print(&format!(
        "
Landfall runs on until Ctrl-C, which removes everything.

  dashboard    {admin}/
  admin token  {token}
  a question   {admin}/ask?q={question}

To try, in another terminal:

  export LANDFALL_ADMIN={admin} LANDFALL_ADMIN_TOKEN={token}
  {program} ask '{QUESTION}'
  {program} timeline production --evidence
  {program} token create staging --name ci

and a pull of your own, with Docker on this machine:

  printf %s {secret} | docker login {proxy} --username {username} --password-stdin
  docker pull {proxy}/shop/payment-service:v2.3.2
"
    ))
}
