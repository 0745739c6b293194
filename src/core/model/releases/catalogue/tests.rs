//! The catalogue, by short lists of releases.

use super::*;
use crate::model::releases::change::Change;

fn digest(version: &str) -> Digest {
    Digest::of(version.as_bytes())
}

fn repository() -> Repository {
    "docker/app".parse().unwrap()
}

fn release(version: &str, parents: &[&str]) -> Registration {
    Registration {
        digests: vec![digest(version)],
        parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
        ..Registration::named(repository(), version)
    }
}

fn catalogue(releases: &[(&str, &[&str])]) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for (version, parents) in releases {
        catalogue.add(&release(version, parents), Time::from_ms(0));
    }
    catalogue
}

fn named<'a>(digest: &'a Digest, version: &'a str) -> Named<'a> {
    Named { digest, version: Some(version) }
}

fn relation(releases: &[(&str, &[&str])], from: &str, to: &str) -> Relation {
    let (a, b) = (digest(from), digest(to));
    catalogue(releases).relation(&repository(), named(&a, from), named(&b, to))
}

#[test]
fn ancestry_comes_before_numbers_and_numbers_before_publishing() {
    let lines: &[(&str, &[&str])] = &[("1.0", &[]), ("3.0", &["1.0"]), ("2.0", &["v3.0"]), ("1.1", &["1.0"])];
    assert_eq!(relation(lines, "3.0", "2.0"), Relation::Later);
    assert_eq!(relation(lines, "2.0", "1.1"), Relation::Incomparable);
    assert_eq!(relation(&[("1.1", &[]), ("1.0", &[])], "1.0", "1.1"), Relation::Later);
    assert_eq!(relation(&[("blue", &[]), ("green", &[])], "blue", "green"), Relation::Later);
    assert_eq!(relation(&[], "main", "develop"), Relation::Unknown);
    assert_eq!(relation(&[], "v1", "1"), Relation::Same);
}

#[test]
fn between_names_each_version_once_also_where_an_end_is_unknown() {
    let catalogue = catalogue(&[
        ("1.0", &[]),
        ("1.1", &["1.0"]),
        ("1.2", &["1.1"]),
        ("9.9", &["1.0"]),
        ("1.3", &["1.2"]),
    ]);
    let between = |low: &str, high: &str| -> Vec<String> {
        let (a, b) = (digest(low), digest(high));
        let found = catalogue.between(&repository(), named(&a, low), named(&b, high));
        found.into_iter().map(|release| release.version.clone()).collect()
    };
    assert_eq!(between("1.0", "1.2"), ["1.1", "1.2"]);
    assert_eq!(between("1.3", "1.3"), [""; 0]);
    assert_eq!(between("1.1.5", "2.0"), ["1.2", "1.3"]);
}

#[test]
fn the_same_release_again_is_nothing_new_and_another_one_is_a_conflict() {
    let mut catalogue = catalogue(&[("v1.0", &[])]);
    let check = |catalogue: &Catalogue, release: &Registration| match catalogue.check(release) {
        Ok(added) => format!("{added:?}"),
        Err(conflict) => conflict.differences.iter().map(|it| it.field).collect::<Vec<_>>().join(","),
    };
    let known = release("v1.0", &[]);
    let with_change = Registration {
        changes: vec![Change::parse("Fix: login", None).unwrap()],
        ..Registration::named(repository(), "1.0")
    };
    let rebuilt = Registration { digests: vec![digest("v1.0"), digest("rebuilt")], ..known.clone() };
    assert_eq!(check(&catalogue, &known), "Same");
    assert_eq!(check(&catalogue, &with_change), "Extended");
    assert_eq!(check(&catalogue, &rebuilt), "Extended");
    assert_eq!(
        check(&catalogue, &Registration { digests: vec![digest("other")], ..known.clone() }),
        "digest"
    );
    assert_eq!(check(&catalogue, &Registration { version: "v1.1".into(), ..known.clone() }), "version");
    assert_eq!(check(&catalogue, &release("v1.1", &[])), "New");
    catalogue.add(&with_change, Time::from_ms(9));
    let other = Registration { changes: vec![Change::parse("Fix: logout", None).unwrap()], ..known };
    assert_eq!(check(&catalogue, &other), "changes");
    assert_eq!(catalogue.of(&repository())[0].version, "v1.0");
}

