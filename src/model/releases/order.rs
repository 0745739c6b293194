//! The numbers in versions, and what they say of the order of releases.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// The position of one release, seen from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is earlier.
    Earlier,
    /// It is later.
    Later,
    /// It carries the same version.
    Same,
    /// Neither contains the other.
    Incomparable,
    /// Nothing is known that could tell.
    Unknown,
}

impl Relation {
    /// `order` compares where one comes from with where one goes to.
    pub(super) fn of(order: Ordering) -> Self {
        match order {
            Ordering::Less => Self::Later,
            Ordering::Equal => Self::Same,
            Ordering::Greater => Self::Earlier,
        }
    }
}

/// A version's number: `v1.10.0-rc.2`, `2026.03.02`, `2026-03-02.1`, `release-1.2`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Number {
    parts: Vec<u64>,
    /// The pre-release, as semver writes it; empty for a release.
    pre: String,
}

impl Number {
    /// The number in `version`; nothing where it has none, as `latest` and `main` have not.
    pub(crate) fn parse(version: &str) -> Option<Self> {
        let start = version.find(|letter: char| letter.is_ascii_digit())?;
        let is_prefix =
            version[..start].bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_/.".contains(&byte));
        let rest = version[start..].split('+').next()?;
        if !is_prefix {
            return None;
        }
        let is_date = rest.len() >= 8
            && rest.split(['-', '.']).count() >= 3
            && rest.bytes().take(4).all(|byte| byte.is_ascii_digit())
            && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b'.');
        let (core, pre) = match rest.split_once('-') {
            Some((core, pre)) if !is_date => (core, pre),
            _ => (rest, ""),
        };
        let parts: Option<Vec<u64>> = core.split(['.', '-']).map(|part| part.parse().ok()).collect();
        semver::Prerelease::new(pre).ok()?;
        parts.map(|parts| Self { parts, pre: pre.to_owned() })
    }

    /// Whether it comes before a release of the same number.
    pub(crate) fn is_prerelease(&self) -> bool {
        !self.pre.is_empty()
    }

    /// Whether both belong to one line of maintenance: the same first two parts.
    pub(crate) fn is_in_line_of(&self, other: &Self) -> bool {
        self.part(0) == other.part(0) && self.part(1) == other.part(1)
    }

    fn part(&self, place: usize) -> u64 {
        self.parts.get(place).copied().unwrap_or(0)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let width = self.parts.len().max(other.parts.len());
        let core = (0..width).map(|place| self.part(place).cmp(&other.part(place)));
        let core = core.fold(Ordering::Equal, Ordering::then);
        // A pre-release comes before its release.
        core.then_with(|| match (self.is_prerelease(), other.is_prerelease()) {
            (false, false) => Ordering::Equal,
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (true, true) => {
                semver::Prerelease::new(&self.pre).ok().cmp(&semver::Prerelease::new(&other.pre).ok())
            }
        })
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The version as it is looked up: `v2.3.1` and `2.3.1` are one.
pub(super) fn key(version: &str) -> &str {
    match version.strip_prefix(['v', 'V']) {
        Some(rest) if rest.starts_with(|letter: char| letter.is_ascii_digit()) => rest,
        _ => version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_number(a: &str, b: &str) -> Option<Ordering> {
        Some(Number::parse(a)?.cmp(&Number::parse(b)?))
    }

    #[test]
    fn numbers_tell_the_order_of_versions() {
        let rising: [&[&str]; 5] = [
            &["v1.9.2", "v1.10.0-alpha", "v1.10.0-rc.1", "v1.10.0-rc.2", "v1.10.0-rc.11", "v1.10.0", "v2"],
            &["2026.03.02", "2026.03.10", "2026.11.01"],
            &["2026-03-02", "2026-03-02.1", "2026-11-01"],
            &["release-1.2", "release-1.10"],
            &["1.0.0", "v1.0.1+build.7"],
        ];
        for line in rising {
            for pair in line.windows(2) {
                assert_eq!(by_number(pair[0], pair[1]), Some(Ordering::Less), "{pair:?}");
                assert_eq!(by_number(pair[1], pair[0]), Some(Ordering::Greater), "{pair:?}");
            }
        }
        for (a, b) in [("main", "develop"), ("v1", "latest"), ("1.x", "1.2")] {
            assert_eq!(by_number(a, b), None, "{a} {b}");
        }
    }

    #[test]
    fn a_leading_v_makes_no_other_version() {
        for (version, expected) in [("v2.3.1", "2.3.1"), ("2.3.1", "2.3.1"), ("vnext", "vnext"), ("V2", "2")]
        {
            assert_eq!(key(version), expected);
        }
    }

    #[test]
    fn a_line_of_maintenance_shares_its_first_two_parts() {
        let line = |a: &str, b: &str| Number::parse(a).unwrap().is_in_line_of(&Number::parse(b).unwrap());
        assert!(line("v3.0.13", "3.0.14"));
        assert!(!line("v3.0.13", "v3.1.0"));
        assert!(line("v2", "2.0.1"));
    }
}
