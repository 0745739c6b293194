//! The names of the world in a question: environments, repositories, versions, tokens.

mod environments;
mod repositories;
mod versions;

use super::words::Word;
use super::world::World;

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

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
