//! Identity of changes: documents that are one.
//!
//! A request's number is a change's identity: equal titles with different numbers are different changes, unless one says
//! that it was picked from the other.

use super::index::{Document, DocumentId, Index, Key, Naming};
use super::picks::Pick;

/// Picks of picks that are followed.
const HOPS_MAX: usize = 4;

/// The identity of a change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    repository: u32,
    title: u64,
    pr: Option<u64>,
    /// `Revert the menu (!12)` bears the number of what it takes back.
    takes_back: bool,
    /// The document of the original, as far as it is known.
    document: DocumentId,
}

impl Identity {
    /// One change: the same request of a repository; of a product that lives in several, under the same title.
    pub(super) fn is(&self, other: &Self) -> bool {
        let is_same_request = self.pr.is_some() && self.pr == other.pr && self.takes_back == other.takes_back;
        self.document == other.document
            || is_same_request && (self.repository == other.repository || self.title == other.title)
    }
}

impl Index {
    /// The identity of a document: that of what it was picked from.
    pub(super) fn identity(&self, id: DocumentId) -> Identity {
        let mut at = id;
        for _ in 0..HOPS_MAX {
            match self.original(at) {
                Some(original) if original != at => at = original,
                _ => break,
            }
        }
        let document = &self.documents[at as usize];
        let Key { repository, title, pr } = document.key;
        let named =
            document.pick.as_ref().and_then(|pick| if let [number] = *pick.of { Some(number) } else { None });
        let takes_back = document.takes_back;
        Identity { repository, title, pr: named.or(pr), takes_back, document: at }
    }

    /// The document that this one says it was picked from.
    fn original(&self, id: DocumentId) -> Option<DocumentId> {
        let document = &self.documents[id as usize];
        let is_here = |other: &DocumentId| self.documents[*other as usize].repository == document.repository;
        // `fix: menu (#12)` with a number of its own.
        let mentioned = || {
            let key = |number: u64| Key { pr: Some(number), ..document.key };
            document.mentions.iter().filter_map(|number| self.of_key(key(*number))).find(|other| *other != id)
        };
        match &document.pick {
            Some(Pick { of, .. }) if of.len() > 1 => None,
            Some(Pick { of, commits }) => match (&**of, &**commits) {
                ([number], _) => self.of_number(*number, Naming::PullRequest).find(is_here),
                ([], [commit]) => self.of_commits(*commit).find(is_here),
                _ => mentioned().or_else(|| self.only_original(document)),
            },
            // `Revert the last one (!12)` is not the revert !12.
            None if document.is_of_another => None,
            None => mentioned(),
        }
    }

    /// The only document with the same title that is no pick itself.
    fn only_original(&self, document: &Document) -> Option<DocumentId> {
        let is_pick = |id: &DocumentId| self.documents[*id as usize].pick.is_some();
        let mut originals = self.of_title(document.key).filter(|id| !is_pick(id));
        originals.next().filter(|_| originals.next().is_none())
    }

    fn of_commits(&self, commit: u64) -> impl Iterator<Item = DocumentId> {
        self.commits.range((commit, 0)..=(commit, u32::MAX)).map(|&(_, document)| document)
    }

    /// The documents of the change of `best`: those of `hit`, and those that no word of the query led to. A pick of
    /// several requests carries each of them.
    pub(super) fn documents_of(
        &self,
        best: DocumentId,
        hit: impl Iterator<Item = DocumentId>,
    ) -> Vec<DocumentId> {
        let identity = self.identity(best);
        let original = &self.documents[identity.document as usize];
        let of_title = self.of_title(original.key);
        let namings = [Naming::PullRequest, Naming::Mention];
        let numbers = identity.pr.into_iter().flat_map(|pr| namings.map(|naming| (pr, naming)));
        let of_number = numbers.flat_map(|(pr, naming)| self.of_number(pr, naming));
        let carries = |id: DocumentId| {
            let document = &self.documents[id as usize];
            let picks =
                document.pick.as_ref().zip(identity.pr).is_some_and(|(pick, pr)| pick.of.contains(&pr));
            document.repository == identity.repository && (picks || self.identity(id).is(&identity))
        };
        let mut documents: Vec<DocumentId> = hit.collect();
        documents.push(identity.document);
        documents.extend(of_title.chain(of_number).filter(|id| carries(*id)));
        let mut place = 0;
        let all = documents.clone();
        documents.retain(|id| {
            place += 1;
            !all[..place - 1].contains(id)
        });
        documents
    }
}

#[cfg(test)]
mod tests {
    use crate::model::oci::Repository;
    use crate::model::search::{Band, Index, Text};

    type Changes<'a> = &'a [(&'a str, Option<u64>, &'a str)];

    fn index(changes: Changes<'_>) -> Index {
        let mut index = Index::default();
        let repository: Repository = "shop/till".parse().unwrap();
        for (version, pr, title) in changes {
            index.put(&repository, version, [Text { title, pr: *pr, ..Text::default() }]);
        }
        index
    }

    /// The certainty, and where each hit stands, the best first.
    fn find(changes: Changes<'_>, query: &str) -> (Band, Vec<Vec<String>>) {
        let found = index(changes).find(query, |_| true, 9);
        let places = |hit: &crate::model::search::Hit| {
            let mut versions: Vec<String> =
                hit.places.iter().map(|place| place.version.to_string()).collect();
            versions.sort();
            versions
        };
        (found.band, found.hits.iter().map(places).collect())
    }

