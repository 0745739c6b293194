//! The client at the other end of a connection.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;

use super::origin;
use crate::listen::{Slot, TrustedProxies};

/// Client address and slot of a connection.
#[derive(Clone)]
pub(super) struct ConnectionInfo {
    /// Peer address as it is recorded.
    client: Arc<str>,
    /// Peer address, if the peer is a trusted proxy.
    proxy: Option<IpAddr>,
    pub(super) slot: Slot,
}

impl ConnectionInfo {
    /// Describes a connection from `address`. A listener on `[::]` sees IPv4 clients as `::ffff:10.0.0.7`.
    pub(super) fn new(address: IpAddr, trusted: &TrustedProxies, slot: Slot) -> Self {
        let proxy = trusted.contains(address).then_some(address);
        Self { client: address.to_canonical().to_string().into(), proxy, slot }
    }

    /// Address of the client that sent a request.
    pub(super) fn client(&self, headers: &HeaderMap, trusted: &TrustedProxies) -> Arc<str> {
        match self.proxy {
            None => self.client.clone(),
            Some(proxy) => origin::client_address(proxy, headers, trusted).to_string().into(),
        }
    }
}