#[test]
fn labels_link_an_image_to_the_release_that_they_name() {
    let mut catalogue = Catalogue::default();
    let of_git = Registration {
        revision: Some("0123456789abcdef".into()),
        ..Registration::named(repository(), "v1.0")
    };
    catalogue.add(&of_git, Time::from_ms(0));
    let at = Time::from_ms(5);
    let labels = |version, revision| Labels { version, revision, created_at: None };
    catalogue.see(&repository(), digest("a"), &labels(None, Some("0123456")), at);
    catalogue.see(&repository(), digest("b"), &labels(Some("1.0"), None), at);
    catalogue.see(&repository(), digest("c"), &labels(Some("1.1"), None), at);
    catalogue.see(&repository(), digest("d"), &labels(None, None), at);
    let found = |name: &str| {
        let digest = digest(name);
        catalogue.line(&repository())?.with_digest(&digest).map(|release| release.version.clone())
    };
    assert_eq!(
        ["a", "b", "c", "d"].map(found),
        [Some("v1.0"), Some("v1.0"), Some("1.1"), None].map(|it| it.map(str::to_owned))
    );
}

#[test]
fn an_image_moves_to_the_release_that_registers_it() {
    let mut catalogue = Catalogue::default();
    let inherited = Labels { version: Some("22.04"), ..Labels::default() };
    catalogue.see(&repository(), digest("v1.0"), &inherited, Time::from_ms(1));
    assert_eq!(catalogue.check(&release("v1.0", &[])), Ok(Added::New));
    catalogue.add(&release("v1.0", &[]), Time::from_ms(2));
    let digest = digest("v1.0");
    let found = catalogue.line(&repository()).unwrap().with_digest(&digest).unwrap();
    assert_eq!(found.version, "v1.0");
    assert_eq!(catalogue.of(&repository())[0].digest(), None);
}

#[test]
fn what_an_image_contains_follows_its_line() {
    let published = ["v2.14.20", "v3.0.12", "v3.1.0", "v3.0.13", "v3.1.1", "v3.2.0"];
    let releases: Vec<(&str, &[&str])> = published.iter().map(|version| (*version, &[][..])).collect();
    let catalogue = catalogue(&releases);
    let line = catalogue.line(&repository()).unwrap();
    let contains = |version: &str, carriers: &[&str]| {
        let digest = digest(version);
        line.contains(named(&digest, version), carriers)
    };
    let cases: [(&str, &[&str], Option<bool>); 11] = [
        ("v3.0.13", &["v3.0.13", "v3.1.1"], Some(true)),
        ("v3.0.12", &["v3.0.13", "v3.1.1"], Some(false)),
        ("v3.1.0", &["v3.0.13", "v3.1.1"], Some(false)),
        ("v3.2.0", &["v3.0.13", "v3.1.1"], None),
        // Later by its number, and published before the fix: nobody knows.
        ("v3.1.0", &["v3.0.13"], None),
        // A backport: whether the line above has it, too, nobody says.
        ("v3.1.1", &["v3.0.13"], None),
        // The main line goes on.
        ("v3.2.0", &["v3.1.0"], Some(true)),
        // Nobody registered it, so nobody knows when it was made.
        ("v3.2.1", &["v3.1.1"], None),
        ("v3.1.2", &["v3.1.1"], Some(true)),
        ("v2.14.20", &["v3.0.13"], Some(false)),
        ("main", &["v3.1.1"], None),
    ];
    for (version, carriers, expected) in cases {
        assert_eq!(contains(version, carriers), expected, "{version} {carriers:?}");
    }
}

