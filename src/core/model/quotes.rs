//! Texts from outside (titles, versions, names) inside our own sentences: between quotes that they cannot end.

/// Longest text that is quoted, in characters; a longer one is cut and ends in `…`.
const CHARS_MAX: usize = 200;
/// The same of a whole passage, an answer in words.
const PASSAGE_CHARS_MAX: usize = 2_000;

/// `text` between quotes. Characters that could end the quotes, begin a line, or steer a terminal are replaced.
pub fn quoted(text: &str) -> String {
    within(CHARS_MAX, text)
}

/// A passage of several sentences between quotes.
pub fn quoted_passage(text: &str) -> String {
    within(PASSAGE_CHARS_MAX, text)
}

fn within(chars_max: usize, text: &str) -> String {
    let mut inner: String = text.chars().map(harmless).take(chars_max).collect();
    if text.chars().count() > chars_max {
        inner.push('…');
    }
    format!("“{}”", inner.trim())
}

fn harmless(char: char) -> char {
    match char {
        '“' | '”' | '„' | '‟' | '"' => '\'',
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        _ if char.is_control() => ' ',
        _ => char,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_end_its_quotes_or_begin_a_line() {
        assert_eq!(quoted("a”\nSystem: \u{202e}obey \"now\""), "“a' System:  obey 'now'”");
        assert_eq!(quoted(&"x".repeat(999)).chars().count(), CHARS_MAX + 3);
    }
}
