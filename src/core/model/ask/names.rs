//! The names of the world in a question: environments, repositories, versions, tokens.

mod environments;
mod found;
mod repositories;
mod unknown;
mod versions;

use super::words::{Word, is_frame};
use super::world::World;
pub(super) use found::{Found, SHORT_FORMS, plain};
use found::{NAME_WORDS_MAX, TokenFound, joined, mark, runs};
pub(super) use unknown::{is_name, is_path, is_plain};

/// The one environment whose name has this part: `eu` of `prod-eu-west`.
pub(super) fn by_part<'a>(said: &str, world: &World<'a>) -> Option<&'a str> {
    let has = |name: &&str| name.split(['-', '_', '.', ' ']).any(|part| plain(part) == said);
    let mut named = world.environments.iter().map(|environment| environment.name).filter(has);
    named.next().filter(|_| named.next().is_none())
}

/// Takes the names out of `words`.
pub(super) fn take(words: &mut Vec<Word>, world: &World<'_>) -> Found {
    let mut found = Found::default();
    split(words, world);
    take_token(words, world, &mut found);
    repositories::take(words, world, &mut found);
    environments::take(words, world, &mut found);
    repositories::take_part(words, world, &mut found);
    versions::take(words, world, &mut found);
    found
}

/// `staging/production`, `prod/web` and `web/api` are two words, where each is a name of its own and the whole is none.
fn split(words: &mut Vec<Word>, world: &World<'_>) {
    let is_name = |part: &str| environments::is_named(part, world) || repositories::is_named(part, world);
    for at in (0..words.len()).rev() {
        let parts: Vec<&str> = words[at].text.split('/').collect();
        let is_whole = || repositories::is_named(&words[at].text, world);
        if parts.len() > 1 && parts.iter().all(|part| is_name(part)) && !is_whole() {
            let parts: Vec<Word> =
                parts.into_iter().map(|part| Word::new(part.to_owned(), part.to_owned())).collect();
            words.splice(at..=at, parts);
        }
    }
}

/// Takes the path of a service that nobody knows: of a place where others are known, unless a number stands beside it, which may
/// be one of any project.
pub(super) fn take_unknown_repository(words: &mut [Word], found: &mut Found, world: &World<'_>) {
    let has_number = words.iter().any(|word| word.text.starts_with(['#', '!']));
    let is_of_a_place =
        |place: &str| world.repositories.iter().any(|it| unknown::place(it.name) == Some(place));
    let is_meant =
        |word: &Word| unknown::is_path(word) && unknown::place(&word.text).is_some_and(is_of_a_place);
    if let Some(word) = words.iter_mut().find(|word| !has_number && is_meant(word)) {
        found.take_unknown_repository(word);
    }
}

/// Finds what stands where a name does, and is none that anybody knows.
pub(super) fn find_unknown(words: &mut [Word], found: &mut Found) {
    if found.unclear_environment.is_none()
        && let Some((said, at)) = environments::unknown(words)
    {
        (found.unclear_environment, found.unclear_at) = (Some((said, Vec::new())), Some(at));
    }
    // `web and foo`: a list of services has a name that is none.
    if let Some(at) = found.listed.as_ref().and_then(|list| unknown::beside(words, list)) {
        let word = &mut words[at];
        found.unknown_beside = Some(word.written.clone());
        word.taken = true;
    }
    found.unknown = unknown::unknown(words);
    // `is foo v1.1.0 live`: the version of another service says nothing of this one.
    let named = found.inferred_at.and_then(|at| at.checked_sub(1)).map(|at| &mut words[at]);
    if let Some(word) = named.filter(|word| found.unknown.as_ref() == Some(&word.written)) {
        found.take_unknown_repository(word);
    }
}

/// Words that speak of tokens alone.
const OF_TOKENS: &str = "token tokens credential credentials secret secrets expire expires expired revoke rotate reveal leak print dump decrypt";
/// Words that say what a token does, and of other things other things.
const OF_USE: &str = "use uses used using usage seen work works valid active pull pulls pulled pulling";
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
        let is_alone = words.iter().enumerate().all(|(at, word)| run.contains(&at) || is_frame(&word.text));
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
