//! Landfall: know what landed.
//!
//! ```text
//! wire → auth → route → forward → observe → log → fold → query → surfaces
//! ```
//!
//! The modules in reading order:

pub mod model; // pure: what a pull, a deployment, a rollback is
