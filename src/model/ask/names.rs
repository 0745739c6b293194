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

/// Words that speak of tokens alone.
const OF_TOKENS: &str = "token tokens credential credentials secret secrets expire expires expired revoke rotate reveal leak print dump decrypt";
/// Words that say what a token does, and of other things other things.
const OF_USE: &str = "use uses used using usage pull pulls pulled pulling";
/// Words with which those speak of a change or a service.
const OF_CHANGES: &str = "fix fixes fixed feature features patch change changes changed live deployed release released releases \
    version versions upgrade bug running runs deploy rollback";

/// Takes the token that is named. Its name may be an English word or a service's, so that it means a token only where the question
/// speaks of one.
fn take_token(words: &mut [Word], world: &World<'_>, found: &mut Found) {
    let says = |list: &str| words.iter().any(|word| word.is_any(list));
    let (is_of_tokens, is_of_use) = (says(OF_TOKENS), says(OF_USE) && !says(OF_CHANGES));
    let is_of_a_service =
        |said: &str| world.repositories.iter().any(|it| it.name.split('/').any(|part| plain(part) == said));
    for run in runs(words, NAME_WORDS_MAX) {
        let said = joined(&words[run.clone()]);
        let is_alone = run.len() == words.len();
        let is_meant = is_of_tokens || (is_of_use || is_alone) && !is_of_a_service(&said);
        let is_environment = world.environments.iter().any(|environment| plain(environment.name) == said);
        let mut named = world.tokens.iter().filter(|token| plain(token.name) == said);
        if let (Some(token), None, false) = (named.next(), named.next(), is_environment || !is_meant) {
            found.token =
                Some(TokenFound { environment: token.environment.to_owned(), name: token.name.to_owned() });
            return mark(&mut words[run]);
        }
    }
}
