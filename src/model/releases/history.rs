//! Commits and tags → releases: what each tag brought since the nearest tags before it.
//!
//! Pure: who reads the repository hands in every commit, children before parents, as `git log --date-order` gives
//! them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::change::{CHANGES_MAX, Change, cut};
use super::commit::{Commit, Merge, Origin};
use super::kind::{ChangeKind, Rule};
use super::number::Number;

/// Most parents that a release names.
const PARENTS_MAX: usize = 64;

/// Longest version, in characters.
const VERSION_CHARS_MAX: usize = 128;

/// Digits of a commit in a title.
const COMMIT_CHARS: usize = 16;

/// A tag and the commit that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The version that it stands for.
    pub version: String,
    /// The commit's hash.
    pub commit: String,
}

/// A release as the history tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its version.
    pub version: String,
    /// The place of its commit in the history.
    pub commit: usize,
    /// The versions of the nearest releases that it contains.
    pub parents: Vec<String>,
    /// Its changes that none of its parents has, the newest first.
    pub changes: Vec<Change>,
    /// The number of changes that were left out beyond [`CHANGES_MAX`]: those that matter least.
    pub left_out: usize,
}

/// A repository's commits.
pub struct History {
    commits: Vec<Commit>,
    places: HashMap<String, usize>,
}

/// The commits that a walk comes by.
#[derive(Default)]
struct Walk {
    /// Those it was for, the newest first.
    inside: Vec<usize>,
    /// Those at which it stopped.
    border: Vec<usize>,
}

/// The version in a tag's name: what stands behind the last `/` or `@` (`app/v1.2.3`, `app@1.2.3`).
pub fn version_of(tag: &str) -> &str {
    tag.rsplit(['/', '@']).next().unwrap_or(tag)
}

/// Tells whether a tag's name is a version: `v1.2.3`, `release-1.2`, `app/v1.2.3-rc.1`, `2026.03.02`.
pub fn is_version(tag: &str) -> bool {
    let version = version_of(tag);
    version.chars().count() <= VERSION_CHARS_MAX && Number::parse(version).is_some()
}

impl History {
    /// `commits`: every one, children before parents.
    pub fn new(commits: Vec<Commit>) -> Self {
        let places = commits.iter().enumerate().map(|(place, commit)| (commit.hash.clone(), place)).collect();
        Self { commits, places }
    }

    /// The commit at a place.
    pub fn commit(&self, place: usize) -> &Commit {
        &self.commits[place]
    }

    /// The releases that `tags` name, the oldest first: none before one that it contains. The commit `since` and what
    /// it contains are left out.
    pub fn releases(&self, tags: &[Tag], since: Option<&str>) -> Vec<Past> {
        let tagged = self.tagged(tags);
        let passed: BTreeSet<usize> = match since.and_then(|since| self.places.get(since)) {
            Some(since) => self.walk(&[*since], &[], |_| false).inside.into_iter().collect(),
            None => BTreeSet::new(),
        };
        let mut releases = Vec::new();
        for (place, versions) in tagged.iter().rev().filter(|(place, _)| !passed.contains(place)) {
            let walk = self.walk(&[*place], &[], |other| other != *place && tagged.contains_key(&other));
            let latest = |border: &usize| tagged[border].last().map(|version| (*version).to_owned());
            let mut parents: Vec<String> = walk.border.iter().filter_map(latest).take(PARENTS_MAX).collect();
            let (mut changes, mut left_out) = bounded(self.changes(&walk.inside));
            // Several versions of one commit, as a release candidate and its release: the first has the changes.
            for version in versions {
                let version = (*version).to_owned();
                let (changes, left_out) = (std::mem::take(&mut changes), std::mem::take(&mut left_out));
                let before = std::mem::replace(&mut parents, vec![version.clone()]);
                releases.push(Past { version, commit: *place, parents: before, changes, left_out });
            }
        }
        releases
    }

