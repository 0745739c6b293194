//! The demo's story: two clusters start, and one gets a witness; a fix is tried, goes live by way of a canary, is rolled
//! back, which no pull shows, and comes again; a laptop looks, and a pull fails.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::agent::Agent;
use super::client::{Machine, PullError, Pulled, Runtime};
use super::commands::{Commands, VERIFY};
use super::credentials::Credentials;
use super::error::DemoError;
use super::images::{Image, RELEASES};
use super::registry::Registry;
use super::setup::{Watcher, register};
use crate::cli::error::CliError;
use crate::model::oci::Digest;

const PAYMENT: &str = "shop/payment-service";
const WEB: &str = "shop/web";
/// Between one node's pull and the next one's, as in a rolling update.
const NODE_GAP: Duration = Duration::from_secs(1);

/// Everybody who pulls, and the witness of production.
pub(super) struct Cast {
    staging: Cluster,
    production: Cluster,
    laptop: Puller,
}

/// Everything that the story needs besides the machines.
pub(super) struct Stage<'a> {
    pub(super) registry: &'a Registry,
    pub(super) commands: &'a Commands,
    pub(super) watcher: Watcher<'a>,
}

struct Cluster {
    environment: &'static str,
    nodes: Vec<Puller>,
    /// Sees what its pods run.
    witness: Option<Agent>,
}

/// A machine with a name and an address.
struct Puller {
    who: String,
    machine: Machine,
    /// The images that it has, by repository and tag.
    images: HashMap<Image, Digest>,
}

impl Cast {
    /// Two nodes for staging, three for production with its witness, and somebody's laptop with production's secret.
    pub(super) fn new(
        proxy: SocketAddr,
        staging: &Credentials,
        production: &Credentials,
        witness: Agent,
    ) -> Self {
        let puller = |who: &str, runtime, architecture, host, credentials: &Credentials| {
            let at = Ipv4Addr::new(127, 0, 0, host);
            let machine = Machine::new(runtime, architecture, bindable(at), proxy, credentials.clone());
            Puller { who: format!("{who} {at}"), machine, images: HashMap::new() }
        };
        let cluster = |environment, hosts: &[u8], credentials, witness| Cluster {
            environment,
            nodes: hosts
                .iter()
                .map(|&host| {
                    puller(&format!("{environment} node"), Runtime::Containerd, "amd64", host, credentials)
                })
                .collect(),
            witness,
        };
        Self {
            staging: cluster("staging", &[11, 12], staging, None),
            production: cluster("production", &[21, 22, 23], production, Some(witness)),
            laptop: puller("laptop", Runtime::Docker, "arm64", 99, production),
        }
    }

    /// Plays the story.
    pub(super) async fn play(&mut self, stage: &Stage<'_>) -> Result<(), CliError> {
        say("Two teams have released before: CI registers each image with its release notes.");
        stage.publish(&[(PAYMENT, "v2.3.0"), (WEB, "v1.4.2")]).await?;

        say("Both environments start.");
        let images = [(PAYMENT, "v2.3.0"), (WEB, "v1.4.2")];
        tokio::try_join!(
            self.staging.roll_out(&images, &stage.watcher),
            self.production.roll_out(&images, &stage.watcher)
        )?;

        say(
            "Production gets a witness, which sees what the pods run: its answers are confirmed from now on.",
        );
        self.production.begin_witness().await?;

        say("Both teams release, payment-service with a fix of the login. It is tried in staging.");
        stage.publish(&[(PAYMENT, "v2.3.1"), (WEB, "v1.5.0")]).await?;
        self.staging.roll_out(&[(PAYMENT, "v2.3.1")], &stage.watcher).await?;

        say("One node of production gets it first, as a canary.");
        self.production.start(0, (PAYMENT, "v2.3.1")).await?;
        stage.watcher.until_moving(self.production.environment, PAYMENT, "v2.3.1").await?;
        stage.ask(VERIFY).await?;

        say("It ships to the rest of production, together with a new web.");
        self.production.roll_out(&[(PAYMENT, "v2.3.1"), (WEB, "v1.5.0")], &stage.watcher).await?;
        stage.ask(VERIFY).await?;

        say("Somebody pulls with Docker on a laptop, with production's secret.");
        self.laptop.pull(WEB, "v1.4.2").await?;

        say(
            "Refunds are sent twice: payment-service is rolled back. Its nodes still have the image and ask for nothing: no pull shows it, and the witness does.",
        );
        self.production.roll_out(&[(PAYMENT, "v2.3.0")], &stage.watcher).await?;
        stage.ask(VERIFY).await?;

        say("Staging is told to run a web that nobody has pushed yet.");
        self.staging.nodes[0].fail(WEB, "v1.6.0").await?;

        say("The refunds are mended on top of the login fix, which comes back with that.");
        stage.publish(&[(PAYMENT, "v2.3.2")]).await?;
        self.production.roll_out(&[(PAYMENT, "v2.3.2")], &stage.watcher).await
    }

