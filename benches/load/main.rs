//! The load client of `benches/compare`: asks one server for one path over many connections and prints one
//! line of JSON. It costs as little CPU as it can, since it shares the machine with the proxy it measures:
//! one thread, and bodies over plain TCP are dropped in the kernel.

mod burst;
mod cpu;
mod hold;
mod http;
mod latency;
mod steady;

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// The error of every part of the client: a sentence that `benches/compare` shows beside the row.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "The load client of benches/compare")]
struct Cli {
    #[command(subcommand)]
    load: Load,
}

#[derive(Subcommand)]
enum Load {
    /// Ask again and again until the proxy has spent a given CPU time.
    Steady(steady::Options),
    /// Open many connections at the same moment, one request on each.
    Burst(burst::Options),
    /// Keep many connections open, idle or reading slowly, until standard input ends.
    Hold(hold::Options),
}

/// Whom to ask, and what.
#[derive(Args)]
struct Target {
    #[arg(long)]
    address: SocketAddr,
    /// Talk TLS 1.3 (AES-128-GCM only) and trust this certificate alone.
    #[arg(long, value_name = "PEM")]
    tls_ca: Option<PathBuf>,
    #[arg(long, default_value = "GET")]
    method: String,
    #[arg(long)]
    path: String,
    #[arg(long, default_value = "*/*")]
    accept: String,
    /// `name:secret` for Basic auth; in the environment, so that it is in no process list.
    #[arg(long, env = "LOAD_USER", hide_env_values = true)]
    user: Option<String>,
    #[arg(long, default_value_t = 1)]
    connections: usize,
}

fn main() -> ExitCode {
    // `cargo bench` and `cargo test --benches` start every bench target: there is nothing to time without a server.
    if std::env::args().skip(1).all(|arg| arg == "--bench" || arg == "--list") {
        println!("this is the load client of benches/compare: run that");
        return ExitCode::SUCCESS;
    }
    match run(Cli::parse().load) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(load: Load) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = match load {
        Load::Steady(options) => runtime.block_on(steady::run(options))?,
        Load::Burst(options) => runtime.block_on(burst::run(options))?,
        Load::Hold(options) => runtime.block_on(hold::run(options))?,
    };
    // Tasks still in a transfer are dropped here, and their connections with them.
    runtime.shutdown_background();
    println!("{report}");
    Ok(())
}
