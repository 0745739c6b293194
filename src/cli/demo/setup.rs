//! The demo's own statements and questions to Landfall, by the same ways as anybody's: a configuration, and the admin
//! API.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::credentials::Credentials;
use super::error::DemoError;
use super::images::Release;
use crate::cli::client::{Client, ClientArgs};
use crate::cli::error::CliError;
use crate::cli::output::ago;
use crate::cli::serve;
use crate::clock;
use crate::config::{self, Config, ConfigError, Flags, Secret};
use crate::model::names::EnvironmentName;
use crate::model::oci::Digest;
use crate::model::time::Span;
use crate::wire::{self, Environment, NewToken, Phase, Running, RunningService};
use crate::wording;

/// Quiet time after which a rollout counts as settled: longer than a rollout pauses, short enough to watch.
const SETTLE: &str = "3s";
/// Longest wait before the demo says that something went wrong.
const SHOWN_WITHIN: Duration = Duration::from_secs(30);
/// Age of each commit of a release when that was made.
const WORK_BEFORE: [Span; 2] = [Span::from_mins(50), Span::from_mins(5 * 60)];
/// The question on the demo's first page.
pub(super) const QUESTION: &str = "Is the login fix live?";
/// Between two looks at what runs.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// The login that Landfall pulls with from the demo's registry.
pub(super) fn registry_credentials() -> Credentials {
    Credentials { username: "landfall".to_owned(), secret: "only-between-these-two".to_owned() }
}

/// `landfall serve` on free ports of the loopback interface, in front of `registry`.
pub(super) fn config(
    registry: SocketAddr,
    credentials: &Credentials,
    data: &Path,
) -> Result<Config, ConfigError> {
    let any_port = Some("127.0.0.1:0".to_owned());
    let mut config = Config::load(Flags {
        listen: any_port.clone(),
        admin_listen: any_port,
        upstream: Some(format!("http://{registry}")),
        data: Some(data.to_owned()),
        settle: Some(SETTLE.to_owned()),
        ..Flags::default()
    })?;
    config.example_question = Some(QUESTION.to_owned());
    for upstream in &mut config.upstreams {
        upstream.credentials = Some(config::CredentialsConfig::Fixed {
            username: credentials.username.clone(),
            password: Secret::new(credentials.secret.clone()),
        });
    }
    Ok(config)
}

/// The address and the token of the server, for every command.
pub(super) fn access(running: &serve::Running) -> Result<ClientArgs, CliError> {
    let address = running.admin_url();
    let admin = address.parse().map_err(|error: url::ParseError| {
        let reason = error.to_string();
        CliError::Protocol { address, reason }
    })?;
    Ok(ClientArgs::of(admin, Some(running.admin_token_file.clone())))
}

/// Makes an environment and a token for its cluster.
pub(super) async fn environment(
    admin: &Client,
    name: &str,
    color: &str,
) -> Result<(EnvironmentName, Credentials), CliError> {
    let body = json!({ "name": name, "color": color, "description": "made by the demo" });
    let made: Environment = admin.send(Method::POST, &["environments"], &[], Some(&body)).await?.parse()?;
    let name = made.name;
    let token = token(admin, &name, "cluster").await?;
    Ok((name, Credentials { username: token.username.to_string(), secret: token.secret }))
}

/// Makes a token of this kind, which is its name too.
async fn token(admin: &Client, environment: &EnvironmentName, kind: &str) -> Result<NewToken, CliError> {
    let body = json!({ "name": kind, "kind": kind });
    let path = ["environments", environment.as_str(), "tokens"];
    admin.send(Method::POST, &path, &[], Some(&body)).await?.parse()
}

/// The server as a witness of an environment reaches it: with a token that reports, and does nothing else.
pub(super) async fn hub(
    admin: &Client,
    running: &serve::Running,
    environment: &EnvironmentName,
) -> Result<Client, CliError> {
    let token = token(admin, environment, "agent").await?;
    let file = running.admin_token_file.with_file_name("agent.token");
    let failed = |source| DemoError::System { doing: "keep a token", source };
    std::fs::write(&file, token.secret).map_err(failed)?;
    Client::new(ClientArgs { admin_token_file: Some(file), ..access(running)? })
}

/// Registers a release that was published, as CI does: its image, and its notes.
pub(super) async fn register(admin: &Client, release: &Release, digest: Digest) -> Result<(), CliError> {
    let made = clock::now() - release.age;
    let body = json!({
        "repository": release.repository,
        "version": release.version,
        "digest": digest,
        "revision": release.revision,
        "created_at": made,
        "committed_at": WORK_BEFORE.map(|before| made - before),
        "notes": release.notes,
    });
    let told: wire::Release = admin.send(Method::POST, &["releases"], &[], Some(&body)).await?.parse()?;
    eprintln!("  {} {}, made {}: {}", told.repository, told.version, ago(clock::now(), made), told.summary);
    Ok(())
}

/// Looks at `GET …/running`.
pub(super) struct Watcher<'a>(pub(super) &'a Client);

impl Watcher<'_> {
    /// Waits until the service runs this version, and that has settled.
    pub(super) async fn until_settled(
        &self,
        environment: &'static str,
        repository: &'static str,
        version: &'static str,
    ) -> Result<(), CliError> {
        let has_settled = |service: &RunningService| {
            service.version.as_deref() == Some(version) && service.state == Phase::Settled
        };
        let service = self.until(environment, repository, version, has_settled).await?;
        let pods = wording::told(&service);
        let on = if pods.is_empty() { String::new() } else { format!(" on {pods}") };
        eprintln!("  {environment} has settled on {repository} {version}{on}");
        Ok(())
    }

    /// Waits until the service is seen on its way to this version.
    pub(super) async fn until_moving(
        &self,
        environment: &'static str,
        repository: &'static str,
        version: &'static str,
    ) -> Result<(), CliError> {
        let is_moving = |service: &RunningService| service.state != Phase::Settled;
        self.until(environment, repository, version, is_moving).await.map(drop)
    }

    async fn until(
        &self,
        environment: &'static str,
        repository: &'static str,
        version: &'static str,
        is_so: impl Fn(&RunningService) -> bool,
    ) -> Result<RunningService, CliError> {
        let end = Instant::now() + SHOWN_WITHIN;
        loop {
            let answer = self.0.get(&["environments", environment, "running"], &[]).await?;
            let Running { services, .. } = answer.parse()?;
            let mut services = services.into_iter();
            let found = services.find(|service| service.repository.as_str() == repository && is_so(service));
            if let Some(found) = found {
                return Ok(found);
            }
            if Instant::now() > end {
                let waited_s = SHOWN_WITHIN.as_secs();
                return Err(DemoError::NotShown { environment, repository, version, waited_s }.into());
            }
            sleep(LOOK_PAUSE).await;
        }
    }
}
