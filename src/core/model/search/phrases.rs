//! Phrases that say a pick and nothing else: `backport of #12`, `cherry-pick #12 for 3.1`, `release-3.1`.
//!
//! Many a title only talks of one: `remove the backport of #12`, `backport #12 failed`. A word that the phrase has no place for
//! makes it none.

use super::words::{Token, commit_key, is_of_project, number, project, tokens};

/// Words in front of the mark.
const BY: [&str; 4] = ["automated ", "automatic ", "manual ", "auto-"];
/// Words that say that a change was made elsewhere first.
const MARKS: [&str; 7] =
    ["cherrypick", "cherrypicked", "cherrypicks", "backport", "backports", "backported", "picked"];
/// Forms of `pick` behind `cherry`.
const PICK: [&str; 4] = ["pick", "picked", "picks", "picking"];
/// Words between the mark and the numbers.
const BETWEEN: [&str; 9] = ["of", "from", "pr", "prs", "pull", "request", "requests", "commit", "and"];
/// Words behind which the branch stands that it was picked for.
const FOR: [&str; 6] = ["to", "for", "into", "onto", "in", "on"];
/// Words of such a branch.
const BRANCH: [&str; 11] = [
    "the",
    "branch",
    "branches",
    "line",
    "release",
    "stable",
    "maintenance",
    "lts",
    "main",
    "master",
    "next",
];
/// A number without a mark is a request's from so many digits on.
const BARE_DIGITS_MIN: usize = 3;

/// The number or commit that a phrase names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Phrase {
    /// Numbers of requests.
    pub(super) of: Vec<u64>,
    /// The first digits of commits, as the index has them.
    pub(super) commits: Vec<u64>,
    /// It names what another project has.
    pub(super) is_foreign: bool,
}

/// Reads a text in lower case, of the repository `own`; nothing where it says anything besides a pick.
pub(super) fn phrase(lower: &str, own: &str) -> Option<Phrase> {
    let text = lower.trim();
    if is_branch(text) {
        return Some(Phrase::default());
    }
    let text = BY.iter().find_map(|by| text.strip_prefix(by)).unwrap_or(text);
    // `cherry-pick-3.1`
    let (first, rest) = text.split_once([' ', '-']).unwrap_or((text, ""));
    let rest = match first {
        "cherry" => {
            let (form, rest) = rest.split_once([' ', '-']).unwrap_or((rest, ""));
            PICK.contains(&form).then_some(rest)?
        }
        mark => MARKS.contains(&mark).then_some(rest)?,
    };
    let (mut phrase, mut is_for) = (Phrase::default(), false);
    for word in rest.split([' ', ',', ';']).filter(|word| !word.is_empty()) {
        is_for |= FOR.contains(&word);
        let is_known = [&BETWEEN[..], &FOR, &BRANCH].iter().any(|words| words.contains(&word));
        if !is_known && !phrase.take(word, is_for, own) {
            return None;
        }
    }
    Some(phrase)
}

impl Phrase {
    /// Takes a number, a commit or a branch; tells whether it is one.
    fn take(&mut self, word: &str, is_for: bool, own: &str) -> bool {
        let is_digits = word.bytes().all(|byte| byte.is_ascii_digit());
        let bare = word.parse().ok().filter(|_| is_digits && word.len() >= BARE_DIGITS_MIN && !is_for);
        if let Some(number) = number(word).or(bare) {
            match project(word) {
                Some(project) if !is_of_project(own, &project) => self.is_foreign = true,
                _ => self.of.push(number),
            }
            return true;
        }
        if let [Token::Commit(commit)] = &tokens(word)[..] {
            self.commits.extend(commit_key(commit));
            return true;
        }
        word.bytes().any(|byte| byte.is_ascii_digit())
    }
}

/// Tells whether it is a branch of releases: `release-3.1`.
pub(super) fn is_branch(lower: &str) -> bool {
    let name = lower.strip_prefix("release-");
    name.is_some_and(|name| !name.contains(' ') && name.bytes().any(|byte| byte.is_ascii_digit()))
}
