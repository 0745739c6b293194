//! Findings of a search: changes, where they stand, and how sure it is.

use crate::model::oci::Repository;
use crate::model::releases::ChangeKind;

/// Another change that scores at least this much of the best one's score may as well be meant.
const RIVAL: f32 = 0.93;

/// One change as it goes into the index.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text<'a> {
    /// Its title.
    pub title: &'a str,
    /// The number of its pull request.
    pub pr: Option<u64>,
    /// The number of the issue that it closes.
    pub issue: Option<u64>,
    /// Its commit, in hexadecimal digits.
    pub commit: Option<&'a str>,
    /// Its kind.
    pub kind: Option<ChangeKind>,
}

/// The result of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The certainty that the first hit is what was meant.
    pub band: Band,
    /// Best first, in every band.
    pub hits: Vec<Hit>,
}

impl Found {
    /// Tells whether no other hit may as well be meant as the first one: by the same measure that makes an answer sure.
    pub fn stands_out(&self) -> bool {
        match &self.hits[..] {
            [best, others @ ..] => !others.iter().any(|other| rivals(other.score, best.score)),
            [] => false,
        }
    }
}

/// The certainty of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    /// The first hit is what was asked for.
    Sure,
    /// One of the hits may be; ask back.
    Perhaps,
    /// There is no such change. The hits are only the nearest.
    No,
}

/// One change, wherever it stands: the same pull request or the same title within a repository is one hit, and both
/// together in several repositories.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The places where it stands. The first one carries the title that fits the query best.
    pub places: Vec<Place>,
    /// The part of the query that it answers, 0 to 1.
    pub score: f32,
    /// The words of the query that it answers, and the way.
    pub matched: Vec<Matched>,
    /// The words of the query that it does not answer.
    pub missing: Vec<String>,
}

/// A place where a change stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Of which repository.
    pub repository: Repository,
    /// In which version.
    pub version: Box<str>,
    /// The index among that release's changes, from 0.
    pub index: usize,
}

/// One unit of the query and the word that answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// As it was asked for.
    pub asked: String,
    /// As the title has it; none where a number, a commit or a release answers.
    pub found: Option<String>,
    /// The way in which the one answers the other.
    pub way: Way,
}

/// Ways in which a word of a title answers a word of a query, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// It is the same word, number or version.
    Word,
    /// It is another form of the word.
    Inflection,
    /// One is a part or the beginning of the other.
    Part,
    /// It is nearly written like it.
    Spelling,
    /// One is the other's abbreviation.
    Abbreviation,
    /// It is said for it in the trade.
    Synonym,
}

/// Tells whether another score is so near the best one that its change may as well be meant.
pub(super) fn rivals(score: f32, best: f32) -> bool {
    score >= RIVAL * best
}
