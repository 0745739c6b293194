//! The names found in a question, and what the kinds of names share in finding them.

use crate::model::ask::words::Word;

/// Short forms that people use for an environment, the one that is written out first.
pub(in crate::model::ask) const SHORT_FORMS: [&[&str]; 10] = [
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
pub(in crate::model::ask) const NAME_WORDS_MAX: usize = 5;

/// The names that a question holds.
#[derive(Debug, Default)]
pub(in crate::model::ask) struct Found {
    /// Environments in their order.
    pub(in crate::model::ask) environments: Vec<String>,
    /// The one behind `to`.
    pub(in crate::model::ask) destination: Option<String>,
    /// Repositories in their order.
    pub(in crate::model::ask) repositories: Vec<String>,
    /// A name in one list with them that nobody knows.
    pub(in crate::model::ask) unknown_beside: Option<String>,
    /// The words of the list that names them.
    pub(in crate::model::ask) listed: Option<std::ops::Range<usize>>,
    pub(in crate::model::ask) version: Option<String>,
    /// The place of the version, where nothing but that names the repository.
    pub(in crate::model::ask) inferred_at: Option<usize>,
    /// The version is the one to go back from.
    pub(in crate::model::ask) is_left: bool,
    /// Two versions are named, and `version` is the last of them.
    pub(in crate::model::ask) is_of_two: bool,
    pub(in crate::model::ask) token: Option<TokenFound>,
    /// The words in an environment's place, and the environments that they may mean; none of them is known if there are
    /// none.
    pub(in crate::model::ask) unclear_environment: Option<(String, Vec<String>)>,
    /// The words that say it, where no environment is known by them.
    pub(in crate::model::ask) unclear_at: Option<std::ops::Range<usize>>,
    pub(in crate::model::ask) unclear_repository: Option<(String, Vec<String>)>,
    /// A path that can only be a service's, of a service that nobody knows.
    pub(in crate::model::ask) unknown_repository: Option<String>,
    /// Words in the place of an environment's or a service's name that are none of the known ones.
    pub(in crate::model::ask) unknown: Option<String>,
}

impl Found {
    /// Tells whether a word may be a part of a name that is not known for certain, and is asked back.
    pub(in crate::model::ask) fn is_unclear(&self, word: &Word) -> bool {
        let unclear =
            [&self.unclear_environment, &self.unclear_repository].map(|it| it.as_ref().map(|(said, _)| said));
        let said = unclear.into_iter().flatten().chain(&self.unknown).chain(&self.unknown_beside);
        said.flat_map(|said| said.split(' ')).any(|part| part == word.written || part == word.text)
    }

    /// Tells whether a service is named.
    pub(in crate::model::ask) fn names_service(&self) -> bool {
        !self.repositories.is_empty()
    }
}

#[derive(Debug)]
pub(in crate::model::ask) struct TokenFound {
    pub(in crate::model::ask) environment: String,
    pub(in crate::model::ask) name: String,
}

/// Only letters and digits: `prod-eu-west`, `prod eu west` and `prodEuWest` are one.
pub(in crate::model::ask) fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The runs of words that nobody took, the longest first.
pub(in crate::model::ask) fn runs(words: &[Word], longest: usize) -> Vec<std::ops::Range<usize>> {
    let starts =
        |length: usize| (0..=words.len().saturating_sub(length)).map(move |start| start..start + length);
    let free = |run: &std::ops::Range<usize>| words[run.clone()].iter().all(|word| !word.taken);
    (1..=longest.min(words.len())).rev().flat_map(starts).filter(free).collect()
}

pub(in crate::model::ask) fn joined(words: &[Word]) -> String {
    plain(&words.iter().map(|word| word.text.as_str()).collect::<String>())
}

pub(in crate::model::ask) fn mark(words: &mut [Word]) {
    words.iter_mut().for_each(|word| word.taken = true);
}

pub(in crate::model::ask) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
