//! Words of a POSIX shell, for commands that people copy.

use std::borrow::Cow;

/// `text` as one word.
pub fn quoted(text: &str) -> Cow<'_, str> {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-._:/@%+=,".contains(char);
    if !text.is_empty() && text.chars().all(is_plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}
