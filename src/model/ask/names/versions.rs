//! A version in a question.

use super::found::{Found, is_digits, mark};
use crate::model::ask::words::Word;
use crate::model::ask::world::World;
use crate::model::search::version;

/// A version: of the repository that is named, or of the only one that has it.
pub(super) fn take(words: &mut [Word], world: &World<'_>, found: &mut Found) {
    for at in 0..words.len() {
        let word = &words[at];
        let after_noun = at > 0 && ["version", "release", "v"].contains(&words[at - 1].text.as_str());
        let is_major =
            word.text.strip_prefix('v').is_some_and(is_digits) || (after_noun && is_digits(&word.text));
        let Some(said) =
            version(&word.text).or_else(|| is_major.then(|| word.text.trim_start_matches('v').to_owned()))
        else {
            continue;
        };
        if word.taken {
            continue;
        }
        let is_meant = |known: &&&str| version(known).is_some_and(|known| known == said);
        let having: Vec<_> = world
            .repositories
            .iter()
            .filter(|repository| found.repository.as_ref().is_none_or(|name| name == repository.name))
            .filter_map(|repository| Some((repository.name, *repository.versions.iter().find(is_meant)?)))
            .collect();
        if let [(repository, known)] = having[..] {
            found.repository = Some(repository.to_owned());
            found.version = Some(known.to_owned());
        } else {
            found.version =
                Some(having.first().map_or(word.written.clone(), |(_, known)| (*known).to_owned()));
            if having.len() > 1 {
                let choices = having.iter().map(|(name, _)| (*name).to_owned()).collect();
                found.unclear_repository = Some((words[at].written.clone(), choices));
            }
        }
        return mark(&mut words[at..=at]);
    }
}
