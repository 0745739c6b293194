//! The changes that answer a query, best first.

use super::bands;
use super::expand::Meaning;
use super::found::{Found, Hit, Matched, Way};
use super::identity::Identity;
use super::index::{Document, DocumentId, Index, Surface};
use super::query::{Kind, Query, Span};
use super::seen::{Answer, Seen, quality};
use super::stop::Class;
use crate::model::oci::Repository;

/// The worth of a word of a title that answers something else already, of 100.
const SECOND_USE: u32 = 35;
/// Words that stand at most so far from each other stand near each other.
const NEAR_WORDS: usize = 3;
/// Least fit, of 100, of a change that stands near the words: a long title has some word for anything.
const NEAR_QUALITY_MIN: u8 = 36;
/// Weights of the score: coverage, nearness of the words to each other, share of the title that is answered.
const COVERAGE: f32 = 0.45;
const NEARNESS: f32 = 0.20;
const SHARE: f32 = 0.35;
/// The worth of being of the kind that a query sounds like.
const LEANING: f32 = 1.3;
/// Words of a title from which on synonyms count less; each time that it is 2.7 times as long, by this share …
const LONG_WORDS: f32 = 15.0;
const CHANCE: f32 = 0.3;
/// … and never by more than this one.
const CHANCE_MAX: f32 = 0.9;

/// Share of what synonyms answer that a title of so many words would answer by chance: the longer it is, the more words it
/// has that may be said for anything.
fn chance(words: usize) -> f32 {
    (CHANCE * (words as f32 / LONG_WORDS).ln()).clamp(0.0, CHANCE_MAX)
}

/// Tells whether it answers each number of the query.
fn is_named(query: &Query, seen: &Seen) -> bool {
    let mut numbers = query.units.iter().zip(&seen.answers).filter(|(unit, _)| unit.kind == Kind::Identity);
    let named = numbers.next().is_some_and(|(_, answer)| answer.is_some());
    named && numbers.all(|(_, answer)| answer.is_some())
}

fn is_synonym(answer: &Option<Answer>) -> bool {
    answer.is_some_and(|answer| answer.way >= Way::Synonym)
}

impl Index {
    /// The changes that `query` may mean, of the repositories that `within` allows: at most `limit` hits.
    pub fn find(&self, query: &str, within: impl Fn(&Repository) -> bool, limit: usize) -> Found {
        let query = Query::read(query, self);
        let allowed: Vec<bool> = self.repositories.iter().map(within).collect();
        let mut seen: Vec<Seen> = self
            .candidates(&query, &allowed)
            .into_iter()
            .map(|document| self.look(document, &query))
            .collect();
        // The older document first where the score decides nothing.
        // A number's owner comes first, whatever the words beside it say.
        let rank = |seen: &Seen| {
            seen.score * self.leaning(seen.document, &query) + if is_named(&query, seen) { 1.0 } else { 0.0 }
        };
        seen.sort_by(|a, b| rank(b).total_cmp(&rank(a)).then(a.document.cmp(&b.document)));
        let hits = self.gather(&seen);
        let band = bands::band(&query, &seen, &hits);
        let hits = hits.iter().take(limit).map(|hit| self.tell(&query, &seen[hit[0]], hit, &seen)).collect();
        Found { band, hits }
    }

    /// Puts a change of the kind that a query sounds like before one of another kind that it fits nearly as well. It decides
    /// the order and nothing that is certain.
    fn leaning(&self, id: DocumentId, query: &Query) -> f32 {
        let kind = self.documents[id as usize].kind;
        let is_it = query.wish.zip(kind).is_some_and(|(wish, kind)| wish.is_of(kind));
        if is_it { LEANING } else { 1.0 }
    }

    /// Looks at a document word by word.
    fn look(&self, id: DocumentId, query: &Query) -> Seen {
        let document = &self.documents[id as usize];
        let mut claims = Vec::new();
        for (number, unit) in query.units.iter().enumerate() {
            if let Ok(place) = unit.documents.binary_search_by_key(&id, |&(document, _)| document) {
                claims.push(Claim {
                    units: number..number + 1,
                    quality: unit.documents[place].1,
                    way: Way::Word,
                    words: None,
                });
            }
            for (at, &word) in document.words.iter().enumerate() {
                let Surface { term, class, .. } = self.surfaces[word as usize];
                // `from` is said for nobody.
                if class == Class::Stop {
                    continue;
                }
                if let Some(meaning) = unit.meanings.iter().find(|meaning| meaning.term == term) {
                    let Meaning { quality, way, .. } = *meaning;
                    claims.push(Claim { units: number..number + 1, quality, way, words: Some((at, at)) });
                }
            }
        }
        for Span { units, phrase, quality, way } in &query.spans {
            if let Some(words) = self.phrase_at(document, phrase) {
                claims.push(Claim { units: units.clone(), quality: *quality, way: *way, words: Some(words) });
            }
        }
        let nearness = nearness(query, &claims);
        let answers = assign(claims, query.units.len(), document.words.len());
        self.weigh(id, query, nearness, answers)
    }

    fn weigh(&self, id: DocumentId, query: &Query, nearness: f32, answers: Vec<Option<Answer>>) -> Seen {
        let whole: f32 = query.units.iter().map(|unit| unit.weight).sum();
        let covered: f32 =
            query.units.iter().zip(&answers).map(|(unit, answer)| unit.weight * quality(answer)).sum();
        let coverage = if whole > 0.0 { covered / whole } else { 0.0 };
        let document = &self.documents[id as usize];
        let share = self.share(document, &answers, |_| 1.0);
        let said = self.share(document, &answers, |answer| f32::from(answer.quality) / 100.0);
        let by_synonyms = query.units.iter().zip(&answers).filter(|(_, answer)| is_synonym(answer));
        let by_synonyms: f32 = by_synonyms.map(|(unit, answer)| unit.weight * quality(answer)).sum();
        let doubt = chance(self.documents[id as usize].words.len()) * by_synonyms / whole.max(f32::EPSILON);
        let score = (coverage - doubt) * (COVERAGE + NEARNESS * nearness + SHARE * said);
        let takes_back = self.documents[id as usize].takes_back;
        Seen { document: id, takes_back, score, coverage, nearness, share, answers }
    }

