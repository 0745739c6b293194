//! The data plane: what passes between clients and registries.

pub mod transfer;
pub mod upstream;
