//! Repositories in a question: by their whole names, by the last parts of their paths, or by a part that only one has.

use std::ops::Range;

use super::found::{Found, NAME_WORDS_MAX, SHORT_FORMS, joined, mark, plain, runs};
use super::unknown::{is_name, is_plain};
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

/// Words that hold the services of a list together. Commas are no words.
const JOINERS: &str = "and or plus the both nor also";

/// A repository by its whole name or by the last parts of its path, perhaps with a slip; and those that are named in one breath
/// with it.
pub(super) fn take(words: &mut [Word], world: &World<'_>, found: &mut Found) {
    for is_exact in [true, false] {
        for run in runs(words, NAME_WORDS_MAX) {
            let said = joined(&words[run.clone()]);
            if said.is_empty() || is_environment(&said, world) || !stands_as_name(words, &run) {
                continue;
            }
            match meant(&said, is_exact, world)[..] {
                [] => {}
                [name] => return take_list(words, (run, name), world, found),
                ref several => {
                    let choices = several.iter().map(|&name| name.to_owned()).collect();
                    found.unclear_repository = Some((said, choices));
                    return mark(&mut words[run]);
                }
            }
        }
    }
}

/// Tells whether a word alone names a service, without a slip.
pub(super) fn is_named(word: &str, world: &World<'_>) -> bool {
    meant(&plain(word), true, world).len() == 1
}

fn is_environment(said: &str, world: &World<'_>) -> bool {
    world.environments.iter().any(|environment| plain(environment.name) == said)
}

/// Takes a service and those that a list holds together with it: `web`, `web and api`, `web, api and the worker`. A word in such
/// a list can be a service alone, so a part of a name is enough there.
fn take_list<'a>(
    words: &mut [Word],
    (run, name): (Range<usize>, &'a str),
    world: &World<'a>,
    found: &mut Found,
) {
    mark(&mut words[run.clone()]);
    let mut list = vec![(run, name)];
    while let Some((run, name)) = next_of(&list, words, world) {
        mark(&mut words[run.clone()]);
        list.push((run, name));
    }
    list.sort_by_key(|(run, _)| run.start);
    for pair in list.windows(2) {
        words[pair[0].0.end..pair[1].0.start]
            .iter_mut()
            .filter(|word| is_joiner(word))
            .for_each(|word| word.taken = true);
    }
    found.listed = list.first().zip(list.last()).map(|((first, _), (last, _))| first.start..last.end);
    for (_, name) in list {
        if !found.repositories.iter().any(|known| known == name) {
            found.repositories.push(name.to_owned());
        }
    }
}

/// One more service that is joined to those of `list`.
fn next_of<'a>(
    list: &[(Range<usize>, &'a str)],
    words: &[Word],
    world: &World<'a>,
) -> Option<(Range<usize>, &'a str)> {
    let joined_to = |run: &Range<usize>| {
        list.iter().find_map(|(known, _)| {
            let between = if known.end <= run.start { known.end..run.start } else { run.end..known.start };
            let holds = |word: &Word| is_joiner(word) || version(&word.text).is_some();
            words[between.clone()].iter().all(holds).then_some(between.len())
        })
    };
    runs(words, NAME_WORDS_MAX).into_iter().find_map(|run| {
        let between = joined_to(&run)?;
        let said = joined(&words[run.clone()]);
        let is_no_name = [run.start, run.end - 1].iter().any(|&at| is_joiner(&words[at]));
        if said.is_empty() || is_no_name || is_environment(&said, world) {
            return None;
        }
        let mut named = meant(&said, true, world);
        if named.is_empty() && between > 0 && run.len() == 1 && !describes_a_change(words, run.start) {
            named = [meant(&said, false, world), with_part(&words[run.start].text, world)].concat();
            named.dedup();
        }
        let frame_only = run.len() == 1 && is_frame(&words[run.start].text) && between == 0;
        match named[..] {
            [name] if !frame_only && is_closed(words, &run, world) => Some((run, name)),
            _ => None,
        }
    })
}

fn is_joiner(word: &Word) -> bool {
    !word.taken && JOINERS.split(' ').any(|joiner| joiner == word.text)
}

/// Tells whether a name ends here. `and the api timeout` goes on: it may describe a change.
fn is_closed(words: &[Word], run: &Range<usize>, world: &World<'_>) -> bool {
    let names_more = |word: &Word| {
        let said = plain(&word.text);
        let is_place =
            is_environment(&said, world) || SHORT_FORMS.iter().any(|forms| forms.contains(&&*said));
        is_place || version(&word.text).is_some() || !meant(&said, true, world).is_empty()
    };
    words.get(run.end).is_none_or(|word| word.taken || is_plain(word) || is_joiner(word) || names_more(word))
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
fn stands_as_name(words: &[Word], run: &Range<usize>) -> bool {
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
    if found.names_service() || found.unclear_repository.is_some() {
        return;
    }
    for at in 0..words.len() {
        // `guest checkout` is what a change is about, and no service.
        if words[at].taken || is_described(words, at) {
            continue;
        }
        let word = &mut words[at];
        let said = word.text.trim_end_matches("-service");
        let meant = with_part(said, world);
        match meant[..] {
            [] => {}
            [name] => {
                found.repositories.push(name.to_owned());
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

/// The repositories with this part in their names.
fn with_part<'a>(said: &str, world: &World<'a>) -> Vec<&'a str> {
    let is_common = COMMON_PARTS.split_whitespace().any(|part| part == said);
    if said.len() < 3 || is_frame(said) || is_common {
        return Vec::new();
    }
    let has_part = |name: &&str| {
        let mut parts = name.split(['/', '-', '_', '.']);
        parts.any(|part| part == said || (said.len() >= 6 && is_slip(said, part)))
    };
    world.repositories.iter().map(|repository| repository.name).filter(has_part).collect()
}
