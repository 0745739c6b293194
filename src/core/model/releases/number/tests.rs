//! Families of versions as real projects write them, and the laws of an order.

#[path = "laws.rs"]
mod laws;

use proptest::prelude::*;

use super::*;

fn compare(a: &str, b: &str) -> Option<Compared> {
    Some(Number::parse(a)?.compare(&Number::parse(b)?))
}

fn order(a: &str, b: &str) -> Option<Ordering> {
    Number::parse(a)?.order(&Number::parse(b)?)
}

/// Families, each in the order in which it was published.
const RISING: [&[&str]; 40] = [
    &["v1.9.2", "v1.10.0-alpha", "v1.10.0-rc.1", "v1.10.0-rc.2", "v1.10.0-rc.11", "v1.10.0", "v2"],
    &["1.1.1-rc9", "1.1.1-rc10", "1.1.1"],
    &["4.2.0-beta9", "4.2.0-beta10", "4.2.0-rc1", "4.2.0"],
    // PEP 440
    &["3.1.dev4", "3.1", "3.1.post1", "3.1.post2", "3.1.1"],
    &["3.1a9", "3.1a10", "3.1b1", "3.1rc1", "3.1"],
    // Maven, Spring
    &["5.0.0.M9", "5.0.0.M10", "5.0.0.RC1", "5.0.0.RELEASE", "5.0.1.RELEASE"],
    &["6.1.0.Alpha1", "6.1.0.Beta2", "6.1.0.CR1", "6.1.0.Final", "6.1.1.Final"],
    &["2.0.0-SNAPSHOT", "2.0.0", "2.0.1-SNAPSHOT", "2.0.1"],
    &["7.0.0-preview.3", "7.0.0-preview.10", "7.0.0"],
    &["1.4.0-nightly.20260301", "1.4.0-nightly.20260302", "1.4.0"],
    &["1.4.0-canary.9", "1.4.0-canary.10", "1.4.0"],
    &["1.4.0-dev", "1.4.0"],
    &["1.4.0-pre9", "1.4.0-pre10", "1.4.0"],
    // git describe
    &["v1.2.3", "v1.2.3-9-gabc1234", "v1.2.3-10-gdef5678", "v1.2.4"],
    &["v1.2.3-rc1", "v1.2.3-rc1-9-gabc1234", "v1.2.3-rc1-12-g1234567", "v1.2.3-rc2"],
    // Distributions and packagers
    &["13.3.0-debian-11-r99", "13.3.0-debian-12-r0", "13.3.0-debian-12-r9", "13.3.0-debian-12-r10"],
    &["1.2.3", "1.2.3-1", "1.2.3-2", "1.2.3-10", "1.2.4"],
    &["1.2.3", "1.2.3-r1", "1.2.3-r2", "1.2.3-r10"],
    &["1.2.3-alpine3.9", "1.2.3-alpine3.19", "1.2.4-alpine3.19"],
    &["3.13.0-rc1-alpine3.20", "3.13.0-alpine3.20", "3.13.0-alpine3.21"],
    &["8u292-b9", "8u292-b10", "8u302-b8", "11.0.1"],
    &["17.0.1_9", "17.0.1_12", "17.0.2_8"],
    &["9.2p1", "9.3p1", "9.3p2"],
    // Clouds
    &["v1.29.0-eks-99", "v1.29.0-eks-100", "v1.29.1-eks-3"],
    &["v1.30.2+k3s1", "v1.30.2+k3s2", "v1.30.2+k3s10", "v1.30.3+k3s1"],
    &["v1.30.2-gke.1587003", "v1.30.2-gke.10587003"],
    // Builds
    &["1.2.3-build9", "1.2.3-build10"],
    &["1.2.3", "1.2.3+build.9", "1.2.3+build.10"],
    &["1.2.3", "1.2.3-hotfix1", "1.2.3-hotfix2", "1.2.4"],
    &["1.2.3", "1.2.3-hotfix1-rc1", "1.2.3-hotfix1"],
    &["1.2.3", "1.2.3-patch9", "1.2.3-patch10"],
    &["build-9", "build-10", "build-100"],
    &["v9", "v10", "v100"],
    &["main-98", "main-99", "main-100"],
    &["release-1.2", "release-1.10"],
    &["web-1.9.0", "web-1.10.0", "web-1.10.0-hotfix1"],
    &["payments/v1.9.0", "payments/v1.10.0"],
    // Calendars
    &["2026.03.02", "2026.03.10", "2026.11.01"],
    &["2026.9", "2026.9.1", "2026.10", "2027.1"],
    &["20260901.1", "20260901.2", "20260901.10", "20260902.1"],
];

#[test]
fn families_are_in_the_order_in_which_they_were_published() {
    for family in RISING {
        for (place, a) in family.iter().enumerate() {
            for b in &family[place + 1..] {
                assert_eq!(order(a, b), Some(Ordering::Less), "{a} {b}");
                assert_eq!(order(b, a), Some(Ordering::Greater), "{b} {a}");
            }
        }
    }
}

