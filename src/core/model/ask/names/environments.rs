//! Environments in a question: by their names, usual short forms, descriptions and parts.

use std::ops::Range;

use super::found::{Found, NAME_WORDS_MAX, SHORT_FORMS, is_digits, mark, plain, runs};
use super::unknown::{is_name, is_plain};
use crate::model::ask::words::{Word, is_frame, is_slip};
use crate::model::ask::world::World;

/// Words of an environment's name that name it only behind `in`, `to` and the like: they are English, too.
const ENGLISH: [&str; 8] = ["live", "test", "tests", "testing", "review", "stage", "preview", "quality"];
/// Those of them that are hardly a verb: an environment of exactly this name needs no such place.
const NOUNS: [&str; 3] = ["stage", "preview", "quality"];
/// Words that name an environment and nothing else, in every company.
const FORMS: [&str; 13] = [
    "production",
    "prod",
    "prd",
    "staging",
    "stg",
    "preprod",
    "dev",
    "qa",
    "uat",
    "sandbox",
    "sbx",
    "sit",
    "preproduction",
];
/// Words before the name of an environment.
const BEFORE: &str = "in on to from for at of into onto against within across inside";

/// Tells whether a word alone names an environment.
pub(super) fn is_named(word: &str, world: &World<'_>) -> bool {
    which_environment(word, (false, false), false, world).len() == 1
}

/// Takes the environments that are named.
pub(super) fn take(words: &mut [Word], world: &World<'_>, found: &mut Found) {
    let mut taken: Vec<(usize, String)> = Vec::new();
    for run in runs(words, NAME_WORDS_MAX) {
        // `prod vs us east` are two, however near they are to the name of one.
        let joins =
            |word: &Word| ["vs", "versus", "and", "or", "to", "with", "than"].contains(&word.text.as_str());
        if words[run.clone()].iter().any(|word| word.taken)
            || (run.len() > 1 && words[run.clone()].iter().any(joins))
        {
            continue;
        }
        let placed = run.start.checked_sub(1).is_some_and(|before| is_before(words, before));
        // `of product names` is no place.
        let is_firm = placed && words[run.start - 1].text != "of";
        let said = written(&words[run.clone()]);
        let is_subject = run.start.checked_sub(1).is_some_and(|at| words[at].is_any("does did is was has"));
        // `prod as` is no slip of `prod-us`.
        let ends_plain =
            run.len() > 1 && is_frame(&words[run.end - 1].text) && words[run.end - 1].text != "us";
        if ends_plain {
            continue;
        }
        match &which_environment(&said, (placed, is_firm), is_subject, world)[..] {
            [] => {}
            [name] => {
                if let Some(whole) = longer(words, &run, world) {
                    found.unclear_environment = Some((written(&words[whole.clone()]), Vec::new()));
                    mark(&mut words[whole]);
                    continue;
                }
                taken.push((run.start, (*name).to_owned()));
                mark(&mut words[run]);
            }
            several => {
                let choices = several.iter().map(|&name| name.to_owned()).collect();
                found.unclear_environment = Some((plain(&said), choices));
                mark(&mut words[run]);
            }
        }
    }
    if found.unclear_environment.is_none() && taken.is_empty() {
        found.unclear_environment = unknown_form(words);
    }
    taken.sort();
    for (at, name) in taken {
        let to = |word: &Word| ["to", "into", "onto"].contains(&word.text.as_str());
        if words[..at].iter().rev().take(2).any(to) {
            found.destination = Some(name.clone());
        }
        if !found.environments.contains(&name) {
            found.environments.push(name);
        }
    }
}

/// A usual short form of an environment that is none here: `does uat have it`, `qa?`
fn unknown_form(words: &mut [Word]) -> Option<(String, Vec<String>)> {
    let is_form = |at: usize| !words[at].taken && FORMS.contains(&&*words[at].text);
    let is_placed = |at: usize| {
        let before = at.checked_sub(1);
        at + 1 == words.len()
            || before.is_none_or(|at| {
                words[at].is_any("and does did is was has have the compare") || words[at].taken
            })
            || before.is_some_and(|before| is_before(words, before))
    };
    let at = (0..words.len()).find(|&at| is_form(at) && is_placed(at))?;
    mark(&mut words[at..=at]);
    Some((words[at].written.clone(), Vec::new()))
}

/// Tells whether this word, or the one before an article, stands before names of environments.
pub(super) fn is_before(words: &[Word], at: usize) -> bool {
    let is_article = ["the", "our", "my", "environment", "env"].contains(&words[at].text.as_str());
    let at = if is_article { at.checked_sub(1) } else { Some(at) };
    at.is_some_and(|at| BEFORE.split(' ').any(|before| before == words[at].text))
}