#[test]
fn ancestry_says_what_an_image_contains() {
    let catalogue =
        catalogue(&[("1.0", &[]), ("1.1", &["1.0"]), ("2.0", &["1.0"]), ("2.1", &["2.0", "1.1"])]);
    let line = catalogue.line(&repository()).unwrap();
    let contains = |version: &str, carrier: &str| {
        let digest = digest(version);
        line.contains(named(&digest, version), &[carrier])
    };
    assert_eq!(contains("2.0", "1.1"), Some(false));
    assert_eq!(contains("2.1", "1.1"), Some(true));
    assert_eq!(contains("1.0", "1.1"), Some(false));
}

#[test]
fn the_latest_is_no_prerelease_unless_asked_for() {
    let catalogue = catalogue(&[("1.0", &[]), ("1.2", &[]), ("1.1.9", &[]), ("2.0-rc.1", &[])]);
    let line = catalogue.line(&repository()).unwrap();
    assert_eq!(line.latest(false).unwrap().version, "1.2");
    assert_eq!(line.latest(true).unwrap().version, "2.0-rc.1");
}

#[test]
fn numbers_and_publishing_that_contradict_each_other_say_nothing() {
    let cases = [
        // Another line goes on: a backport.
        ("1.5.0", "1.4.9", Relation::Earlier),
        // Words say what comes before a release.
        ("1.4.0", "1.4.0-rc1", Relation::Earlier),
        // On one line, and in what follows the first numbers, one of both is wrong.
        ("1.4.9", "1.4.8", Relation::Unknown),
        ("1.4.0-1", "1.4.0", Relation::Unknown),
        ("1.4.0-rc10", "1.4.0-rc9", Relation::Unknown),
        ("build-10", "build-9", Relation::Earlier),
        // Publishing tells where numbers do not …
        ("1.4.0-abc1234", "1.4.0-def5678", Relation::Later),
        ("20260901.1", "20260901", Relation::Later),
        ("2026.3.1", "1.0.0", Relation::Later),
        // … and of variants nothing does.
        ("1.4.0-alpine", "1.4.0", Relation::Incomparable),
        // Builds of two branches.
        ("1.4.0-9-gabc1234", "1.4.0-9-gdef5678", Relation::Incomparable),
    ];
    for (first, second, expected) in cases {
        let lines: &[(&str, &[&str])] = &[(first, &[]), (second, &[])];
        assert_eq!(relation(lines, first, second), expected, "{first} {second}");
        let back = match expected {
            Relation::Earlier => Relation::Later,
            Relation::Later => Relation::Earlier,
            other => other,
        };
        assert_eq!(relation(lines, second, first), back, "{second} {first}");
    }
}

#[test]
fn times_of_making_settle_what_numbers_and_publishing_contradict() {
    let made = |at: i64, version: &str| Registration {
        created_at: Some(Time::from_ms(at)),
        ..release(version, &[])
    };
    let (old, new) = (digest("1.4.8"), digest("1.4.9"));
    let relation = |made_at: i64| {
        let mut catalogue = Catalogue::default();
        catalogue.add(&made(5, "1.4.9"), Time::from_ms(10));
        catalogue.add(&made(made_at, "1.4.8"), Time::from_ms(11));
        catalogue.relation(&repository(), named(&old, "1.4.8"), named(&new, "1.4.9"))
    };
    assert_eq!((relation(4), relation(6)), (Relation::Later, Relation::Unknown));
}

#[test]
fn images_that_only_labels_tell_of_have_no_publishing_order() {
    let mut catalogue = Catalogue::default();
    for version in ["blue-abc1234", "20260901.1", "20260901"] {
        let labels = Labels { version: Some(version), revision: Some("0123456789"), created_at: None };
        catalogue.see(&repository(), digest(version), &labels, Time::from_ms(1));
    }
    let (a, b) = (digest("20260901.1"), digest("20260901"));
    let relation = catalogue.relation(&repository(), named(&a, "20260901.1"), named(&b, "20260901"));
    assert_eq!(relation, Relation::Unknown);
}

