//! Landfall: know what landed.
//!
//! ```text
//! wire → auth → route → forward → observe → log → fold → query → surfaces
//! ```
//!
//! In reading order: [`model`] (pure: what a pull, a deployment, a rollback is), [`wire`] and [`wording`] (answers as JSON and
//! as sentences), which are a crate of their own; [`log`] (the durable log, and what is folded from it) and [`proxy`] (from the
//! wire to an observation), which are the data plane, a crate too; [`answer`] (the questions, as of any moment), [`cluster`] (what
//! an environment's cluster has, and telling it), [`admin`] (the control plane), [`mcp`] (the coding agent's door to its API), `host` and
//! `witness` (what a host and a cluster run, and the way of that to the hub), [`cli`] (the commands). Imports point from the
//! last to the first, and from `admin` to `mcp`. [`config`], [`clock`], [`deadline`] and [`tls`] serve all of them, and
//! [`listen`] serves those that accept connections.
// A build without a feature leaves the parts that only that feature uses.
#![cfg_attr(not(all(feature = "dashboard", feature = "mcp")), allow(dead_code))]

pub use landfall_core::{model, wire, wording};
pub use landfall_dataplane::{clock, config, deadline, listen, log, proxy, tls};

pub mod admin;
pub mod answer;
pub mod cli;
#[cfg(feature = "cluster")]
pub mod cluster;
#[cfg(not(feature = "cluster"))]
#[path = "cluster/without.rs"]
pub mod cluster;
#[cfg(test)]
mod fuzz;
#[cfg(feature = "cluster")]
pub mod host;
pub mod mcp;
#[cfg(feature = "cluster")]
pub mod witness;
