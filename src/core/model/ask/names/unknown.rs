//! Words that stand where a name does, and are none that anybody knows: `what did foo run`, `the history of foo`, `is foo behind`.

use super::Found;
use crate::model::ask::words::{Word, is_frame, is_slip};
use crate::model::oci::Repository;

/// Words of a name at most.
const LENGTH_MAX: usize = 2;
const ARTICLES: &str = "the our my a your this that";
/// Words before a place or a service.
const BEFORE: &str = "in on at inside onto into within of for from to with against about";
/// Words that hold two names together.
const BETWEEN: &str = "and or vs versus than between with to";
/// Words before what does something, or something is said of.
const AUXILIARIES: &str = "does did do is are was were has have had should will can";
/// Verbs and nouns before what they are about.
const ABOUT: &str = "deployed deploys deploy compare comparing diff back rollback rollbacks revert reverted run runs ran running \
    history status version versions tokens token deployments timeline behind where release releases state upgraded updated";
/// Nouns behind what they are about.
const HEADS: &str = "history status version versions rollbacks tokens deployments timeline state";
/// Words that speak of this trade, or of nothing in particular, and are the name of nothing.
const NAMELESS: &str = "behind missing miss misses lacks lack lacking outdated stale lag lags lagging uptodate up2date pending unreleased \
    undeployed unshipped newer older old gain gains outstanding coming upcoming skip skips skipped drift drifted compare compared \
    comparison difference differences differ differs different diff diffs versus vs ahead diverged same broken broke failing fail \
    fails failed failure failures error errors problem problems wrong unhealthy healthy health stuck queued awaiting trouble troubles outage down \
    fine alright crashing refused hanging alerts alert cannot off odd weird strange serving active overview current rundown run-down \
    snapshot inventory rollback rollbacks reverted reverts revert undone unrolled token tokens credential credentials secret secrets \
    expire expires expired used use using unused usage security breaking performance feature fix bug patch hotfix image images pull \
    pulls pulled pulling digest build builds commit commits news summary summarise summarize recap report activity improvements \
    weekly nightly daily monthly recent past previous earlier recently lately customers software code container containers pod pods node nodes \
    person responsible blame order date moment undo undone left delivered backlog expire about days hours weeks months minutes week month year time age detail \
    details full complete short brief table chart graph view page dashboard general particular whole entire total sum number count \
    amount newest oldest highest lowest most least more less better worse good bad important critical urgent latest first second \
    third next prior both either neither none nobody nothing something anybody somebody someone everybody sync line parity equal equals \
    match matches matching identical exactly precisely roughly compliant safe ready done finished complete hot fresh normal usual common \
    default risk risky impact scope place places location side sides part parts half piece bit lot bunch couple few many several \
    big bigger biggest small smallest largest main major minor gap delta lead leading leads far further furthest close near wait waiting waits need needs needed want wants \
    wanted look looks looking see seen watch please thanks thank ok okay sure maybe perhaps again ago back beyond instead rather quite \
    very so too much such real actual actually truth true false way ways case cases reason reasons why cause causes caused log logs \
    list lists listing item items entry entries record records event events rollouts rollout promotion upgrade upgrades downgrade \
    fixes bugs bugfixes features changelog notes note pr prs contents content work works worked business shape stand stands standing \
    sit sits sitting situation picture story use-case owner owners author authors effect effects hotfixes patches vulnerabilities \
    vulnerability cve cves lost lose gone go gets got received receive push pushed been happening night morning afternoon evening noon \
    midnight weekend holiday start starts starting boot booting imagepullbackoff errimagepull crashloopbackoff crashloop crashlooping over under above below via despite except today tomorrow launch lunch lunchtime hand mind general average sprint iteration quarter fortnight delete remove destroy drop revoke purge wipe \
    erase rename kill stop restart reboot scale truncate shut succeed succeeded finish complete completed terminate disable nuke obliterate trash uninstall clear";

/// Those whom a change is for: `for Android users`.
const PEOPLE: &str = "user users customer customers people partners clients";
/// Nouns of changes: what stands before one describes it.
const CHANGES: &str = "fix feature change bug patch issue problem crash error support bugfix hotfix leak fixes features changes";

impl Found {
    /// Takes `word` for the name of a service that nobody knows.
    pub(in crate::model::ask) fn take_unknown_repository(&mut self, word: &mut Word) {
        word.taken = true;
        self.unknown_repository = Some(word.written.clone());
        if self.unknown.as_ref() == Some(&word.written) {
            self.unknown = None;
        }
        if self.inferred_at.take().is_some() {
            self.repositories.clear();
        }
    }
}