    /// Goes on as it is: the witness has to be heard of. Does not end.
    pub(super) async fn stay(&mut self) -> Infallible {
        match &mut self.production.witness {
            Some(witness) => witness.stay().await,
            None => std::future::pending().await,
        }
    }
}

impl Cluster {
    /// Node after node comes to run these, as in a rolling update; then they settle.
    async fn roll_out(&mut self, images: &[Image], watcher: &Watcher<'_>) -> Result<(), CliError> {
        for node in 0..self.nodes.len() {
            for image in images {
                self.start(node, *image).await?;
            }
            tokio::time::sleep(NODE_GAP).await;
        }
        for (repository, version) in images {
            watcher.until_settled(self.environment, repository, version).await?;
        }
        Ok(())
    }

    /// A node's pods come to run an image, which it pulls where it does not have it (`IfNotPresent`).
    async fn start(&mut self, node: usize, image: Image) -> Result<(), CliError> {
        let node = &mut self.nodes[node];
        let digest = node.need(image).await?;
        let Some(witness) = &mut self.witness else { return Ok(()) };
        witness.see(&node.who, image, digest);
        witness.report().await
    }

    async fn begin_witness(&mut self) -> Result<(), CliError> {
        match &mut self.witness {
            Some(witness) => witness.begin().await,
            None => Ok(()),
        }
    }
}

impl Stage<'_> {
    /// CI registers what it has pushed.
    async fn publish(&self, images: &[Image]) -> Result<(), CliError> {
        for &(repository, version) in images {
            let release = RELEASES.iter().find(|it| (it.repository, it.version) == (repository, version));
            let found = release.zip(self.registry.digest(repository, version));
            let (release, digest) = found.ok_or(DemoError::NoImage { repository, version })?;
            register(self.watcher.0, release, digest).await?;
        }
        Ok(())
    }

    /// Asks by a command, in the middle of what happens.
    async fn ask(&self, words: &[&str]) -> Result<(), CliError> {
        self.commands.run(words).await
    }
}

impl Puller {
    /// Pulls what is not there, as the kubelet does again and again.
    async fn fail(&mut self, repository: &'static str, tag: &'static str) -> Result<(), CliError> {
        match self.machine.pull(repository, tag).await {
            Err(PullError::Status { found, .. }) => {
                eprintln!("  {} pulls {repository}:{tag}  {found}", self.who);
                Ok(())
            }
            Err(error) => Err(DemoError::Pull(error).into()),
            Ok(_) => Err(DemoError::Pulled { repository, tag }.into()),
        }
    }

    /// Pulls an image, unless it has it.
    async fn need(&mut self, image: Image) -> Result<Digest, CliError> {
        let (repository, tag) = image;
        if let Some(digest) = self.images.get(&image) {
            eprintln!("  {} has {repository}:{tag}  {}  asks for nothing", self.who, digest.short());
            return Ok(*digest);
        }
        let digest = self.pull(repository, tag).await?;
        self.images.insert(image, digest);
        Ok(digest)
    }

    async fn pull(&mut self, repository: &str, tag: &str) -> Result<Digest, CliError> {
        let Pulled { digest, bytes } = self.machine.pull(repository, tag).await.map_err(DemoError::Pull)?;
        let fetched = match bytes {
            0 => "has it already".to_owned(),
            bytes => format!("{} KiB", bytes.div_ceil(1024)),
        };
        eprintln!("  {} pulls {repository}:{tag}  {}  {fetched}", self.who, digest.short());
        Ok(digest)
    }
}

/// Linux gives a process the whole of 127.0.0.0/8; other systems one address, which all machines then share.
fn bindable(address: Ipv4Addr) -> Option<IpAddr> {
    std::net::TcpListener::bind((address, 0)).is_ok().then_some(address.into())
}

/// Tells what happens, on stderr; the answers go to stdout.
pub(super) fn say(line: &str) {
    eprintln!("\n{line}");
}
