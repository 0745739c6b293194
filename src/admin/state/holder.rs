//! The holder of a token.

use crate::model::act::{Role, Who};

/// The holder of a token, and the role that it gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Holder {
    pub(in crate::admin) who: Who,
    pub(in crate::admin) role: Role,
}

impl Holder {
    /// The holder of the token file's token.
    pub(in crate::admin) fn of_token_file() -> Self {
        Self { who: Who::TokenFile, role: Role::Admin }
    }
}
