//! A question of several services: what is asked of a release or a change is asked of each service in turn.

use serde_json::Value;

use super::answers::{ANSWER_CHARS_MAX, Answering, Reply};
use crate::answer::Refused;
use crate::model::ask::{Asked, Intent};
use crate::wire::Running;
use crate::wording;

/// Tells whether one answer cannot be of all its services together. Views of an environment can.
pub(super) fn is_asked_of_each(asked: &Asked) -> bool {
    let is_of_one =
        matches!(asked.intent, Intent::Verify | Intent::Search | Intent::History | Intent::Deploy);
    is_of_one && asked.repositories.len() > 1
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
    /// The answer of each service; of many, the first sentence of each.
    pub(super) fn of_each(&self, asked: Asked) -> Result<(Asked, Reply), Refused> {
        let of = |name: &String| Ok(self.answer(asked.of_repository(name))?.1);
        let replies: Vec<Reply> = asked.repositories.iter().map(of).collect::<Result<_, Refused>>()?;
        let (texts, data): (Vec<String>, Vec<Value>) = replies.into_iter().unzip();
        let whole = texts.join(" ");
        let text = if whole.chars().count() > ANSWER_CHARS_MAX {
            texts.iter().map(|text| first_sentence(text)).collect::<Vec<_>>().join(" ")
        } else {
            whole
        };
        Ok((asked, (text, data.into())))
    }
}

/// A point ends a sentence where a space follows: `v1.2.0` and `team/web.api` have none behind theirs.
fn first_sentence(text: &str) -> &str {
    text.find(". ").map_or(text, |end| &text[..=end])
}
