//! What is left of a question without the frame around it: the description of a change, a new name.

use super::words::Word;

/// Words that say nothing about a change: frames of questions, verbs of shipping, articles.
const FRAME: &str = " a an the this that these those any some our my your its is are was were be been being am do does did \
    has have had can could will would should may might what which who when where why how if whether i we you he she it \
    they me us them there here in on to from for at of by with into onto and or not but about as so than then yet \
    already now still current currently right today just ever last latest please tell show find search look check verify see \
    know give list get got get's want need like let lets make go goes going went come came reach reached reaches land \
    landed lands live deployed deploy deploys deploying deployment deployments release released releases version \
    versions ship shipped ships push pushed roll rolled rolling out up rollout available running run runs contain \
    contains contained include includes included introduce introduced added carries carry carrying up \
    fixed fixes environment env merged made done status state happen happened change changes changed new pr mr pull \
    request issue bring brings promote promoted put install installed yes no hey hi hello find out also too one s \
    features fixes bugs feature bugfixes things thing stuff kind say says said mean us work works working everything \
    all anything something since before after until during between history timeline log took take takes has \
    much many long often time times actually really even only move upgrade update updated bump apply back again \
    users customers people everyone anyone team been solved resolved patched pls plz services service else across environments each every anywhere everywhere somewhere ";

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

/// Whether a word belongs to the frame of a question and to nothing that it is about.
pub(super) fn is_frame(word: &str) -> bool {
    FRAME.split_whitespace().any(|frame| frame == word)
}
