//! Landfall: know what landed.
//!
//! ```text
//! wire → auth → route → forward → observe → log → fold → query → surfaces
//! ```
//!
//! The modules in reading order:

pub mod cli; // the commands
pub mod clock; // the one place where the time of day is read
pub mod config; // flags, variables, file → Config
pub mod log; // the durable log, and what is folded from it
pub mod model; // pure: what a pull, a deployment, a rollback is
