use super::*;
use crate::model::releases::tags::{is_version, version_of};
use crate::model::time::Time;

/// A history from lines `name: parent parent: message`, the oldest first, where a name is a commit's hash.
fn history(lines: &[&str]) -> History {
    let commits = lines.iter().rev().enumerate().map(|(place, line)| {
        let (name, rest) = line.split_once(": ").unwrap();
        let (parents, message) = rest.split_once(": ").unwrap();
        let parents = parents.split_whitespace().map(hash).collect();
        let at = Time::from_ms(i64::try_from(lines.len() - place).unwrap());
        Commit::read(hash(name), parents, at, format!("author of {name}"), &message.replace('|', "\n"))
    });
    History::new(commits.collect())
}

fn hash(name: &str) -> String {
    let hex: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex:0>40}")
}

/// Each release as `version < parents: titles`.
fn told(lines: &[&str], tags: &[(&str, &str)], since: Option<&str>) -> Vec<String> {
    let tags: Vec<Tag> = tags
        .iter()
        .map(|(version, name)| Tag { version: (*version).to_owned(), commit: hash(name) })
        .collect();
    let releases = history(lines).releases(&tags, since.map(hash).as_deref());
    let tell = |past: Past| {
        let changes: Vec<String> = past
            .changes
            .iter()
            .map(|change| match change.pr {
                Some(pr) => format!("{} #{pr}", change.title),
                None => change.title.clone(),
            })
            .collect();
        format!("{} < {}: {}", past.version, past.parents.join(" "), changes.join("; "))
    };
    releases.into_iter().map(tell).collect()
}

#[test]
fn a_release_has_what_came_since_the_one_before() {
    let lines =
        ["a: : feat: a", "b: a: fix: b (#2)", "c: b: chore: c", "d: c: docs: d", "e: d: feat: not yet"];
    assert_eq!(
        told(&lines, &[("1.0", "a"), ("1.1", "c"), ("1.2", "d"), ("9.9", "elsewhere")], None),
        ["1.0 < : feat: a", "1.1 < 1.0: chore: c; fix: b #2", "1.2 < 1.1: docs: d"]
    );
    assert_eq!(told(&lines, &[("1.0", "a"), ("1.1", "c"), ("1.2", "d")], Some("c")), ["1.2 < 1.1: docs: d"]);
}

#[test]
fn lines_of_maintenance_have_what_they_have() {
    let lines = [
        "a: : feat: a",
        "b: a: feat: b",
        "x: b: fix: x",
        "c: b: feat: c",
        "y: x: fix: y",
        "d: c: fix: x again",
    ];
    assert_eq!(
        told(&lines, &[("1.0", "a"), ("1.1", "x"), ("2.0", "c"), ("1.2", "y"), ("2.1", "d")], None),
        [
            "1.0 < : feat: a",
            "1.1 < 1.0: fix: x; feat: b",
            "2.0 < 1.0: feat: c; feat: b",
            "1.2 < 1.1: fix: y",
            "2.1 < 2.0: fix: x again",
        ]
    );
}

#[test]
fn a_branch_that_began_before_a_release_is_part_of_the_one_it_came_to() {
    let lines =
        ["a: : feat: a", "x: a: fix: x", "b: a: feat: b", "m: b x: Merge branch 'x'", "n: m: feat: n"];
    assert_eq!(
        told(&lines, &[("1.0", "a"), ("1.1", "b"), ("1.2", "n")], None),
        ["1.0 < : feat: a", "1.1 < 1.0: feat: b", "1.2 < 1.1: feat: n; fix: x"]
    );
    // Two lines that come together are both parents; several roots are no trouble.
    let lines = ["a: : feat: a", "z: : feat: z", "m: a z: Merge branch 'z'"];
    assert_eq!(
        told(&lines, &[("1.0", "a"), ("0.1", "z"), ("2.0", "m")], None),
        ["1.0 < : feat: a", "0.1 < : feat: z", "2.0 < 0.1 1.0: "]
    );
}

