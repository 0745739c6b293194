//! A question without the frame around it: the description of a change, a new name.

use super::words::{Word, is_frame};

/// Words of the frame that are recognised with a slip, too.
const CUES: &str = "deploy deployed promote rollback rollbacks compare production released running version";

/// The words that describe a change: without the frame around them.
pub(super) fn description(words: &[Word]) -> Option<String> {
    let words = without_people(words);
    let words = &words[..];
    let says =
        |word: &&Word| !word.taken && (word.is_described || !is_frame(&word.text) && !word.is_any(CUES));
    let clause = behind_a_noun(words).max(behind_about(words));
    let first = clause + words[clause..].iter().position(|word| says(&word))?;
    let last = words.iter().rposition(|word| says(&word))?;
    // `commit` before a commit says nothing more.
    let is_noun = |at: usize| {
        words[at].is_any("commit sha revision") && words.get(at + 1).is_some_and(|next| is_hash(&next.text))
    };
    let kept = (first..=last).filter(|&at| !words[at].taken && !is_noun(at)).map(|at| &words[at]);
    // `fix` and `PR` mean something to the search where they stand beside what describes the change.
    let before = words[..first].last().filter(|word| !word.taken && word.is_any("pr mr issue request"));
    // `plan a deploy`, `prepare the rollout`: the wish itself.
    if kept.clone().all(|word| word.is_any("plan prepare draft")) {
        return None;
    }
    Some(before.into_iter().chain(kept).map(|word| word.written.as_str()).collect::<Vec<_>>().join(" "))
}

/// `can customers use dark mode` is about dark mode.
fn without_people(words: &[Word]) -> Vec<Word> {
    let mut words = words.to_vec();
    for at in 1..words.len() {
        if words[at].is_any("use see get")
            && words[at - 1].is_any("customers users people everyone we they anyone")
        {
            words[at].taken = true;
        }
    }
    words
}

/// The place behind `close the ticket about` and `which commit broke`: what stands in front of it describes no change.
fn behind_about(words: &[Word]) -> usize {
    let first = words.iter().position(|word| word.is_described).unwrap_or(0);
    let lead =
        words[..first].iter().rposition(|word| !["the", "a", "an", "our", "my"].contains(&&*word.text));
    // `the fix for` is searched for with what it fixes.
    let is_joined = lead.is_some_and(|at| ["for", "with", "where"].contains(&&*words[at].text));
    if is_joined { 0 } else { first }
}

/// The place behind `the commit or release that fixes`.
fn behind_a_noun(words: &[Word]) -> usize {
    const NOUNS: &str = "commit release change version pr or and the a find which what of create make prepare deploy deployment rollout plan";
    let nouns =
        words.iter().take_while(|word| word.taken || NOUNS.split(' ').any(|noun| noun == word.text)).count();
    let joins =
        |at: usize, list: &str| words.get(at).is_some_and(|word| list.split(' ').any(|it| it == word.text));
    const VERBS: &str = "fixes fixed adds added includes included contains introduces introduced brings brought has puts gets";
    let link = nouns + usize::from(joins(nouns, "that which"));
    if nouns > 0 && joins(link, VERBS) { link + 1 } else { 0 }
}

/// The beginning of a commit.
fn is_hash(text: &str) -> bool {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (7..=40).contains(&text.len()) && is_hex && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// The name of the environment that is to be made: `a staging2 environment`, `environment called lab`.
pub(super) fn new_environment(words: &[Word]) -> Option<String> {
    let noun = words.iter().position(|word| word.is_any("environment environments env"))?;
    let name = |word: &&Word| {
        !is_frame(&word.text)
            && !word.is_any(
                "create open spin bring launch provision start called named name new another more set setup add",
            )
    };
    let named = words.iter().position(|word| ["called", "named", "name"].contains(&word.text.as_str()));
    let after = named.or(Some(noun)).and_then(|at| words[at + 1..].iter().find(|word| name(word)));
    let before = words[..noun].iter().rev().find(|word| name(word));
    let chosen = if named.is_some() { after.or(before) } else { before.or(after) };
    chosen.map(|word| word.text.clone())
}
