//! A question of several services or changes: what one answer cannot tell of all of them is asked of each in turn. It and
//! `answers.rs` import each other: an answer to several is made of answers to each.

use serde_json::{Value, json};

use super::answers::{ANSWER_CHARS_MAX, Answering, Reply};
use crate::answer::{CANDIDATES_MAX, Refused};
use crate::model::ask::{Asked, Intent};
use crate::model::search::Band;
use crate::wire::Running;
use crate::wording;

/// One of the questions that a question of several comes to, and its subject as it was said.
pub(super) struct Each {
    subject: String,
    asked: Asked,
}

/// The versions of each of these services by environment; without names, the number of services.
pub(super) fn running_everywhere(all: &[Running], named: &[String]) -> String {
    let of = |name: &String| {
        let of_it = all.iter().map(|running| Running {
            services: running.services.iter().filter(|it| it.repository.as_str() == name).cloned().collect(),
            ..running.clone()
        });
        wording::running_everywhere(&of_it.collect::<Vec<_>>(), Some(name))
    };
    match named {
        [] => wording::running_everywhere(all, None),
        named => named.iter().map(of).collect::<Vec<_>>().join(" "),
    }
}

impl Answering<'_> {
    /// The questions that `asked` comes to; none where it is of one service and one change, or of a view of all of them.
    pub(super) fn each_of(&self, asked: &Asked) -> Vec<Each> {
        let of_service = |name: &String| Each { subject: name.clone(), asked: asked.of_repository(name) };
        match (asked.intent, &asked.repositories[..]) {
            (Intent::Verify | Intent::Search | Intent::History | Intent::Deploy, several @ [_, _, ..]) => {
                several.iter().map(of_service).collect()
            }
            (Intent::Verify | Intent::Search, _) => self.changes_of(asked),
            _ => Vec::new(),
        }
    }

    /// `#12 and #15`, `the login fix and the dark theme`: several changes, if the whole is none for certain and each part is one.
    fn changes_of(&self, asked: &Asked) -> Vec<Each> {
        let Some(whole) = asked.description.as_deref() else { return Vec::new() };
        let parts = parts(whole);
        let is_sure =
            |text: &str| self.moment.find(text, CANDIDATES_MAX, Self::within(asked)).band == Band::Sure;
        let are_changes = parts.len() > 1
            && (parts.iter().all(|part| part.starts_with('#')) || parts.iter().all(|part| is_sure(part)))
            && !is_sure(whole);
        let of = |part: String| Each {
            asked: Asked { description: Some(part.clone()), ..asked.clone() },
            subject: part,
        };
        parts.into_iter().filter(|_| are_changes).map(of).collect()
    }

    /// The answer to each; of many, the first sentence of each.
    pub(super) fn in_turn(&self, each: &[Each]) -> Result<Reply, Refused> {
        let answered = each.iter().map(|Each { subject, asked }| {
            let (text, data) = self.answer(asked.clone())?.1;
            let is_named = text.to_lowercase().contains(&subject.to_lowercase());
            Ok((if is_named { text } else { format!("{subject}: {text}") }, data))
        });
        let answered = answered.collect::<Result<Vec<Reply>, Refused>>()?;
        let (texts, data): (Vec<String>, Vec<Value>) = answered.into_iter().unzip();
        let whole = texts.join(" ");
        let text = if whole.chars().count() > ANSWER_CHARS_MAX {
            texts.iter().map(|text| first_sentence(text)).collect::<Vec<_>>().join(" ")
        } else {
            whole
        };
        Ok((text, json!({ "each": data })))
    }
}

/// The parts that `and` joins. Behind a number, digits alone are one, too.
fn parts(text: &str) -> Vec<String> {
    let joins = |word: &&str| ["and", "or"].contains(&&*word.to_lowercase());
    let words: Vec<&str> = text.split_whitespace().collect();
    let has_number = text.contains('#');
    let part = |words: &[&str]| {
        let said = words.iter().skip_while(|word| ["the", "both", "a"].contains(&&*word.to_lowercase()));
        let said = said.copied().collect::<Vec<_>>().join(" ");
        let is_digits = !said.is_empty() && said.bytes().all(|byte| byte.is_ascii_digit());
        if is_digits && has_number { format!("#{said}") } else { said }
    };
    words.split(|word| joins(word)).map(part).filter(|part| !part.is_empty()).collect()
}

/// A point ends a sentence where a space follows: `v1.2.0` and `team/web.api` have none behind theirs.
fn first_sentence(text: &str) -> &str {
    text.find(". ").map_or(text, |end| &text[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_comes_apart() {
        assert_eq!(parts("#815 and 233"), ["#815", "#233"]);
        assert_eq!(parts("both the login fix and the dark theme"), ["login fix", "dark theme"]);
        assert_eq!(parts("sandbox"), ["sandbox"]);
        assert_eq!(first_sentence("web v1.2.0 is live. It came today."), "web v1.2.0 is live.");
        assert_eq!(first_sentence("web v1.2.0 is live."), "web v1.2.0 is live.");
    }
}
