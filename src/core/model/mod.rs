//! The pure core: what the words mean.
//!
//! Deliberately absent here: a clock, I/O, async, randomness. Time is an argument, so the same log gives
//! the same answer on every machine and on every day.

pub mod act;
pub mod agent;
pub mod ask;
mod convert;
pub mod deploy;
pub mod deployments;
pub mod directory;
pub mod event;
pub mod former_names;
pub mod log_time;
pub mod misread;
pub mod names;
pub mod oci;
pub mod planned;
pub mod questions;
pub mod quotes;
pub mod registries;
pub mod releases;
pub mod report;
pub mod search;
pub mod secret;
pub mod sharded_map;
pub mod shell;
pub mod tally;
pub mod time;
pub mod words;
