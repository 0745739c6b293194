//! Characters that nobody sees and that change what is seen: they have no place in a title, a version or a name.

/// The first of them in a text: a control character, a sign that turns the direction of what follows, a space without width.
pub fn unseen(text: &str) -> Option<char> {
    text.chars().find(|&letter| is_unseen(letter))
}

/// A text without them. A control character between words parts them.
pub(super) fn seen(text: &str) -> String {
    let letter =
        |letter: char| if letter.is_control() { Some(' ') } else { (!is_unseen(letter)).then_some(letter) };
    text.chars().filter_map(letter).collect()
}

fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            // Embeddings, overrides and isolates (Unicode Standard Annex 9), separators of lines and paragraphs.
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Spaces and operators without width; joiners, which letters of some languages need, stay.
            | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
            // Tags, which spell text that nobody sees.
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_found_and_taken_out() {
        for (text, first, left) in [
            ("fix: \u{202e}nigol", Some('\u{202e}'), "fix: nigol"),
            ("a\u{0}b", Some('\u{0}'), "a b"),
            ("a\u{1b}[31mb", Some('\u{1b}'), "a [31mb"),
            ("a\nb", Some('\n'), "a b"),
            ("a\u{2028}b", Some('\u{2028}'), "ab"),
            ("a\u{2066}b\u{2069}", Some('\u{2066}'), "ab"),
            ("a\u{200b}b", Some('\u{200b}'), "ab"),
            ("\u{feff}a", Some('\u{feff}'), "a"),
            ("a\u{e0041}", Some('\u{e0041}'), "a"),
            // Letters of every language, marks and joined pictures are seen.
            ("Grüße, שלום, 你好, नमस्ते", None, "Grüße, שלום, 你好, नमस्ते"),
            ("👩\u{200d}🚀 می\u{200c}خواهم", None, "👩\u{200d}🚀 می\u{200c}خواهم"),
        ] {
            assert_eq!((unseen(text), seen(text).as_str()), (first, left), "{text:?}");
        }
    }
}
