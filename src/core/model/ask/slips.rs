//! Slips in the words that questions are made of: `deployd`, `chnaged`, `whihc`. Each is mended once, before anything is read, so
//! that no rule needs to know of it. Names are left alone, and so is every word that is English or of the trade.

use strsim::osa_distance;

use super::names::plain;
use super::words::{Word, is_frame};
use super::world::World;
use crate::model::search::is_known;

/// Words of questions and of this trade in which a slip is mended.
const WORDS: &str = "what when where which there their these those does have this that with show list about \
    running deploy deploys deployed deploying deployment deployments rollout rollouts release releases released version versions \
    rollback rollbacks rolled rolling revert reverted reverts change changes changed missing behind outdated latest newest \
    current currently compare compared difference differences different history timeline before after since until between \
    environment environments service services image images token tokens pulled shipped landed reached promote promoted install \
    installed update updated updates upgrade upgraded status available feature features fixed fixes commit commits \
    everything anything something already still should would could please create generate search pending ahead waiting \
    credentials failing broken unused because yesterday today happened security";
/// Other English words a letter away from those, beside the words of the search's lists.
const OTHERS: &str = "three skill polled polls falling filing fading filling filed fired fined sine chance chances charge charged charges \
    prompted prompt featured stile untie untied environmental wanting messing installs compares reverse relates \
    dose rolling rolls stats waving wafting heading branding parent currant currents serves";
/// Endings that make another word of one, and are no slip: `releaser`, `changeable`.
const ENDINGS: [&str; 5] = ["er", "or", "able", "ment", "ers"];
/// A shorter beginning is not yet the root of another word.
const ROOT_CHARS_MIN: usize = 4;
/// From this length on two slips are forgiven.
const TWO_SLIPS_CHARS_MIN: usize = 10;
/// In a shorter word only two letters that changed places are one: too many words are a letter apart.
const SLIP_CHARS_MIN: usize = 5;

/// Puts the words that are meant in place of those with slips; they stay as they are written.
pub(super) fn mend(words: &mut [Word], world: &World<'_>) {
    for word in words.iter_mut().filter(|word| !is_said_on_purpose(&word.text)) {
        if let Some(meant) = meant(&word.text)
            && !is_of_a_name(&word.text, world)
        {
            *word = Word::new(meant.to_owned(), std::mem::take(&mut word.written));
        }
    }
}

/// Tells whether a word is one that people write.
fn is_said_on_purpose(word: &str) -> bool {
    word.len() < 4
        || !word.bytes().all(|byte| byte.is_ascii_lowercase())
        || is_frame(word)
        || WORDS.split_whitespace().any(|known| known == word)
        || OTHERS.split_whitespace().any(|other| other == word)
        || super::names::is_plain(&Word::new(word.to_owned(), String::new()))
        || super::words::is_keyword(word)
        || is_known(word)
}

/// The only word that is nearest. People drop a letter sooner than they add one, and end as they meant to.
fn meant(word: &str) -> Option<&'static str> {
    let rank = |meant: &str| {
        let ends_alike = meant.as_bytes().last() == word.as_bytes().last();
        (osa_distance(word, meant), !ends_alike, usize::MAX - meant.len())
    };
    let near = WORDS.split_whitespace().filter(|meant| is_slip(word, meant));
    let mut near: Vec<(_, &str)> = near.map(|meant| (rank(meant), meant)).collect();
    near.sort_unstable();
    near.dedup();
    match near[..] {
        [(_, meant)] => Some(meant),
        [(first, meant), (second, _), ..] if first < second => Some(meant),
        _ => None,
    }
}

fn is_slip(word: &str, meant: &str) -> bool {
    let is_swapped = || {
        let sorted = |word: &str| {
            let mut bytes = word.as_bytes().to_vec();
            bytes.sort_unstable();
            bytes
        };
        sorted(word) == sorted(meant) && osa_distance(word, meant) == 1
    };
    let slips = match meant.len() {
        0..SLIP_CHARS_MIN => return is_swapped(),
        SLIP_CHARS_MIN..TWO_SLIPS_CHARS_MIN => 1,
        TWO_SLIPS_CHARS_MIN.. => 2,
    };
    let is_made_of_it = |ending: &&str| {
        let root = word.strip_suffix(*ending).filter(|root| root.len() >= ROOT_CHARS_MIN);
        root.is_some_and(|root| meant.starts_with(root)) && !meant.ends_with(*ending)
    };
    let is_another = ENDINGS.iter().any(is_made_of_it);
    let begins_alike = word.as_bytes()[0] == meant.as_bytes()[0];
    !is_another && (begins_alike && osa_distance(word, meant) <= slips || is_swapped())
}

/// Tells whether it is a part of a name of this world.
fn is_of_a_name(word: &str, world: &World<'_>) -> bool {
    let has = |name: &str| name.split(['/', '-', '_', '.', ' ']).any(|part| plain(part) == word);
    let environments =
        world.environments.iter().flat_map(|it| std::iter::once(it.name).chain(it.former.iter().copied()));
    let mut names = environments
        .chain(world.repositories.iter().map(|it| it.name))
        .chain(world.tokens.iter().map(|it| it.name));
    names.any(has)
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn the_nearest_word_is_meant_and_no_other_word_is_one() {
        for (said, word) in [
            ("deployd", Some("deployed")),
            ("deploymnets", Some("deployments")),
            ("runing", Some("running")),
            ("waht", Some("what")),
            ("hwat", Some("what")),
            ("wich", Some("which")),
            ("chnaged", Some("changed")),
            ("rolbacks", Some("rollbacks")),
            ("befor", Some("before")),
            ("enviorments", Some("environments")),
            // Other words, however near.
            ("deployer", None),
            ("wheat", None),
            ("chart", None),
            ("fiend", None),
            ("bat", None),
        ] {
            assert_eq!(meant(said), word, "{said}");
        }
    }
}
