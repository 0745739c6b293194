//! The clause that describes a change: what stands behind `the change about`, `a fix for`, `search for`. Its words may be any, those
//! of questions too, and say nothing about what is asked: `find the change about stale counts` asks for no stale service.

use super::words::Word;

/// Nouns of what somebody describes.
const NOUNS: &str =
    "change fix hotfix patch bug issue problem ticket pr mr commit request feature work story card bugfix";
/// Nouns of several, which are asked for by their place or their time as well.
const SEVERAL: &str = "changes fixes bugs issues problems tickets prs mrs commits requests features anything something everything release version build";
/// Words between one of those and its description.
const ABOUT: &str = "about regarding concerning";
const FOR: &str = "for with where";
/// Nouns of what made a change, and verbs for what it did: `which commit broke the login`.
const MAKERS: &str = "change fix patch pr mr commit release version build request";
const MADE: &str = "changed changes fixed fixes introduced introduces added adds removed removes broke breaks touched touches brought brings \
    contains improved solved solves reverted reverts renamed replaced dropped drops disabled disables enabled enables";
/// Words in front of them.
const ASKS: &str = "which what find search look show give tell list";
const LEADS: &str = "which what show give tell list for up me us the a pull merge that or";
/// Verbs that look for a change, each with the words that may follow it.
const SEEKS: &str = "find search look lookup grep";
const BEHIND_SEEKS: &str = "for up me us the a an any all";
/// Nouns of what is no change: `find unused tokens`.
const OTHERS: &str = "token tokens credentials release releases version versions deployment deployments deploys rollback rollbacks \
    reverts environment environments env envs service services image images history timeline changes fixes features differences \
    laptops pulls out log notes changelog secret secrets password passwords";
/// Words that say where a change is, at the end of its description.
const LIVE: &str = "live deployed released shipped out landed merged available reached arrived rolled made running gone there";
/// Words that go on behind the description.
const GOES_ON: &str = "is was are were has have had did does and then but yet already now please so";
const PLACED: &str = "in on at to into onto for from since before after until within during over of by";
const ARTICLES: &str = "the a an our my any that this";

/// Words before those nouns that choose among all, and describe none.
const OF_ALL: &str = "latest last newest next previous first second security breaking performance new old same only other most recent \
    pull merge and or which what called named";
/// One word alone chooses as well: `the missing fix`.
const BEFORE_THE_NOUN_MIN: usize = 2;

/// Marks the words of the clause.
pub(super) fn mark(words: &mut [Word], has_place: bool) {
    mark_before_the_noun(words);
    let Some(first) = first(words, has_place) else { return };
    let end = (first..words.len()).find(|&at| ends(words, at)).unwrap_or(words.len());
    words[first..end].iter_mut().for_each(|word| word.is_described = true);
}

/// `is the stale token bug fixed`: what stands between an article and the noun.
fn mark_before_the_noun(words: &mut [Word]) {
    let Some(noun) = words.iter().position(|word| is_of(word, NOUNS)) else { return };
    let is_between = |word: &&Word| {
        !(word.taken || [ARTICLES, GOES_ON, PLACED, OF_ALL].iter().any(|list| is_of(word, list)))
    };
    let count = words[..noun].iter().rev().take_while(is_between).count();
    let first = noun - count;
    let is_led = first.checked_sub(1).is_some_and(|at| is_of(&words[at], ARTICLES));
    if is_led && count >= BEFORE_THE_NOUN_MIN {
        words[first..noun].iter_mut().for_each(|word| word.is_described = true);
    }
}

/// The place of its first word.
fn first(words: &[Word], has_place: bool) -> Option<usize> {
    let is = |at: usize, list: &str| words.get(at).is_some_and(|word| is_of(word, list));
    let behind_a_noun = (1..words.len()).find(|&at| {
        let is_noun = is(at - 1, NOUNS);
        (is_noun || is(at - 1, SEVERAL)) && is(at, ABOUT) || is_noun && is(at, FOR)
    });
    // `which commit broke`, `find me the pull request that touched`
    let leads = |at: usize| is(at, MAKERS) || is(at, SEEKS) || is(at, LEADS);
    let behind_a_verb = (2..words.len())
        .find(|&at| is(at, MADE) && (0..at).all(leads) && is(0, ASKS) && (1..at).any(|at| is(at, MAKERS)));
    let first = behind_a_verb.or(behind_a_noun).map(|at| at + 1).or_else(|| {
        let length = words.iter().skip(1).take_while(|word| is_of(word, BEHIND_SEEKS)).count();
        let head = words.iter().rev().find(|word| !word.taken)?;
        (!has_place && is(0, SEEKS) && !is_of(head, OTHERS)).then_some(length + 1)
    })?;
    let articles = words[first.min(words.len())..].iter().take_while(|word| is_of(word, ARTICLES)).count();
    // `the fix for #12`
    let is_named =
        words.get(first + articles).is_none_or(|word| word.taken || word.text.starts_with(['#', '!']));
    (!is_named).then_some(first + articles)
}

/// Tells whether the description ends before this word.
fn ends(words: &[Word], at: usize) -> bool {
    let is_over = |at: usize| words.get(at).is_none_or(|word| word.taken || is_of(word, GOES_ON));
    let is_placed = |at: usize| {
        let articles = words[at + 1..].iter().take_while(|word| is_of(word, ARTICLES)).count();
        is_of(&words[at], PLACED) && words.get(at + 1 + articles).is_none_or(|word| word.taken)
    };
    let word = &words[at];
    word.taken
        || is_of(word, GOES_ON)
        || is_placed(at)
        || is_of(word, LIVE) && (is_over(at + 1) || is_of(&words[at + 1], PLACED))
}

fn is_of(word: &Word, list: &str) -> bool {
    !word.taken && list.split_whitespace().any(|listed| listed == word.text)
}
