//! A mark beside the database while its first write after an opening is under way.
//!
//! redb panics twice over some damage of its own lists when it commits, which ends the process whatever is caught. A
//! mark that was left says that the last first write never came to its end: so the database is looked at page by page,
//! once, and damage is refused instead of ending one process after another.

use std::fs::File;
use std::path::{Path, PathBuf};

const FILE_NAME: &str = "landfall.opening";

/// A first write that is under way.
pub(in crate::log) struct Trial(PathBuf);

impl Trial {
    /// Tells whether one was begun in `dir` and never came to its end.
    pub(super) fn is_left_in(dir: &Path) -> bool {
        dir.join(FILE_NAME).exists()
    }

    pub(in crate::log) fn begin_in(dir: &Path) -> Self {
        let path = dir.join(FILE_NAME);
        // A disk without a place for a mark has none for the write, either.
        let _ = File::create(&path);
        Self(path)
    }
}

impl Drop for Trial {
    /// Also where the write failed with an error: the process is there to tell it.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