/// The first of those words, as they were written. They may describe a change, too.
pub(super) fn unknown(words: &mut [Word]) -> Option<String> {
    let mut first = 0;
    while first < words.len() {
        let length = words[first..].iter().take_while(|word| is_name(word)).count();
        if (1..=LENGTH_MAX).contains(&length) && stands(words, first, first + length) {
            let named = &mut words[first..first + length];
            named.iter_mut().for_each(|word| word.is_named = true);
            return Some(named.iter().map(|word| word.written.as_str()).collect::<Vec<_>>().join(" "));
        }
        first += length.max(1);
    }
    None
}

/// The place of a name that a list of services has in front or behind, and nobody knows.
pub(super) fn beside(words: &[Word], list: &std::ops::Range<usize>) -> Option<usize> {
    let joins = |at: usize| words.get(at).is_some_and(|word| is_of(word, "and or nor plus"));
    let is_alone = |at: usize| {
        let is_end = |word: Option<&Word>| {
            word.is_none_or(|word| word.taken || is_plain(word) && !is_of(word, CHANGES))
        };
        is_name(&words[at]) && is_end(words.get(at + 1))
    };
    let behind = joins(list.end).then_some(list.end + 1).filter(|&at| at < words.len() && is_alone(at));
    behind.or_else(|| {
        let before = list.start.checked_sub(2).filter(|&at| joins(at + 1) && is_name(&words[at]))?;
        let lead = before.checked_sub(1).map(|at| &words[at]);
        lead.is_none_or(|word| !word.taken && is_plain(word)).then_some(before)
    })
}

fn is_of(word: &Word, list: &str) -> bool {
    list.split_whitespace().any(|listed| listed == word.text)
}

/// Tells whether a word can be a name, and is nothing else that anybody knows.
pub(in crate::model::ask) fn is_name(word: &Word) -> bool {
    let text = &*word.text;
    let is_slip_of_one =
        || NAMELESS.split_whitespace().chain(ABOUT.split_whitespace()).any(|known| is_slip(text, known));
    let is_of_letters = text.chars().all(|c| c.is_alphanumeric() || "-._/".contains(c));
    !(word.taken || word.is_named || word.is_described || word.is_known || is_plain(word))
        && is_of_letters
        && text.len() >= 2
        && text.chars().any(char::is_alphabetic)
        && !text.ends_with("ly")
        && !is_slip_of_one()
}

/// Tells whether a word may be the path of a service: `shop/web`.
pub(in crate::model::ask) fn is_path(word: &Word) -> bool {
    !word.taken && word.text.contains('/') && word.text.parse::<Repository>().is_ok()
}

/// The place in which a service is, by the path of its repository: `shop` of `shop/web`.
pub(super) fn place(path: &str) -> Option<&str> {
    path.split_once('/').map(|(place, _)| place)
}

/// Tells whether a word is of the frame of a question, or speaks of this trade.
pub(in crate::model::ask) fn is_plain(word: &Word) -> bool {
    is_frame(&word.text) || [NAMELESS, BEFORE, BETWEEN, ABOUT, HEADS].iter().any(|list| is_of(word, list))
}

/// Tells whether these words stand where a name does.
fn stands(words: &[Word], first: usize, end: usize) -> bool {
    let lead = words[..first].iter().rposition(|word| word.taken || !is_of(word, ARTICLES));
    let before = lead.map(|at| &words[at]).filter(|word| !word.taken);
    let after = words.get(end);
    let is_closed = after.is_none_or(|word| word.taken || word.is_known || is_of(word, NAMELESS));
    let is_beside_a_name =
        |at: usize| at.checked_sub(1).is_some_and(|at| words[at].taken || is_name(&words[at]));
    let Some(before) = before else {
        // `foo version in production`
        return lead.is_none() && after.is_some_and(|word| is_of(word, HEADS));
    };
    if after.is_some_and(|word| !word.taken && (is_of(word, CHANGES) || is_of(word, PEOPLE))) {
        return false;
    }
    // `which fixes were delivered`
    let goes_on = after.is_none_or(|word| word.taken || is_of(word, BEFORE));
    let is_done = goes_on && ["ed", "ing"].iter().any(|ending| words[end - 1].text.ends_with(ending));
    let joins = is_of(before, BETWEEN) && lead.is_some_and(is_beside_a_name);
    // `which wallet version is in qa`
    let heads =
        is_of(before, "which what") && after.is_some_and(|word| is_of(word, "version release build image"));
    heads
        || is_closed
            && (is_of(before, BEFORE)
                || joins
                || (is_of(before, AUXILIARIES) && !is_done)
                || is_of(before, ABOUT))
}