    /// The versions of each tagged commit, the lowest first. One that moves along with releases (`v1` beside `v1.2.3`)
    /// is none.
    fn tagged<'a>(&self, tags: &'a [Tag]) -> BTreeMap<usize, Vec<&'a str>> {
        let mut tagged: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for tag in tags {
            if let Some(place) = self.places.get(&tag.commit) {
                tagged.entry(*place).or_default().push(&tag.version);
            }
        }
        for versions in tagged.values_mut() {
            let all = versions.clone();
            let moves = |version: &str| {
                all.iter().any(|other| other.strip_prefix(version).is_some_and(|rest| rest.starts_with('.')))
            };
            versions.retain(|version| !moves(version));
            versions.sort_by_cached_key(|version| {
                (Number::parse(version).map(|number| number.in_lists()), (*version).to_owned())
            });
            versions.dedup();
        }
        tagged
    }

    /// The commits that `from` contains and `without` does not, not beyond a commit that `is_border`.
    ///
    /// The places rise from children to parents, so when a commit's turn comes, all that could tell of it has.
    fn walk(&self, from: &[usize], without: &[usize], is_border: impl Fn(usize) -> bool) -> Walk {
        let mut walk = Walk::default();
        // For each commit that waits, whether it is still wanted.
        let mut waiting: BTreeMap<usize, bool> = from.iter().map(|place| (*place, true)).collect();
        waiting.extend(without.iter().map(|place| (*place, false)));
        let mut wanted = waiting.values().filter(|is_wanted| **is_wanted).count();
        while wanted > 0 {
            let Some((place, mut is_wanted)) = waiting.pop_first() else { break };
            if is_wanted {
                wanted -= 1;
                is_wanted = !is_border(place);
                if is_wanted { &mut walk.inside } else { &mut walk.border }.push(place);
            }
            for parent in &self.commits[place].parents {
                let Some(parent) = self.places.get(parent) else { continue };
                let before = waiting.get(parent).copied();
                let after = is_wanted && before != Some(false);
                waiting.insert(*parent, after);
                wanted = wanted + usize::from(after) - usize::from(before == Some(true));
            }
        }
        walk
    }

    /// Makes changes of these commits, the newest first. A merged request is one change; so is each of its commits that
    /// says of what kind it is, where there are several. What was taken back among them is none.
    fn changes(&self, inside: &[usize]) -> Vec<Change> {
        let requests = self.requests(inside);
        let gone = self.taken_back(inside, &requests);
        let mut changes = Vec::new();
        for place in inside.iter().filter(|place| !gone.contains(place)) {
            let commit = &self.commits[*place];
            match (&commit.merge, requests.owner.get(place)) {
                (Some(Merge::Other), _) => {}
                (Some(Merge::Request { .. }), _) => {
                    let brought = requests.brought.get(place).map_or(&[][..], Vec::as_slice);
                    changes.extend(self.request(*place, brought));
                }
                (None, None) => changes.extend(self.change(*place, &[])),
                (None, Some(request)) => {
                    let speaks = |place: &&usize| self.commits[**place].is_typed();
                    let several = requests.brought[request].iter().filter(speaks).count() > 1;
                    let change = commit.change().filter(|_| several && commit.is_typed());
                    let pr = self.commits[*request].number();
                    changes.extend(change.map(|change| Change { pr: change.pr.or(pr), ..change }));
                }
            }
        }
        changes
    }

    /// The change of a commit, which names what it, or the only commit that it `brought`, was picked from: by its number,
    /// where it has none of its own.
    fn change(&self, place: usize, brought: &[usize]) -> Option<Change> {
        let mut change = self.commits[place].change()?;
        let of_parts = || if let [part] = brought { self.commits[*part].origin.as_ref() } else { None };
        let (number, hash) = match self.commits[place].origin.as_ref().or_else(of_parts) {
            None => return Some(change),
            Some(Origin::Request(number)) => (Some(*number), None),
            Some(Origin::Commit(hash)) => {
                let original = self.find(hash).and_then(|original| self.commits[original].change());
                (original.and_then(|original| original.pr), Some(hash))
            }
        };
        match (change.pr, number) {
            (None, _) => change.pr = number,
            (Some(own), Some(number)) if own != number => {
                change.title = cut(&format!("{} (cherry-pick #{number})", change.title));
            }
            (Some(_), Some(_)) => {}
            (Some(_), None) if self.find(hash.map_or("", String::as_str)).is_none() => {}
            (Some(_), None) => {
                let hash: String =
                    hash.into_iter().flat_map(|hash| hash.chars()).take(COMMIT_CHARS).collect();
                change.title = cut(&format!("{} (cherry-pick of {hash})", change.title));
            }
        }
        Some(change)
    }

    /// A merged request. Its title may say less of its kind than its commits do.
    fn request(&self, place: usize, brought: &[usize]) -> Option<Change> {
        let mut change = self.change(place, brought)?;
        let parts: Vec<(&Commit, Change)> = brought
            .iter()
            .map(|part| &self.commits[*part])
            .filter_map(|part| Some((part, part.change()?)))
            .collect();
        if matches!(change.rule, Some(Rule::Unclassified | Rule::FirstWord))
            && let Some((_, part)) =
                parts.iter().filter(|(part, _)| part.is_typed()).min_by_key(|(_, part)| weight(part.kind))
        {
            (change.kind, change.rule) = (part.kind, part.rule);
        }
        // The author of a change is not the person who merged it.
        change.author = parts.first().map(|(part, _)| part.author.clone()).or(change.author);
        change.issue = change.issue.or_else(|| parts.iter().find_map(|(_, part)| part.issue));
        Some(change)
    }

    /// The commits that each merged request brought: what is in its later parents and not in its first.
    fn requests(&self, inside: &[usize]) -> Requests {
        let within: BTreeSet<usize> = inside.iter().copied().collect();
        let mut owner: BTreeMap<usize, usize> = BTreeMap::new();
        for place in inside {
            let commit = &self.commits[*place];
            if !matches!(commit.merge, Some(Merge::Request { .. })) {
                continue;
            }
            let mut parents = commit.parents.iter().filter_map(|parent| self.places.get(parent)).copied();
            let first: Vec<usize> = parents.next().into_iter().collect();
            let brought = self.walk(&parents.collect::<Vec<_>>(), &first, |_| false).inside;
            // A request within a request is older and comes later: its commits are its own.
            owner.extend(brought.into_iter().filter(|part| within.contains(part)).map(|part| (part, *place)));
        }
        let mut brought: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (part, request) in &owner {
            brought.entry(*request).or_default().push(*part);
        }
        Requests { owner, brought }
    }

    /// The commits that another of them takes back, and those that do so. Taking back a merge takes back what it brought.
    fn taken_back(&self, inside: &[usize], requests: &Requests) -> BTreeSet<usize> {
        let within: BTreeSet<usize> = inside.iter().copied().collect();
        let mut gone = BTreeSet::new();
        for place in inside {
            let target = self.commits[*place].reverts.as_ref().and_then(|hash| self.find(hash));
            let Some(target) = target.filter(|target| within.contains(target)) else { continue };
            if gone.contains(place) {
                continue;
            }
            gone.extend([*place, target]);
            gone.extend(requests.brought.get(&target).into_iter().flatten());
        }
        gone
    }

    fn find(&self, hash: &str) -> Option<usize> {
        self.places.get(hash).copied()
    }
}

