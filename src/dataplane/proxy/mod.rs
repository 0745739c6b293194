//! The data plane: forwards pulls to the upstreams and records them.
//!
//! It never waits for a question, and waits for the log no longer than [`Settings::max_wait`].
#![doc = include_str!("README.md")]

mod answer;
mod auth;
mod blob;
mod budget;
mod buffers;
mod client;
mod connection;
mod counters;
mod data_plane;
mod facts;
mod forward;
#[cfg(test)]
pub(crate) mod fuzz;
mod handoff;
mod headers;
mod indexes;
mod learn;
mod links;
mod list;
mod listener;
mod manifest;
mod observe;
mod origin;
mod recent;
mod relay;
mod respond;
mod runtime;
mod splice;
pub mod transfer;
pub mod upstream;
mod verification;

use std::time::Duration;

pub use counters::Counters;
pub use data_plane::Proxy;
pub use listener::{BindError, LIMITS, Listener, serve};
pub use runtime::ProxyRuntime;
pub use verification::SharedHash;

use crate::config::Verify;

/// Longest time for reading a body whole.
pub const WHOLE_BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Settings of the data plane, except its upstreams.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Longest time that an answer waits for its observation to be durable.
    pub max_wait: Duration,
    /// Blob transfers whose digest is verified.
    pub verify: Verify,
    /// Tells whether trusted blobs may be spliced from socket to socket.
    pub splice: bool,
    /// [`WHOLE_BODY_TIMEOUT`], or less in a test.
    pub whole_body: Duration,
    /// Tells whether trusted proxies begin each connection with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// Pipes for splicing that may be open at a time, two descriptors each.
    pub pipes_max: usize,
}