/// The environments that `said` may mean. `placed`: it stands where an environment does, `is_firm`: and nothing else hardly does;
/// `is_subject`: where something stands
/// that does.
fn which_environment<'a>(
    written: &str,
    (placed, is_firm): (bool, bool),
    is_subject: bool,
    world: &World<'a>,
) -> Vec<&'a str> {
    let said = &*plain(written);
    let names = || world.environments.iter().map(|environment| environment.name);
    let unless_empty = |names: Vec<&'a str>| (!names.is_empty()).then_some(names);
    let of = |is_meant: &dyn Fn(&str) -> bool| unless_empty(names().filter(|name| is_meant(name)).collect());
    if NOUNS.contains(&said) && !placed {
        return names().filter(|name| plain(name) == said).collect();
    }
    if said.len() < 2 || (ENGLISH.contains(&said) && !placed) {
        return Vec::new();
    }
    let forms = SHORT_FORMS.iter().filter(|forms| forms.contains(&said));
    let forms: Vec<&str> = forms.flat_map(|forms| forms.iter().copied()).collect();
    let is_form = |text: &str| forms.iter().any(|form| plain(form) == text);
    let described = || {
        let is_meant = |words: &str| plain(words) == said || (!forms.is_empty() && is_form(&plain(words)));
        let meant = world.environments.iter().filter(|environment| is_meant(environment.description));
        unless_empty(meant.map(|environment| environment.name).collect())
    };
    let has_word = || {
        let meant = world.environments.iter().filter(|environment| {
            environment.description.split(|c: char| !c.is_alphanumeric()).any(|word| plain(word) == said)
        });
        unless_empty(meant.map(|environment| environment.name).collect()).filter(|meant| meant.len() == 1)
    };
    let formerly = || {
        let had = |names: &[&str]| names.iter().any(|name| plain(name) == said);
        let meant = world.environments.iter().filter(|environment| had(&environment.former));
        unless_empty(meant.map(|environment| environment.name).collect())
    };
    of(&|name| plain(name) == said)
        .or_else(formerly)
        .or_else(|| of(&|name| is_form(&plain(name))))
        .or_else(|| (!forms.is_empty() || placed).then(described).flatten())
        .or_else(|| of(&|name| !forms.is_empty() && parts(name).any(|part| is_form(&part))))
        .or_else(|| of(&|name| !is_frame(said) && is_slip_of_name(written, name)))
        .or_else(|| {
            of(&|name| {
                SHORT_FORMS.iter().any(|forms| forms.contains(&name) && is_slip_of_name(written, forms[0]))
            })
        })
        .or_else(|| {
            let can_be = placed || (is_subject && !is_frame(said));
            can_be.then(|| of(&|name| parts(name).any(|part| part == said))).flatten()
        })
        .or_else(|| if is_firm && said.len() >= 3 { of(&|name| plain(name).starts_with(said)) } else { None })
        .or_else(|| {
            // `eu-west` of `prod-eu-west`
            if said.len() >= 5 { of(&|name| plain(name).ends_with(said)) } else { None }
        })
        .or_else(|| if is_firm { has_word() } else { None })
        .unwrap_or_default()
}

/// The words as they stand, so that the parts of a name stay apart.
fn written(words: &[Word]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn parts(name: &str) -> impl Iterator<Item = String> {
    name.split(['-', '_', '.', ' ']).map(plain).filter(|part| !part.is_empty())
}

/// Tells whether `said` is `name` with a slip. A slip is within a part: it adds none and drops none, nor letters at the end.
fn is_slip_of_name(said: &str, name: &str) -> bool {
    let is_added = |said: &str, part: &str| said.strip_prefix(part).is_some_and(|rest| !part.ends_with(rest));
    let is_part = |said: &str, part: &str| said == part || (is_slip(said, part) && !is_added(said, part));
    parts(said).count() == parts(name).count()
        && parts(said).zip(parts(name)).all(|(said, part)| is_part(&said, &part))
}

/// The words of a longer name that nobody knows, where `run` is a part of one: `in production eu`, `to mobile production`.
fn longer(words: &[Word], run: &Range<usize>, world: &World<'_>) -> Option<Range<usize>> {
    let is_in = |at: usize| words[at].is_any("in to into onto");
    // Words of a service's name name no environment.
    let is_of_a_service = |word: &Word| {
        let text = plain(&word.text);
        world
            .repositories
            .iter()
            .any(|it| it.name.split(['/', '-', '_', '.']).any(|part| plain(part) == text))
    };
    let is_part = |at: usize| {
        let word = words.get(at)?;
        let is_plain = word.taken || word.is_known || is_of_a_service(word);
        let is_name = word.text.chars().all(char::is_alphanumeric) && !word.text.ends_with("ly");
        (!is_plain && is_name && super::unknown::is_name(word)).then_some(at)
    };
    if run.end + 1 == words.len() && run.start.checked_sub(1).is_some_and(is_in) {
        return is_part(run.end).map(|_| run.start..run.end + 1);
    }
    let first = run.start.checked_sub(1).and_then(is_part)?;
    first.checked_sub(1).is_some_and(is_in).then_some(first..run.end)
}

/// The words at the end that stand where an environment does, and name none that is known: `what runs in the lab`, `in
/// the moon base`.
pub(super) fn unknown(words: &[Word]) -> Option<(String, Range<usize>)> {
    let last = words.iter().rposition(|word| {
        !word.taken && !word.is_any("yet now already right please today currently environment env")
    })?;
    // `up to date` names nothing.
    let is_name = |word: &Word| {
        let is_digits = is_digits(&word.text) || word.text.starts_with('#');
        !word.taken
            && !is_digits
            && (is_name(word) || word.text.contains(char::is_alphabetic) && !is_plain(word))
    };
    let placed = |first: usize| first > 0 && is_before(words, first - 1);
    // `of` and `for` stand before much else.
    let is_in = |first: usize| {
        let before = words[..first].iter().rev().find(|word| word.text != "the");
        before.is_some_and(|word| ["in", "on", "to"].contains(&word.text.as_str()))
    };
    let first = if placed(last) {
        last
    } else {
        last.checked_sub(1).filter(|&first| placed(first) && is_in(first) && is_name(&words[first]))?
    };
    let name = words[first..=last].iter().map(|word| word.written.as_str()).collect::<Vec<_>>().join(" ");
    is_name(&words[last]).then_some((name, first..last + 1))
}
