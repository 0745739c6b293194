//! The frame that every page has: navigation, search, and the proof that forms carry.

use crate::admin::state::FailingRegistry;

/// The frame that every page has around its content.
pub(super) struct Chrome {
    /// The field of every form.
    pub(super) proof: String,
    /// The part of the dashboard that the page belongs to.
    pub(super) section: &'static str,
    /// The text in the search box.
    pub(super) query: String,
    /// The visitor may change things.
    pub(super) can_change: bool,
    /// The log is shared with other servers.
    pub(super) is_shared: bool,
    /// The registries that cannot be pulled from.
    pub(super) failing: Vec<FailingRegistry>,
}

impl Chrome {
    /// The frame of a page that no session needs to have asked for.
    pub(super) fn plain() -> Self {
        Self {
            proof: String::new(),
            section: "",
            query: String::new(),
            can_change: false,
            is_shared: false,
            failing: Vec::new(),
        }
    }
}