#[test]
fn a_merged_request_is_one_change_and_so_are_its_typed_commits_where_there_are_several() {
    let merge = "m: a y: Merge pull request #12 from owner/x||Sign-in times out||Fixes #7";
    let lines = ["a: : feat: a", "x: a: wip", "y: x: fix: renew the session", merge];
    let tags = [("1.0", "a"), ("1.1", "m")];
    assert_eq!(told(&lines, &tags, None)[1], "1.1 < 1.0: Sign-in times out #12");
    let change = history(&lines).releases(&[Tag { version: "1".into(), commit: hash("m") }], None)[0].changes
        [0]
    .clone();
    assert_eq!(
        (change.kind, change.rule, change.issue),
        (ChangeKind::Fix, Some(Rule::ConventionalType), Some(7))
    );
    assert_eq!((change.commit, change.author), (Some(hash("m")), Some("author of y".into())));

    let lines = ["a: : feat: a", "x: a: fix: one", "w: x: wip", "y: w: feat: two", merge];
    assert_eq!(told(&lines, &tags, None)[1], "1.1 < 1.0: Sign-in times out #12; feat: two #12; fix: one #12");

    let gitlab =
        "m: a x: Merge branch 'x' into 'main'||Renew the session||Closes #7||See merge request group/app!12";
    assert_eq!(told(&["a: : a", "x: a: wip", gitlab], &tags, None)[1], "1.1 < 1.0: Renew the session #12");
    // A request that was merged into another one's branch is one of its own.
    let lines = [
        "a: : feat: a",
        "x: a: outer work",
        "y: x: inner work",
        "i: x y: Merge pull request #3 from b||Inner",
        "m: a i: Merge pull request #4 from c||Outer",
    ];
    assert_eq!(told(&lines, &tags, None)[1], "1.1 < 1.0: Outer #4; Inner #3");
}

#[test]
fn what_was_taken_back_within_a_release_is_not_in_it() {
    let reverts = |name: &str| format!("Revert \"…\"||This reverts commit {}.", hash(name));
    let lines = ["a: : feat: a", "b: a: fix: b", &format!("c: b: {}", reverts("b")), "d: c: feat: d"];
    let lines: Vec<&str> = lines.to_vec();
    assert_eq!(told(&lines, &[("1.0", "a"), ("1.1", "d")], None)[1], "1.1 < 1.0: feat: d");
    // In a later release, that is its news.
    assert_eq!(told(&lines, &[("1.0", "b"), ("1.1", "d")], None)[1], "1.1 < 1.0: feat: d; Revert \"…\"");
    // Taken back twice, it is there.
    let again = format!("e: d: {}", reverts("c"));
    let lines = [&lines[..], &[&again]].concat();
    assert_eq!(told(&lines, &[("1.0", "a"), ("1.1", "e")], None)[1], "1.1 < 1.0: feat: d; fix: b");
}

