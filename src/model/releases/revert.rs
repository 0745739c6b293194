//! Titles of changes that take another one back: `Revert "Fix a leak (#12)" (#34)`.

use std::borrow::Cow;

use super::references::{is_reference, references};

/// Words with which such a title begins.
const REVERT: [&str; 8] =
    ["revert", "reverts", "reverted", "backout", "back out", "backed out", "rollback", "undo"];
/// Words with which one begins that brings it again.
const AGAIN: [&str; 4] = ["reapply", "reland", "unrevert", "re-apply"];

/// The change that a title takes back, or brings again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert<'a> {
    /// That change's title, as it is quoted, or what stands in its place.
    pub title: &'a str,
    /// Its number.
    pub pr: Option<u64>,
    /// It is brought again.
    pub is_again: bool,
}

/// Reads a title; nothing where it takes nothing back.
fn revert(title: &str) -> Option<Revert<'_>> {
    let title = title.trim();
    let (is_again, rest) = begun(title).or_else(|| begun(without_front(title)?))?;
    let quoted = rest.split_once(QUOTES).and_then(|(_, inside)| inside.rsplit_once(QUOTES));
    let title = quoted.map_or_else(|| without_own(rest), |(inside, _)| inside);
    let title = title.trim_matches([' ', ':']);
    Some(Revert { title, pr: own_request(title), is_again })
}

/// The rest of a title that begins with one of the words, and whether it brings something again.
fn begun(title: &str) -> Option<(bool, &str)> {
    // Most titles are nothing of this.
    if !title.starts_with(['r', 'R', 'b', 'B', 'u', 'U']) {
        return None;
    }
    let behind = |word: &&str| {
        let (first, rest) = title.split_at_checked(word.len())?;
        (first.eq_ignore_ascii_case(word) && rest.starts_with([' ', ':', '('])).then_some(rest)
    };
    let again = AGAIN.iter().find_map(behind).map(|rest| (true, rest));
    again.or_else(|| REVERT.iter().find_map(behind).map(|rest| (false, rest)))
}

/// The title without what stands in front of it: the branch, `[1.x]`, or the type and the area, `fix(ui):`.
fn without_front(title: &str) -> Option<&str> {
    let rest = match title.strip_prefix('[') {
        Some(inside) => inside.split_once(']')?.1,
        None => title.split_once(": ").filter(|(front, _)| !front.contains([' ', '"']))?.1,
    };
    Some(rest.trim_start())
}

/// All that a title takes back or brings again: `Revert "Revert "Fix a leak""` does one with each.
pub fn reverts(title: &str) -> impl Iterator<Item = Revert<'_>> {
    std::iter::successors(revert(title), |outer| {
        let inner = revert(outer.title)?;
        Some(Revert { is_again: outer.is_again == inner.is_again, ..inner })
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
    let trimmed = title.trim_end();
    let own = trimmed.strip_suffix(')').and_then(|open| open.rsplit_once('('));
    match own {
        Some((rest, group)) if is_reference(group) => rest,
        _ => title,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A title, what it takes back or brings again, and its own number.
    type Case<'a> = (&'a str, Option<(&'a str, Option<u64>, bool)>, Option<u64>);

    #[test]
    fn titles_say_what_they_take_back_and_which_number_is_their_own() {
        let cases: [Case<'_>; 20] = [
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
