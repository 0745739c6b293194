//! Nodes: where they stand, what asks for images there, and what they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::oci::{Digest, Reference};
use crate::model::time::{Span, Time};

/// The program that fetches images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runtime {
    Containerd,
    Crio,
    Dockerd,
    Podman,
}

impl Runtime {
    /// Tells whether it asks HEAD first, and goes on by digest.
    pub(super) fn asks_head(self) -> bool {
        match self {
            Self::Containerd | Self::Dockerd => true,
            Self::Crio | Self::Podman => false,
        }
    }

    pub(super) fn agent(self) -> &'static str {
        match self {
            Self::Podman => "libpod/5.2.2",
            Self::Containerd => "containerd/v1.7.22",
            Self::Crio => "cri-o/1.31.0 go/go1.22 os/linux arch/amd64",
            Self::Dockerd => {
                "docker/24.0.7 go/go1.20 kernel/5.15.0 os/linux arch/amd64 UpstreamClient(Go-http-client/1.1)"
            }
        }
    }
}

/// One machine, with its store of this repository's content.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) address: Arc<str>,
    /// The cluster it belongs to, where two share a token.
    pub(super) region: usize,
    /// The number of pods of this service that it hosts.
    pub(super) pods: usize,
    pub(super) is_gone: bool,
    /// The images that it can start, by the names under which they were pulled.
    pub(super) images: BTreeMap<Reference, usize>,
    /// Whole content, by digest: manifests, configs, layers.
    pub(super) content: BTreeSet<Digest>,
    /// Pulls that are under way, and when each ends.
    pub(super) pulling: BTreeMap<Reference, Time>,
    /// The time that a layer takes to arrive.
    pub(super) layer_time: Span,
}

impl Node {
    pub(super) fn new(address: Arc<str>, region: usize, layer_time: Span) -> Self {
        Self {
            address,
            region,
            pods: 0,
            is_gone: false,
            images: BTreeMap::new(),
            content: BTreeSet::new(),
            pulling: BTreeMap::new(),
            layer_time,
        }
    }
}
