//! A question in words.

use strsim::osa_distance;

use crate::model::search::{is_known, version};

/// Words that say nothing about a change: frames of questions, verbs of shipping, articles.
const FRAME: &str = " a an the this that these those any some our my your its is are was were be been being am do does did \
    has have had can could will would should may might what which who when where why how if whether i we you he she it \
    they me us them there here in on to from lack lacks lacking newest oldest execute perform trigger completely partners arrived kindly exactly for at of by with into onto and or not but about as so than then yet \
    already now still current currently right today just ever last latest please tell show find search look check verify see \
    know give list get got get's want need like let lets make go goes going went come came reach reached reaches land \
    landed lands live deployed deploy deploys deploying deployment deployments release released releases version \
    versions ship shipped ships push pushed roll rolled rolling out up rollout available running run runs contain \
    contains contained include includes included introduce introduced added carries carry carrying up \
    fixed fixes environment env envs merged made done status state happen happened change changes changed new pr mr pull \
    request issue bring brings promote promoted put install installed yes no hey hi hello find out also too one s \
    features fixes bugs feature bugfixes things thing stuff kind say says said mean us work works working everything \
    all anything something since before after until during between history timeline log took take takes has \
    u must meant gone touched vulnerable affected exposed somebody someone anybody looks comes arrives whats much many far long launch launched often time times ago their his her actually really even only move upgrade update updated bump apply back again \
    users customers people everyone anyone team been solved resolved patched pls plz services service else though anyway anyways across environments each every anywhere everywhere somewhere elsewhere ";

/// A word of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// In lower case, without the punctuation around it.
    pub(super) text: String,
    /// As it was written, for a description.
    pub(super) written: String,
    /// A word of questions, which is no slip of another one.
    pub(super) is_known: bool,
    /// A part of a name, which may describe a change, too.
    pub(super) is_named: bool,
    /// It belongs to the description of a change, and says nothing about what is asked.
    pub(super) is_described: bool,
    /// Tells whether it was understood as a part of a name, a version or a time, and says nothing else.
    pub(super) taken: bool,
}

/// Nouns before what programs name with `=`.
const LABELS: [&str; 7] = ["service", "repository", "repo", "environment", "env", "version", "release"];
/// Nouns before a number that is a change's, whatever they call it.
const TICKETS: [&str; 6] = ["ticket", "tickets", "story", "task", "bug", "card"];

/// Cuts a question into words. `what's` is `what is`.
pub(super) fn words(question: &str) -> Vec<Word> {
    let mut words = Vec::new();
    for piece in question.split(|c: char| c.is_whitespace() || ",;_>→".contains(c)) {
        let piece =
            piece.trim_matches(|c: char| "?.:\"'`()[]“”‘’".contains(c)).trim_end_matches(['!', '?', '.']);
        // `!12` is a number, `!` before anything else an exclamation.
        let is_number =
            piece.strip_prefix('!').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let piece = if is_number { piece } else { piece.trim_start_matches('!') };
        if piece.bytes().all(|byte| b"-=".contains(&byte)) {
            continue;
        }
        // `web:v1.2.0`
        if let Some((name, said)) = piece
            .rsplit_once([':', '@'])
            .filter(|(name, said)| name.starts_with(char::is_alphabetic) && version(said).is_some())
        {
            words.extend([name, said].map(|part| Word::new(part.to_lowercase(), part.to_owned())));
            continue;
        }
        // `service=web env=production`
        if let Some((name, said)) =
            piece.split_once('=').filter(|(name, _)| LABELS.contains(&&*name.to_lowercase()))
        {
            words.extend([name, said].map(|part| Word::new(part.to_lowercase(), part.to_owned())));
            continue;
        }
        // `ticket 815` is `#815`.
        let is_number = piece.len() >= 2 && piece.bytes().all(|byte| byte.is_ascii_digit());
        if is_number
            && let Some(noun) = words.last_mut().filter(|word: &&mut Word| TICKETS.contains(&&*word.text))
        {
            *noun = Word::new(format!("#{piece}"), format!("#{piece}"));
            continue;
        }
        let lower = piece.to_lowercase().replace('’', "'");
        if let Some(asked) = ["what", "where", "who", "how", "when", "that", "there"].iter().find(|word| {
            lower.strip_suffix('s').map(|head| written_short(head).unwrap_or(head)) == Some(word)
        }) {
            words.extend([asked, "is"].map(|text| Word::new(text.to_owned(), text.to_owned())));
            continue;
        }
        if let Some(meant) = written_short(&lower) {
            words.push(Word::new(meant.to_owned(), piece.to_owned()));
            continue;
        }
        if let Some(verb) = negated(&lower) {
            words.extend([verb, "not"].map(|text| Word::new(text.to_owned(), text.to_owned())));
            continue;
        }
        let (head, tail) = match lower.split_once('\'') {
            Some((head, "s"))
                if ["what", "where", "who", "which", "that", "when", "it", "how"].contains(&head) =>
            {
                (head, Some("is"))
            }
            Some(("let", "s")) => ("lets", None),
            Some((head, "re")) => (head, Some("are")),
            Some((head, "ve")) => (head, Some("have")),
            Some((head, "m")) => (head, Some("am")),
            Some((head, "s")) => (head, None),
            _ => (lower.as_str(), None),
        };
        let (head, tail) = (head.replace('\'', ""), tail.map(str::to_owned));
        let written = if tail.is_some() { head.clone() } else { piece.to_owned() };
        if !head.is_empty() {
            words.push(Word::new(head, written));
        }
        words.extend(tail.map(|text| Word::new(text.clone(), text)));
    }
    words
}

