//! Text that may be shown on a terminal: nothing is left in it that a terminal would obey.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` without what a terminal would obey: control characters, and those that turn the direction of writing.
pub fn clean(text: &str) -> String {
    text.chars().filter(|&char| !is_obeyed(char)).collect()
}

/// Tells whether a terminal would obey it.
pub(super) fn is_obeyed(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Lines of JSON in which nothing is left that a terminal would obey: outside of strings JSON has none of it but ends of
/// lines, and inside of them each may be written as its number (RFC 8259 §7).
pub fn escaped(text: &str) -> Cow<'_, str> {
    let stays = |char: char| char == '\n' || !is_obeyed(char);
    if text.chars().all(stays) {
        return text.into();
    }
    let mut written = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        if stays(char) {
            written.push(char);
        } else {
            let _ = write!(written, "\\u{:04x}", u32::from(char));
        }
    }
    written.into()
}

/// Lines of text in which nothing is left that a terminal would obey, but for the ends of lines and colours.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return text.into();
    }
    let (mut written, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(is_obeyed) {
        let (before, from) = rest.split_at(at);
        written.push_str(before);
        let kept = if from.starts_with('\n') { 1 } else { color_bytes(from) };
        written.push_str(&from[..kept]);
        rest = &from[kept..];
        if kept == 0 {
            rest = rest.strip_prefix(is_obeyed).unwrap_or(rest);
        }
    }
    written.push_str(rest);
    written.into()
}

/// The length of the Select Graphic Rendition that a text begins with; 0 without one.
fn color_bytes(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\x1b[") else { return 0 };
    let after = rest.trim_start_matches(|char: char| char.is_ascii_digit());
    if after.starts_with('m') { text.len() - after.len() + 1 } else { 0 }
}
