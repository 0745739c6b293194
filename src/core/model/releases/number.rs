//! The numbers in versions, and what they say of the order of releases.
//!
//! A version is a name in front, numbers, and what follows them: `app/v`, `1.2.3`, `-rc.1`. Runs of digits are compared as
//! numbers. The rest is read token by token; README.md, "The order of versions", has the rules.

mod read;
#[cfg(test)]
mod tests;
mod words;

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// A version's number: `v1.10.0-rc.2`, `2026-03-02.1`, `release-1.2`, `1.2.3-9-gabc1234`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Number {
    scheme: Scheme,
    /// The first numbers: of `1.2.3-4` the first three, without zeros at the end.
    core: Vec<u64>,
    /// The names that make it a series of its own: of `web-1.2.3-alpine` both.
    series: Vec<String>,
    tail: Vec<Token>,
    /// The commit that it was built from.
    commit: Option<String>,
}

/// Ways of counting: numbers of different ways cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Scheme {
    /// `1.2.3`
    Plain,
    /// `2026.3`
    Calendar,
    /// `2026-03-02`, `20260302`
    Day,
}

/// A part of what follows the first numbers. The order is that in which versions are listed where nothing else decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Token {
    /// `rc`: before what it stands behind.
    Before(String),
    Count(u64),
    /// `hotfix`: after what it stands behind.
    After(String),
    /// `alpine`: beside others.
    Beside(String),
}

/// The part that decided between two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// The first numbers.
    Core,
    /// A word such as `rc`.
    Phase,
    /// The tokens that follow otherwise.
    Suffix,
}

/// One number, seen from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// They say the same.
    Equal,
    /// They are in order.
    Apart(Ordering, Basis),
    /// They are variants of one version, as `1.2.3` and `1.2.3-alpine`, or builds of two branches behind it.
    Variants,
    /// They say nothing of each other.
    Unknown,
}

impl Number {
    /// Tells whether it comes before a release of the same number.
    pub(crate) fn is_prerelease(&self) -> bool {
        self.tail.iter().any(|token| matches!(token, Token::Before(_)))
            || self.series.iter().any(|word| words::is_before(word))
    }

    /// Tells whether both belong to one line of maintenance: the same first two parts.
    pub(super) fn is_in_line_of(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.part(0) == other.part(0) && self.part(1) == other.part(1)
    }

    /// Tells whether it is a step of one of several lines: `1.2.3`, and not `1.2`.
    pub(super) fn is_maintenance(&self) -> bool {
        self.scheme == Scheme::Plain && self.core.len() > 2
    }

    /// Tells whether both are of one series.
    pub(super) fn is_of_series_of(&self, other: &Self) -> bool {
        self.series == other.series
    }

    /// Tells whether it is of no series of its own.
    pub(super) fn is_of_no_series(&self) -> bool {
        self.series.is_empty()
    }

    /// Tells whether it may be of any branch: it names a commit, or comes before a release.
    pub(super) fn is_of_a_branch(&self) -> bool {
        self.commit.is_some() || self.is_prerelease()
    }

    /// Tells whether `carried` may be a build of a branch that this is not of: it has a name of its own, names a commit, or comes
    /// before a release at no known place, as `-feature-x`, `-pr.17`, `-dev.3`. Only what is built alike may go on from it.
    pub(super) fn may_be_beside(&self, carried: &Self) -> bool {
        let is_of_a_branch =
            carried.commit.is_some() || !carried.series.is_empty() || carried.unplaced().next().is_some();
        let is_alike = self.series == carried.series
            && self.commit.is_some() == carried.commit.is_some()
            && self.unplaced().eq(carried.unplaced())
            && self.request() == carried.request();
        is_of_a_branch && !is_alike
    }

    /// The words that come before a release, and at no known place among each other.
    fn unplaced(&self) -> impl Iterator<Item = &str> {
        self.tail.iter().filter_map(|token| match token {
            Token::Before(word) if words::phase(word).is_none() => Some(word.as_str()),
            _ => None,
        })
    }

    /// The request that it was built of: of `1.2.3-pr.17` the 17.
    fn request(&self) -> Option<u64> {
        self.tail.windows(2).find_map(|pair| match pair {
            [Token::Beside(word), Token::Count(number)] if words::is_request(word) => Some(*number),
            _ => None,
        })
    }

    /// Tells whether `git describe` found it so many commits behind `other`, as `1.2.3-9-gabc1234` behind `1.2.3`.
    pub(super) fn is_described_by(&self, other: &Self) -> bool {
        let Some((_, base)) = self.tail.split_last() else { return false };
        let is_base = self.core == other.core && self.series == other.series && base == other.tail;
        self.is_described() && is_base && other.commit.is_none()
    }