#[test]
fn labels_of_a_base_image_join_no_other_builds() {
    let mut catalogue = Catalogue::default();
    let of_git = |version: &str, revision: &str| Registration {
        revision: Some(revision.to_owned()),
        ..Registration::named(repository(), version)
    };
    catalogue.add(&of_git("v1.0", "aaaaaaa1111"), Time::from_ms(0));
    catalogue.add(&of_git("v1.1", "bbbbbbb2222"), Time::from_ms(0));
    let images = [
        // The base's version, and a revision of its own.
        ("a", Some("24.04"), Some("aaaaaaa1111"), Some("v1.0")),
        ("b", Some("24.04"), Some("bbbbbbb2222"), Some("v1.1")),
        ("c", Some("24.04"), Some("ccccccc3333"), Some("24.04")),
        ("d", Some("24.04"), Some("ddddddd4444"), Some("24.04-gddddddd")),
        // Always the same word.
        ("e", Some("main"), Some("bbbbbbb2222"), Some("v1.1")),
        ("f", Some("main"), Some("eeeeeee5555"), Some("main-eeeeeee")),
        ("g", Some("main"), Some("fffffff6666"), Some("main-fffffff")),
        ("h", Some("main"), None, None),
        // The base's revision, and versions of their own.
        ("i", Some("2.0"), Some("ccccccc3333"), Some("2.0")),
        ("j", Some("2.1"), Some("ccccccc3333"), Some("2.1")),
        // The right version of another commit is another release.
        ("k", Some("v1.1"), Some("0000000aaaa"), Some("v1.1-g0000000")),
        ("l", Some("v1.1"), Some("0000000aaaa"), Some("v1.1-g0000000")),
    ];
    for (name, version, revision, _) in images {
        let labels = Labels { version, revision, created_at: None };
        catalogue.see(&repository(), digest(name), &labels, Time::from_ms(1));
    }
    for (name, _, _, expected) in images {
        let found = catalogue.line(&repository()).unwrap().with_digest(&digest(name));
        assert_eq!(found.map(|release| release.version.as_str()), expected, "{name}");
    }
}

#[test]
fn where_no_lines_stand_beside_each_other_the_next_one_goes_on_from_the_last() {
    let published = ["v1.4.2", "v1.5.0", "v1.6.0-rc1", "v1.6.0", "main-7", "main-8"];
    let releases: Vec<(&str, &[&str])> = published.iter().map(|version| (*version, &[][..])).collect();
    let catalogue = catalogue(&releases);
    let line = catalogue.line(&repository()).unwrap();
    let contains = |version: &str, carrier: &str| {
        let digest = digest(version);
        line.contains(named(&digest, version), &[carrier])
    };
    let cases = [
        ("v1.5.0", "v1.4.2", Some(true)),
        ("v1.6.0", "v1.6.0-rc1", Some(true)),
        ("v1.6.0-rc1", "v1.6.0", Some(false)),
        ("main-8", "main-7", Some(true)),
        // Nobody registered these: a release may go on from what its number says, a build of some branch not.
        ("v1.4.3", "v1.4.2", Some(true)),
        ("v1.7.0", "v1.6.0", None),
        ("v1.4.3-rc1", "v1.4.2", None),
        ("v1.4.2-9-gabc1234", "v1.4.2", Some(true)),
        ("v1.4.3-9-gabc1234", "v1.4.2", None),
        ("v1.4.3-payments", "v1.4.2", None),
        ("web-1.4.3", "v1.4.2", None),
        ("pr-191", "v1.4.2", None),
    ];
    for (version, carrier, expected) in cases {
        assert_eq!(contains(version, carrier), expected, "{version} {carrier}");
    }
}

