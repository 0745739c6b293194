//! The data plane: from the wire to the upstream and back, and what was seen on the way.
//!
//! It never waits for a question, and for the log only [`Settings::max_wait`].

mod auth;
mod blob;
mod budget;
mod buffers;
mod connection;
mod counters;
mod facts;
mod forward;
#[cfg(test)]
pub(crate) mod fuzz;
mod learn;
mod links;
mod listener;
mod manifest;
mod observe;
mod origin;
mod recent;
mod relay;
mod respond;
mod runtime;
mod splice;
mod tls;
pub mod transfer;
pub mod upstream;
mod verification;

use std::time::Duration;

pub use counters::Counters;
pub use forward::Proxy;
pub use listener::{BindError, LIMITS, Listener, serve};
pub use runtime::ProxyRuntime;
pub use tls::{Certificate, TlsError};
pub use verification::SharedHash;

use crate::config::Verify;

/// Time in which a body that is read whole must have come.
pub const WHOLE_BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What the data plane can be told, beside its upstreams.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long an answer waits for its observation to be durable.
    pub max_wait: Duration,
    /// Which blob transfers have their digest verified.
    pub verify: Verify,
    /// Whether trusted blobs may pass from socket to socket.
    pub splice: bool,
    /// [`WHOLE_BODY_TIMEOUT`], or less in a test.
    pub whole_body: Duration,
    /// Whether trusted proxies begin each connection with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// Pipes that may be open at a time to splice through; each is two descriptors.
    pub pipes_max: usize,
}
