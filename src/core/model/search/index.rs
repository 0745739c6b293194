//! The index: every change once, with the places where it stands, and the words that lead to it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;

use super::found::{Place, Text};
use super::picks::{Pick, Reading};
use super::stems::stem;
use super::stop::{self, Class};
use super::words::{Token, commit_key, tokens, word_of};
use crate::model::oci::Repository;
use crate::model::releases::{ChangeKind, reverts, takes_back};

pub(super) type DocumentId = u32;
pub(super) type WordId = u32;
pub(super) type TermId = u32;

/// Words of a title that are indexed. The longest titles of real projects have about 80.
const WORDS_MAX: usize = 128;

/// Everything that can be searched; see the module.
#[derive(Clone, Debug, Default)]
pub struct Index {
    pub(super) words: BTreeMap<Arc<str>, WordId>,
    pub(super) surfaces: Vec<Surface>,
    /// Of each surface, so that looking for a misspelt word reads little.
    pub(super) shapes: Vec<Shape>,
    pub(super) stems: BTreeMap<Arc<str>, TermId>,
    /// For each stem the documents that have it, ascending.
    pub(super) postings: Vec<Vec<DocumentId>>,
    pub(super) documents: Vec<Document>,
    free: Vec<DocumentId>,
    /// Numbers of pull requests, of issues, and those that a title names.
    pub(super) numbers: BTreeSet<(u64, Naming, DocumentId)>,
    /// Commits by their first 16 hexadecimal digits.
    pub(super) commits: BTreeSet<(u64, DocumentId)>,
    keys: BTreeMap<Key, DocumentId>,
    releases: BTreeMap<(Repository, Box<str>), ReleaseId>,
    pub(super) entries: Vec<Release>,
    repository_ids: BTreeMap<Repository, u32>,
    pub(super) repositories: Vec<Repository>,
}

pub(super) type ReleaseId = u32;

/// A word as it is written, and the stem that it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Surface {
    pub(super) text: Arc<str>,
    pub(super) term: TermId,
    /// The weight of the word in a query or a title.
    pub(super) class: Class,
}

/// Ways in which a number names a change, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Naming {
    PullRequest,
    Issue,
    Mention,
}

/// One change of one repository: the same title (but for its decoration) with the same number.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) repository: u32,
    pub(super) key: Key,
    /// The words of the title in order.
    pub(super) words: Box<[WordId]>,
    /// The numbers that the title names.
    pub(super) mentions: Box<[u64]>,
    /// The origin that its title names, where it was picked.
    pub(super) pick: Option<Pick>,
    /// It takes another change back, and is not that change.
    pub(super) takes_back: bool,
    /// It takes another change back or brings one again: a number in its title may be that one's.
    pub(super) is_of_another: bool,
    pub(super) kind: Option<ChangeKind>,
    pub(super) places: Vec<Standing>,
}

/// The identity of a change: repository, title, pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) repository: u32,
    /// A hash of the title without its decoration. Two titles that share it by chance would be shown as one change.
    pub(super) title: u64,
    pub(super) pr: Option<u64>,
}

/// A place where a change stands, with its title there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) release: ReleaseId,
    pub(super) index: u32,
    issue: Option<NonZeroU64>,
    commit: Option<NonZeroU64>,
}

#[derive(Clone, Debug)]
pub(super) struct Release {
    pub(super) repository: u32,
    pub(super) version: Box<str>,
    pub(super) documents: Vec<DocumentId>,
}

