//! `landfall agent`: a witness in a cluster, or on a host. It tells the hub what runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use url::Url;

use super::client::{Client, ClientArgs};
use super::error::{CliError, CommandError};
use super::options::Options;
use super::serve::init_tracing;
use crate::config::{ClusterAccess, ClusterLogin};
use crate::host::Socket;
use crate::model::names::EnvironmentName;
use crate::model::tally::Batch;
use crate::wire::Problem;
use crate::witness::{self, Hub, NotTaken};

/// Tell the hub what runs in a cluster, or on a host with Docker
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// Address of the hub's admin server
    #[arg(long, value_name = "URL", env = "LANDFALL_HUB", value_parser = super::reach::admin_url)]
    hub: Url,
    /// File with a token of kind `agent` (landfall token create ENV --name NAME --kind agent)
    #[arg(long, value_name = "FILE", env = "LANDFALL_TOKEN_FILE")]
    token_file: PathBuf,
    /// Name of this witness, its own among those of its environment; by default the host's, or in a cluster the environment's
    #[arg(long, value_name = "NAME", env = "LANDFALL_WITNESS")]
    name: Option<String>,
    /// The environment that the token reports for; by default that of the namespaces
    #[arg(long, value_name = "ENV", env = "LANDFALL_ENVIRONMENT")]
    environment: Option<EnvironmentName>,
    /// Kubeconfig of the cluster; without it, the service account of this pod
    #[arg(long, value_name = "FILE", conflicts_with = "docker")]
    kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig; by default its current one
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    context: Option<String>,
    /// Namespace to watch, with its environment; repeatable. Without any, those with the label landfall.dev/environment
    #[arg(long = "namespace", value_name = "NS[=ENV]", conflicts_with = "docker")]
    namespaces: Vec<Place>,
    /// Socket of a host's Docker or podman, whose containers are watched: unix:///var/run/docker.sock
    #[arg(long, value_name = "SOCKET")]
    docker: Option<Socket>,
    /// Certificates (PEM) to trust besides the system's: of the hub's CA, or its own
    #[arg(long, value_name = "FILE", env = "LANDFALL_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// Send the token over plain HTTP, where everybody on the way can read it
    #[arg(long, env = "LANDFALL_PLAIN_HTTP", value_parser = clap::builder::FalseyValueParser::new())]
    plain_http: bool,
}

/// A namespace, and the environment that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    namespace: Arc<str>,
    environment: Option<EnvironmentName>,
}

/// Reasons why there is no witness.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Nobody said what to watch.
    #[error(
        "name what to watch: namespaces with --namespace NS=ENV, or with --environment ENV those that have the label \
         landfall.dev/environment=ENV, or a host with --environment ENV --docker SOCKET"
    )]
    Nothing,
    /// The environment is not known.
    #[error("--namespace {0}: name its environment, as in --namespace {0}=production")]
    Unnamed(Arc<str>),
    /// One token is for one environment.
    #[error("--namespace: a token reports for one environment; run one agent for each of {0}")]
    Several(String),
    /// A signal cannot be waited for.
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
}

impl CommandError for AgentError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Nothing | Self::Unnamed(_) | Self::Several(_) => 2,
            Self::System(_) => 71, // EX_OSERR
        }
    }
}

impl std::str::FromStr for Place {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (namespace, environment) = match text.split_once('=') {
            Some((namespace, environment)) => (namespace, Some(environment)),
            None => (text, None),
        };
        if !crate::model::deploy::is_namespace(namespace) {
            return Err(format!("`{namespace}` is not a namespace's name; write shop or shop=production"));
        }
        let environment = environment.map(str::parse).transpose();
        let environment =
            environment.map_err(|error: crate::model::names::BadEnvironmentName| error.to_string())?;
        Ok(Self { namespace: namespace.into(), environment })
    }
}

