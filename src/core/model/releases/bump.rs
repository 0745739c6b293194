//! Commits that only give a version its number: they change nothing that anybody asks for.

use super::change::Change;
use super::number::Number;
use super::tags::version_of;

/// Types of Conventional Commits that such a commit bears; any other says that it changes something.
const TYPES: [&str; 6] = ["chore", "build", "ci", "release", "version", "bump"];
/// Words of which one has to be in it.
const TELLING: [&str; 8] =
    ["release", "releases", "version", "versions", "bump", "bumps", "bumped", "iteration"];
/// Words that may stand beside those: with any other, it speaks of something else.
const BESIDE: [&str; 26] = [
    "a",
    "an",
    "the",
    "to",
    "for",
    "of",
    "from",
    "next",
    "new",
    "prepare",
    "prepares",
    "preparing",
    "set",
    "update",
    "start",
    "cut",
    "tag",
    "publish",
    "begin",
    "development",
    "snapshot",
    "package",
    "packages",
    "number",
    "main",
    "master",
];

/// Tells whether a title is a version bump: `chore(release): 1.2.3`, `Bump version to v2`, `Prepare release 3.1`, `v1.2.3`.
/// One that names anything else, as `Bump openssl to 3.1`, is none.
pub(super) fn is_version_bump(title: &str) -> bool {
    let Some(change) = Change::parse(title, None) else { return false };
    let title = change.title.to_lowercase();
    let title = title.strip_prefix("[maven-release-plugin]").unwrap_or(&title).trim();
    let (kind, rest) = title.split_once(": ").unwrap_or(("", title));
    let kind = kind.trim_end_matches('!').split('(').next().unwrap_or_default();
    let (is_typed, text) = if TYPES.contains(&kind) { (true, rest) } else { (false, title) };
    let words: Vec<&str> = text
        .split_whitespace()
        .map(|word| word.trim_matches(|sign: char| "\"'`.,:;!()[]".contains(sign)))
        .filter(|word| !word.is_empty() && !["->", "→", "-", "=>"].contains(word))
        .collect();
    let is_version = |word: &str| Number::parse(version_of(word)).is_some();
    let tells = words.iter().any(|word| TELLING.contains(word));
    let is_number_alone = matches!(words[..], [word] if is_version(word));
    let has_number = words.iter().any(|word| is_version(word));
    let is_all_known =
        words.iter().all(|word| TELLING.contains(word) || BESIDE.contains(word) || is_version(word));
    is_all_known && (tells || is_number_alone || is_typed && has_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_bump_names_nothing_but_versions() {
        for title in [
            "chore(release): 1.2.3",
            "chore(main): release 1.2.3 (#45)",
            "chore: release main",
            "release: v2.0.0-rc.1",
            "Bump version to 1.2.3",
            "Bump version from 1.2 to 1.3",
            "bump: version 1.2.3 → 1.3.0",
            "Version Packages (#12)",
            "Release @shop/web@1.2.3",
            "Prepare release v3.1",
            "[maven-release-plugin] prepare for next development iteration",
            "build: set version to 4.0.0-SNAPSHOT",
            "v1.2.3",
            "1.2.3",
        ] {
            assert!(is_version_bump(title), "{title}");
        }
        for title in [
            "Bump openssl from 3.0 to 3.1",
            "chore(deps): bump lodash to 4.17.21",
            "fix: release the lock (#7)",
            "feat: version the API",
            "fix: version 1.2.3",
            "Release notes for 1.2.3",
            "Show the version in the footer",
            "fix: 1.2.3 does not start",
            "chore: tidy",
            "",
        ] {
            assert!(!is_version_bump(title), "{title}");
        }
    }
}
