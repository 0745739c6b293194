//! The name of an owner within its namespace.

use std::sync::Arc;

/// A controller of pods, by its kind in lower case and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerKey {
    /// The kind in lower case, e.g. `replicaset`.
    pub kind: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl OwnerKey {
    /// By kind and name, as Kubernetes writes them.
    pub fn new(kind: &str, name: &str) -> Self {
        Self { kind: kind.to_ascii_lowercase().into(), name: name.into() }
    }
}
