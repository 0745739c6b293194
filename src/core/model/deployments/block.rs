//! Blocks of networks: clusters that pull with one token lie in networks of their own, and may move hours apart.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Most blocks that are told apart of a rollout.
const BLOCKS_MAX: usize = 16;

/// The part of an address that the nodes of one cluster share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Block {
    /// The first 16 bits of an IPv4 address.
    V4([u8; 2]),
    /// The first 48 bits of an IPv6 address.
    V6([u16; 3]),
    /// That of all that are known by a name.
    Name,
}

fn block(place: &str) -> Block {
    match place.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            let [a, b, ..] = address.octets();
            Block::V4([a, b])
        }
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, ..] = address.segments();
            Block::V6([a, b, c])
        }
        Err(_) => Block::Name,
    }
}

/// The blocks that the nodes of a rollout lie in. Most lie in one, which takes no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Blocks {
    first: Option<Block>,
    others: Vec<Block>,
}

impl Blocks {
    /// Adds the block of `place`.
    pub(super) fn add(&mut self, place: &str) {
        let block = block(place);
        if self.first.is_none() {
            self.first = Some(block);
        } else if !self.are_full() && !self.contain(block) {
            self.others.push(block);
        }
    }

    /// Tells whether `place` lies in one of them, as far as they are told apart.
    pub(super) fn have(&self, place: &str) -> bool {
        self.are_full() || self.contain(block(place))
    }

    /// Tells whether any of them is one of `others`.
    pub(super) fn meet(&self, others: &Self) -> bool {
        others.are_full() || self.iter().any(|block| others.contain(block))
    }

    fn are_full(&self) -> bool {
        self.others.len() + 1 == BLOCKS_MAX
    }

    fn contain(&self, block: Block) -> bool {
        self.iter().any(|it| it == block)
    }

    fn iter(&self) -> impl Iterator<Item = Block> {
        self.first.into_iter().chain(self.others.iter().copied())
    }
}
