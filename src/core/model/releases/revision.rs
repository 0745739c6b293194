//! Revisions: the commits that images were built of.

/// Digits from which on a short commit hash stands for a long one.
const REVISION_CHARS_MIN: usize = 7;

/// Tells whether both name the same commit; one of them may be short.
pub(super) fn is_same_revision(a: &str, b: &str) -> bool {
    let chars = a.len().min(b.len());
    a == b
        || (chars >= REVISION_CHARS_MIN
            && a.is_char_boundary(chars)
            && b.is_char_boundary(chars)
            && a[..chars].eq_ignore_ascii_case(&b[..chars]))
}
