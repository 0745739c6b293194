//! `landfall demo`: everything in one process on loopback, with nothing to install.
//!
//! The proxy, the log, the fold, the admin API and every request over HTTP are real. The images are made up, and so are
//! the machines that pull and run them.
#![doc = include_str!("README.md")]

mod agent;
mod client;
mod commands;
mod credentials;
mod error;
mod images;
mod registry;
mod setup;
mod story;
mod tell;

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::client::Client;
use super::error::CliError;
use super::serve::{self, Running, ServeError};
use agent::Agent;
use commands::{Commands, QUESTIONS};
pub use commands::{Running as Command, Start};
use error::DemoError;
use registry::Registry;
use setup::Watcher;
use story::{Cast, Stage, say};

/// See it work: a registry, two clusters and a laptop in one process, with nothing to install
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Print the timeline and exit instead of running on
    #[arg(long)]
    once: bool,
}

/// The commands that the demo ends with.
pub fn shown() -> impl Iterator<Item = &'static &'static [&'static str]> {
    QUESTIONS.iter().chain(tell::ANSWERS)
}

impl DemoArgs {
    /// Runs the demo until it is over, or until SIGINT or SIGTERM. `start` runs the commands that it shows. Leaves nothing
    /// behind.
    ///
    /// # Errors
    /// Something that it needs cannot be had, or it did not end as it should.
    pub async fn run(self, start: Start) -> Result<ExitCode, CliError> {
        let failed = |doing| move |source| DemoError::System { doing, source };
        let mut terminated = signal(SignalKind::terminate()).map_err(failed("listen for signals"))?;
        let mut interrupted = signal(SignalKind::interrupt()).map_err(failed("listen for signals"))?;
        let data = tempfile::Builder::new().prefix("landfall-demo-").tempdir();
        let data = data.map_err(failed("make a temporary folder"))?;
        let credentials = setup::registry_credentials();
        let registry = Registry::start(images::shelf(), &credentials).await;
        let registry = registry.map_err(failed("start a registry"))?;
        let config = setup::config(registry.address, &credentials, data.path()).map_err(ServeError::from)?;
        let running = serve::start(config).await?;
        let outcome = tokio::select! {
            outcome = self.play(&registry, &running, start) => outcome,
            _ = terminated.recv() => Ok(()),
            _ = interrupted.recv() => Ok(()),
        };
        running.stop().await;
        outcome.map(|()| ExitCode::SUCCESS)
    }

    async fn play(&self, registry: &Registry, running: &Running, start: Start) -> Result<(), CliError> {
        say("Landfall's demo: a registry, two clusters and a laptop, all in this process.");
        eprintln!("  registry  http://{}   its password stays with Landfall", registry.address);
        eprintln!("  proxy     {}   what the clusters pull from", running.proxy_url());
        eprintln!("  admin     {}", running.admin_url());

        let server = setup::access(running)?;
        let client = Client::new(server.clone())?;
        let (_, staging) = setup::environment(&client, "staging", "#d97706").await?;
        let (name, production) = setup::environment(&client, "production", "#16a34a").await?;
        let commands = Commands { server, start };
        let stage = Stage { registry, commands: &commands, watcher: Watcher(&client) };
        let hub = setup::hub(&client, running, &name).await?;
        let witness = Agent::new(name.clone(), registry.address, hub);
        let mut cast = Cast::new(running.proxy, &staging, &production, witness);
        cast.play(&stage).await?;

        tell::print_answers(&commands, &client, &name).await?;
        if !self.once {
            tell::print_next_steps(&client, running, &production)?;
            cast.stay().await;
        }
        Ok(())
    }
}