#[test]
fn a_pick_names_what_it_was_picked_from() {
    let from = |name: &str| format!("(cherry picked from commit {})", hash(name));
    let lines = [
        "a: : feat: a".to_owned(),
        "x: a: fix: x (#10)".to_owned(),
        format!("p: a: fix: x||{}", from("x")),
        format!("q: p: fix: x (#20)||{}", from("x")),
        "r: q: fix: x (#30)||Backport of #10".to_owned(),
        format!("s: r: fix: a (#40)||{}", from("a")),
        format!("t: s: fix: z (#50)||{}", from("elsewhere")),
        format!("m: t: fix: x||{}", from("x")),
        "n: t m: Merge pull request #60 from b||fix: x".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let of_a: String = hash("a").chars().take(COMMIT_CHARS).collect();
    assert_eq!(
        told(&lines, &[("1.0", "a"), ("1.1", "n")], None)[1],
        format!(
            "1.1 < 1.0: fix: x (cherry-pick #10) #60; fix: z #50; fix: a (cherry-pick of {of_a}) #40; \
             fix: x (cherry-pick #10) #30; fix: x (cherry-pick #10) #20; fix: x #10"
        )
    );
}

#[test]
fn several_tags_of_one_commit_are_told_in_their_order() {
    let lines = ["a: : feat: a", "b: a: fix: b"];
    let tags = [("v1", "b"), ("v1.1.0", "b"), ("v1.1.0-rc.1", "b"), ("v1.0.0", "a"), ("v1.1", "b")];
    assert_eq!(
        told(&lines, &tags, None),
        ["v1.0.0 < : feat: a", "v1.1.0-rc.1 < v1.0.0: fix: b", "v1.1.0 < v1.1.0-rc.1: fix: b"]
    );
    for (tag, version, is_one) in [
        ("v1.2.3", "v1.2.3", true),
        ("app/v1.2.3-rc.1", "v1.2.3-rc.1", true),
        ("app@1.2.3", "1.2.3", true),
        ("release-2", "release-2", true),
        ("nightly", "nightly", false),
        ("v1.x", "v1.x", false),
        ("", "", false),
    ] {
        assert_eq!((version_of(tag), is_version(tag)), (version, is_one), "{tag}");
    }
}

#[test]
fn what_only_gives_a_version_its_number_is_no_change() {
    let lines = [
        "a: : feat: a",
        "b: a: chore(release): 1.0.0",
        "c: b: fix: c",
        "d: b: fix the stock of d",
        "e: b d: Merge pull request #8 from shop/next|Release 1.1.0",
        "f: e: Bump version to 1.1.0 (#9)",
    ];
    assert_eq!(
        told(&lines, &[("v1.0.0", "b"), ("v1.1.0", "f")], None),
        ["v1.0.0 < : feat: a", "v1.1.0 < v1.0.0: fix the stock of d"],
        "what the request of a release brought is told"
    );
}

#[test]
fn the_least_important_changes_are_left_out_first() {
    let change = |place: usize| {
        Change::parse(&format!("{}: {place}", if place.is_multiple_of(2) { "chore" } else { "fix" }), None)
    };
    let (kept, left_out) = bounded((0..CHANGES_MAX + 10).filter_map(change).collect());
    assert_eq!((kept.len(), left_out), (CHANGES_MAX, 10));
    assert_eq!(kept.iter().filter(|change| change.kind == ChangeKind::Fix).count(), CHANGES_MAX / 2 + 5);
    assert_eq!(kept[0].title, "chore: 0");
}

proptest::proptest! {
    /// Against sets: a release has what it contains and none of the releases that it contains does.
    #[test]
    fn a_release_has_what_no_release_before_it_has(
        edges in proptest::collection::vec(proptest::collection::vec(0usize..24, 0..3), 1..24),
        tagged in proptest::collection::btree_set(0usize..24, 1..8),
    ) {
        let name = |place: usize| format!("c{place}");
        let parents = |place: usize| -> BTreeSet<usize> {
            edges[place].iter().filter(|_| place > 0).map(|parent| parent % place.max(1)).collect()
        };
        let lines: Vec<String> = (0..edges.len()).map(|place| {
            let parents: Vec<String> = parents(place).into_iter().map(name).collect();
            format!("{}: {}: change {place}", name(place), parents.join(" "))
        }).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let mut contained: Vec<BTreeSet<usize>> = Vec::new();
        for place in 0..edges.len() {
            let mut all: BTreeSet<usize> = parents(place).iter().flat_map(|parent| contained[*parent].clone()).collect();
            all.insert(place);
            contained.push(all);
        }
        let places: Vec<usize> = tagged.into_iter().filter(|place| *place < edges.len()).collect();
        let tags: Vec<Tag> = places.iter().map(|place| Tag { version: format!("{place}.0"), commit: hash(&name(*place)) }).collect();
        let releases = history(&lines).releases(&tags, None);
        for (release, place) in releases.iter().zip(&places) {
            let before: Vec<usize> = places.iter().copied().filter(|other| other != place && contained[*place].contains(other)).collect();
            let old: BTreeSet<usize> = before.iter().flat_map(|other| contained[*other].clone()).collect();
            let mut expected: Vec<String> = contained[*place].difference(&old).map(|place| format!("change {place}")).collect();
            let mut found: Vec<String> = release.changes.iter().map(|change| change.title.clone()).collect();
            expected.sort();
            found.sort();
            proptest::prop_assert_eq!(&found, &expected);
            let is_nearest = |other: &&usize| before.iter().all(|third| third == *other || !contained[*third].contains(other));
            let mut nearest: Vec<String> = before.iter().filter(is_nearest).map(|place| format!("{place}.0")).collect();
            let mut parents = release.parents.clone();
            nearest.sort();
            parents.sort();
            proptest::prop_assert_eq!(&parents, &nearest);
        }
    }
}
