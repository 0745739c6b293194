//! The coding agent's door: the Model Context Protocol over the admin API.
//!
//! ```text
//! client → server (rmcp) → tool: arguments → requests to the API → its answers, bounded → words
//! ```
//!
//! A tool is a row of a table (`tools`): which requests it makes, and what its answer says in words. It knows nothing
//! that the API does not say, so the same table serves `/mcp` on the admin listener, which calls the API in the same
//! process, and `landfall mcp`, which calls it over HTTP: each is an [`Api`].
//!
//! Text from outside (titles, versions, names of programs) is data: it stands in strings of the structured answer, and
//! between quotes that it cannot end where it is part of a sentence.
#![doc = include_str!("README.md")]

mod api;
#[cfg(feature = "mcp")]
mod applying;
mod arguments;
mod budget;
mod call;
#[cfg(feature = "mcp")]
mod confirm;
#[cfg(feature = "mcp")]
mod prompts;
pub mod reading;
#[cfg(feature = "mcp")]
mod resources;
mod schema;
#[cfg(feature = "mcp")]
mod server;
mod tool;
mod tools;

pub use api::{Api, ApiReply, ApiRequest, Unreachable};
pub use call::Said;
#[cfg(feature = "mcp")]
pub use confirm::Consents;
#[cfg(feature = "mcp")]
pub use server::Server;
