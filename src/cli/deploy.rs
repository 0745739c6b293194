//! `landfall deploy`: what puts a release into an environment, putting it there, and what became of it.

use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use clap::Args;
use http::Method;
use serde_json::json;

use super::answers::{listed, sentence};
use super::client::Client;
use super::confirm::{agreed, can_ask};
use super::error::{CliError, CommandError};
use super::output::{Style, dim, word};
use super::terminal::clean;
use crate::model::deploy::{BadWorkload, Workload};
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Span;
use crate::wire::{Deploy, DeployKind, DeployState};
use crate::wording::{deploy_seen, stuck};

/// Pause between two looks at a deploy that is followed.
const LOOK_PAUSE: Duration = Duration::from_secs(2);

/// Said of the two ways: one wants a release and an environment, the other a plan.
const USAGE: &str = "landfall deploy [OPTIONS] <TEXT>... --env <ENV>\n       landfall deploy [OPTIONS] --version <VERSION> --env <ENV>\n       landfall deploy --follow <ID>";

/// Plans what puts a release into an environment, and with `--apply` tells its cluster; `--follow ID` tells what became
/// of a plan
#[derive(Debug, Args)]
#[command(override_usage = USAGE)]
pub struct DeployArgs {
    /// The change, in words (`login fix`), or the release's version (`payment v2.3.1`)
    #[arg(value_name = "TEXT", required_unless_present_any = ["version", "follow"])]
    text: Vec<String>,
    /// The environment
    #[arg(long, value_name = "ENV", required_unless_present = "follow")]
    env: Option<EnvironmentName>,
    /// The repository
    #[arg(long, value_name = "REPOSITORY")]
    repository: Option<Repository>,
    /// The version
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// The namespace
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// The workload, as KIND/NAME:CONTAINER, e.g. deployment/web:app
    #[arg(long, value_name = "WORKLOAD", value_parser = workload)]
    workload: Option<String>,
    /// Let Landfall tell the cluster, where it has access to one; it asks first
    #[arg(long)]
    apply: bool,
    /// Apply without asking
    #[arg(long, requires = "apply")]
    yes: bool,
    /// Take over fields of the workloads that another tool manages
    #[arg(long, requires = "apply")]
    take_over: bool,
    /// Follow this plan until its rollout has settled, counts as not seen, another image was seen after it, or `--timeout`
    #[arg(long, value_name = "ID", conflicts_with_all = ["text", "env", "apply"])]
    follow: Option<String>,
    /// Stop following after so long, e.g. 30m, 2h
    #[arg(long, value_name = "LENGTH", default_value = "1h", requires = "follow")]
    timeout: Wait,
}

/// The pause, as it was written.
#[derive(Clone, Debug)]
struct Wait {
    text: String,
    length: Duration,
}

impl FromStr for Wait {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, &'static str> {
        let ms = text.parse().ok().and_then(|length: Span| u64::try_from(length.ms()).ok());
        let length = ms.map(Duration::from_millis).ok_or("write it as 30m, 2h, 1d")?;
        Ok(Self { text: text.to_owned(), length })
    }
}

/// Checked here for the sake of the message, and sent as it was written.
fn workload(text: &str) -> Result<String, BadWorkload> {
    text.parse::<Workload>().map(|_| text.to_owned())
}

