//! A refusal's or a warning's sentence on a page.

use askama::Template;
use askama::filters::HtmlSafe;

use super::parts::capital;

/// A sentence as programs are told it, for people: names and commands between backticks are code.
#[derive(Template)]
#[template(
    source = r#"{% for (part, is_code) in self.parts() %}{% if is_code %}<code>{{ part }}</code>{% else %}{{ part }}{% endif %}{% endfor %}"#,
    ext = "html"
)]
pub(super) struct Sentence(String);

impl HtmlSafe for Sentence {}

impl Sentence {
    /// With a capital letter in front and a full stop behind.
    pub(super) fn new(text: &str) -> Self {
        let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
        Self(format!("{}{end}", capital(text)))
    }

    fn parts(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.split('`').zip([false, true].into_iter().cycle())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_code_and_what_stands_in_them_is_text() {
        let shown = |text: &str| Sentence::new(text).to_string();
        assert_eq!(shown("there is no `<b>`"), "There is no <code>&#60;b&#62;</code>.");
        assert_eq!(shown("`a`: is it `b`?"), "<code>a</code>: is it <code>b</code>?");
    }
}
