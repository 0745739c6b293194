//! Titles of changes that take another one back: `Revert "Fix a leak (#12)" (#34)`.

use std::borrow::Cow;

use super::references::{is_reference, references};
use super::revision::is_same_revision;

/// Words with which such a title begins.
const REVERT: [&str; 5] = ["revert", "reverts", "reverted", "reversion", "unmerge"];
/// Words that say it only with what they take back behind them: `undo and redo` and `rollback button` are features.
const TAKE_BACK: [&str; 11] = [
    "back out",
    "backs out",
    "backed out",
    "backout",
    "roll back",
    "rolls back",
    "rolled back",
    "rollback",
    "undo",
    "undoes",
    "undid",
];
/// Words with which one begins that brings it again.
const AGAIN: [&str; 6] = ["reapply", "reapplies", "reland", "unrevert", "re-apply", "re-land"];
/// Words that may stand in front of them.
const MANNER: [&str; 8] = [
    "temporarily",
    "temporary",
    "manually",
    "manual",
    "automated",
    "automatic",
    "automatically",
    "emergency",
];
/// The same, of what takes only a part back.
const PARTLY: [&str; 4] = ["partially", "partial", "partly", "selectively"];
/// Words behind them that say the same.
const PART: [&str; 5] = ["part of ", "parts of ", "some of ", "half of ", "most of "];
/// Beginnings of these words: a title without any is read no further, as most are.
const STEMS: [&str; 9] = ["rev", "unm", "unr", "back", "roll", "und", "rea", "rel", "re-"];
/// Things in front of the title itself that are taken off: a branch, a type, an area.
const FRONTS_MAX: usize = 3;
/// Digits of a commit.
const COMMIT_CHARS: std::ops::RangeInclusive<usize> = 7..=40;

/// The change that a title takes back, or brings again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert<'a> {
    /// That change's title, as it is quoted, or what stands in its place.
    pub title: &'a str,
    /// Its number.
    pub pr: Option<u64>,
    /// Its commit, perhaps only the first digits.
    pub commit: Option<&'a str>,
    /// It is brought again.
    pub is_again: bool,
    /// Only a part of it is meant.
    pub is_part: bool,
    /// It says so; else only its number, being another change's, does.
    is_said: bool,
}

impl Revert<'_> {
    /// Tells whether it names the change with one of these numbers, or this commit.
    pub fn names(&self, prs: &[u64], commit: Option<&str>) -> bool {
        let is_commit = self.commit.zip(commit).is_some_and(|(named, known)| is_same_revision(named, known));
        is_commit || self.pr.is_some_and(|named| prs.contains(&named))
    }

    /// Tells whether it says by a number or a commit which change it means.
    pub fn is_exact(&self) -> bool {
        self.pr.is_some() || self.commit.is_some()
    }
}

/// The word that a title of this kind begins with.
struct Begun<'a> {
    rest: &'a str,
    is_again: bool,
    is_part: bool,
    /// The word alone says it.
    is_plain: bool,
}

/// Reads a title; nothing where it takes nothing back.
fn revert(title: &str) -> Option<Revert<'_>> {
    if !has_stem(title) {
        return None;
    }
    let title = title.trim();
    let begun = at_the_front(title).or_else(|| at_the_end(title))?;
    let rest = without_pick(begun.rest);
    let quoted = rest.split_once(QUOTES).and_then(|(_, inside)| inside.rsplit_once(QUOTES));
    let title = quoted.map_or_else(|| without_pick(without_own(rest)), |(inside, _)| inside);
    let title = title.trim_matches([' ', ':']);
    // Of what is not quoted, the number that stands first is the one that is taken back, else any, and none is an issue's.
    let first = first_number(title).filter(|_| quoted.is_none());
    let loose = || references(title).issues.first().copied().filter(|_| quoted.is_none());
    let pr = first.or_else(|| own_request(title)).or_else(loose);
    let commit = commit(title).filter(|_| quoted.is_none());
    let is_said = begun.is_plain || quoted.is_some() || pr.is_some() || commit.is_some();
    let found = Revert { title, pr, commit, is_again: begun.is_again, is_part: begun.is_part, is_said };
    (is_said || own_number(rest)).then_some(found)
}