/// Merged requests and their commits.
struct Requests {
    /// The request that brought a commit.
    owner: BTreeMap<usize, usize>,
    /// The commits that a request brought, the newest first.
    brought: BTreeMap<usize, Vec<usize>>,
}

/// Changes that matter most come first.
fn weight(kind: ChangeKind) -> usize {
    const ORDER: [ChangeKind; 7] = [
        ChangeKind::Security,
        ChangeKind::Breaking,
        ChangeKind::Feature,
        ChangeKind::Fix,
        ChangeKind::Perf,
        ChangeKind::Docs,
        ChangeKind::Other,
    ];
    ORDER.iter().position(|it| *it == kind).unwrap_or(ORDER.len())
}

/// At most [`CHANGES_MAX`]: the least important go first, then the oldest. Their order stays.
fn bounded(mut changes: Vec<Change>) -> (Vec<Change>, usize) {
    let left_out = changes.len().saturating_sub(CHANGES_MAX);
    if left_out > 0 {
        let mut by_weight: Vec<usize> = (0..changes.len()).collect();
        by_weight.sort_by_key(|place| weight(changes[*place].kind));
        let kept: BTreeSet<usize> = by_weight.into_iter().take(CHANGES_MAX).collect();
        let mut place = 0..;
        changes.retain(|_| place.next().is_some_and(|place| kept.contains(&place)));
    }
    (changes, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!(
            told(&lines, &[("1.0", "a"), ("1.1", "c"), ("1.2", "d")], Some("c")),
            ["1.2 < 1.1: docs: d"]
        );
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
        let change = history(&lines).releases(&[Tag { version: "1".into(), commit: hash("m") }], None)[0]
            .changes[0]
            .clone();
        assert_eq!(
            (change.kind, change.rule, change.issue),
            (ChangeKind::Fix, Some(Rule::ConventionalType), Some(7))
        );
        assert_eq!((change.commit, change.author), (Some(hash("m")), Some("author of y".into())));

        let lines = ["a: : feat: a", "x: a: fix: one", "w: x: wip", "y: w: feat: two", merge];
        assert_eq!(
            told(&lines, &tags, None)[1],
            "1.1 < 1.0: Sign-in times out #12; feat: two #12; fix: one #12"
        );

        let gitlab = "m: a x: Merge branch 'x' into 'main'||Renew the session||Closes #7||See merge request group/app!12";
        assert_eq!(
            told(&["a: : a", "x: a: wip", gitlab], &tags, None)[1],
            "1.1 < 1.0: Renew the session #12"
        );
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
            ["v1.0.0 < : feat: a", "v1.1.0-rc.1 < v1.0.0: fix: b", "v1.1.0 < v1.1.0-rc.1: "]
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
    fn the_least_important_changes_are_left_out_first() {
        let change = |place: usize| {
            Change::parse(
                &format!("{}: {place}", if place.is_multiple_of(2) { "chore" } else { "fix" }),
                None,
            )
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
}