impl Index {
    /// Puts the changes of one release in, in place of those that were there for it.
    pub fn put<'a>(
        &mut self,
        repository: &Repository,
        version: &str,
        changes: impl IntoIterator<Item = Text<'a>>,
    ) {
        let release = self.release(repository, version);
        for document in std::mem::take(&mut self.entries[release as usize].documents) {
            self.leave(document, release);
        }
        let mut documents = Vec::new();
        for (index, change) in changes.into_iter().enumerate() {
            let document = self.document(self.entries[release as usize].repository, &change);
            let commit = change.commit.and_then(commit_key);
            let issue = change.issue.and_then(NonZeroU64::new);
            let places = &mut self.documents[document as usize].places;
            // Nearly every change stands in one place.
            places.reserve_exact(1);
            places.push(Standing {
                release,
                index: index as u32,
                issue,
                commit: commit.and_then(NonZeroU64::new),
            });
            self.numbers.extend(change.issue.map(|number| (number, Naming::Issue, document)));
            self.commits.extend(commit.map(|commit| (commit, document)));
            documents.push(document);
        }
        documents.sort_unstable();
        documents.dedup();
        self.entries[release as usize].documents = documents;
    }

    /// The number of different changes that can be found.
    pub fn len(&self) -> usize {
        self.documents.len() - self.free.len()
    }

    /// Tells whether there is nothing to be found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn place(&self, standing: &Standing) -> Place {
        let release = &self.entries[standing.release as usize];
        let repository = self.repositories[release.repository as usize].clone();
        Place { repository, version: release.version.clone(), index: standing.index as usize }
    }

    /// The documents of a repository with this title, whatever their numbers.
    pub(super) fn of_title(&self, key: Key) -> impl Iterator<Item = DocumentId> {
        let first = Key { pr: None, ..key };
        let last = Key { pr: Some(u64::MAX), ..key };
        self.keys.range(first..=last).map(|(_, &document)| document)
    }

    /// The document of a repository with this title and this number.
    pub(super) fn of_key(&self, key: Key) -> Option<DocumentId> {
        self.keys.get(&key).copied()
    }

    /// The documents that this number names in this way.
    pub(super) fn of_number(&self, number: u64, naming: Naming) -> impl Iterator<Item = DocumentId> {
        self.numbers.range((number, naming, 0)..=(number, naming, u32::MAX)).map(|&(_, _, document)| document)
    }

    fn release(&mut self, repository: &Repository, version: &str) -> ReleaseId {
        if let Some(&known) = self.releases.get(&(repository.clone(), version.into())) {
            return known;
        }
        let next = self.repositories.len() as u32;
        let repository_id = *self.repository_ids.entry(repository.clone()).or_insert(next);
        if repository_id == next {
            self.repositories.push(repository.clone());
        }
        let id = self.entries.len() as ReleaseId;
        self.releases.insert((repository.clone(), version.into()), id);
        self.entries.push(Release {
            repository: repository_id,
            version: version.into(),
            documents: Vec::new(),
        });
        id
    }

    /// The document of this change, made if it is new.
    fn document(&mut self, repository: u32, change: &Text<'_>) -> DocumentId {
        let tokens = tokens(change.title);
        let Reading { title, pick } =
            Reading::of(change.title, self.repositories[repository as usize].as_str());
        let key = Key { repository, title, pr: change.pr };
        if let Some(&known) = self.keys.get(&key) {
            return known;
        }
        let texts: Vec<String> = tokens.iter().flat_map(words_of).take(WORDS_MAX).collect();
        let words: Box<[WordId]> = texts.iter().map(|text| self.word(text)).collect();
        let mentions = tokens.iter().filter_map(|token| match token {
            Token::Number(number) => Some(*number),
            _ => None,
        });
        let mentions: Box<[u64]> = mentions.collect();
        let takes_back = takes_back(change.title);
        let is_of_another = reverts(change.title).next().is_some();
        let (kind, places) = (change.kind, Vec::new());
        let document =
            Document { repository, key, words, mentions, pick, takes_back, is_of_another, kind, places };
        let id = self.free.pop().unwrap_or(self.documents.len() as DocumentId);
        for term in self.terms(&document) {
            let posting = &mut self.postings[term as usize];
            if let Err(place) = posting.binary_search(&id) {
                posting.insert(place, id);
            }
        }
        self.numbers.extend(change.pr.map(|number| (number, Naming::PullRequest, id)));
        self.numbers.extend(document.mentions.iter().map(|&number| (number, Naming::Mention, id)));
        self.keys.insert(key, id);
        if id as usize == self.documents.len() {
            self.documents.push(document);
        } else {
            self.documents[id as usize] = document;
        }
        id
    }

    /// Takes a release from a document, and the document out when that was the last one.
    fn leave(&mut self, id: DocumentId, release: ReleaseId) {
        let document = &mut self.documents[id as usize];
        let (left, kept): (Vec<Standing>, Vec<Standing>) =
            document.places.iter().partition(|place| place.release == release);
        document.places = kept;
        for gone in left {
            let document = &self.documents[id as usize];
            if let Some(issue) = gone.issue
                && document.places.iter().all(|place| place.issue != gone.issue)
            {
                self.numbers.remove(&(issue.get(), Naming::Issue, id));
            }
            if let Some(commit) = gone.commit
                && document.places.iter().all(|place| place.commit != gone.commit)
            {
                self.commits.remove(&(commit.get(), id));
            }
        }
        if self.documents[id as usize].places.is_empty() {
            self.take_out(id);
        }
    }

    fn take_out(&mut self, id: DocumentId) {
        let document = &mut self.documents[id as usize];
        let gone = Document { words: std::mem::take(&mut document.words), ..document.clone() };
        for term in self.terms(&gone) {
            let posting = &mut self.postings[term as usize];
            if let Ok(place) = posting.binary_search(&id) {
                posting.remove(place);
            }
        }
        if let Some(number) = gone.key.pr {
            self.numbers.remove(&(number, Naming::PullRequest, id));
        }
        gone.mentions.iter().for_each(|&number| {
            self.numbers.remove(&(number, Naming::Mention, id));
        });
        self.keys.remove(&gone.key);
        self.free.push(id);
    }

    fn terms(&self, document: &Document) -> BTreeSet<TermId> {
        let searched = document.words.iter().map(|&word| &self.surfaces[word as usize]);
        let searched = searched.filter(|surface| surface.class != Class::Stop);
        searched.map(|surface| surface.term).collect()
    }

    fn word(&mut self, text: &str) -> WordId {
        if let Some(&known) = self.words.get(text) {
            return known;
        }
        let stem = stem(text);
        let next = self.postings.len() as TermId;
        let term = *self.stems.entry(stem.into()).or_insert(next);
        if term == next {
            self.postings.push(Vec::new());
        }
        let id = self.surfaces.len() as WordId;
        let text: Arc<str> = text.into();
        self.surfaces.push(Surface { class: stop::class(&text), text: Arc::clone(&text), term });
        self.shapes.push(Shape::of(&text));
        self.words.insert(text, id);
        id
    }
}

/// The letters of a word and how often each occurs: a quick test of how far two words can be apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    letters: u32,
    bytes: u8,
}

impl Shape {
    pub(super) fn of(word: &str) -> Self {
        let bit = |byte: u8| if byte.is_ascii_lowercase() { 1 << (byte - b'a') } else { 1 << 26 };
        let letters = word.bytes().fold(0, |letters, byte| letters | bit(byte));
        Self { letters, bytes: word.len().min(usize::from(u8::MAX)) as u8 }
    }

    /// Tells whether `slips` slips could make one word of the other: each changes at most one letter into another.
    pub(super) fn may_become(self, other: Self, slips: usize) -> bool {
        (self.letters ^ other.letters).count_ones() as usize <= 2 * slips
            && usize::from(self.bytes.abs_diff(other.bytes)) <= slips
    }
}

/// The words by which a token is found: `CVE-2031-1` is also a `cve`.
fn words_of(token: &Token) -> impl Iterator<Item = String> {
    let scheme = match token {
        Token::Id(text) => text.split('-').next().map(str::to_owned),
        _ => None,
    };
    word_of(token).into_iter().chain(scheme)
}
