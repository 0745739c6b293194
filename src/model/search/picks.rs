//! Titles, read for what they say of the way of a change into a release: `fix: menu (#12) (cherry-pick 3.1)` is
//! `fix: menu`, picked from somewhere.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::words::{Token, commit_key, tokens, version, word_of};

/// Words that say that a change was made elsewhere first.
const PICKED: [&str; 4] = ["cherry", "backport", "picked", "release-"];
/// Words in front of those.
const BY: [&str; 4] = ["automated ", "automatic ", "manual ", "auto-"];
/// Words behind which the numbers stand.
const MARKS: [&str; 7] =
    ["cherry", "cherrypick", "cherrypicked", "backport", "backports", "backported", "picked"];
/// Words between those and the numbers.
const BETWEEN: [&str; 12] =
    ["cherry", "pick", "picked", "picks", "of", "from", "pr", "prs", "pull", "request", "commit", "and"];
/// A number without a mark is a request's from so many digits on.
const BARE_DIGITS_MIN: usize = 3;
/// Most changes that one pick brings.
const PICKS_MAX: usize = 16;

/// The origin of a pick that a title names; where none is named, the change with the same title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pick {
    /// Numbers of requests.
    pub(super) of: Box<[u64]>,
    /// The first digits of commits, as the index has them.
    pub(super) commits: Box<[u64]>,
}

/// A title, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// A hash of what is the same in every writing of it. Two titles that share it by chance would be shown as one change.
    pub(super) title: u64,
    pub(super) pick: Option<Pick>,
}

impl Reading {
    pub(super) fn of(title: &str) -> Self {
        // A revert of a pick is no pick.
        let lower = title.trim_start().to_lowercase();
        let is_taken_back = ["revert", "reapply", "reland"].iter().any(|word| lower.starts_with(word));
        let (bare, is_picked) = if is_taken_back { (title.to_owned(), false) } else { undecorated(title) };
        let named = if is_taken_back { Pick::default() } else { named(&lower) };
        let is_pick = is_picked || named != Pick::default();
        Self { title: hash(&bare), pick: is_pick.then_some(named) }
    }
}

/// Tells whether two titles are the same but for what they say of the way of their change.
pub(in crate::model) fn is_same_title(a: &str, b: &str) -> bool {
    Reading::of(a).title == Reading::of(b).title
}

fn hash(title: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for word in tokens(title).iter().filter_map(word_of) {
        word.hash(&mut hasher);
    }
    hasher.finish()
}

/// The title without what says where it was picked from or for, or which number it had; and whether it says that it was.
fn undecorated(title: &str) -> (String, bool) {
    let (mut kept, mut is_pick) = (title.trim(), false);
    if let Some((before, after)) = kept.split_once(": ")
        && is_picked(before)
    {
        (kept, is_pick) = (after.trim_start(), true);
    }
    for mark in [" - ", " for ", " to ", " on ", " in "] {
        // `bump x to 1.2` is another change than `bump x to 1.3`.
        if let Some((before, after)) = kept.rsplit_once(mark)
            && (is_picked(after) || (mark == " - " && version(after).is_some()))
        {
            (kept, is_pick) = (before.trim_end(), true);
        }
    }
    // Brackets anywhere in the title; an unclosed bracket is part of the title.
    let mut text = String::new();
    while let Some(open) = kept.find(['(', '[']) {
        let Some(close) = kept[open..].find([')', ']']) else { break };
        text.push_str(&kept[..open]);
        let inside = kept[open + 1..open + close].trim();
        // `[3.1] fix: …`, as bots begin; elsewhere a version belongs to the title.
        let is_branch = text.trim().is_empty() && is_line(inside);
        if is_picked(inside) || is_branch {
            is_pick = true;
        } else if !is_number(inside) {
            text.push_str(&kept[open..=open + close]);
        }
        kept = &kept[open + close + 1..];
    }
    (text + kept, is_pick)
}

fn is_number(text: &str) -> bool {
    let is_one = |word: &str| {
        word.strip_prefix(['#', '!']).is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_digit()))
    };
    text.split([' ', ',']).filter(|word| !word.is_empty()).all(is_one)
}

