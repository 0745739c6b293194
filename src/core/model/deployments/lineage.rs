//! Lineage: what a tag says of the line of development that its image belongs to.
//!
//! `1.4.2-web` and `1.4.2-worker` are not versions of one thing, and neither are `main-5f2c1e9` and `pr-128-c469ecf`. Words
//! tell, once those are left out that belong to versions; the major number tells only where two of them are seen beside
//! each other, for it changes with an upgrade too.

use crate::model::oci::Tag;

/// Words that belong to a version, not to a line.
const OF_VERSIONS: [&str; 27] = [
    "a", "alpha", "b", "beta", "build", "canary", "dev", "eks", "final", "fix", "ga", "hotfix", "m",
    "nightly", "p", "patch", "post", "pre", "r", "rc", "rel", "release", "rev", "snapshot", "sp", "stable",
    "v",
];

/// Words before the number of a change that is looked at before it is merged: each number is a line of its own.
const OF_CHANGES: [&str; 7] = ["branch", "merge", "mr", "pr", "preview", "pull", "review"];

/// A commit is named by so many hexadecimal digits at least.
const COMMIT_CHARS: usize = 7;

/// The line of development that a tag names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lineage {
    words: Vec<String>,
    /// The first number of a version.
    pub(super) major: Option<u32>,
    /// A change that is not merged yet has it.
    pub(super) is_change: bool,
}

impl Lineage {
    /// Reads `tag`.
    pub(super) fn of(tag: &Tag) -> Self {
        let text = tag.as_str().to_ascii_lowercase();
        let mut lineage = Self::default();
        let mut tokens = text.split(['-', '_', '+']).filter(|token| !token.is_empty()).peekable();
        while let Some(token) = tokens.next() {
            let (word, number) =
                token.split_at(token.find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(token.len()));
            if OF_CHANGES.contains(&word) {
                let next =
                    tokens.next_if(|next| number.is_empty() && next.chars().all(|it| it.is_ascii_digit()));
                lineage.words.push(format!("{word}{}", next.unwrap_or(number)));
                lineage.is_change = true;
            } else if number.contains('.') && lineage.major.is_none() {
                lineage.major = number.split('.').next().and_then(|major| major.parse().ok());
                lineage.add(word);
            } else if !is_commit(token) {
                lineage.add(word);
            }
        }
        lineage
    }

    fn add(&mut self, word: &str) {
        if !word.is_empty() && !OF_VERSIONS.contains(&word) {
            self.words.push(word.to_owned());
        }
    }

    /// Tells whether the words name another line.
    pub(super) fn is_other(&self, other: &Self) -> bool {
        self.words != other.words
    }
}

/// Tells whether a part of a tag names a commit: `5f2c1e9`, `g5f2c1e9`, or a time or a counter as long.
fn is_commit(token: &str) -> bool {
    let hex = token.strip_prefix('g').unwrap_or(token);
    hex.len() >= COMMIT_CHARS
        && hex.bytes().all(|it| it.is_ascii_hexdigit())
        && hex.contains(|it: char| it.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tag: &str) -> Lineage {
        Lineage::of(&tag.parse().unwrap())
    }

    #[test]
    fn versions_of_one_line_have_the_same_words() {
        let lines: [&[&str]; 7] = [
            &[
                "1.2.3",
                "v1.2.4",
                "1.2.4-rc1",
                "1.2.4-hotfix1",
                "1.2.3-1",
                "v1.2.3-9-g1a2b3c4",
                "2026-03-02",
                "build9",
                "1.3",
            ],
            &["16.3.0-debian-12-r8", "16.3.1-debian-12-r10"],
            &["main-5f2c1e9", "main-0aa91b2"],
            &["1.4.2-web", "v1.5.0-web", "web-1.6.0-rc2"],
            &["pr-128-c469ecf", "pr-128-0000001", "pr128"],
            &["latest"],
            &["migrate-7", "migrate-8"],
        ];
        for (place, line) in lines.iter().enumerate() {
            for tag in *line {
                assert!(!of(tag).is_other(&of(line[0])), "{tag} {:?} {}", of(tag), line[0]);
                let others = lines.iter().enumerate().filter(|(other, _)| *other != place);
                for (_, other) in others {
                    assert!(of(tag).is_other(&of(other[0])), "{tag} {}", other[0]);
                }
            }
        }
        assert!(of("pr-7").is_other(&of("pr-8")) && of("pr-7").is_change);
        assert_eq!(
            (of("13.14").major, of("v16.2-alpine").major, of("latest").major),
            (Some(13), Some(16), None)
        );
    }
}