impl DeployArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        if let Some(id) = &self.follow {
            return follow(client, id, &self.timeout).await;
        }
        let query = Some(self.text.join(" ")).filter(|text| !text.is_empty());
        let body = json!({
            "environment": self.env,
            "query": query,
            "repository": self.repository,
            "version": self.version,
            "namespace": self.namespace,
            "workload": self.workload,
        });
        if self.apply && !self.yes && (client.output.json || !can_ask()) {
            return Err(CliError::Unconfirmed { done: "planned or applied", what: "apply it" });
        }
        let answer = client.send(Method::POST, &["deploy"], &[], Some(&body)).await?;
        let deploy: Deploy = answer.parse()?;
        if !client.output.json {
            client.output.print(&describe(client, &deploy, self.apply))?;
        }
        // A cluster may have been told something else that no pull showed yet.
        if self.apply {
            return self.carry_out(client, &deploy).await;
        }
        if client.output.json {
            client.output.print(&answer.as_json())?;
        } else if !is_there(&deploy) {
            client.output.print(&how_to_follow(client, &deploy))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Has the server carry out the plan that was just shown, and no other.
    async fn carry_out(&self, client: &Client, deploy: &Deploy) -> Result<ExitCode, CliError> {
        if !self.yes && !agreed(format!("Apply this to the cluster of {}?", deploy.environment)).await? {
            client.output.print("Nothing was applied.\n")?;
            return Ok(ExitCode::FAILURE);
        }
        let body = json!({
            "environment": deploy.environment,
            "plan": deploy.id,
            "apply": true,
            "take_over": self.take_over,
        });
        let answer = client.send(Method::POST, &["deploy"], &[], Some(&body)).await?;
        if client.output.json {
            client.output.print(&answer.as_json())?;
            return Ok(ExitCode::SUCCESS);
        }
        let deploy: Deploy = answer.parse()?;
        let text = format!("{}{}", progress(client, &deploy), how_to_follow(client, &deploy));
        client.output.print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Tells how far a plan is until that is decided, or for as long as somebody wants to wait.
async fn follow(client: &Client, id: &str, timeout: &Wait) -> Result<ExitCode, CliError> {
    let start = Instant::now();
    let mut last: Option<Deploy> = None;
    loop {
        let answer = client.get(&["deploys", id], &[]).await?;
        let deploy: Deploy = answer.parse()?;
        let (is_over, is_late) = (is_decided(&deploy), start.elapsed() >= timeout.length);
        if client.output.json {
            if is_over || is_late {
                client.output.print(&answer.as_json())?;
            }
        } else if is_over || last.as_ref().is_none_or(|last| is_news(last, &deploy)) {
            client.output.print(&progress(client, &deploy))?;
            last = Some(deploy.clone());
        }
        if is_over {
            return Ok(if deploy.state == DeployState::Settled {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        if is_late {
            let (id, environment) = (deploy.id, deploy.environment);
            return Err(Undecided { id, environment, timeout: timeout.clone() }.into());
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// Another state, or containers that got into trouble or out of it.
fn is_news(last: &Deploy, deploy: &Deploy) -> bool {
    (&last.state, &last.stuck) != (&deploy.state, &deploy.stuck)
}

/// Nothing that comes would change the answer: it runs, with nothing to do or settled; no pull of it came; or another image did.
fn is_decided(deploy: &Deploy) -> bool {
    is_there(deploy)
        || matches!(deploy.state, DeployState::Settled | DeployState::NotSeen)
        || deploy.seen_after.is_some()
}

/// The planned image runs already, as last seen.
fn is_there(deploy: &Deploy) -> bool {
    let is_begun = deploy.applied_at.is_some() || deploy.interrupted.is_some();
    deploy.kind == DeployKind::Unchanged && deploy.last_seen_at.is_some() && !is_begun
}

/// A deploy that was followed for as long as somebody wanted to wait.
#[derive(Debug, thiserror::Error)]
#[error(
    "nothing was decided within {0}\n  to go on: landfall deploy --follow {1}; the pulls so far: landfall timeline {environment} --evidence",
    .timeout.text,
    clean(.id)
)]
struct Undecided {
    id: String,
    environment: EnvironmentName,
    timeout: Wait,
}

impl CommandError for Undecided {
    fn exit_code(&self) -> u8 {
        1
    }
}

/// The progress in a line, with the reason where it came to nothing.
fn progress(client: &Client, deploy: &Deploy) -> String {
    let (state, style) = word(deploy.state.as_str());
    let deployment = deploy.deployment_id.as_deref().map(dim).unwrap_or_default();
    let mut text = format!(
        "{}  {} {} in {}  {}\n",
        client.output.paint(&state, style),
        client.output.paint(deploy.release.repository.as_str(), Style::Plain),
        client.output.paint(&deploy.release.version, Style::Bold),
        client.output.paint(deploy.environment.as_str(), Style::Plain),
        client.output.paint(&deployment.0, deployment.1),
    );
    if let Some(stop) = &deploy.interrupted {
        let done = if stop.applied.is_empty() { "nothing".to_owned() } else { stop.applied.join(", ") };
        let stopped =
            format!("applied: {done}; not applied: {}, for {}", stop.not_applied.join(", "), stop.why);
        text.push_str(&format!(
            "{} {}\n",
            paint_warning(client),
            client.output.paint(&stopped, Style::Plain)
        ));
    }
    if is_there(deploy) {
        text.push_str(&format!("{}\n", client.output.paint(&deploy.text, Style::Plain)));
    }
    text.push_str(&sentence(&deploy_seen(deploy)));
    for workload in &deploy.stuck {
        let stuck = stuck(workload, str::to_owned);
        text.push_str(&format!("{} {}\n", paint_warning(client), client.output.paint(&stuck, Style::Plain)));
    }
    for cause in &deploy.causes {
        text.push_str(&format!("  likely: {}\n", client.output.paint(cause, Style::Plain)));
    }
    text
}

/// The plan; of one that moves nothing no more than that, unless it is to be applied all the same.
fn describe(client: &Client, deploy: &Deploy, is_applied: bool) -> String {
    let paint = |text: &str, style| client.output.paint(text, style);
    let (kind, style) = word(deploy.kind.as_str());
    let from = deploy.from.as_ref().map(|from| format!("{} → ", from.label())).unwrap_or_default();
    let mut text = format!(
        "{}  {}  {}{}\n{}\n",
        paint(&kind, style),
        paint(deploy.release.repository.as_str(), Style::Plain),
        paint(&from, Style::Plain),
        paint(&deploy.release.version, Style::Bold),
        paint(&deploy.text, Style::Plain),
    );
    if is_there(deploy) && !is_applied {
        return text + &sentence(&deploy_seen(deploy));
    }
    for warning in &deploy.warnings {
        text.push_str(&format!("{} {}\n", paint_warning(client), paint(&warning.text, Style::Plain)));
    }
    for (what, balance) in [("What comes:", &deploy.gained), ("What is lost:", &deploy.lost)] {
        if !balance.releases.is_empty() {
            text.push_str(&format!("\n{}\n{}", paint(what, Style::Bold), listed(client, &balance.releases)));
        }
    }
    if let Some(namespace) = deploy.namespace.as_ref().filter(|_| !deploy.workloads.is_empty()) {
        let names: Vec<String> =
            deploy.workloads.iter().map(|target| format!("{}/{}", target.kind, target.name)).collect();
        let goes = format!("It goes to {} in the namespace {namespace}.", names.join(", "));
        text.push_str(&format!("\n{}\n", paint(&goes, Style::Plain)));
    }
    text.push_str(&format!("\n{}\n\n", paint(&format!("To bring {} there:", deploy.image), Style::Bold)));
    for command in &deploy.commands {
        text.push_str(&format!("  {}\n", paint(command, Style::Plain)));
    }
    text.push('\n');
    text
}

fn how_to_follow(client: &Client, deploy: &Deploy) -> String {
    let id = client.output.paint(&deploy.id, Style::Plain);
    format!("Follow it until its pulls arrive:\n\n  landfall deploy --follow {id}\n")
}

fn paint_warning(client: &Client) -> String {
    client.output.paint("!", Style::Yellow)
}