    #[track_caller]
    fn check(changes: Changes<'_>, query: &str, band: Band, expected: &[&[&str]]) {
        let (found, places) = find(changes, query);
        let expected: Vec<Vec<String>> =
            expected.iter().map(|hit| hit.iter().map(|version| (*version).to_owned()).collect()).collect();
        assert_eq!((found, places), (band, expected), "{query}");
    }

    const TITLE: &str = "fix: drawer stays open";

    #[test]
    fn the_same_title_with_another_number_is_another_change() {
        let twice: Changes<'_> = &[("1.4.2", Some(10), TITLE), ("1.5.0", Some(20), TITLE)];
        check(twice, "#10", Band::Sure, &[&["1.4.2"]]);
        check(twice, "#20", Band::Sure, &[&["1.5.0"]]);
        // The words fit both: nobody knows which is meant.
        check(twice, "drawer stays open", Band::Perhaps, &[&["1.4.2"], &["1.5.0"]]);
        check(twice, "fix: drawer stays open (#20)", Band::Sure, &[&["1.5.0"], &["1.4.2"]]);
        let half: Changes<'_> = &[("1.4.2", Some(10), TITLE), ("1.5.0", None, TITLE)];
        check(half, "#10", Band::Sure, &[&["1.4.2"]]);
        check(half, "drawer stays open", Band::Perhaps, &[&["1.4.2"], &["1.5.0"]]);
        let unnumbered: Changes<'_> = &[("1.4.2", None, TITLE), ("1.5.0", None, TITLE)];
        check(unnumbered, "drawer stays open", Band::Sure, &[&["1.4.2", "1.5.0"]]);
    }

    #[test]
    fn a_number_that_a_revert_takes_back_makes_two_reverts_no_one_change() {
        for title in ["Revert the last one", "Reapply the last one", "Undo the last one"] {
            let titles = [format!("{title} (!10)"), format!("{title} (!14)")];
            let twice: Changes<'_> = &[("1.4.2", Some(14), &titles[0]), ("1.5.0", Some(17), &titles[1])];
            check(twice, "#17", Band::Sure, &[&["1.5.0"]]);
        }
    }

    #[test]
    fn a_pick_is_the_change_that_it_names() {
        for pick in [
            "fix: drawer stays open (cherry-pick #10)",
            "fix: drawer stays open (#10)",
            "[1.4] fix: drawer stays open (#10)",
            "[release-1.4] fix: drawer stays open",
            "fix: drawer stays open (cherry-pick 1.4)",
            "Backport #10: fix: drawer stays open",
            "chore: cherry pick #10 to release-1.4",
        ] {
            let picked: Changes<'_> = &[("1.5.0", Some(10), TITLE), ("1.4.3", Some(30), pick)];
            check(picked, "#10", Band::Sure, &[&["1.4.3", "1.5.0"]]);
            check(picked, "#30", Band::Sure, &[&["1.4.3", "1.5.0"]]);
        }
    }

    #[test]
    fn a_pick_is_no_change_that_it_does_not_name() {
        let named: Changes<'_> = &[
            ("1.4.2", Some(10), TITLE),
            ("1.5.0", Some(20), TITLE),
            ("1.4.3", Some(30), "fix: drawer stays open (cherry-pick #20)"),
        ];
        check(named, "#10", Band::Sure, &[&["1.4.2"]]);
        check(named, "#20", Band::Sure, &[&["1.4.3", "1.5.0"]]);
        // Nobody says which of both it was picked from.
        let silent: Changes<'_> = &[
            ("1.4.2", Some(10), TITLE),
            ("1.5.0", Some(20), TITLE),
            ("1.4.3", Some(30), "fix: drawer stays open (cherry-pick 1.4)"),
        ];
        check(silent, "#30", Band::Sure, &[&["1.4.3"]]);
        check(silent, "#20", Band::Sure, &[&["1.5.0"]]);
        // A revert of it is another change.
        let reverted: Changes<'_> =
            &[("1.4.2", Some(10), TITLE), ("1.4.3", Some(40), "Revert \"fix: drawer stays open (#10)\"")];
        check(reverted, "#40", Band::Sure, &[&["1.4.3"]]);
        let (_, places) = find(reverted, "#10");
        assert_eq!(places[0], ["1.4.2"]);
    }

    #[test]
    fn a_pick_of_several_carries_each_and_joins_none() {
        let both: Changes<'_> = &[
            ("1.4.2", Some(10), "fix: drawer stays open"),
            ("1.5.0", Some(20), "feat: printer speaks"),
            ("1.3.9", Some(30), "chore: cherry pick #10 #20 to release-1.3"),
        ];
        for (query, expected) in
            [("drawer stays open", ["1.3.9", "1.4.2"]), ("printer speaks", ["1.3.9", "1.5.0"])]
        {
            let (band, places) = find(both, query);
            assert_eq!((band, &*places[0]), (Band::Sure, &expected.map(str::to_owned)[..]), "{query}");
        }
        let (_, places) = find(both, "#30");
        assert_eq!(places[0], ["1.3.9"]);
    }

    #[test]
    fn a_pick_that_is_talked_of_or_of_another_project_is_no_place_of_the_change() {
        for title in [
            "docs: describe how to backport #801",
            "Skip backport of #801: conflicts",
            "Backport #801 failed",
            "chore: partial backport of #801",
            "fix: fox (backport of https://github.com/other/repo/pull/801)",
            "fix: fox (backport of other/repo#801)",
        ] {
            let changes: Changes<'_> = &[("1.0.0", Some(802), title), ("2.0.0", Some(801), "fix: aardvark")];
            let (_, places) = find(changes, "#801");
            assert_eq!(places[0], ["2.0.0"], "{title}");
            check(changes, "aardvark", Band::Sure, &[&["2.0.0"]]);
        }
    }
}
