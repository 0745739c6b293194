//! What happens in the demo: two clusters start, one release is tried and shipped, a laptop looks, a release is taken
//! back.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::client::{Machine, Pulled, Runtime};
use super::credentials::Credentials;
use super::error::DemoError;
use super::setup::Watcher;
use crate::cli::error::CliError;

const PAYMENT: &str = "shop/payment-service";
const WEB: &str = "shop/web";
/// Between one node's pull and the next one's, as in a rolling update.
const NODE_GAP: Duration = Duration::from_millis(700);

/// Everybody who pulls.
pub(super) struct Cast {
    staging: Cluster,
    production: Cluster,
    laptop: Puller,
}

struct Cluster {
    environment: &'static str,
    nodes: Vec<Puller>,
}

/// A machine with a name and an address.
struct Puller {
    who: String,
    machine: Machine,
}

impl Cast {
    /// Two nodes for staging, three for production, and somebody's laptop with production's secret.
    pub(super) fn new(proxy: SocketAddr, staging: &Credentials, production: &Credentials) -> Self {
        let puller = |who: &str, runtime, architecture, host, credentials: &Credentials| {
            let at = Ipv4Addr::new(127, 0, 0, host);
            let machine = Machine::new(runtime, architecture, bindable(at), proxy, credentials.clone());
            Puller { who: format!("{who} {at}"), machine }
        };
        let cluster = |environment, hosts: &[u8], credentials| Cluster {
            environment,
            nodes: hosts
                .iter()
                .map(|&host| {
                    puller(&format!("{environment} node"), Runtime::Containerd, "amd64", host, credentials)
                })
                .collect(),
        };
        Self {
            staging: cluster("staging", &[11, 12], staging),
            production: cluster("production", &[21, 22, 23], production),
            laptop: puller("laptop", Runtime::Docker, "arm64", 99, production),
        }
    }

    /// Plays the story.
    pub(super) async fn play(&mut self, watcher: &Watcher<'_>) -> Result<(), CliError> {
        say("Both environments start.");
        self.staging.roll_out(&[(PAYMENT, "v2.3.0"), (WEB, "v1.4.2")], watcher).await?;
        self.production.roll_out(&[(PAYMENT, "v2.3.0"), (WEB, "v1.4.2")], watcher).await?;

        say("A new payment-service is tried in staging.");
        self.staging.roll_out(&[(PAYMENT, "v2.3.1")], watcher).await?;

        say("It ships to production, together with a new web.");
        self.production.roll_out(&[(PAYMENT, "v2.3.1"), (WEB, "v1.5.0")], watcher).await?;

        say("Somebody pulls with Docker on a laptop, with production's secret.");
        self.laptop.pull(WEB, "v1.4.2").await?;

        say(
            "payment-service is rolled back. Its nodes still have the image: each sends one HEAD and fetches nothing.",
        );
        self.production.roll_out(&[(PAYMENT, "v2.3.0")], watcher).await
    }
}

impl Cluster {
    /// Node after node pulls these, as a rolling update does; then they settle.
    async fn roll_out(
        &mut self,
        images: &[(&'static str, &'static str)],
        watcher: &Watcher<'_>,
    ) -> Result<(), CliError> {
        for node in &mut self.nodes {
            for (repository, tag) in images {
                node.pull(repository, tag).await?;
            }
            tokio::time::sleep(NODE_GAP).await;
        }
        for (repository, version) in images {
            watcher.until_settled(self.environment, repository, version).await?;
        }
        Ok(())
    }
}

impl Puller {
    async fn pull(&mut self, repository: &str, tag: &str) -> Result<(), CliError> {
        let Pulled { digest, bytes } = self.machine.pull(repository, tag).await.map_err(DemoError::Pull)?;
        let fetched = match bytes {
            0 => "has it already".to_owned(),
            bytes => format!("{} KiB", bytes.div_ceil(1024)),
        };
        eprintln!("  {} pulls {repository}:{tag}  {}  {fetched}", self.who, digest.short());
        Ok(())
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
