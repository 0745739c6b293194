//! A version in a question.

use super::found::{Found, is_digits, mark};
use crate::model::ask::words::Word;
use crate::model::ask::world::World;
use crate::model::search::version;

/// A version: of the repository that is named, or of the only one that has it.
pub(super) fn take(words: &mut [Word], world: &World<'_>, found: &mut Found) {
    // Of several the last one is meant: `from v1.0.0 to v1.1.0`.
    for at in (0..words.len()).rev() {
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
            .filter(|repository| {
                !found.names_service() || found.repositories.iter().any(|name| name == repository.name)
            })
            .filter_map(|repository| Some((repository.name, *repository.versions.iter().find(is_meant)?)))
            .collect();
        if let [(repository, known)] = having[..] {
            if !found.names_service() {
                found.inferred_at = Some(at);
                found.repositories.push(repository.to_owned());
            }
            found.version = Some(known.to_owned());
        } else {
            found.version =
                Some(having.first().map_or(word.written.clone(), |(_, known)| (*known).to_owned()));
            if having.len() > 1 {
                let choices = having.iter().map(|(name, _)| (*name).to_owned()).collect();
                found.unclear_repository = Some((words[at].written.clone(), choices));
            }
        }
        found.is_left = is_left(words, at);
        mark(&mut words[at..=at]);
        // The other end of what is compared says nothing more.
        for word in words.iter_mut().filter(|word| !word.taken && version(&word.text).is_some()) {
            (word.taken, found.is_of_two) = (true, true);
        }
        return;
    }
}

/// Tells whether a version is the one to go back from: `roll back v1.2.0 of web`, and not `roll web back to v1.1.0`.
fn is_left(words: &[Word], at: usize) -> bool {
    let lead =
        words[..at].iter().rposition(|word| !word.taken && !["version", "release"].contains(&&*word.text));
    let is_target = lead.is_some_and(|at| ["to", "onto", "on", "at", "with"].contains(&&*words[at].text));
    let verbs = ["rollback", "revert", "undo", "back", "reverting", "undoing", "rolling"];
    !is_target && words[..at].iter().any(|word| verbs.contains(&&*word.text))
}
