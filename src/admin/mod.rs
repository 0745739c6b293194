//! The control plane: reads snapshots of the log's fold, sends changes to the log, and never touches an image's bytes.
//!
//! ```text
//! listener → router → gate → guard → v1, ask, mcp → JSON, or a problem
//! ```
#![doc = include_str!("README.md")]

mod ask;
mod edge;
#[cfg(test)]
pub(crate) mod fuzz;
mod http;
mod listener;
#[cfg(feature = "mcp")]
mod mcp;
mod operations;
#[cfg(feature = "dashboard")]
mod pages;
mod router;
mod state;
mod v1;
pub(crate) mod webhooks;

pub use self::http::caller::{CLI_AGENT, MCP_AGENT};
pub use listener::{LIMITS, serve};
pub use state::readiness::{Readiness, Serving};
pub use state::token_file::{AdminToken, AdminTokenError, TOKEN_FILE};
pub use state::{App, Settings};
