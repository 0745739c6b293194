//! The names of the world in a question: environments, repositories, versions, tokens.

mod environments;
mod found;
mod repositories;
mod versions;

use super::words::Word;
use super::world::World;
pub(super) use found::{Found, SHORT_FORMS, plain};
use found::{NAME_WORDS_MAX, TokenFound, joined, mark, runs};

/// Takes the names out of `words`.
pub(super) fn take(words: &mut Vec<Word>, world: &World<'_>) -> Found {
    let mut found = Found::default();
    environments::split(words, world);
    take_token(words, world, &mut found);
    repositories::take(words, world, &mut found);
    environments::take(words, world, &mut found);
    repositories::take_part(words, world, &mut found);
    versions::take(words, world, &mut found);
    found.unclear_environment = found.unclear_environment.or_else(|| environments::unknown(words));
    found
}

fn take_token(words: &mut [Word], world: &World<'_>, found: &mut Found) {
    for run in runs(words, NAME_WORDS_MAX) {
        let said = joined(&words[run.clone()]);
        let is_environment = world.environments.iter().any(|environment| plain(environment.name) == said);
        let mut named = world.tokens.iter().filter(|token| plain(token.name) == said);
        if let (Some(token), None, false) = (named.next(), named.next(), is_environment) {
            found.token =
                Some(TokenFound { environment: token.environment.to_owned(), name: token.name.to_owned() });
            return mark(&mut words[run]);
        }
    }
}
