//! The certainty of an answer.
//!
//! A false "sure" about a change that does not exist is the worst answer, so sure is what one change alone says in the
//! words of the query, and not a score. The figures are calibrated on queries over real release histories.

use super::found::{Band, Way, rivals};
use super::query::{Kind, Query};
use super::seen::{Answer, Seen, quality};
use super::stop::is_telling;

/// From this quality on, of 1, a number is a change's own.
const OWN_NUMBER: f32 = 1.0;
/// A unit that is answered worse than this, of 1, counts as not answered.
const ANSWERED: f32 = 0.5;
/// Share of the query's weight that the title must have in its own words, or nearly.
const SURE_STRICT: f32 = 0.80;
/// Words that follow each other in the query stand near each other in the title: at least this share of them …
const SURE_NEARNESS: f32 = 0.50;
/// … or the query answers at least this share of the title.
const SURE_SHARE: f32 = 0.45;
/// A query that says this share of a title says the title, whatever else resembles it.
const WHOLE_TITLE: f32 = 0.85;
/// A word that more changes than this have is not enough on its own.
const LONE_WORD_CHANGES_MAX: usize = 3;
/// Below this share of the query's weight nothing is near.
const PERHAPS_COVERAGE: f32 = 0.36;
/// The same, of a query with a word that nobody knows: it is most likely the name of what does not exist.
const PERHAPS_COVERAGE_UNKNOWN: f32 = 0.55;

/// The certainty that the first of `hits` is what `query` means. `hits` are places in `seen`, best first.
pub(super) fn band(query: &Query, seen: &[Seen], hits: &[Vec<usize>]) -> Band {
    let Some(best) = hits.first().map(|hit| &seen[hit[0]]) else { return Band::No };
    let identities: Vec<usize> =
        (0..query.units.len()).filter(|&unit| query.units[unit].kind == Kind::Identity).collect();
    if !identities.is_empty() {
        return by_identity(query, seen, hits, &identities);
    }
    if is_sure(query, best, seen, hits) && !is_the_revert_of_it(query, best) {
        Band::Sure
    } else if best.coverage >= if has_unknown(query) { PERHAPS_COVERAGE_UNKNOWN } else { PERHAPS_COVERAGE } {
        Band::Perhaps
    } else {
        Band::No
    }
}

/// A number, a CVE id or a commit names a change or it does not exist.
fn by_identity(query: &Query, seen: &[Seen], hits: &[Vec<usize>], identities: &[usize]) -> Band {
    let best = &seen[hits[0][0]];
    if identities.iter().any(|&unit| best.answers[unit].is_none()) {
        return Band::No;
    }
    let alone = !hits[1..].iter().any(|hit| rivals(seen[hit[0]].score, best.score));
    let words = query.units.iter().zip(&best.answers).filter(|(unit, _)| unit.kind == Kind::Word);
    let (said, answered) = words.fold((0, 0), |(said, answered), (_, answer)| {
        (said + 1, answered + usize::from(is_answered(answer)))
    });
    let is_its_own = identities.iter().all(|&unit| quality(&best.answers[unit]) >= OWN_NUMBER);
    let is_it = is_its_own || !is_the_revert_of_it(query, best);
    // Words beside the number that have nothing to do with the change: one of the two is wrong.
    if alone && is_it && (said == 0 || answered > 0) { Band::Sure } else { Band::Perhaps }
}

/// Tells whether the best takes back what is asked for: `Revert "fix: menu (#12)"` is no answer to `menu` or `#12`.
fn is_the_revert_of_it(query: &Query, best: &Seen) -> bool {
    best.takes_back && !query.takes_back
}

fn is_sure(query: &Query, best: &Seen, seen: &[Seen], hits: &[Vec<usize>]) -> bool {
    let answers = || query.units.iter().zip(&best.answers);
    let counts = |kind: Kind| matches!(kind, Kind::Word | Kind::Version);
    let all = answers().filter(|(unit, _)| counts(unit.kind)).all(|(_, answer)| is_answered(answer));
    // `when did the minimum happen`: a word that says something, and that the title does not say.
    let stray = answers()
        .any(|(unit, answer)| unit.kind == Kind::Light && !is_answered(answer) && is_telling(&unit.text));
    let whole: f32 = answers().map(|(unit, _)| unit.weight).sum();
    let own_words = |answer: &Option<Answer>| answer.is_some_and(|answer| answer.way < Way::Synonym);
    let strict: f32 = answers()
        .filter(|(_, answer)| own_words(answer))
        .map(|(unit, answer)| unit.weight * quality(answer))
        .sum();
    let exact: f32 = answers()
        .filter(|(unit, _)| counts(unit.kind))
        .filter_map(|(_, answer)| answer.as_ref().map(plainness))
        .sum();
    let words = answers().filter(|(unit, _)| counts(unit.kind)).count();
    let together = best.nearness >= SURE_NEARNESS || best.share >= SURE_SHARE;
    let mut rivals = hits[1..].iter().map(|hit| &seen[hit[0]]).filter(|it| rivals(it.score, best.score));
    // The whole title means its change, unless another change has the same.
    let alone = rivals.all(|rival| best.share >= WHOLE_TITLE && rival.share < WHOLE_TITLE);
    let enough = match words {
        0 => best.share >= WHOLE_TITLE,
        1 => {
            exact >= 1.0
                && (hits_answering(hits, seen, best) <= LONE_WORD_CHANGES_MAX || best.share >= WHOLE_TITLE)
        }
        _ => exact >= 1.0,
    };
    all && !stray && strict >= SURE_STRICT * whole && together && alone && enough
}

/// Tells whether the query has a word that neither a title nor the list of synonyms has: most likely a name.
fn has_unknown(query: &Query) -> bool {
    let spanned = |number: usize| query.spans.iter().any(|span| span.units.contains(&number));
    let unknown = |(number, unit): (usize, &super::query::Unit)| {
        unit.kind == Kind::Word && unit.meanings.is_empty() && unit.documents.is_empty() && !spanned(number)
    };
    query.units.iter().enumerate().any(unknown)
}

/// The clarity with which a title says a word, 0 to 1: a word with a slip needs another one beside it.
fn plainness(answer: &Answer) -> f32 {
    match answer.way {
        Way::Word | Way::Inflection if answer.quality >= 50 => 1.0,
        Way::Part if answer.quality >= 90 => 1.0,
        Way::Spelling if answer.quality >= 75 => 0.5,
        _ => 0.0,
    }
}

/// Counts the hits that cover the query as well as the best one.
fn hits_answering(hits: &[Vec<usize>], seen: &[Seen], best: &Seen) -> usize {
    hits.iter().filter(|hit| seen[hit[0]].coverage >= 0.95 * best.coverage).count()
}

fn is_answered(answer: &Option<Answer>) -> bool {
    quality(answer) >= ANSWERED
}
