//! Words → stems: what a word has in common with its other forms.

use std::sync::LazyLock;

use std::collections::BTreeMap;

use snowball_stemmers_rs::{Algorithm, Stemmer};

/// Forms that no rule of endings finds: `froze` is `freeze`, `divis(ion)` is `divide`.
const IRREGULAR: &str = include_str!("irregular.txt");
/// Endings, as they stand at the end of a stem, that make one word out of another: `exporter`, `failur(e)`.
const DERIVING: [&str; 27] = [
    "ational", "iveness", "fulness", "ization", "ation", "ment", "ness", "abl", "ibl", "anc", "enc", "ant",
    "ent", "ion", "ist", "ism", "ful", "less", "eri", "ori", "ur", "er", "or", "al", "iv", "at", "i",
];
const VOWELS: [char; 6] = ['a', 'e', 'i', 'o', 'u', 'y'];
/// The least length of a stem when an ending is taken off.
const ROOT_CHARS_MIN: usize = 4;

static FORMS: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| {
    let lines = IRREGULAR.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once(':'));
    pairs.flat_map(|(word, forms)| forms.split_whitespace().map(move |form| (form, word.trim()))).collect()
});

/// Tells whether a word is a form that no rule of endings finds.
pub(super) fn is_irregular(word: &str) -> bool {
    FORMS.contains_key(word)
}

/// The stem of a word in lower case. Words with digits are names and stay as they are.
pub(super) fn stem(word: &str) -> String {
    let word = FORMS.get(word).copied().unwrap_or(word);
    let is_final = FORMS.get(word) == Some(&word);
    if is_final || word.len() <= 3 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return word.to_owned();
    }
    // `pdfs`: the algorithm wants a vowel in front of a plural's s.
    if let Some(one) = word.strip_suffix('s').filter(|one| !one.contains(VOWELS) && !one.ends_with('s')) {
        return one.to_owned();
    }
    let american = american(word);
    Stemmer::create(Algorithm::English).stem(&american).into_owned()
}

/// The stem without an ending that makes one word out of another; shared by `parser` and `pars(e)`.
pub(super) fn root(stem: &str) -> &str {
    let root = DERIVING
        .iter()
        .find_map(|ending| stem.strip_suffix(ending).filter(|root| root.len() >= ROOT_CHARS_MIN));
    root.unwrap_or(stem)
}

/// One spelling for `colour` and `color`, `optimise` and `optimize`.
fn american(word: &str) -> String {
    let mut word = word.to_owned();
    for (british, american) in [
        ("isation", "ization"),
        ("ising", "izing"),
        ("ised", "ized"),
        ("ises", "izes"),
        ("iser", "izer"),
        ("ise", "ize"),
        ("yse", "yze"),
        ("ysed", "yzed"),
        ("ysing", "yzing"),
        ("our", "or"),
        ("ours", "ors"),
        ("oured", "ored"),
        ("elled", "eled"),
        ("elling", "eling"),
        ("ogue", "og"),
    ] {
        if word.len() > british.len() + 2 && word.ends_with(british) {
            word.truncate(word.len() - british.len());
            word.push_str(american);
            break;
        }
    }
    word
}
