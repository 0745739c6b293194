//! A question in words.

use super::frame::is_frame;
use strsim::osa_distance;

/// A word of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// In lower case, without the punctuation around it.
    pub(super) text: String,
    /// As it was written, for a description.
    pub(super) written: String,
    /// A word of questions, which is no slip of another one.
    is_known: bool,
    /// Whether it was understood as a part of a name, a version or a time, and says nothing else.
    pub(super) taken: bool,
}

/// Cuts a question into words. `what's` is `what is`.
pub(super) fn words(question: &str) -> Vec<Word> {
    let mut words = Vec::new();
    for piece in question.split(|c: char| c.is_whitespace() || ",;_".contains(c)) {
        let piece = piece.trim_matches(|c: char| "?!.:\"'`()[]“”‘’".contains(c) && c != '#');
        let lower = piece.to_lowercase().replace('’', "'");
        let (head, tail) = match lower.split_once('\'') {
            Some((head, "s"))
                if ["what", "where", "who", "which", "that", "when", "it", "how"].contains(&head) =>
            {
                (head, Some("is"))
            }
            Some(("let", "s")) => ("lets", None),
            Some((head, "re")) => (head, Some("are")),
            Some((head, "ve")) => (head, Some("have")),
            Some((head, "m")) => (head, Some("am")),
            Some((head, "s")) => (head, None),
            _ => (lower.as_str(), None),
        };
        let (head, tail) = (head.replace('\'', ""), tail.map(str::to_owned));
        let written = if tail.is_some() { head.clone() } else { piece.to_owned() };
        if !head.is_empty() {
            words.push(Word::new(head, written));
        }
        words.extend(tail.map(|text| Word::new(text.clone(), text)));
    }
    words
}

impl Word {
    /// A word that nobody took yet.
    pub(super) fn new(text: String, written: String) -> Self {
        let is_known = KEYWORDS.contains(&text.as_str()) || is_frame(&text);
        Self { text, written, is_known, taken: false }
    }

    fn is_like(&self, keyword: &str) -> bool {
        self.text == keyword || (!self.is_known && is_slip(&self.text, keyword))
    }

    /// Whether this is one of `keywords`, perhaps with a slip. They are separated by spaces.
    pub(super) fn is_any(&self, keywords: &str) -> bool {
        !self.taken && keywords.split(' ').any(|keyword| self.is_like(keyword))
    }
}

/// Words that are no slip of a keyword, however near they are.
const KEYWORDS: [&str; 40] = [
    "state", "stage", "place", "release", "released", "releases", "deploy", "deployed", "deploys", "changes",
    "changed", "change", "version", "versions", "running", "missing", "token", "tokens", "fixed", "fixes",
    "behind", "before", "after", "history", "since", "where", "there", "these", "which", "while", "shows",
    "rollback", "revert", "stale", "lose", "lost", "fails", "broken", "again", "could",
];

/// Whether `word` is `meant` with a slip, or two in a long word. Short words have too many neighbours.
pub(super) fn is_slip(word: &str, meant: &str) -> bool {
    let slips = match meant.chars().count() {
        0..5 => return false,
        5..8 => 1,
        _ => 2,
    };
    word.len() >= 4
        && word.len().abs_diff(meant.len()) <= slips
        && word.bytes().next() == meant.bytes().next()
        && !word.bytes().any(|byte| byte.is_ascii_digit())
        && osa_distance(word, meant) <= slips
}