/// The word that is meant by the way it is written in chats, and the word of the trade for a rare one.
fn written_short(word: &str) -> Option<&'static str> {
    const MEANT: [(&str, &str); 38] = [
        ("sup", "status"),
        ("gimme", "show"),
        ("lemme", "let"),
        ("&", "and"),
        ("+", "and"),
        ("wat", "what"),
        ("wut", "what"),
        ("wot", "what"),
        ("teh", "the"),
        ("adn", "and"),
        ("abt", "about"),
        ("bout", "about"),
        ("b4", "before"),
        ("w/", "with"),
        ("cuz", "because"),
        ("atm", "now"),
        ("yday", "yesterday"),
        ("hav", "have"),
        ("svc", "service"),
        ("svcs", "services"),
        ("thru", "through"),
        ("rn", "now"),
        ("n", "and"),
        ("tho", "though"),
        ("u", "you"),
        ("ur", "your"),
        ("y", "why"),
        ("2day", "today"),
        ("rb", "rollbacks"),
        ("rbs", "rollbacks"),
        ("ver", "version"),
        ("vers", "versions"),
        ("repaired", "fixed"),
        ("mended", "fixed"),
        ("corrected", "fixed"),
        ("anyone", "anybody"),
        ("correction", "fix"),
        ("corrections", "fixes"),
    ];
    MEANT.iter().find(|(short, _)| *short == word).map(|(_, meant)| *meant)
}

/// The verb of `isn't` and `hasnt`.
fn negated(word: &str) -> Option<&'static str> {
    const VERBS: [&str; 15] = [
        "is", "are", "was", "were", "do", "does", "did", "has", "have", "had", "should", "could", "would",
        "can", "will",
    ];
    let verb = word.replace('\'', "");
    let verb = match verb.strip_suffix("nt")? {
        "ca" if word != "cant" || word.contains('\'') => "can",
        "wo" if word.contains('\'') => "will",
        verb => verb,
    };
    VERBS.into_iter().find(|known| *known == verb)
}

impl Word {
    /// A word that nobody took yet.
    pub(super) fn new(text: String, written: String) -> Self {
        let is_known = KEYWORDS.contains(&text.as_str()) || is_frame(&text);
        Self { text, written, is_known, is_named: false, is_described: false, taken: false }
    }

    fn is_like(&self, keyword: &str) -> bool {
        self.text == keyword || (!self.is_known && is_slip(&self.text, keyword) && !is_known(&self.text))
    }

    /// Tells whether this is one of `keywords`, perhaps with a slip. They are separated by spaces.
    pub(super) fn is_any(&self, keywords: &str) -> bool {
        !self.taken && !self.is_described && keywords.split(' ').any(|keyword| self.is_like(keyword))
    }
}

/// Words that are no slip of a keyword, however near they are.
const KEYWORDS: [&str; 44] = [
    "order", "orders", "forget", "never", "state", "stage", "place", "release", "released", "releases",
    "deploy", "deployed", "deploys", "changes", "changed", "change", "version", "versions", "running",
    "missing", "token", "tokens", "fixed", "fixes", "behind", "before", "after", "history", "since", "where",
    "there", "these", "which", "while", "shows", "rollback", "revert", "stale", "lose", "lost", "fails",
    "broken", "again", "could",
];

/// Tells whether it is a word of questions, and no slip of another one.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// Tells whether `word` is `meant` with a slip, or two in a long word. Short words have too many neighbours.
pub(super) fn is_slip(word: &str, meant: &str) -> bool {
    let slips = match meant.chars().count() {
        0..5 => return false,
        5..10 => 1,
        _ => 2,
    };
    word.len() >= 4
        && word.len().abs_diff(meant.len()) <= slips
        && word.bytes().next() == meant.bytes().next()
        && !word.bytes().any(|byte| byte.is_ascii_digit())
        && osa_distance(word, meant) <= slips
}

/// Tells whether a word belongs to the frame of a question and to nothing that it is about.
pub(super) fn is_frame(word: &str) -> bool {
    FRAME.split_whitespace().any(|frame| frame == word)
}
