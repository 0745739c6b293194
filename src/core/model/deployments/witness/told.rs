//! Statements of witnesses about one image of a service.

use serde::{Deserialize, Serialize};

use crate::model::deployments::tagged::TaggedDigest;

/// Statements of witnesses about one image of a service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Told {
    /// The number of its containers that were ready when last told; of an image that is over, the most that were.
    pub ready: u32,
    /// The number of its containers that ran.
    pub running: u32,
    /// The number of containers of the service that were ready then.
    pub of: u32,
    /// The number of nodes that ran it.
    pub nodes: u32,
    /// The image that the workload ran before, which brought it.
    pub(crate) from: Option<TaggedDigest>,
    /// The number of pulls of it by the last word of a witness, and of nodes that these showed: what they brought was seen.
    pulls: u32,
    pulled_nodes: u32,
    /// It was all that ran when last told.
    pub(super) is_alone: bool,
    /// A workload brought it that ran nothing before, beside others that ran on: a canary, a colour, a preview. That is no
    /// way back.
    pub(crate) is_beside: bool,
}

impl Told {
    /// Notes that so many pulls, by which so many nodes came to it, were made by its witnesses' last word.
    pub(in crate::model::deployments) fn saw(&mut self, pulls: u32, nodes: u32) {
        (self.pulls, self.pulled_nodes) = (pulls, nodes);
    }

    /// The number of pulls by the last word.
    pub(in crate::model::deployments) fn pulls(&self) -> u32 {
        self.pulls
    }

    /// The number of nodes that these showed.
    pub(in crate::model::deployments) fn pulled_nodes(&self) -> u32 {
        self.pulled_nodes
    }

    /// Takes a later count. An image that loses its containers to another one leaves the most that there were; where it is
    /// alone, the service has become smaller.
    pub(super) fn count(&mut self, ready: u32, running: u32, of: u32, nodes: u32) {
        self.nodes = self.nodes.max(nodes);
        if ready >= self.ready || ready == of {
            (self.ready, self.of) = (ready, of);
        }
        self.running = running;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_image_replaces_leaves_the_most_that_there_were() {
        for (counts, left) in [
            (&[(2, 6), (6, 6)][..], (6, 6)),
            // Replaced pod by pod: with one more for a while, with one less, or in place.
            (&[(6, 6), (6, 7), (5, 7), (1, 7)], (6, 7)),
            (&[(6, 6), (4, 5), (0, 4)], (6, 6)),
            (&[(6, 6), (4, 6), (2, 6)], (6, 6)),
            // Scaled, with nothing beside it.
            (&[(6, 6), (3, 3)], (3, 3)),
            (&[(6, 6), (9, 9)], (9, 9)),
        ] {
            let mut told = Told::default();
            counts.iter().for_each(|&(ready, of)| told.count(ready, ready, of, 1));
            assert_eq!((told.ready, told.of), left, "{counts:?}");
        }
    }
}
