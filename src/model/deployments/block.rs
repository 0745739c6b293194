//! Blocks of networks: clusters that pull with one token lie in networks of their own, and may move hours apart.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Most blocks that are told apart of a rollout.
const BLOCKS_MAX: usize = 16;

/// The part of an address that the nodes of one cluster share: /16, of IPv6 /48. A name is a block by itself.
type Block = Box<str>;

fn block(place: &str) -> Block {
    match place.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            let [a, b, ..] = address.octets();
            format!("{a}.{b}").into()
        }
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}").into()
        }
        Err(_) => "".into(),
    }
}

/// The blocks that the nodes of a rollout lie in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Blocks(Vec<Block>);

impl Blocks {
    /// Adds the block of `place`.
    pub(super) fn add(&mut self, place: &str) {
        let block = block(place);
        if self.0.len() < BLOCKS_MAX && !self.0.contains(&block) {
            self.0.push(block);
        }
    }

    /// Tells whether `place` lies in one of them, as far as they are told apart.
    pub(super) fn have(&self, place: &str) -> bool {
        self.0.len() == BLOCKS_MAX || self.0.contains(&block(place))
    }

    /// Tells whether any of them is one of `others`.
    pub(super) fn meet(&self, others: &Self) -> bool {
        others.0.len() == BLOCKS_MAX || self.0.iter().any(|block| others.0.contains(block))
    }
}
