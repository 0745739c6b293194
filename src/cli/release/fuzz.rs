//! Output of git.

use super::git::read_commit;

/// The output of `git log`: as many commits as it has, each read within bounds.
pub(crate) fn commits(bytes: &[u8]) {
    let mut reader = bytes;
    let mut left = bytes.len();
    while let Ok(Some(commit)) = read_commit(&mut reader) {
        assert!(reader.len() < left, "a commit took nothing");
        left = reader.len();
        assert!(!commit.title.contains('\n'), "{commit:?}");
        if let Some(change) = commit.change() {
            assert!(!change.title.trim().is_empty() && !change.title.contains('\n'), "{change:?}");
        }
        let _ = (commit.number(), commit.is_typed());
    }
}