impl AgentArgs {
    /// Runs until SIGTERM or SIGINT.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        init_tracing();
        let mut terminated = signal(SignalKind::terminate()).map_err(AgentError::from)?;
        let mut interrupted = signal(SignalKind::interrupt()).map_err(AgentError::from)?;
        let (environment, namespaces) = self.places()?;
        let hub = Arc::new(Remote::new(&self, environment.clone())?);
        let mut witnesses = JoinSet::new();
        if let Some(socket) = &self.docker {
            tracing::info!(hub = %self.hub, %environment, %socket, "watching");
            witnesses.spawn(witness::of_host(socket.clone(), hub));
        } else if namespaces.is_empty() {
            tracing::info!(hub = %self.hub, %environment, "watching the namespaces with the label landfall.dev/environment");
            witnesses.spawn(witness::of_labelled(self.access(), environment, hub));
        } else {
            tracing::info!(hub = %self.hub, %environment, namespaces = namespaces.join(","), "watching");
            witnesses.spawn(witness::of_cluster(self.access(), namespaces, hub));
        }
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
            _ = witnesses.join_next() => {}
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The environment, and the namespaces that belong to it.
    fn places(&self) -> Result<(EnvironmentName, Vec<Arc<str>>), AgentError> {
        let mut places = BTreeMap::<EnvironmentName, Vec<Arc<str>>>::new();
        for Place { namespace, environment } in &self.namespaces {
            let environment = environment.clone().or_else(|| self.environment.clone());
            let environment = environment.ok_or_else(|| AgentError::Unnamed(namespace.clone()))?;
            places.entry(environment).or_default().push(namespace.clone());
        }
        let names: Vec<_> = places.keys().map(ToString::to_string).collect();
        match places.pop_first() {
            Some(place) if places.is_empty() => Ok(place),
            Some(_) => Err(AgentError::Several(names.join(", "))),
            None => Ok((self.environment.clone().ok_or(AgentError::Nothing)?, Vec::new())),
        }
    }

    /// The name of the witness. Where none is given it has to stay the same through restarts: hosts have names, pods have not.
    fn witness(&self, environment: &EnvironmentName) -> String {
        let of_host = || {
            let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            Some(name.trim().to_owned()).filter(|name| self.docker.is_some() && !name.is_empty())
        };
        self.name.clone().or_else(of_host).unwrap_or_else(|| environment.to_string())
    }

    fn access(&self) -> ClusterAccess {
        let login = match &self.kubeconfig {
            Some(file) => ClusterLogin::Kubeconfig { file: file.clone(), context: self.context.clone() },
            None => ClusterLogin::InCluster,
        };
        ClusterAccess { login, namespace: None }
    }
}

/// A hub behind its admin server.
struct Remote {
    args: ClientArgs,
    /// Made anew where the token was refused: its file may hold another one by then.
    client: Mutex<Arc<Client>>,
    environment: EnvironmentName,
    witness: String,
}

impl Remote {
    fn new(agent: &AgentArgs, environment: EnvironmentName) -> Result<Self, CliError> {
        let args = ClientArgs {
            ca_file: agent.ca_file.clone(),
            plain_http: agent.plain_http,
            options: Options::AGENT,
            ..ClientArgs::of(agent.hub.clone(), Some(agent.token_file.clone()))
        };
        let client = Mutex::new(Arc::new(Client::new(args.clone())?));
        let witness = agent.witness(&environment);
        Ok(Self { args, client, environment, witness })
    }

    async fn send(&self, batch: Batch) -> Result<u64, NotTaken> {
        #[derive(Deserialize)]
        struct Taken {
            accepted_until: u64,
        }
        let Batch { sequence, statements } = batch;
        let body = json!({"witness": self.witness, "sequence": sequence, "sightings": statements});
        let target = format!("environments/{}/sightings", self.environment);
        let client = self.client.lock().clone();
        let answer = client.exchange(Method::POST, &target, Some(&body)).await;
        let (status, body) = answer.map_err(|error| NotTaken::Yet(error.to_string()))?;
        if status.is_success() {
            let taken: Result<Taken, _> = serde_json::from_slice(&body);
            return taken.map(|taken| taken.accepted_until).map_err(|error| NotTaken::Yet(error.to_string()));
        }
        let detail =
            serde_json::from_slice::<Problem>(&body).map(|problem| problem.detail).unwrap_or_default();
        let why = format!("{status}: {detail}");
        match status {
            StatusCode::UNAUTHORIZED => {
                if let Ok(client) = Client::new(self.args.clone()) {
                    *self.client.lock() = Arc::new(client);
                }
                let file = self.args.admin_token_file.as_deref().unwrap_or(Path::new("")).display();
                Err(NotTaken::Yet(format!(
                    "the hub refused the token of {file}; `landfall token create {} --name NAME --kind agent` makes one",
                    self.environment
                )))
            }
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                Err(NotTaken::Ever(why))
            }
            _ => Err(NotTaken::Yet(why)),
        }
    }
}

impl Hub for Remote {
    fn report(&self, batch: Batch) -> Pin<Box<dyn Future<Output = Result<u64, NotTaken>> + Send + '_>> {
        Box::pin(self.send(batch))
    }
}