/// Tells whether some word of a title begins with one of the stems.
fn has_stem(title: &str) -> bool {
    let bytes = title.as_bytes();
    let begins = |at: usize| at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
    let is_stem = |rest: &[u8], stem: &str| {
        rest.get(..stem.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(stem.as_bytes()))
    };
    (0..bytes.len()).any(|at| {
        matches!(bytes[at] | 0x20, b'r' | b'b' | b'u')
            && begins(at)
            && STEMS.iter().any(|stem| is_stem(&bytes[at..], stem))
    })
}

/// The number that a text begins with: `#12`, `PR #12, for now`.
fn first_number(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace().skip_while(|word| {
        ["pr", "mr", "pull", "merge", "request"].iter().any(|filler| word.eq_ignore_ascii_case(filler))
    });
    let word = words.next()?.trim_end_matches([',', ':', ';']);
    let found = if is_reference(word) { references(word) } else { return None };
    found.prs.into_iter().chain(found.issues).next()
}

/// `Revert #12`, `[1.x] fix(ui): temporarily revert #12`
fn at_the_front(title: &str) -> Option<Begun<'_>> {
    let fronts = std::iter::successors(Some(title), |title| without_front(title));
    fronts.take(FRONTS_MAX + 1).find_map(begun)
}

/// `Fix a leak otherwise (reverts #12) (#34)`
fn at_the_end(title: &str) -> Option<Begun<'_>> {
    let (_, inside) = group_at_the_end(without_own(without_pick(title)), ['(', ')'])?;
    begun(inside).filter(|begun| !references(begun.rest).prs.is_empty())
}

/// The rest of a title that begins with one of the words.
fn begun(title: &str) -> Option<Begun<'_>> {
    let (title, is_partly) = match after(title, &PARTLY) {
        Some(rest) => (rest.trim_start(), true),
        None => (after(title, &MANNER).map_or(title, str::trim_start), false),
    };
    // Most titles are nothing of this.
    if !title.starts_with(['r', 'R', 'b', 'B', 'u', 'U']) {
        return None;
    }
    let again = after(title, &AGAIN).map(|rest| (rest, true, true));
    let plain = || after(title, &REVERT).map(|rest| (rest, false, true));
    let (rest, is_again, is_plain) =
        again.or_else(plain).or_else(|| after(title, &TAKE_BACK).map(|rest| (rest, false, false)))?;
    let behind = rest.trim_start_matches([' ', ':']);
    let part = PART.iter().find_map(|part| behind.strip_prefix(part));
    let rest = part.or_else(|| behind.strip_prefix("of ")).unwrap_or(rest);
    Some(Begun { rest, is_again, is_part: is_partly || part.is_some(), is_plain })
}

/// The text behind one of these words at its start.
fn after<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    words.iter().find_map(|word| {
        let (first, rest) = text.split_at_checked(word.len())?;
        (first.eq_ignore_ascii_case(word) && rest.starts_with([' ', ':', '('])).then_some(rest)
    })
}

/// Tells whether a number stands in brackets at the end: `Undo the new menu (!12)`.
fn own_number(rest: &str) -> bool {
    without_own(rest).len() < rest.len()
}

/// The title without what stands in front of it: a picture, the branch, `[1.x]`, or the type and the area, `fix(ui):`,
/// `Remote write:`.
fn without_front(title: &str) -> Option<&str> {
    let rest = match title.strip_prefix('[') {
        Some(inside) => inside.split_once(']')?.1,
        None if title.starts_with(|letter: char| !letter.is_ascii() && !letter.is_alphanumeric()) => {
            title.split_once(' ')?.1
        }
        None => title.split_once(": ").filter(|(front, _)| !front.contains(QUOTES))?.1,
    };
    Some(rest.trim_start())
}

