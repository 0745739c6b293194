//! Registries: selection by repository, and requests to them.
//!
//! In reading order: `target` and `registry`; `request`; `exchange` and `foreign` (requests with redirects);
//! `authenticate` with `login`, `challenge`, `token`, `token_cache`, `issuer`, `token_response`, `credentials` and
//! `helper`; `redirect` and `address` (allowed targets); `pools`, `pool`, `idle_pool` and `connection`; `connect` with
//! `stream`, `tunnel` and `phase` (connections); `head`, `body` and `encoding` (answers); `watch` and
//! `health`; `limits` and `error`.

mod address;
mod authenticate;
mod body;
mod challenge;
mod connect;
mod connection;
mod credentials;
mod encoding;
mod error;
mod exchange;
mod foreign;
#[cfg(test)]
pub(crate) mod fuzz;
mod head;
mod health;
mod helper;
mod idle_pool;
mod issuer;
pub mod limits;
mod login;
mod phase;
mod pool;
mod pools;
mod redirect;
mod registry;
mod request;
mod stream;
mod target;
mod token;
mod token_cache;
mod token_response;
mod tunnel;
mod watch;

pub use body::{BodySocket, UpstreamBody};
pub use encoding::BodyError;
pub use error::{ForbiddenTarget, SetupError, UpstreamError};
pub use health::{Cause, HealthReport, HealthState};
pub use limits::Timeouts;
pub use login::SentCredentials;
pub use request::{Lane, Resource, UpstreamRequest};
pub use target::{Target, Upstreams};
