//! Repositories in a question: by their whole names, by the last parts of their paths, or by a part that only one has.

use super::found::{Found, NAME_WORDS_MAX, joined, mark, plain, runs};
use super::unknown::is_name;
use crate::model::ask::words::{Word, is_frame, is_slip};
use crate::model::ask::world::World;
use crate::model::search::version;

/// Parts of a repository's name that are too common to mean it.
const COMMON_PARTS: &str = "api app service services server web docker library image images token test tests core main \
    base config data worker job jobs admin public internal";
/// Words of questions that are a service's name only where a name stands.
const WORDS_TOO: &str = "token tokens image images history rollback rollbacks environment environments";
/// Words for a change.
const CHANGES: &str = "fix feature change bug patch issue problem crash error support bugfix hotfix leak";
/// Words of a change's description at most between a service's name and what it is called.
const DESCRIBED_MAX: usize = 4;
/// Words before the name of a service, and hardly before a verb.
const BEFORE: &str = "of for is are was does did do has have had with without about run runs running deploy deployed back \
    promote update upgrade revert restore in to";

/// A repository by its whole name or by the last parts of its path, perhaps with a slip.
pub(super) fn take(words: &mut [Word], world: &World<'_>, found: &mut Found) {
    for is_exact in [true, false] {
        for run in runs(words, NAME_WORDS_MAX) {
            let said = joined(&words[run.clone()]);
            let is_environment = world.environments.iter().any(|environment| plain(environment.name) == said);
            if said.is_empty() || is_environment || !stands_as_name(words, &run) {
                continue;
            }
            match meant(&said, is_exact, world)[..] {
                [] => {}
                [name] => {
                    found.repository = Some(name.to_owned());
                    return mark(&mut words[run]);
                }
                ref several => {
                    let choices = several.iter().map(|&name| name.to_owned()).collect();
                    found.unclear_repository = Some((said, choices));
                    return mark(&mut words[run]);
                }
            }
        }
    }
}

/// The repositories that `said` names.
fn meant<'a>(said: &str, is_exact: bool, world: &World<'a>) -> Vec<&'a str> {
    let bare = said.strip_suffix("service").filter(|bare| bare.len() >= 3);
    let is_meant = |name: &str| {
        if is_exact {
            let mut tails = tails(name).map(plain);
            return tails.any(|tail| tail == said || Some(tail.as_str()) == bare);
        }
        let last = plain(name.rsplit('/').next().unwrap_or(name));
        last.len() >= 6 && !is_frame(said) && is_slip(said, &last)
    };
    let names = world.repositories.iter().map(|repository| repository.name);
    names.filter(|name| is_meant(name)).collect()
}

/// `a/b/c`, `b/c` and `c` of `a/b/c`.
fn tails(name: &str) -> impl Iterator<Item = &str> {
    let after = name.match_indices('/').map(|(at, _)| &name[at + 1..]);
    std::iter::once(name).chain(after)
}

/// Tells whether these words can be a name. A word that questions are made of is one only where a name stands: `is search up to
/// date`, `search v1.2.0`, and not `search for the login fix`.
fn stands_as_name(words: &[Word], run: &std::ops::Range<usize>) -> bool {
    let is_plain =
        |word: &Word| is_frame(&word.text) || WORDS_TOO.split_whitespace().any(|too| too == word.text);
    let [word] = &words[run.clone()] else {
        // No run of words of the frame alone is one, nor one that begins or ends with them.
        let ends = [run.start, run.end - 1];
        return ends.iter().all(|&at| !is_frame(&words[at].text));
    };
    if !is_plain(word) {
        return !describes_a_change(words, run.start);
    }
    let next = words.get(run.end);
    let is_versioned = next.is_some_and(|next| version(&next.text).is_some() || next.text == "service");
    let before = run.start.checked_sub(1).map(|at| words[at].text.as_str());
    let is_placed = before.is_some_and(|before| BEFORE.split_whitespace().any(|it| it == before));
    let goes_on = next.is_some_and(|next| ["for", "the", "a"].contains(&next.text.as_str()));
    word.text.len() >= 3 && (is_versioned || (is_placed && !goes_on))
}

/// `the api timeout fix` describes a change, which may be of any service; `the checkout fix` is one of checkout's.
fn describes_a_change(words: &[Word], at: usize) -> bool {
    let is_common = COMMON_PARTS.split_whitespace().any(|part| part == words[at].text);
    let before = at.checked_sub(1).map(|at| words[at].text.as_str());
    let has_article = before.is_some_and(|before| ["the", "a", "our", "my", "new"].contains(&before));
    let mut after = words[at + 1..].iter().take(DESCRIBED_MAX).take_while(|word| !word.taken);
    is_common && has_article && after.any(|word| CHANGES.split(' ').any(|change| change == word.text))
}

/// Tells whether the word before describes this one.
fn is_described(words: &[Word], at: usize) -> bool {
    let goes_on = words.get(at + 1).is_some_and(|next| !next.taken && next.is_any(CHANGES));
    let before = at.checked_sub(1).map(|before| &words[before]).filter(|word| !word.taken);
    !goes_on && before.is_some_and(is_name)
}

/// A repository by a part of its name, if only one has it. The word stays in the description, because it may be one.
pub(super) fn take_part(words: &mut [Word], world: &World<'_>, found: &mut Found) {
    if found.repository.is_some() || found.unclear_repository.is_some() {
        return;
    }
    let says_something = |said: &str| {
        said.len() >= 3 && !is_frame(said) && !COMMON_PARTS.split_whitespace().any(|part| part == said)
    };
    for at in 0..words.len() {
        // `guest checkout` is what a change is about, and no service.
        if words[at].taken || is_described(words, at) {
            continue;
        }
        let word = &mut words[at];
        let said = word.text.trim_end_matches("-service");
        if !says_something(said) {
            continue;
        }
        let has_part = |name: &&str| {
            let mut parts = name.split(['/', '-', '_', '.']);
            parts.any(|part| part == said || (said.len() >= 6 && is_slip(said, part)))
        };
        let names = world.repositories.iter().map(|repository| repository.name);
        let meant: Vec<&str> = names.filter(has_part).collect();
        match meant[..] {
            [] => {}
            [name] => {
                found.repository = Some(name.to_owned());
                word.is_named = true;
                return;
            }
            // Parts that all repositories share (`docker/…`) mean none of them.
            _ if meant.len() == world.repositories.len() => {}
            _ => {
                let choices = meant.into_iter().map(str::to_owned).collect();
                found.unclear_repository = Some((said.to_owned(), choices));
                word.is_named = true;
                return;
            }
        }
    }
}