/// The first word that can be nothing but a commit.
fn commit(text: &str) -> Option<&str> {
    let words = text.split([' ', '(', ')', '"', ':', ',', '`', '“', '”']);
    words.into_iter().find(|word| {
        COMMIT_CHARS.contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_hexdigit())
            && word.bytes().any(|byte| byte.is_ascii_digit())
            && word.bytes().any(|byte| byte.is_ascii_alphabetic())
    })
}

/// Tells whether a title takes another change back.
pub fn takes_back(title: &str) -> bool {
    revert(title).is_some_and(|found| found.is_said && !found.is_again)
}

/// All that a title takes back or brings again: `Revert "Revert "Fix a leak""` does one with each.
pub fn reverts(title: &str) -> impl Iterator<Item = Revert<'_>> {
    std::iter::successors(revert(title), |outer| {
        let inner = revert(outer.title)?;
        let is_part = outer.is_part || inner.is_part;
        Some(Revert { is_again: outer.is_again == inner.is_again, is_part, ..inner })
    })
}

const QUOTES: [char; 5] = ['"', '“', '”', '«', '»'];

/// The number of a change's own request, by its title: that in brackets at its end, else the first. Of several in brackets,
/// the first is that of the change and those behind it of its picks. A title that takes another change back names that one
/// first.
pub fn own_request(title: &str) -> Option<u64> {
    let prs = |text: &str| references(text).prs;
    if revert(title).is_some() {
        return prs(&title[without_own(title).len()..]).last().copied();
    }
    let mut bare = title;
    while without_own(bare).len() < bare.len() {
        bare = without_own(bare);
    }
    let own = prs(&title[bare.len()..]).first().copied();
    own.or_else(|| prs(&without_foreign(title)).first().copied())
}

/// The title of a pick without the numbers that name their project: `(backport of owner/name#12)` is no number of its own.
fn without_foreign(title: &str) -> Cow<'_, str> {
    let lower = title.to_lowercase();
    if !["backport", "cherry", "picked"].iter().any(|mark| lower.contains(mark)) {
        return title.into();
    }
    let is_own = |word: &&str| !(word.contains('/') && is_reference(word));
    title.split(' ').filter(is_own).collect::<Vec<_>>().join(" ").into()
}

/// The title without the request that stands in brackets at its end, outside of what it quotes.
fn without_own(title: &str) -> &str {
    match group_at_the_end(title, ['(', ')']) {
        Some((rest, group)) if is_reference(group) => rest,
        _ => title,
    }
}

/// The brackets that a title ends with: the text in front of them, and that inside.
fn group_at_the_end(title: &str, [open, close]: [char; 2]) -> Option<(&str, &str)> {
    title.trim_end().strip_suffix(close)?.rsplit_once(open)
}

