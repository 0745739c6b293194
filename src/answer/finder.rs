//! The index of the latest catalogue's changes: derived, shared, and brought up to date by the request that needs it.

use std::sync::{PoisonError, RwLock};

use crate::model::oci::Repository;
use crate::model::questions::Finder;
use crate::model::releases::Catalogue;
use crate::model::search::Found;

/// The index, for many who search.
#[derive(Default)]
pub(super) struct SharedFinder(RwLock<Finder>);

impl SharedFinder {
    /// The changes of `catalogue` that `query` may mean, in the repositories for which `within` says so, the best first.
    pub(super) fn find(
        &self,
        catalogue: &Catalogue,
        query: &str,
        limit: usize,
        within: impl Fn(&Repository) -> bool,
    ) -> Found {
        {
            // An index is whole at every instant that a panic could leave behind: it is only read here.
            let finder = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if finder.is_current(catalogue) {
                return finder.find(query, within, limit);
            }
        }
        let mut finder = self.0.write().unwrap_or_else(|poisoned| {
            // It may have stopped in the middle of taking something in: begin anew.
            self.0.clear_poison();
            let mut finder = poisoned.into_inner();
            *finder = Finder::default();
            finder
        });
        finder.follow(catalogue);
        finder.find(query, within, limit)
    }
}
