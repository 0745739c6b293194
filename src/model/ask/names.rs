//! The names of the world in a question: environments, repositories, versions, tokens.

use super::words::{Word, is_slip};
use super::world::World;
use crate::model::search::version;

/// Short forms that people use for an environment, the one that is written out first.
pub(super) const SHORT_FORMS: [&[&str]; 10] = [
    &["production", "prod", "prd", "live", "prods"],
    &["staging", "stage", "stg", "stag", "preprod", "pre-prod", "preproduction"],
    &["development", "dev", "devel", "develop"],
    &["qa", "quality", "testers", "testing"],
    &["test", "testing", "tst", "tests"],
    &["uat", "acceptance", "acc"],
    &["integration", "int"],
    &["sandbox", "sbx"],
    &["preview", "review"],
    &["demo", "demos"],
];
/// Words of an environment's name that name it only behind `in`, `to` and the like: they are English, too.
const ENGLISH: [&str; 8] = ["live", "test", "tests", "testing", "review", "stage", "preview", "quality"];
/// What stands before the name of an environment.
const BEFORE: &str = "in on to from for at of into onto against within across inside";
/// Parts of a repository's name that are too common to mean it.
const COMMON_PARTS: &str = "api app service services server web docker library the search image images release token \
    test tests core main base config data deploy version worker job jobs admin public internal latest fix new";
/// Words of the longest name that is put together.
const NAME_WORDS_MAX: usize = 5;

/// The names that a question holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Environments in their order.
    pub(super) environments: Vec<String>,
    /// The one behind `to`.
    pub(super) destination: Option<String>,
    pub(super) repository: Option<String>,
    pub(super) version: Option<String>,
    pub(super) token: Option<TokenFound>,
    /// What stands where an environment should, and which ones it may be; none of them is known if there are none.
    pub(super) unclear_environment: Option<(String, Vec<String>)>,
    pub(super) unclear_repository: Option<(String, Vec<String>)>,
}

#[derive(Debug)]
pub(super) struct TokenFound {
    pub(super) environment: String,
    pub(super) name: String,
}

/// Takes the names out of `words`.
pub(super) fn take(words: &mut [Word], world: &World<'_>) -> Found {
    let mut found = Found::default();
    take_token(words, world, &mut found);
    take_repository(words, world, &mut found);
    take_environments(words, world, &mut found);
    take_part_of_repository(words, world, &mut found);
    take_version(words, world, &mut found);
    found.unclear_environment = found.unclear_environment.or_else(|| unknown_environment(words));
    found
}

/// Only letters and digits: `prod-eu-west`, `prod eu west` and `prodEuWest` are one.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The runs of words that nobody took, the longest first.
fn runs(words: &[Word], longest: usize) -> Vec<std::ops::Range<usize>> {
    let starts =
        |length: usize| (0..=words.len().saturating_sub(length)).map(move |start| start..start + length);
    let free = |run: &std::ops::Range<usize>| words[run.clone()].iter().all(|word| !word.taken);
    (1..=longest.min(words.len())).rev().flat_map(starts).filter(free).collect()
}

fn joined(words: &[Word]) -> String {
    plain(&words.iter().map(|word| word.text.as_str()).collect::<String>())
}

