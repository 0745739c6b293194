//! Words that stand where a time does, and are none that can be read: `since the offsite`, `on February 30`, `at 25:99`.

use super::units::month;
use crate::model::ask::words::{Word, is_frame};

/// Words behind which only a time stands, and words behind which much else may stand, too.
const BEFORE: [&str; 3] = ["since", "until", "till"];
const BEFORE_TOO: [&str; 2] = ["before", "after"];
/// Words of a time that is not known at most.
const LENGTH_MAX: usize = 3;

/// Takes what stands where a time does out of `words`; as it was written. The names are taken already.
pub(in crate::model::ask) fn unread(words: &mut [Word]) -> Option<String> {
    let (lead, from, to) = spans(words)?;
    let said = words[from..to].iter().map(|word| word.written.as_str()).collect::<Vec<_>>().join(" ");
    words[lead..to].iter_mut().for_each(|word| word.taken = true);
    Some(said)
}

/// The first of its leading words, its own first one, and the end.
fn spans(words: &[Word]) -> Option<(usize, usize, usize)> {
    let says = |word: &Word| !word.taken && !is_frame(&word.text);
    for at in 0..words.len() {
        if words[at].taken {
            continue;
        }
        if let Some(length) = shape(&words[at..]) {
            let lead =
                at - usize::from(at > 0 && ["on", "at", "in", "since", "of"].contains(&&*words[at - 1].text));
            return Some((lead, at, at + length));
        }
        let two = |one: &str, two: &str| at > 0 && words[at - 1].text == one && words[at].text == two;
        let is_certain = BEFORE.contains(&&*words[at].text) || two("as", "of");
        // `is the crash after a login fixed` speaks of no time: what is described stands in front of it.
        let is_free = !words[..at].iter().any(|word| says(word) && !word.is_known)
            || at.checked_sub(1).is_some_and(|before| words[before].taken);
        let is_said_before = BEFORE_TOO.contains(&&*words[at].text) && is_free;
        if !is_certain && !is_said_before {
            continue;
        }
        let article = words[at + 1..].iter().take_while(|word| {
            !word.taken && ["the", "our", "a", "my", "that", "last"].contains(&&*word.text)
        });
        let from = at + 1 + article.count();
        let length =
            words[from.min(words.len())..].iter().take_while(|word| says(word) && !word.is_known).count();
        if (1..=LENGTH_MAX).contains(&length) && !words[from].text.starts_with('#') {
            return Some((at, at + 1, from + length));
        }
    }
    None
}

/// Something that looks like a date or a time of day, and is none.
fn shape(words: &[Word]) -> Option<usize> {
    let text = &*words.first()?.text;
    let is_of = |separator: char, parts: std::ops::RangeInclusive<usize>| {
        let numbers = text
            .split(separator)
            .filter(|part| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit()));
        let count = text.split(separator).count();
        parts.contains(&count) && numbers.count() == count
    };
    if is_of(':', 2..=3) || is_of('/', 3..=3) || (is_of('-', 3..=3) && text.len() >= 8) {
        return Some(1);
    }
    let is_number = |at: usize| {
        let word = words.get(at).filter(|word| !word.taken)?;
        word.text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse::<u16>().ok()
    };
    let is_month = |at: usize| words.get(at).is_some_and(|word| !word.taken && month(&word.text).is_some());
    if (is_month(0) && is_number(1).is_some()) || (is_number(0).is_some() && is_month(1)) {
        return Some(2);
    }
    None
}
