//! Words that come before a release.

/// Words that come before a release, with their place among each other where they have one.
const BEFORE: [(&str, Option<u8>); 18] = [
    ("alpha", Some(1)),
    ("beta", Some(2)),
    ("milestone", Some(2)),
    ("rc", Some(3)),
    ("pre", None),
    ("preview", None),
    ("prerelease", None),
    ("dev", None),
    ("develop", None),
    ("snapshot", None),
    ("nightly", None),
    ("canary", None),
    ("next", None),
    ("ea", None),
    ("insiders", None),
    ("experimental", None),
    ("unstable", None),
    ("edge", None),
];

/// The place of a word among those that come before a release.
pub(super) fn phase(word: &str) -> Option<u8> {
    BEFORE.iter().find(|(known, _)| *known == word)?.1
}

/// Tells whether a word comes before a release.
pub(super) fn is_before(word: &str) -> bool {
    BEFORE.iter().any(|(known, _)| *known == word)
}

/// Tells whether a word stands before the number of a request: each is a branch of its own.
pub(super) fn is_request(word: &str) -> bool {
    ["pr", "mr", "pull", "merge"].contains(&word)
}
