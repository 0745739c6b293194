//! Titles, read for what they say of the way of a change into a release: `fix: menu (#12) (cherry-pick 3.1)` is
//! `fix: menu`, picked from somewhere.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::phrases::{Phrase, is_branch, phrase};
use super::words::{tokens, version, word_of};
use crate::model::releases::reverts;

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
    /// Reads a title of the repository `own`.
    pub(super) fn of(title: &str, own: &str) -> Self {
        // A revert of a pick is no pick.
        if reverts(title).next().is_some() {
            return Self { title: hash(title), pick: None };
        }
        let mut bare = Bare { own, phrases: Vec::new(), is_pick: false };
        let title = hash(&bare.undecorated(title));
        Self { title, pick: bare.pick() }
    }
}

/// Tells whether two titles are the same but for what they say of the way of their change.
pub(in crate::model) fn is_same_title(a: &str, b: &str) -> bool {
    Reading::of(a, "").title == Reading::of(b, "").title
}

fn hash(title: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for word in tokens(title).iter().filter_map(word_of) {
        word.hash(&mut hasher);
    }
    hasher.finish()
}

/// A title while its decoration is taken off, and what that says.
struct Bare<'a> {
    /// The repository.
    own: &'a str,
    phrases: Vec<Phrase>,
    is_pick: bool,
}

impl Bare<'_> {
    /// Tells whether `text` is nothing but a phrase that says a pick, and keeps what it says.
    fn take(&mut self, text: &str) -> bool {
        let said = phrase(&text.to_lowercase(), self.own);
        let is_said = said.is_some();
        self.phrases.extend(said);
        self.is_pick |= is_said;
        is_said
    }

    /// The title without what says where it was picked from or for, or which number it had.
    fn undecorated(&mut self, title: &str) -> String {
        let title = self.without_brackets(title.trim());
        let mut kept = self.without_branch(title.trim());
        // `Backport #12: fix: …`, `chore: backport #12`: at the start, behind no more than a type.
        if let Some((before, after)) = kept.split_once(": ") {
            if self.take(before) {
                kept = after.trim_start();
            } else if !before.contains(' ') {
                self.take(after.split(": ").next().unwrap_or(after));
            }
        } else {
            self.take(kept);
        }
        kept.to_owned()
    }

    /// The title without the branch that it is for, at its end.
    fn without_branch<'a>(&mut self, mut kept: &'a str) -> &'a str {
        for mark in [" - ", " for ", " to ", " on ", " in "] {
            let Some((before, after)) = kept.rsplit_once(mark) else { continue };
            // `bump x to 1.2` is another change than `bump x to 1.3`; `how to backport` is none.
            let is_mark = match mark {
                " - " => self.take(after) || version(after).is_some(),
                _ => is_branch(&after.trim().to_lowercase()),
            };
            // `backport #12 to release-3.1` is read as a whole.
            if is_mark && phrase(&kept.to_lowercase(), self.own).is_none() {
                (kept, self.is_pick) = (before.trim_end(), true);
            }
        }
        kept
    }

    /// The title without brackets that say a pick or nothing but a number. An unclosed bracket is part of the title.
    fn without_brackets(&mut self, mut kept: &str) -> String {
        let mut text = String::new();
        while let Some(open) = kept.find(['(', '[']) {
            let Some(close) = kept[open..].find([')', ']']) else { break };
            text.push_str(&kept[..open]);
            let (inside, rest) = (kept[open + 1..open + close].trim(), &kept[open + close + 1..]);
            // `[3.1] fix: …`, as bots begin; elsewhere a version belongs to the title.
            let is_first = text.trim().is_empty();
            // In the middle it is said of something else.
            let is_at_an_end = is_first || rest.starts_with([':', '!']) || is_nothing(rest);
            if is_first && is_line(inside) {
                self.is_pick = true;
            } else if !(is_number(inside) || is_at_an_end && self.take(inside)) {
                text.push_str(&kept[open..=open + close]);
            }
            kept = rest;
        }
        text + kept
    }

    /// The sum of all the phrases. A pick from another project alone has no origin here, whatever its number is.
    fn pick(self) -> Option<Pick> {
        let is_foreign = self.phrases.iter().any(|phrase| phrase.is_foreign);
        let collect = |numbers: &dyn Fn(&Phrase) -> &Vec<u64>| {
            let mut all: Vec<u64> = self.phrases.iter().flat_map(|phrase| numbers(phrase).clone()).collect();
            all.dedup();
            all.truncate(PICKS_MAX);
            all.into_boxed_slice()
        };
        let pick = Pick { of: collect(&|phrase| &phrase.of), commits: collect(&|phrase| &phrase.commits) };
        (self.is_pick && !(is_foreign && pick == Pick::default())).then_some(pick)
    }
}

/// Tells whether nothing stands here but further brackets.
fn is_nothing(rest: &str) -> bool {
    let rest = rest.trim_matches([' ', '.', ',']);
    let inside = rest.strip_prefix(['(', '[']).and_then(|open| open.split_once([')', ']']));
    rest.is_empty() || inside.is_some_and(|(_, behind)| is_nothing(behind))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_say_what_they_were_picked_from() {
        let same = Reading::of("fix: menu stays open", "shop/till").title;
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
            let read = Reading::of(title, "shop/till");
            assert_eq!(read.pick.as_ref().map(|pick| &*pick.of), pick, "{title}");
            assert_eq!(read.title == same, is_same, "{title}");
        }
        let commit = Reading::of("fix: menu (cherry picked from commit 0123456789abcdef)", "").pick.unwrap();
        assert_eq!(*commit.commits, [0x0123_4567_89ab_cdef]);
    }

    #[test]
    fn a_pick_that_is_only_talked_of_is_none() {
        for title in [
            "docs: describe how to backport #801",
            "chore: prepares the backport of #801",
            "feat: menu without the backport of #801",
            "fix: crash caused by cherry-pick of #801",
            "Skip backport of #801: conflicts",
            "Skip backport of #801",
            "ci: drop the cherry-pick of #801",
            "chore: remove backport of #801",
            "partial backport of #801",
            "fix: menu (partial backport of #801)",
            "Backport #801 failed",
            "Backport #801 failed: fix: menu",
            "chore: backport of #801 is incomplete",
            "reverts backport of #801",
            "chore: revert \"fix: menu (backport #801)\"",
            "fix: menu (#341), not a backport of #801",
            "fix: the tool (backport #801) says too much",
            "docs: say what is in cherry-picks",
            "chore: cherry tomatoes #801",
            "chore: switch to release-please",
        ] {
            assert_eq!(Reading::of(title, "shop/till").pick, None, "{title}");
        }
    }

    #[test]
    fn a_pick_of_another_project_names_no_number_of_this_one() {
        for (title, pick) in [
            ("fix: fox (backport of https://github.com/other/repo/pull/851)", None),
            ("fix: fox (backport of other/repo#851)", None),
            ("fix: fox (cherry-pick from group/sub/repo!851)", None),
            ("Backport other/repo#851: fix: fox", None),
            ("fix: fox (backport of https://github.com/shop/till/pull/851)", Some([851])),
            ("fix: fox (backport of shop/till#851)", Some([851])),
            ("fix: fox (backport of https://forge.example/shop/till/-/merge_requests/851)", Some([851])),
        ] {
            let read = Reading::of(title, "shop/till").pick.map(|pick| pick.of.to_vec());
            assert_eq!(read, pick.map(|pick| pick.to_vec()), "{title}");
        }
    }
}
