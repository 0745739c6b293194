//! Lists within sentences.

/// Parts of a sentence at most; the rest is counted.
const NAMED_MAX: usize = 12;
/// Characters of them at most, unless the first is longer: a sentence with more is read by nobody.
const NAMED_CHARS_MAX: usize = 400;

/// Characters of names at most that stand within a part of a sentence.
const NAMES_CHARS_MAX: usize = 100;

/// `1 fix`, `2 fixes`.
pub fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// Characters of an answer at most that asks for no list.
const ANSWER_CHARS_MAX: usize = 600;
/// Characters of the words around a list, and of a list that stands beside long sentences.
const AROUND_CHARS: usize = 90;
const SHORT_CHARS: usize = 120;

/// The first of them, and how many more, as far as there is room beside the other sentences of an answer.
pub(super) fn listed_beside(parts: impl Iterator<Item = String>, others: &str) -> String {
    let room = ANSWER_CHARS_MAX.saturating_sub(AROUND_CHARS + others.chars().count());
    joined(parts, "; ", room.clamp(SHORT_CHARS, NAMED_CHARS_MAX))
}

/// The first of them, and how many more.
pub(super) fn listed(parts: impl Iterator<Item = String>) -> String {
    joined(parts, "; ", NAMED_CHARS_MAX)
}

/// Names within a part of a sentence: the first of them, and how many more.
pub(super) fn names(parts: impl Iterator<Item = String>) -> String {
    joined(parts, ", ", NAMES_CHARS_MAX)
}

fn joined(parts: impl Iterator<Item = String>, between: &str, chars_max: usize) -> String {
    let parts: Vec<String> = parts.collect();
    let mut chars = 0;
    let fits = |part: &&String| {
        chars += part.chars().count();
        chars <= chars_max
    };
    let named = parts.iter().take(NAMED_MAX).take_while(fits).count().max(1).min(parts.len());
    let first = parts[..named].join(between);
    match parts.len() - named {
        0 => first,
        more => format!("{first}{between}and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_where_nobody_reads_on() {
        let of = |count: usize, chars: usize| listed((0..count).map(|_| "x".repeat(chars)));
        assert_eq!((of(0, 1), of(2, 1)), (String::new(), "x; x".to_owned()));
        assert!(of(12, 1).ends_with("x; x") && of(13, 1).ends_with("x; and 1 more"));
        assert!(of(4, 100).ends_with('x') && of(5, 100).ends_with("; and 1 more"));
        assert!(of(2, 1_000).ends_with("x; and 1 more"), "the first is named, however long it is");
    }
}