/// `3.1`, `v3.x`, `8.x`: a line of maintenance.
fn is_line(text: &str) -> bool {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    text.contains('.')
        && text.starts_with(|letter: char| letter.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b".xX".contains(&byte))
}

fn is_picked(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let by = BY.iter().find_map(|by| text.strip_prefix(by)).unwrap_or(&text);
    PICKED.iter().any(|mark| by.starts_with(mark))
}

/// The requests and commits that stand behind words such as `cherry-pick of` and `backport`.
fn named(lower: &str) -> Pick {
    let (mut of, mut commits) = (Vec::new(), Vec::new());
    let is_end = |letter: char| letter.is_whitespace() || "()[]:,-/".contains(letter);
    let mut is_near = false;
    for piece in lower.split_inclusive(is_end) {
        let word = piece.trim_end_matches(is_end);
        let bare = word.trim_start_matches(['#', '!']);
        let number = bare.parse::<u64>().ok().filter(|number| *number > 0);
        let number = number.filter(|_| bare.len() < word.len() || bare.len() >= BARE_DIGITS_MIN);
        if MARKS.contains(&word) {
            is_near = true;
        } else if let Some(number) = number.filter(|_| is_near) {
            of.push(number);
        } else if is_near && let Some(Token::Commit(commit)) = tokens(word).first() {
            commits.extend(commit_key(commit));
        } else {
            is_near &= word.is_empty() || BETWEEN.contains(&word);
        }
        is_near &= !piece.ends_with([')', ']', ':']);
    }
    of.truncate(PICKS_MAX);
    commits.truncate(PICKS_MAX);
    of.dedup();
    Pick { of: of.into(), commits: commits.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_say_what_they_were_picked_from() {
        let same = Reading::of("fix: menu stays open").title;
        let cases: [(&str, Option<&[u64]>, bool); 22] = [
            ("fix: menu stays open", None, true),
            ("fix: menu stays open (#12)", None, true),
            ("fix: menu stays open (#12) (cherry-pick 3.1)", Some(&[]), true),
            ("fix: menu stays open (cherry-pick #12)", Some(&[12]), true),
            ("fix: menu stays open (cherry-pick #12 for 3.1)", Some(&[12]), true),
            ("fix: menu stays open (cherry picked from #12)", Some(&[12]), true),
            ("fix: menu stays open (backport #12) (#34)", Some(&[12]), true),
            ("fix: menu stays open (backport of #12)", Some(&[12]), true),
            ("fix: menu stays open - manual cherry-pick of 25682 for 3-2", Some(&[25682]), true),
            ("[release-3.1] fix: menu stays open (#12)", Some(&[]), true),
            ("[3.1] fix: menu stays open (#12)", Some(&[]), true),
            ("[8.x] fix: menu stays open", Some(&[]), true),
            ("[Backport 3.1] fix: menu stays open", Some(&[]), true),
            ("Backport #12: fix: menu stays open", Some(&[12]), true),
            ("Automated cherry pick of #12: fix: menu stays open", Some(&[12]), true),
            ("Automated cherry pick of #12 #13: fix: menu stays open", Some(&[12, 13]), true),
            ("fix(cherry-pick-3.1): menu stays open", Some(&[]), true),
            ("chore: cherry pick #12 to release-3.1", Some(&[12]), false),
            // Another change each.
            ("fix: menu stays open (1.2)", None, false),
            ("Revert \"fix: menu stays open (backport #12)\"", None, false),
            ("fix: menu stays open again (#12)", None, false),
            ("fix: menu stays open, follow-up of #12", None, false),
        ];
        for (title, pick, is_same) in cases {
            let read = Reading::of(title);
            assert_eq!(read.pick.as_ref().map(|pick| &*pick.of), pick, "{title}");
            assert_eq!(read.title == same, is_same, "{title}");
        }
        let commit = Reading::of("fix: menu (cherry picked from commit 0123456789abcdef)").pick.unwrap();
        assert_eq!(*commit.commits, [0x0123_4567_89ab_cdef]);
    }
}
