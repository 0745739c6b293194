//! The release catalogue: what was published, in which order, and what changed with it.
//!
//! A release is known by its repository and version. People and CI register releases ([`Registration`]), images that
//! pass name theirs in their labels, and both come together here: missing fields are filled in, and what differs is a
//! [`Conflict`] that is shown to whoever registers. The image of a release is found by its digest; where nobody
//! registered one, by the revision or the version in its labels.
#![doc = include_str!("README.md")]

mod bump;
mod catalogue;
pub mod change;
mod classify;
mod commit;
mod contains;
pub mod families;
pub mod history;
mod kind;
mod line;
pub mod notes;
mod number;
mod order;
mod references;
mod relation;
mod release;
mod revert;
mod revision;
mod summary;
pub mod tags;
mod unseen;

pub use catalogue::Catalogue;
pub use change::Change;
pub use classify::{classify, without_type};
pub use commit::Commit;
pub use contains::Behind;
pub use kind::{ChangeKind, Rule};
pub use line::{Line, Named};
pub use number::Number;
pub use references::{References, references};
pub use relation::Relation;
pub use release::{Added, Conflict, Difference, Labels, Registration, Release};
pub use revert::{Revert, own_request, reverts, takes_back};
pub use summary::{summary, without_label};
pub use unseen::unseen;