fn mark(words: &mut [Word]) {
    words.iter_mut().for_each(|word| word.taken = true);
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

/// A repository by its whole name or by what follows its last slash, perhaps with a slip.
fn take_repository(words: &mut [Word], world: &World<'_>, found: &mut Found) {
    let is_environment =
        |said: &str| world.environments.iter().any(|environment| plain(environment.name) == said);
    for exact in [true, false] {
        for run in runs(words, NAME_WORDS_MAX) {
            let said = joined(&words[run.clone()]);
            if said.is_empty()
                || is_environment(&said)
                || COMMON_PARTS.split_whitespace().any(|part| part == said)
            {
                continue;
            }
            let is_meant = |name: &str| {
                let (whole, last) = (plain(name), plain(name.rsplit('/').next().unwrap_or(name)));
                if exact { said == whole || said == last } else { last.len() >= 6 && is_slip(&said, &last) }
            };
            let meant: Vec<&str> = world
                .repositories
                .iter()
                .map(|repository| repository.name)
                .filter(|name| is_meant(name))
                .collect();
            match meant[..] {
                [] => {}
                [name] => {
                    found.repository = Some(name.to_owned());
                    return mark(&mut words[run]);
                }
                _ => {
                    found.unclear_repository = Some((said, meant.into_iter().map(str::to_owned).collect()));
                    return;
                }
            }
        }
    }
}

/// A repository by a part of its name, if only one has it. The word stays in the description, because it may be one.
fn take_part_of_repository(words: &mut [Word], world: &World<'_>, found: &mut Found) {
    if found.repository.is_some() || found.unclear_repository.is_some() {
        return;
    }
    for word in words.iter().filter(|word| !word.taken && word.text.len() >= 3) {
        let said = word.text.trim_end_matches("-service");
        if COMMON_PARTS.split_whitespace().any(|part| part == said) {
            continue;
        }
        let has_part = |name: &&str| {
            name.split(['/', '-', '_', '.'])
                .any(|part| part == said || (said.len() >= 6 && is_slip(said, part)))
        };
        let names = world.repositories.iter().map(|repository| repository.name);
        let meant: Vec<&str> = names.filter(has_part).collect();
        match meant[..] {
            [] => {}
            [name] => {
                found.repository = Some(name.to_owned());
                return;
            }
            // What all repositories share (`docker/…`) means none of them.
            _ if meant.len() == world.repositories.len() => {}
            _ => {
                found.unclear_repository =
                    Some((said.to_owned(), meant.into_iter().map(str::to_owned).collect()));
                return;
            }
        }
    }
}

fn take_environments(words: &mut [Word], world: &World<'_>, found: &mut Found) {
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
        let said = joined(&words[run.clone()]);
        match &which_environment(&said, placed, world)[..] {
            [] => {}
            [name] => {
                taken.push((run.start, (*name).to_owned()));
                mark(&mut words[run]);
            }
            several => {
                let choices = several.iter().map(|&name| name.to_owned()).collect();
                found.unclear_environment = Some((said, choices));
                mark(&mut words[run]);
            }
        }
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

/// Whether this word, or the one before an article, stands before names of environments.
fn is_before(words: &[Word], at: usize) -> bool {
    let is_article = ["the", "our", "my", "environment", "env"].contains(&words[at].text.as_str());
    let at = if is_article { at.checked_sub(1) } else { Some(at) };
    at.is_some_and(|at| BEFORE.split(' ').any(|before| before == words[at].text))
}

/// The environments that `said` may mean. `placed`: it stands where an environment does.
fn which_environment<'a>(said: &str, placed: bool, world: &World<'a>) -> Vec<&'a str> {
    let names = || world.environments.iter().map(|environment| environment.name);
    let unless_empty = |names: Vec<&'a str>| (!names.is_empty()).then_some(names);
    let of = |is_meant: &dyn Fn(&str) -> bool| unless_empty(names().filter(|name| is_meant(name)).collect());
    if said.len() < 2 || (ENGLISH.contains(&said) && !placed) {
        return Vec::new();
    }
    let forms = SHORT_FORMS.iter().filter(|forms| forms.contains(&said));
    let forms: Vec<&str> = forms.flat_map(|forms| forms.iter().copied()).collect();
    let is_form = |text: &str| forms.iter().any(|form| plain(form) == text);
    let parts = |name: &str| name.split(['-', '_', '.']).map(str::to_owned).collect::<Vec<_>>();
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
    of(&|name| plain(name) == said)
        .or_else(|| of(&|name| is_form(&plain(name))))
        .or_else(|| (!forms.is_empty() || placed).then(described).flatten())
        .or_else(|| of(&|name| !forms.is_empty() && parts(name).iter().any(|part| is_form(part))))
        .or_else(|| of(&|name| is_slip(said, &plain(name))))
        .or_else(|| {
            of(&|name| SHORT_FORMS.iter().any(|forms| forms.contains(&name) && is_slip(said, forms[0])))
        })
        .or_else(|| if placed { of(&|name| parts(name).iter().any(|part| part == said)) } else { None })
        .or_else(|| if placed && said.len() >= 3 { of(&|name| plain(name).starts_with(said)) } else { None })
        .or_else(|| {
            // `eu-west` of `prod-eu-west`
            if said.len() >= 5 { of(&|name| plain(name).ends_with(said)) } else { None }
        })
        .or_else(|| if placed { has_word() } else { None })
        .unwrap_or_default()
}

/// A version: of the repository that is named, or of the only one that has it.
fn take_version(words: &mut [Word], world: &World<'_>, found: &mut Found) {
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

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stands at the end where an environment does, and is none that is known: `what runs in the lab`, `in the moon
/// base`.
fn unknown_environment(words: &[Word]) -> Option<(String, Vec<String>)> {
    let last = words.iter().rposition(|word| {
        !word.taken && !word.is_any("yet now already right please today currently environment env")
    })?;
    let is_name = |word: &Word| !word.taken && !word.text.starts_with('#') && !is_digits(&word.text);
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
    is_name(&words[last]).then_some((name, Vec::new()))
}
