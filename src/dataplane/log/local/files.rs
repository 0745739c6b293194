//! The log's files: their names, and whether the open ones are still those in the folder.
//!
//! A file that was deleted or replaced while it is open can be written for ever, and what is written goes with the
//! process. No write fails, so each open file is compared with what its name leads to.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::log::error::Astray;

/// The database, in the data folder.
pub(in crate::log) const DATABASE: &str = "landfall.redb";
/// The journal, in the data folder.
pub(in crate::log) const JOURNAL: &str = "landfall.journal";
/// The folder of a replica's outbox, in the data folder: a log of its own, with files of these names.
pub(in crate::log) const OUTBOX: &str = "outbox";

/// The log's files, as they were opened.
pub(in crate::log) struct OpenFiles {
    dir: PathBuf,
    files: Vec<(PathBuf, File)>,
}

impl OpenFiles {
    /// The files of the log in `dir`, which were opened just now.
    pub(in crate::log) fn of(dir: &Path) -> io::Result<Self> {
        Self::named(dir, &[DATABASE, JOURNAL])
    }

    /// Those of these names.
    pub(in crate::log) fn named(dir: &Path, names: &[&str]) -> io::Result<Self> {
        let paths = names.iter().map(|name| dir.join(name));
        let files = paths.map(|path| File::open(&path).map(|file| (path, file)));
        Ok(Self { dir: dir.to_owned(), files: files.collect::<io::Result<_>>()? })
    }

    /// Looks whether the names still lead to the files.
    ///
    /// # Errors
    /// They do not.
    pub(in crate::log) fn check(&self) -> Result<(), Astray> {
        self.files.iter().try_for_each(|(path, file)| self.check_one(path, file))
    }

    fn check_one(&self, path: &Path, file: &File) -> Result<(), Astray> {
        let hidden = |error: io::Error| Astray::Hidden(path.to_owned(), error.kind());
        // Both now: on some network file systems a file gets another number when it is looked up again.
        let (open, named) = (file.metadata().map_err(hidden)?, std::fs::metadata(path));
        match named {
            Ok(named) if id(&named) == id(&open) => Ok(()),
            Ok(_) => Err(Astray::Replaced(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.dir.exists() => {
                Err(Astray::Deleted(path.to_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Astray::Folder(self.dir.clone())),
            // A folder that nobody may enter, or a disk that does not answer, has lost nothing yet.
            Err(error) if open.nlink() > 0 => {
                tracing::debug!(%error, path = %path.display(), "the log's file cannot be looked at");
                Ok(())
            }
            Err(error) => Err(hidden(error)),
        }
    }
}

fn id(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf, OpenFiles) {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("data");
        fs::create_dir(&dir).unwrap();
        for name in [DATABASE, JOURNAL] {
            fs::write(dir.join(name), name).unwrap();
        }
        let files = OpenFiles::of(&dir).unwrap();
        files.check().unwrap();
        (parent, dir, files)
    }

    #[test]
    fn whatever_takes_a_file_away_is_told_apart() {
        let (_parent, dir, files) = folder();
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!(files.check(), Err(Astray::Folder(dir.clone())));
        fs::create_dir(&dir).unwrap();
        assert_eq!(files.check(), Err(Astray::Deleted(dir.join(DATABASE))));
        for name in [DATABASE, JOURNAL] {
            let (_parent, dir, files) = folder();
            fs::remove_file(dir.join(name)).unwrap();
            assert_eq!(files.check(), Err(Astray::Deleted(dir.join(name))));
            fs::write(dir.join(name), name).unwrap();
            assert_eq!(files.check(), Err(Astray::Replaced(dir.join(name))));
        }
    }

    #[test]
    fn a_folder_that_was_moved_away_is_gone_until_it_is_back() {
        let (parent, dir, files) = folder();
        let aside = parent.path().join("aside");
        fs::rename(&dir, &aside).unwrap();
        assert_eq!(files.check(), Err(Astray::Folder(dir.clone())));
        fs::rename(&aside, &dir).unwrap();
        files.check().unwrap();
    }
}
