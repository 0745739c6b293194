//! What the handlers share.

pub(super) mod bodies;
pub(super) mod limits;
pub(super) mod random;
pub(super) mod sessions;
pub(super) mod token_file;