    /// Share of the title's weight that is answered, each word as much as `worth` says.
    fn share(&self, document: &Document, answers: &[Option<Answer>], worth: impl Fn(&Answer) -> f32) -> f32 {
        let mut whole = 0.0;
        let mut answered = 0.0;
        for (at, &word) in document.words.iter().enumerate() {
            let surface = &self.surfaces[word as usize];
            // Words that every second title has, such as the kind in front of it, do not make it another title.
            if surface.class != Class::Full {
                continue;
            }
            let found = self.postings[surface.term as usize].len();
            let weight = self.rarity(found);
            whole += weight;
            let said = answers.iter().flatten().filter(|answer| answer.word == Some(at)).map(&worth);
            answered += weight * said.fold(0.0, f32::max);
        }
        if whole > 0.0 { answered / whole } else { 0.0 }
    }

    /// Documents of one change, as places in `seen`: best first, and within each the best first.
    fn gather(&self, seen: &[Seen]) -> Vec<Vec<usize>> {
        let identities: Vec<Identity> = seen.iter().map(|one| self.identity(one.document)).collect();
        let mut hits: Vec<Vec<usize>> = Vec::new();
        for (place, identity) in identities.iter().enumerate() {
            match hits.iter_mut().find(|hit| hit.iter().any(|other| identities[*other].is(identity))) {
                Some(hit) => hit.push(place),
                None => hits.push(vec![place]),
            }
        }
        hits
    }

    fn tell(&self, query: &Query, best: &Seen, hit: &[usize], seen: &[Seen]) -> Hit {
        let hit = hit.iter().map(|&place| seen[place].document);
        let documents = self.documents_of(best.document, hit);
        let standings = documents.iter().flat_map(|id| &self.documents[*id as usize].places);
        let places = standings.map(|standing| self.place(standing)).collect();
        let words = &self.documents[best.document as usize].words;
        let found = |at: usize| self.surfaces[words[at] as usize].text.to_string();
        let mut matched = Vec::new();
        let mut missing = Vec::new();
        for (unit, answer) in query.units.iter().zip(&best.answers) {
            match answer {
                Some(answer) => matched.push(Matched {
                    asked: unit.text.clone(),
                    found: answer.word.map(found),
                    way: answer.way,
                }),
                None if unit.kind != Kind::Light => missing.push(unit.text.clone()),
                None => {}
            }
        }
        Hit { places, score: best.score, matched, missing }
    }
}

/// The units that a word, or a phrase, of a title could answer.
struct Claim {
    units: std::ops::Range<usize>,
    quality: u8,
    way: Way,
    /// The first and the last word of the title that it takes.
    words: Option<(usize, usize)>,
}

/// Gives each unit its best answer. A word of the title answers once: `disk` is not also the `volume` that was asked
/// for beside it, or counts little as such.
fn assign(mut claims: Vec<Claim>, units: usize, words: usize) -> Vec<Option<Answer>> {
    claims.sort_by_key(|claim| (255 - claim.quality, claim.way, claim.units.start, claim.words));
    let mut answers: Vec<Option<Answer>> = vec![None; units];
    // For each word of the title the unit that it answers.
    let mut taken: Vec<Option<usize>> = vec![None; words];
    let mut second = Vec::new();
    for claim in claims {
        if claim.units.clone().all(|unit| answers[unit].is_some()) {
            continue;
        }
        match claim.words {
            Some((first, last)) => {
                let words = &mut taken[first..=last];
                // `saved view` answers `saved search` although its first word has answered `saved`.
                if words.iter().flatten().any(|unit| !claim.units.contains(unit)) {
                    second.push(claim);
                    continue;
                }
                words.fill(Some(claim.units.start));
                answer(&mut answers, &claim, claim.quality);
            }
            None => answer(&mut answers, &claim, claim.quality),
        }
    }
    for claim in second {
        answer(&mut answers, &claim, (u32::from(claim.quality) * SECOND_USE / 100) as u8);
    }
    answers
}

fn answer(answers: &mut [Option<Answer>], claim: &Claim, quality: u8) {
    for unit in claim.units.clone() {
        let word = claim.words.map(|(first, _)| first);
        answers[unit].get_or_insert(Answer { quality, way: claim.way, word });
    }
}

/// Of the words of the query that follow each other, how many stand near each other in the title.
fn nearness(query: &Query, claims: &[Claim]) -> f32 {
    let full: Vec<usize> =
        (0..query.units.len()).filter(|&unit| query.units[unit].kind == Kind::Word).collect();
    let words = |unit: usize| {
        let strong = claims.iter().filter(|claim| claim.quality >= NEAR_QUALITY_MIN);
        strong.filter(move |claim| claim.units.contains(&unit)).filter_map(|claim| claim.words)
    };
    let near = |pair: &&[usize]| {
        let apart = |left: (usize, usize), right: (usize, usize)| {
            left.0.abs_diff(right.1).min(left.1.abs_diff(right.0))
        };
        words(pair[0]).any(|left| words(pair[1]).any(|right| apart(left, right) <= NEAR_WORDS))
    };
    if full.len() < 2 { 1.0 } else { full.windows(2).filter(near).count() as f32 / (full.len() - 1) as f32 }
}
