//! What is left of a question without the frame around it: the description of a change, a new name.

use super::words::{Word, is_frame};

/// Words of the frame that are recognised with a slip, too.
const CUES: &str = "deploy deployed promote rollback rollbacks compare production released running version";

/// The words that describe a change: without the frame around them.
pub(super) fn description(words: &[Word]) -> Option<String> {
    let says = |word: &&Word| !word.taken && !is_frame(&word.text) && !word.is_any(CUES);
    let first = words.iter().position(|word| says(&word))?;
    let last = words.iter().rposition(|word| says(&word))?;
    let kept = words[first..=last].iter().filter(|word| !word.taken);
    // `fix` and `PR` mean something to the search where they stand beside what describes the change.
    let before = words[..first].last().filter(|word| !word.taken && word.is_any("pr mr issue request"));
    Some(before.into_iter().chain(kept).map(|word| word.written.as_str()).collect::<Vec<_>>().join(" "))
}

/// The name of the environment that is to be made: `a staging2 environment`, `environment called lab`.
pub(super) fn new_environment(words: &[Word]) -> Option<String> {
    let noun = words.iter().position(|word| word.is_any("environment environments env"))?;
    let name =
        |word: &&Word| !is_frame(&word.text) && !word.is_any("create called named name new set setup add");
    let named = words.iter().position(|word| ["called", "named", "name"].contains(&word.text.as_str()));
    let after = named.or(Some(noun)).and_then(|at| words[at + 1..].iter().find(|word| name(word)));
    let before = words[..noun].iter().rev().find(|word| name(word));
    let chosen = if named.is_some() { after.or(before) } else { before.or(after) };
    chosen.map(|word| word.text.clone())
}
