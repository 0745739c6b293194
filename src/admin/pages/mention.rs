//! A number or a hash that names something at a forge, with its page there where that is known.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::config::Forge;

/// Characters of a commit's hash that are shown.
const HASH_CHARS: usize = 7;

/// `#118`, `0a1b2c3`
#[derive(Template)]
#[template(
    source = r#"{% if let Some(link) = link %}<a href="{{ link }}" rel="noreferrer">{{ text }}</a>{% else %}{{ text }}{% endif %}"#,
    ext = "html"
)]
pub(super) struct Mention {
    text: String,
    link: Option<String>,
}

impl HtmlSafe for Mention {}

impl Mention {
    pub(super) fn new(text: String, link: Option<String>) -> Self {
        Self { text, link }
    }

    /// A commit by its hash.
    pub(super) fn of_commit(revision: &str, forge: Option<&Forge>) -> Self {
        let text = revision.chars().take(HASH_CHARS).collect();
        Self::new(text, forge.and_then(|forge| forge.commit(revision)))
    }
}
