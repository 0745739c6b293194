//! From containers to statements: what a witness sees in a cluster or on a host, and what it tells of that, and when.
//!
//! ```text
//! changes (containers, owners) → tally (what each workload runs) → witness (what is told now) → queue (batches, tried again)
//! ```
//!
//! A change of the set of images that a workload's container runs is told at once, and so is a trouble that is new; a change
//! of their numbers alone once a minute. A change may come once, twice or late: the statements follow from what is there.

mod image;
mod ledger;
mod owner_key;
mod owners;
mod pod;
mod queue;
mod said;
mod witness;

#[cfg(test)]
mod tests;

pub use image::{ImageName, digest_of_image_id};
pub use owner_key::OwnerKey;
pub use owners::{Owner, Template};
pub use pod::{Container, ContainerState, Pod, PodKey, Role, trouble};
pub use queue::{Batch, Queue, pause};
pub use witness::{Change, Heard, Source, Witness};