    /// Tells whether `git describe` counted the commits behind a tag, as in `1.2.3-9-gabc1234`.
    fn is_described(&self) -> bool {
        let has_commit = self.commit.as_ref().is_some_and(|commit| commit.starts_with('g'));
        has_commit && matches!(self.tail.last(), Some(Token::Count(_)))
    }

    /// Tells whether it is higher than `other`.
    pub(super) fn is_above(&self, other: &Self) -> bool {
        self.order(other) == Some(Ordering::Greater)
    }

    /// Tells whether it says no more than the beginning of `other`, as the tag `1.2` of `1.2.3`, or the same.
    pub(crate) fn is_part_of(&self, other: &Self) -> bool {
        let begins = other.core.starts_with(&self.core) && self.core.len() < other.core.len();
        begins && self.tail.is_empty() || self.compare(other) == Compared::Equal
    }

    fn part(&self, place: usize) -> u64 {
        self.core.get(place).copied().unwrap_or(0)
    }

    /// Something by which versions can be listed, also where no order is known.
    pub(super) fn in_lists(&self) -> impl Ord + use<> {
        (self.scheme, self.core.clone(), !self.is_prerelease(), self.tail.clone())
    }

    /// The order of both, where their numbers tell.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match self.compare(other) {
            Compared::Apart(order, _) => Some(order),
            Compared::Equal => Some(Ordering::Equal),
            Compared::Variants | Compared::Unknown => None,
        }
    }

    /// Compares with `other`.
    pub(super) fn compare(&self, other: &Self) -> Compared {
        let is_counted_alike = (self.scheme == Scheme::Plain) == (other.scheme == Scheme::Plain);
        if !is_counted_alike {
            return Compared::Unknown;
        }
        let core = self.core.cmp(&other.core);
        if core.is_ne() {
            return Compared::Apart(core, Basis::Core);
        }
        if self.scheme != other.scheme {
            return Compared::Unknown;
        }
        if self.series != other.series {
            return Compared::Variants;
        }
        match self.compare_tails(other) {
            // As many commits behind the same tag: neither commit is behind the other.
            Compared::Equal if self.commit != other.commit && self.is_described() && other.is_described() => {
                Compared::Variants
            }
            Compared::Equal if self.commit != other.commit => Compared::Unknown,
            compared => compared,
        }
    }

    fn compare_tails(&self, other: &Self) -> Compared {
        let first = self.tail.iter().zip(&other.tail).position(|(a, b)| a != b);
        let place = first.unwrap_or_else(|| self.tail.len().min(other.tail.len()));
        let is_after_phase = self.tail[..place].iter().any(|token| matches!(token, Token::Before(_)));
        let (here, there) = (self.tail.get(place), other.tail.get(place));
        let apart = |order| Compared::Apart(order, Basis::Suffix);
        match (here, there) {
            (None, None) => Compared::Equal,
            (Some(Token::Before(a)), Some(Token::Before(b))) => match words::phase(a).zip(words::phase(b)) {
                Some((a, b)) if a != b => Compared::Apart(a.cmp(&b), Basis::Phase),
                _ => Compared::Unknown,
            },
            (Some(Token::Before(_)), _) => Compared::Apart(Ordering::Less, Basis::Phase),
            (_, Some(Token::Before(_))) => Compared::Apart(Ordering::Greater, Basis::Phase),
            (Some(Token::Count(a)), Some(Token::Count(b))) => apart(a.cmp(b)),
            // Some days have a counter, others none: nobody knows which came first.
            (None, Some(Token::Count(_))) | (Some(Token::Count(_)), None)
                if self.scheme == Scheme::Day && !is_after_phase =>
            {
                Compared::Unknown
            }
            (None, Some(Token::Count(_) | Token::After(_))) => apart(Ordering::Less),
            (Some(Token::Count(_) | Token::After(_)), None) => apart(Ordering::Greater),
            (Some(_), Some(_)) | (None, Some(Token::Beside(_))) | (Some(Token::Beside(_)), None) => {
                Compared::Unknown
            }
        }
    }
}

/// The version as it is looked up: `v2.3.1` and `2.3.1` are one.
pub(super) fn key(version: &str) -> &str {
    match version.strip_prefix(['v', 'V']) {
        Some(rest) if rest.starts_with(|letter: char| letter.is_ascii_digit()) => rest,
        _ => version,
    }
}
