//! The changes that are worth a closer look: those that cover most of a query, found through postings alone.

use super::index::{Document, DocumentId, Index, TermId};
use super::query::{Query, UNITS_MAX};

/// Candidates that are looked at word by word.
const CANDIDATES_MAX: usize = 96;
/// Postings that are read for one query. The rarest words come first; what is left over is so common that it decides
/// nothing, and counts again when the candidates are looked at.
const POSTINGS_MAX: usize = 50_000;
/// Documents that are read for the phrases of one query, the rarest phrases first.
const PHRASE_DOCUMENTS_MAX: usize = 5_000;
/// Words that may stand between two words of a phrase.
const PHRASE_GAP: usize = 1;

/// The coverage of each unit by each document that was met, of 100.
struct Table {
    row_of: Vec<u32>,
    rows: Vec<(DocumentId, [u8; UNITS_MAX])>,
}

impl Index {
    /// The documents that cover most of the query.
    pub(super) fn candidates(&self, query: &Query, allowed: &[bool]) -> Vec<DocumentId> {
        let mut table = Table { row_of: vec![0; self.documents.len()], rows: Vec::new() };
        for (number, unit) in query.units.iter().enumerate() {
            unit.documents.iter().for_each(|&(id, quality)| table.answer(id, number..number + 1, quality));
        }
        self.read_postings(query, &mut table);
        self.read_phrases(query, &mut table);
        let is_allowed = |id: DocumentId| allowed[self.documents[id as usize].repository as usize];
        let rows = table.rows.into_iter().filter(|&(document, _)| is_allowed(document));
        let mut scored: Vec<(f32, DocumentId)> = rows
            .map(|(document, row)| {
                let covered =
                    query.units.iter().zip(row).map(|(unit, quality)| unit.weight * f32::from(quality));
                (covered.sum(), document)
            })
            .collect();
        if scored.len() > CANDIDATES_MAX {
            scored.select_nth_unstable_by(CANDIDATES_MAX, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            scored.truncate(CANDIDATES_MAX);
        }
        scored.into_iter().map(|(_, document)| document).collect()
    }

    fn read_postings(&self, query: &Query, table: &mut Table) {
        let mut lists = Vec::new();
        for (number, unit) in query.units.iter().enumerate() {
            for meaning in &unit.meanings {
                let worth = unit.weight * f32::from(meaning.quality);
                lists.push((worth, number, meaning.quality, &self.postings[meaning.term as usize]));
            }
        }
        lists.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut left = POSTINGS_MAX;
        for (_, number, quality, documents) in lists {
            // The first list is read, however long it is.
            if documents.len() > left && left < POSTINGS_MAX {
                continue;
            }
            left = left.saturating_sub(documents.len());
            documents.iter().for_each(|&id| table.answer(id, number..number + 1, quality));
        }
    }

    fn read_phrases(&self, query: &Query, table: &mut Table) {
        let mut spans: Vec<_> = query.spans.iter().map(|span| (self.rarest(&span.phrase), span)).collect();
        spans.sort_by_key(|(documents, _)| documents.len());
        let mut left = PHRASE_DOCUMENTS_MAX;
        for (documents, span) in spans {
            if documents.len() > left {
                break;
            }
            left -= documents.len();
            for &id in documents {
                if self.phrase_at(&self.documents[id as usize], &span.phrase).is_some() {
                    table.answer(id, span.units.clone(), span.quality);
                }
            }
        }
    }

    /// The documents that have the rarest word of a phrase. A stop word has no postings; its place is looked at later.
    pub(super) fn rarest(&self, phrase: &[TermId]) -> &[DocumentId] {
        let lists = phrase.iter().map(|&term| &self.postings[term as usize]).filter(|list| !list.is_empty());
        lists.min_by_key(|list| list.len()).map_or(&[], Vec::as_slice)
    }

    /// The first and the last word of the phrase in the title.
    pub(super) fn phrase_at(&self, document: &Document, phrase: &[TermId]) -> Option<(usize, usize)> {
        let term = |at: usize| self.surfaces[document.words[at] as usize].term;
        let (&first, rest) = phrase.split_first()?;
        (0..document.words.len()).filter(|&start| term(start) == first).find_map(|start| {
            let mut at = start;
            for &next in rest {
                let reach = at + 1..document.words.len().min(at + 2 + PHRASE_GAP);
                at = reach.into_iter().find(|&place| term(place) == next)?;
            }
            Some((start, at))
        })
    }
}

impl Table {
    fn answer(&mut self, document: DocumentId, units: std::ops::Range<usize>, quality: u8) {
        let row = &mut self.row_of[document as usize];
        if *row == 0 {
            self.rows.push((document, [0; UNITS_MAX]));
            *row = self.rows.len() as u32;
        }
        for known in &mut self.rows[*row as usize - 1].1[units] {
            *known = quality.max(*known);
        }
    }
}
