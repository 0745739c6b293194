//! Commits and tags → releases: what each tag brought since the nearest tags before it.
//!
//! Pure: who reads the repository hands in every commit, children before parents, as `git log --date-order` gives
//! them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::bump::is_version_bump;
use super::change::{CHANGES_MAX, Change, cut};
use super::commit::{Commit, Merge, Origin};
use super::kind::{ChangeKind, Rule};
use super::number::Number;
use crate::model::time::Time;

/// Most parents that a release names.
const PARENTS_MAX: usize = 64;

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
    /// The times of the commits that none of its parents has, the newest first. A merge is nobody's work.
    pub committed_at: Vec<Time>,
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
            let (changes, left_out) = bounded(self.changes(&walk.inside));
            let work = walk.inside.iter().map(|place| &self.commits[*place]).filter(|it| it.merge.is_none());
            let committed_at: Vec<Time> = work.map(|commit| commit.at).take(CHANGES_MAX).collect();
            // Several versions of one commit, as a release candidate and its release: each has what came since the last tag
            // of another commit.
            for version in versions {
                let (version, changes) = ((*version).to_owned(), changes.clone());
                let committed_at = committed_at.clone();
                let before = std::mem::replace(&mut parents, vec![version.clone()]);
                releases.push(Past {
                    version,
                    commit: *place,
                    parents: before,
                    changes,
                    left_out,
                    committed_at,
                });
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
    /// says of what kind it is, where there are several. Changes that were taken back among them are none.
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
                    let is_told = several && commit.is_typed() && !self.is_version_bump(*place);
                    let change = commit.change().filter(|_| is_told);
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
        let mut change = self.commits[place].change().filter(|_| !self.is_version_bump(place))?;
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
            // The request of a release brings what others did: each of its commits speaks for itself.
            if !matches!(commit.merge, Some(Merge::Request { .. })) || self.is_version_bump(*place) {
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

    fn is_version_bump(&self, place: usize) -> bool {
        is_version_bump(&self.commits[place].title)
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
mod tests;
