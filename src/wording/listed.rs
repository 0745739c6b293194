//! Lists within sentences.

/// Parts of a sentence at most; the rest is counted.
const NAMED_MAX: usize = 12;

/// The first of them, and how many more.
pub(super) fn listed(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    match parts.len().checked_sub(NAMED_MAX) {
        None | Some(0) => parts.join("; "),
        Some(more) => format!("{}; and {more} more", parts[..NAMED_MAX].join("; ")),
    }
}
