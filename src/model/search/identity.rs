//! Which documents are one change.
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
    /// The document of the original, as far as it is known.
    document: DocumentId,
}

impl Identity {
    /// One change: the same request of a repository; of a product that lives in several, under the same title.
    pub(super) fn is(&self, other: &Self) -> bool {
        let is_same_request = self.pr.is_some() && self.pr == other.pr;
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
        Identity { repository, title, pr: named.or(pr), document: at }
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
