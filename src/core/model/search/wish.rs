//! The kind of change that a description sounds like: who says what is wrong wants a fix.

use crate::model::releases::ChangeKind;

/// Words of who tells of a fault.
const FAULT: &str = " wrong wrongly broken breaks break broke cannot cant fails fail failing failed crash crashes crashed lost \
    loses missing not no does doesnt never nothing nobody stuck hangs hang freezes error errors invalid incorrect \
    incorrectly mangled corrupt corrupts leaks leak stopped ignored ignores twice stale useless vanish vanishes disappears \
    although unexpectedly accidentally malformed flaky incompatible ";
/// Words of who tells of speed and use.
const SPEED: &str = " faster quicker slow slower sluggish speed ram memory cpu processor load less fewer cheaper needless \
    snappier efficient lighter allocations ages forever ";
/// Words of who wants something new.
const NOVELTY: &str = " can may choose option optional possible possibility able new also configurable let lets allow allows \
    support supports automatically ";

/// A wish for a kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Repair,
    Speed,
    Novelty,
}

impl Wish {
    /// The wish of a description in lower case. What is slow is told in words of faults, too, and what is new in those of what
    /// was not there.
    pub(super) fn of<'a>(words: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        let has = |list: &str| words.clone().any(|word| super::stop::is_in(list, word));
        if has(SPEED) {
            Some(Self::Speed)
        } else if has(FAULT) {
            Some(Self::Repair)
        } else {
            has(NOVELTY).then_some(Self::Novelty)
        }
    }

    pub(super) fn is_of(self, kind: ChangeKind) -> bool {
        match kind {
            ChangeKind::Fix | ChangeKind::Security => self == Self::Repair,
            ChangeKind::Perf => self == Self::Speed,
            ChangeKind::Feature => self == Self::Novelty,
            ChangeKind::Breaking | ChangeKind::Docs | ChangeKind::Other => false,
        }
    }
}