#[test]
fn what_is_no_version_has_no_number() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    for version in [
        "main",
        "latest",
        "develop",
        "stable",
        "pr-191",
        "mr-12",
        "feature-123",
        "abc1234",
        "main-699b052",
        "sha-699b052",
        "sha-1234567",
        "1234567",
        "SHOP-1234",
        "fix-42",
        "1.x",
        "1.2.x",
        "",
        "v",
        "1.2.3 beta",
        "ünder-1.2",
        commit,
    ] {
        assert!(Number::parse(version).is_none(), "{version}");
    }
}

#[test]
fn what_decides_nothing_is_unknown() {
    for (a, b) in [
        ("1.2.3-abc1234", "1.2.3-def5678"),
        ("1.2.3", "1.2.3-abc1234"),
        // Some days have a counter.
        ("20260901", "20260901.1"),
        ("2026-09-01", "2026-09-01.3"),
        ("20260901", "202609011530"),
        // Other ways of counting.
        ("2026.3.1", "1.2.3"),
        ("24.04.1", "2024.4.1"),
        ("1.4.0-nightly.1", "1.4.0-rc1"),
        ("1.2.3-1", "1.2.3-hotfix1"),
    ] {
        assert_eq!(compare(a, b), Some(Compared::Unknown), "{a} {b}");
        assert_eq!(compare(b, a), Some(Compared::Unknown), "{b} {a}");
    }
}

#[test]
fn variants_are_compared_by_their_first_numbers() {
    for (a, b) in [("1.2.3", "1.2.3-alpine"), ("1.2.3-web", "1.2.3-worker"), ("web-1.2.3", "worker-1.2.3")] {
        assert_eq!(compare(a, b), Some(Compared::Variants), "{a} {b}");
    }
    // As far behind the same tag, on two branches.
    assert_eq!(compare("v1.2.3-9-gabc1234", "v1.2.3-9-gdef5678"), Some(Compared::Variants));
    for (a, b) in [("1.2.3-web", "1.2.4-worker"), ("1.9.0-alpine", "1.10.0"), ("web-1.2.3", "worker-1.3.0")] {
        assert_eq!(order(a, b), Some(Ordering::Less), "{a} {b}");
    }
}

#[test]
fn one_version_has_several_writings() {
    for (a, b) in
        [("v1.2.3", "1.2.3.Final"), ("1.2", "1.2.0"), ("20260901", "2026-09-01"), ("1.2.3-CR1", "1.2.3-rc1")]
    {
        assert_eq!(compare(a, b), Some(Compared::Equal), "{a} {b}");
    }
}

#[test]
fn a_line_of_maintenance_shares_its_first_two_parts() {
    let line = |a: &str, b: &str| Number::parse(a).unwrap().is_in_line_of(&Number::parse(b).unwrap());
    assert!(line("v3.0.13", "3.0.14"));
    assert!(!line("v3.0.13", "v3.1.0"));
    assert!(line("v2", "2.0.1"));
}

#[test]
fn prereleases_are_known_by_their_word() {
    let is_pre = |version: &str| Number::parse(version).unwrap().is_prerelease();
    for version in ["1.2.3-rc1", "1.2.3-SNAPSHOT", "nightly-20260901", "1.2b1", "1.2.3-beta-alpine"] {
        assert!(is_pre(version), "{version}");
    }
    for version in ["1.2.3", "1.2.3-1", "1.2.3-hotfix1", "1.2.3-alpine", "1.2.3-9-gabc1234"] {
        assert!(!is_pre(version), "{version}");
    }
}

/// Versions of all families, near enough to each other to be compared.
pub(in crate::model) fn any_version() -> impl Strategy<Value = String> {
    let front = prop::sample::select(vec!["", "", "", "v", "web-", "release-"]);
    let core = prop_oneof![
        4 => (0..3_u8, 0..2_u8, 0..3_u8).prop_map(|(a, b, c)| format!("{a}.{b}.{c}")),
        1 => (0..3_u8, 8..12_u8).prop_map(|(a, b)| format!("{a}.{b}")),
        1 => (1..3_u8, 1..3_u8).prop_map(|(month, day)| format!("2026-0{month}-0{day}")),
        1 => (1..3_u8, 1..3_u8).prop_map(|(month, day)| format!("20260{month}0{day}")),
        1 => (1..3_u8, 1..3_u8).prop_map(|(month, day)| format!("2026.{month}.{day}")),
        1 => (8..12_u8).prop_map(|count| count.to_string()),
    ];
    let word = prop::sample::select(vec![
        "-rc", "-rc.", "rc", "-beta", "b", "-alpha.", "-dev.", "-", ".", "-r", "-hotfix", "+build",
        "-alpine", "-web-", "-eks-",
    ]);
    let tail =
        prop::collection::vec((word, 0..12_u8).prop_map(|(word, count)| format!("{word}{count}")), 0..3);
    let end = prop::sample::select(vec!["", "", "", "", "-gabc1234", "-def5678", "-alpine", "-rc"]);
    (front, core, tail, end)
        .prop_map(|(front, core, tail, end)| format!("{front}{core}{}{end}", tail.concat()))
}

proptest! {
    #[test]
    fn any_versions_are_in_one_order(versions in prop::collection::vec(any_version(), 3..9)) {
        let numbers: Vec<Number> = versions.iter().filter_map(|version| Number::parse(version)).collect();
        laws::in_one_order(&numbers, Number::order);
    }
}