#[test]
fn what_a_build_of_a_branch_has_is_in_no_release_of_another() {
    for (built, next) in [
        ("v1.4.0-feature-x", None),
        ("v1.4.0-pr.17", Some(("v1.4.1-pr.18", None))),
        ("v1.4.0-alice-test", Some(("v1.4.1-alice-test", Some(true)))),
        ("v1.4.0-custom", None),
        ("v1.4.0-dirty", None),
        ("v1.4.0-dev.3", Some(("v1.4.0-dev.4", Some(true)))),
        ("v1.4.0-SNAPSHOT", None),
        ("v1.4.0-9-gabc1234", Some(("v1.4.0-12-gdef1234", Some(true)))),
        ("feature-1.4.0", None),
    ] {
        let after = next.map_or("v1.4.7", |(next, _)| next);
        let published = [built, after, "v1.4.8", "v1.5.0"];
        let releases: Vec<(&str, &[&str])> = published.iter().map(|version| (*version, &[][..])).collect();
        let catalogue = catalogue(&releases);
        let line = catalogue.line(&repository()).unwrap();
        let contains = |version: &str| line.contains(named(&digest(version), version), &[built]);
        assert_eq!(contains(built), Some(true), "{built}");
        for version in ["v1.4.8", "v1.5.0", "v1.4.9", "v1.6.0"] {
            assert_eq!(contains(version), None, "{built} {version}");
        }
        if let Some((next, expected)) = next {
            assert_eq!(contains(next), expected, "{built} {next}");
        }
    }
    let catalogue = catalogue(&[("v1.4.0-rc1", &[]), ("v1.4.0-hotfix1", &[]), ("v1.5.0", &[])]);
    let line = catalogue.line(&repository()).unwrap();
    for carrier in ["v1.4.0-rc1", "v1.4.0-hotfix1"] {
        let running = digest("v1.5.0");
        assert_eq!(line.contains(named(&running, "v1.5.0"), &[carrier]), Some(true), "{carrier}");
    }
}

#[test]
fn a_tag_that_was_moved_is_not_the_image_that_was_registered() {
    let catalogue = catalogue(&[("1.4.1", &[]), ("1.4.2", &[])]);
    let line = catalogue.line(&repository()).unwrap();
    let moved = digest("something else");
    assert_eq!(line.contains(named(&moved, "1.4.2"), &["1.4.2"]), None);
    assert_eq!(line.contains(named(&moved, "1.4.2"), &["1.4.1"]), Some(true));
    let behind = line.behind(named(&moved, "1.4.2"), false);
    assert_eq!((behind.later.len(), behind.unknown.len()), (0, 1));
}

#[test]
fn an_image_is_behind_what_is_later_and_what_may_be() {
    let published: &[(&str, &[&str])] =
        &[("1.0", &[]), ("1.1", &["1.0"]), ("2.0", &["1.0"]), ("2.1-rc1", &["2.0"]), ("canary", &[])];
    let catalogue = catalogue(published);
    let line = catalogue.line(&repository()).unwrap();
    let behind = |version: &str, with_prereleases: bool| {
        let digest = digest(version);
        let behind = line.behind(named(&digest, version), with_prereleases);
        [behind.later, behind.unknown]
            .map(|found| found.iter().map(|it| it.version.clone()).collect::<Vec<_>>())
    };
    // 2.0 has not what 1.1 has, but the other way round it is not behind.
    assert_eq!(behind("1.1", false), [vec!["2.0", "canary"], vec![]]);
    assert_eq!(behind("2.0", false), [vec!["canary"], vec![]]);
    assert_eq!(behind("2.0", true), [vec!["2.1-rc1", "canary"], vec![]]);
    assert_eq!(behind("main", false), [vec![], vec!["1.0", "1.1", "2.0", "canary"]]);
}

#[test]
fn nothing_is_its_own_ancestor() {
    let known = [("v1.0", &[][..]), ("v1.1", &["v1.0"]), ("v1.2", &["v1.1"]), ("v2.0", &["v1.3"])];
    let mut catalogue = Catalogue::default();
    for (version, parents) in known {
        catalogue.add(&release(version, parents), Time::from_ms(0));
    }
    for (version, parents, circle) in [
        ("v1.0", &["v1.2"][..], Some("v1.1")),
        ("1.0", &["v1.0"], Some("1.0")),
        ("v1.0", &["v1.0"], Some("v1.0")),
        // Its parent names it already, though nobody knew it then.
        ("v1.3", &["v2.0"], Some("v2.0")),
        ("v1.3", &["v1.2"], None),
        ("v1.4", &["v1.2", "v2.0"], None),
        ("v1.4", &["nobody-knows"], None),
    ] {
        assert_eq!(catalogue.circle(&release(version, parents)), circle, "{version} {parents:?}");
    }
    assert_eq!(Catalogue::default().circle(&release("v1.0", &["v1.0"])), Some("v1.0"));
}
