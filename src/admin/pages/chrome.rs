//! The frame that every page has: navigation, search, and the proof that forms carry.

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
}

impl Chrome {
    /// The frame of a page that no session needs to have asked for.
    pub(super) fn plain() -> Self {
        Self { proof: String::new(), section: "", query: String::new(), can_change: false }
    }
}