/// The title without `(cherry-pick #12)` at its end: that says where the change comes from, not what it takes back.
fn without_pick(title: &str) -> &str {
    let is_pick = |group: &str| {
        let group = group.to_ascii_lowercase();
        ["cherry", "backport", "pick"].iter().any(|word| group.starts_with(word))
    };
    match group_at_the_end(title, ['(', ')']).or_else(|| group_at_the_end(title, ['[', ']'])) {
        Some((rest, group)) if is_pick(group) => rest.trim_end(),
        _ => title,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A title, what it takes back or brings again, and its own number.
    type Case<'a> = (&'a str, Option<(&'a str, Option<u64>, bool)>, Option<u64>);

    #[test]
    fn every_word_has_a_stem_wherever_it_stands() {
        for word in REVERT.iter().chain(&TAKE_BACK).chain(&AGAIN) {
            let capital = word.to_uppercase();
            for title in [word, &*capital]
                .map(|word| [word.to_owned(), format!("[1.x] a: {word} #1"), format!("b ({word} #1)")])
            {
                assert!(title.iter().all(|title| has_stem(title)), "{title:?}");
            }
        }
        assert!(!has_stem("Fix a broken redirect of the basket: unbounded tries"));
    }

    #[test]
    fn a_part_or_a_commit_may_be_what_is_taken_back() {
        for title in [
            "Partially revert #12",
            "Partial revert of \"Fix a leak (#12)\"",
            "Revert part of #12 (#34)",
            "Revert \"Partially revert #12\"",
        ] {
            let found = reverts(title).last().unwrap();
            assert_eq!((found.is_part, found.pr), (true, Some(12)), "{title}");
        }
        let known = Some("c0ffee1234567890aaaabbbbccccddddeeeeffff");
        for (title, is_named) in [
            ("Revert c0ffee1", true),
            ("Revert commit c0ffee12: fix a leak (#34)", true),
            ("Revert c0ffee2", false),
            ("Revert 1234567", false),
            ("Revert \"Fix a leak\"", false),
        ] {
            assert_eq!(reverts(title).any(|found| found.names(&[], known)), is_named, "{title}");
        }
    }

    #[test]
    fn titles_say_what_they_take_back_and_which_number_is_their_own() {
        let cases: [Case<'_>; 54] = [
            ("Revert #12 [backport of #34]", Some(("#12", Some(12), false)), None),
            ("Revert fix login [cherry-pick #34]", Some(("fix login", None, false)), None),
            (
                "Revert PR #12, cherry-pick of #34",
                Some(("PR #12, cherry-pick of #34", Some(12), false)),
                None,
            ),
            ("[backport #34] Revert #12", Some(("#12", Some(12), false)), None),
            ("Back out #12: backport of #34", Some(("#12: backport of #34", Some(12), false)), None),
            // A pick of a revert names the revert, which is not what it takes back.
            ("Temporarily revert #12 (cherry-pick #34)", Some(("#12", Some(12), false)), None),
            ("Revert #12 (cherry picked from commit c0ffee12)", Some(("#12", Some(12), false)), None),
            ("Revert #12 (backport of #34) (#56)", Some(("#12", Some(12), false)), Some(56)),
            ("Revert #12 (#34) (cherry-pick #34)", Some(("#12", Some(12), false)), None),
            (
                "Revert \"Fix a leak (#12)\" (cherry-pick #34)",
                Some(("Fix a leak (#12)", Some(12), false)),
                None,
            ),
            ("Fix a leak otherwise (reverts #12) (cherry-pick #34)", Some(("#12", Some(12), false)), None),
            ("Temporarily revert #12", Some(("#12", Some(12), false)), None),
            (
                "Temporarily revert \"Fix a leak (#12)\" (#34)",
                Some(("Fix a leak (#12)", Some(12), false)),
                Some(34),
            ),
            ("Emergency rollback of #12 (#34)", Some(("#12", Some(12), false)), Some(34)),
            ("Revert of #12", Some(("#12", Some(12), false)), None),
            ("Revert fix (!12)", Some(("fix", None, false)), Some(12)),
            ("Revert #12 for now, it leaks", Some(("#12 for now, it leaks", Some(12), false)), None),
            ("Back out the fix (#12)", Some(("the fix", None, false)), Some(12)),
            ("Back out #12 (#34)", Some(("#12", Some(12), false)), Some(34)),
            ("Backed out #12", Some(("#12", Some(12), false)), None),
            ("Backs out \"Fix a leak (#12)\"", Some(("Fix a leak (#12)", Some(12), false)), None),
            ("Roll back #12", Some(("#12", Some(12), false)), None),
            ("Undo \"Fix a leak\" (#34)", Some(("Fix a leak", None, false)), Some(34)),
            ("Undo the new menu (!12)", Some(("the new menu", None, false)), Some(12)),
            ("Undoes #12", Some(("#12", Some(12), false)), None),
            ("[1.x] fix(ui): revert #12", Some(("#12", Some(12), false)), None),
            ("Remote write: revert #12 (#34)", Some(("#12", Some(12), false)), Some(34)),
            ("⏪️ Revert \"Fix a leak (#12)\" (#34)", Some(("Fix a leak (#12)", Some(12), false)), Some(34)),
            ("Fix a leak otherwise (reverts #12) (#34)", Some(("#12", Some(12), false)), Some(34)),
            ("Fix a leak otherwise (reverts #12)", Some(("#12", Some(12), false)), None),
            // The word alone is a feature's as well.
            ("Rollback button for releases", None, None),
            ("Roll back failed migrations", None, None),
            ("Undo and redo in the editor", None, None),
            ("docs: how to write: a title", None, None),
            ("Back out \"Fix a leak (#12)\" (#34)", Some(("Fix a leak (#12)", Some(12), false)), Some(34)),
            ("Rollback \"Fix a leak\" (#34)", Some(("Fix a leak", None, false)), Some(34)),
            ("Undo #12 (#34)", Some(("#12", Some(12), false)), Some(34)),
            ("chore(ui): revert \"Fix a leak (#12)\"", Some(("Fix a leak (#12)", Some(12), false)), None),
            (
                "[1.x] Revert \"Fix a leak (#12)\" (#34)",
                Some(("Fix a leak (#12)", Some(12), false)),
                Some(34),
            ),
            ("feat: undo and redo (#12)", Some(("and redo", None, false)), Some(12)),
            ("Fix a leak (#12)", None, Some(12)),
            ("Fix a leak (#12) (#34)", None, Some(12)),
            ("Follow-up to #12 (#15)", None, Some(15)),
            ("Merge pull request #12 from a/leak", None, Some(12)),
            ("Revert \"Fix a leak (#12)\" (#34)", Some(("Fix a leak (#12)", Some(12), false)), Some(34)),
            ("Revert \"Fix a leak (#12)\"", Some(("Fix a leak (#12)", Some(12), false)), None),
            ("revert: Fix a leak (#34)", Some(("Fix a leak", None, false)), Some(34)),
            ("Revert #12 (#34)", Some(("#12", Some(12), false)), Some(34)),
            ("Revert #12", Some(("#12", Some(12), false)), None),
            ("Reapply \"Fix a leak (#12)\" (#34)", Some(("Fix a leak (#12)", Some(12), true)), Some(34)),
            (
                "Revert \"Revert \"Fix a leak (#12)\"\" (#34)",
                Some(("Fix a leak (#12)", Some(12), true)),
                Some(34),
            ),
            (
                "Reapply \"Revert \"Fix a leak (#12)\"\" (#34)",
                Some(("Fix a leak (#12)", Some(12), false)),
                Some(34),
            ),
            ("Reverting is hard (#12)", None, Some(12)),
            ("Revert", None, None),
        ];
        for (title, expected, own) in cases {
            let found = reverts(title).last().map(|found| (found.title, found.pr, found.is_again));
            assert_eq!((found, own_request(title)), (expected, own), "{title}");
        }
        for (title, own) in [
            ("fix: fox (backport of https://github.com/other/repo/pull/851) (#852)", Some(852)),
            ("fix: fox (backport of other/repo#390) (#391)", Some(391)),
            ("fix: fox (#391) (backport of other/repo#390)", Some(391)),
            ("fix: fox (backport of other/repo#390)", None),
            ("fix: fox (cherry picked from https://github.com/other/repo/pull/851)", None),
            ("fix: fox (backport of #12)", Some(12)),
            ("fix: fox (owner/name#12)", Some(12)),
        ] {
            assert_eq!(own_request(title), own, "{title}");
        }
        let both = reverts("Revert \"Revert \"Fix a leak (#12)\" (#34)\" (#56)");
        let both: Vec<_> = both.map(|found| (found.pr, found.is_again)).collect();
        assert_eq!(both, [(Some(34), false), (Some(12), true)]);
    }
}
