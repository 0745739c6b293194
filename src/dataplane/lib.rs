//! The data plane of Landfall: what a pull runs through, from the wire to the log.
//!
//! In reading order: [`log`] (the durable log, and what is folded from it) and [`proxy`] (from the wire to an observation).
//! [`config`], [`clock`], [`deadline`] and [`tls`] serve both and the program around them, and [`listen`] serves whoever
//! accepts connections. It is a crate of its own, so that it is compiled to be fast in every release build, and so that the
//! compiler keeps the control plane out of it.

pub use landfall_core::{model, wire};

pub mod clock;
pub mod config;
pub mod deadline;
#[cfg(test)]
mod fuzz;
pub mod listen;
pub mod log;
pub mod proxy;
pub mod tls;
