//! Names of tags.

use super::number::Number;

/// Longest version, in characters.
const VERSION_CHARS_MAX: usize = 128;

/// The version in a tag's name: what stands behind the last `/` or `@` (`app/v1.2.3`, `app@1.2.3`).
pub fn version_of(tag: &str) -> &str {
    tag.rsplit(['/', '@']).next().unwrap_or(tag)
}

/// Tells whether a tag's name is a version: `v1.2.3`, `release-1.2`, `app/v1.2.3-rc.1`, `2026.03.02`.
pub fn is_version(tag: &str) -> bool {
    let version = version_of(tag);
    version.chars().count() <= VERSION_CHARS_MAX && Number::parse(version).is_some()
}
