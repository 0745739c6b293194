//! What a question is about, by its cues.

use super::frame::{description, is_frame};
use super::names::Found;
use super::question::Intent;
use super::words::Word;

/// An intent, and what speaks for it.
type Rule<'a> = (Intent, fn(&Cues<'a>) -> bool);

/// What a question is about.
pub(super) fn of<'a>(words: &'a [Word], found: &'a Found, has_time: bool) -> Intent {
    let cues = Cues { words, found, has_time };
    let rules: [Rule<'a>; 14] = [
        (Intent::Unknown, Cues::is_out_of_bounds),
        (Intent::Unknown, Cues::asks_for_measures),
        (Intent::GenerateToken, Cues::makes_a_token),
        (Intent::CreateEnvironment, Cues::makes_an_environment),
        (Intent::Tokens, Cues::is_about_tokens),
        (Intent::Deploy, Cues::wants_a_deploy),
        (Intent::Compare, Cues::compares),
        (Intent::Rollbacks, Cues::is_about_rollbacks),
        (Intent::Missing, Cues::asks_what_is_missing),
        (Intent::Search, Cues::looks_for_a_release),
        (Intent::History, Cues::asks_when),
        (Intent::Verify, Cues::asks_whether_it_is_live),
        (Intent::Changes, Cues::asks_what_changed),
        (Intent::Running, Cues::asks_what_runs),
    ];
    let rule = rules.iter().find(|(_, fits)| fits(&cues));
    rule.map_or_else(|| cues.fallback(), |(intent, _)| *intent)
}

/// Whether it would destroy something, or asks for a secret.
pub(super) fn is_declined(words: &[Word], found: &Found) -> bool {
    Cues { words, found, has_time: false }.is_out_of_bounds()
}

/// What stands before the verb of a wish.
const POLITE: &str = "please hey hi hello so and ok okay landfall now just can could would will should you we i us me id want \
    need have like to lets let help how do go kindly must";

/// What a question gives away about what it wants.
struct Cues<'a> {
    words: &'a [Word],
    found: &'a Found,
    has_time: bool,
}

impl Cues<'_> {
    fn says(&self, keywords: &str) -> bool {
        self.words.iter().any(|word| word.is_any(keywords))
    }

    /// Whether these words follow each other.
    fn phrase(&self, phrase: &str) -> bool {
        let wanted: Vec<&str> = phrase.split(' ').collect();
        self.words
            .windows(wanted.len())
            .any(|run| run.iter().zip(&wanted).all(|(word, wanted)| word.text == *wanted))
    }

    fn phrases(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.phrase(phrase))
    }

    fn begins(&self, keywords: &str) -> bool {
        let mut words = self.words.iter().filter(|word| {
            !["please", "hey", "hi", "so", "and", "ok", "okay", "landfall", "now", "hello", "just"]
                .contains(&word.text.as_str())
        });
        words.next().is_some_and(|word| word.is_any(keywords))
    }

    /// Whether the first word behind `could you please` and the like is one of these.
    fn wishes(&self, verbs: &str) -> bool {
        let is_polite = |word: &&Word| POLITE.split_whitespace().any(|polite| polite == word.text);
        self.words.iter().find(|word| !is_polite(word)).is_some_and(|word| word.is_any(verbs))
    }

    /// Whether an environment is named, be it one that is not known.
    fn has_place(&self) -> bool {
        !self.found.environments.is_empty() || self.found.unclear_environment.is_some()
    }

    /// Whether something is said besides names and the frame of a question.
    fn says_more(&self) -> bool {
        let unclear = self.found.unclear_environment.as_ref().map_or("", |(said, _)| said);
        let more = |word: &&Word| {
            !word.taken && !is_frame(&word.text) && !unclear.split(' ').any(|part| part == word.written)
        };
        self.words.iter().any(|word| more(&word))
    }

    fn asks(&self) -> bool {
        self.begins("is are was were did do does has have had what which who when where why how whats")
    }

    fn is_yes_or_no(&self) -> bool {
        self.begins("is are was were did do does has have had") || self.says("whether if")
    }

    fn describes(&self) -> bool {
        description(self.words).is_some()
    }

    fn has_number(&self) -> bool {
        self.words.iter().any(|word| {
            let digits = word.text.trim_start_matches(['#', '!']);
            !word.taken && digits.len() < word.text.len() && digits.bytes().all(|byte| byte.is_ascii_digit())
        }) || self.phrases(&["pr", "mr", "pull request", "merge request"])
    }

    fn wants_a_secret(&self) -> bool {
        let secret = self.says("secret secrets password passwords admin value plaintext");
        let token = self.says("token tokens credentials") || self.found.token.is_some();
        (secret && token && !self.says("create generate make new"))
            || (self.says("reveal leak print dump decrypt") && token)
            || self.tells_a_secret()
    }

    /// `print the password`; a change may be about passwords, too.
    fn tells_a_secret(&self) -> bool {
        self.says("secret secrets password passwords plaintext")
            && self.wishes("show print reveal give tell what whats dump leak decrypt get read display")
            && !self.phrase("pull secrets")
            && !self.says("fix fixed fixes fixing change changes changed feature patch release releases live deployed version status create generate make new need")
    }

    /// What no question may do, and what is no question about deployments.
    fn is_out_of_bounds(&self) -> bool {
        let destroys = self.wishes(
            "delete remove destroy drop revoke purge wipe erase rename kill stop restart reboot scale truncate",
        );
        self.wants_a_secret()
            || destroys
            || self.phrases(&["ignore all", "ignore previous", "your instructions"])
    }

    /// What monitoring knows and pulls do not tell.
    fn asks_for_measures(&self) -> bool {
        self.says("cpu memory ram disk pods replicas latency throughput traffic uptime usage logs metrics")
            && self.begins("how what whats show give")
            && !self.says(
                "fix fixed fixes patch feature change changes changed release released version live deployed",
            )
    }

    fn makes_a_token(&self) -> bool {
        let makes = self.says("create generate make issue mint new need give get add want rotate another");
        let noun = self.says("token tokens credential credentials")
            || self.phrases(&["pull secret", "image pull secret"]);
        let joins = self.says("connect hook link attach register onboard join wire")
            && self.says("cluster kubernetes k8s namespace node nodes laptop machine docker computer");
        let how =
            self.phrases(&["how do i", "how can i", "how do we", "how to", "can i", "can you", "could you"]);
        (makes && noun && (!self.asks() || how))
            || self.phrases(&["how do i connect", "how can i connect", "need a token", "need credentials"])
            || (joins && !self.is_yes_or_no())
    }

    fn makes_an_environment(&self) -> bool {
        let makes = (self.begins("create add make new set setup spin need want i can could lets we")
            || self.phrases(&["how do i", "how can i", "how do we", "how to"]))
            && self.says("create add make new set setup spin need want");
        makes && self.says("environment environments env")
    }

    fn is_about_tokens(&self) -> bool {
        self.found.token.is_some()
            || self.says("token tokens credential credentials")
            || self.phrase("pull secrets")
    }

    fn wants_a_deploy(&self) -> bool {
        const VERBS: &str = "deploy ship promote release rollout install upgrade downgrade push redeploy";
        const MOVES: &str = "get put bring move";
        let moves = !self.found.environments.is_empty()
            && self.says("to into onto on in")
            && !self.says("running versions status state services deployments");
        let polite = self.begins("can could would will i we lets help how")
            && (self.says(VERBS) || self.phrases(&["roll out", "roll back"]) || (moves && self.says(MOVES)))
            && self.phrases(&[
                "can you",
                "could you",
                "would you",
                "will you",
                "i want",
                "i would",
                "id like",
                "we want",
                "we need",
                "i need",
                "lets",
                "how do",
                "how can",
                "help me",
                "can we",
                "can i",
                "how to",
            ]);
        let orders = (self.begins("deploy ship promote install upgrade downgrade push redeploy")
            && (self.says(VERBS) || !self.found.environments.is_empty()))
            || (moves && self.begins("put get bring move bump send apply set switch"));
        let imperative =
            self.begins("release rollout") && !self.found.environments.is_empty() && !self.says("notes");
        let rolls =
            self.begins("roll rollback revert undo") && !self.says("rollbacks history status count log");
        let rolls = rolls || (self.found.version.is_some() && self.wishes("back switch"));
        let plans = self.wishes("prepare plan draft start trigger perform simulate")
            && self.says("deploy deployment rollback rollout release upgrade downgrade promotion");
        let meant = self.found.version.is_some() || self.has_number();
        let which = meant
            && (self.phrases(&["to deploy", "to ship", "to release", "to promote"])
                || (self.found.destination.is_some() && self.phrases(&["to get", "to bring", "to put"])));
        let needs = self.begins("i we")
            && self.phrases(&["i need", "we need", "i want", "we want"])
            && self.found.version.is_some()
            && !self.found.environments.is_empty()
            && !self.says("know whether if");
        let after = self.phrases(&[
            "and deploy",
            "then deploy",
            "and ship",
            "and promote",
            "and roll",
            "and release",
            "and push",
            "and install",
            "and put",
        ]);
        polite || orders || imperative || rolls || plans || which || needs || (after && !self.is_yes_or_no())
    }

    fn compares(&self) -> bool {
        let says = self.says("compare comparing comparison difference differences differ differs different diff diffs versus vs between ahead diverged same");
        let two = self.found.environments.len() >= 2;
        let begins = self.begins("compare diff differences difference");
        begins
            || (two && !self.has_number())
            || (says
                && (two
                    || (self.says("compare difference differences differ diff")
                        && !self.found.environments.is_empty())))
    }

    fn is_about_rollbacks(&self) -> bool {
        let noun = self.says("rollback rollbacks reverted reverts revert undone unrolled rolledback");
        let verb = self.phrases(&[
            "rolled back",
            "roll back",
            "rolled-back",
            "roll backs",
            "taken back",
            "backed out",
        ]);
        let about_a_change = self.is_yes_or_no()
            && (self.has_number() || (self.says("fix feature change patch") && !self.says("any")));
        (noun || verb) && !about_a_change
    }

    fn asks_what_is_missing(&self) -> bool {
        let phrases = self.phrases(&[
            "up to date",
            "up-to-date",
            "out of date",
            "not got",
            "not have",
            "doesnt have",
            "does not have",
            "hasnt got",
            "has not",
            "not yet in",
            "not in",
            "isnt in",
            "not on",
            "not yet on",
            "isnt on",
            "not yet deployed",
            "not deployed",
            "not yet",
            "waiting to",
            "waiting for",
            "ready to",
            "on the latest",
            "latest version of everything",
            "newest version",
            "most recent version",
            "caught up",
            "have everything",
            "has everything",
            "got everything",
            "catch up",
            "still need",
            "need to deploy",
            "not reached",
            "hasnt reached",
            "havent reached",
            "hasnt been",
            "has not been",
            "havent been",
            "have not been",
        ]);
        let words = self.says("behind missing miss misses lacks lack lacking outdated stale lag lags lagging uptodate pending unreleased undeployed newer gain gains");
        let negated = self.begins("what which") && self.says("hasnt doesnt isnt havent arent not");
        let latest = self.is_yes_or_no() && self.says("latest newest current") && !self.says("fix");
        // `is the fix not in production yet` is about the fix.
        let about_a_change =
            self.is_yes_or_no() && (self.has_number() || self.says("fix patch")) && self.describes();
        (phrases || words || negated || latest) && !about_a_change
    }

    fn looks_for_a_release(&self) -> bool {
        let which = self.phrases(&[
            "which release",
            "what release",
            "which version",
            "what version",
            "which releases",
            "which versions",
            "in which",
            "in what release",
            "in what version",
        ]);
        let of_a_change = self.says("fix fixed fixes fixing has have contains contained contain includes included introduced added brought bring brings solved with first carries adds removed changed come came");
        let seeks = (self.begins("find search look lookup where") && !self.says("run runs running"))
            || (self.begins("show give tell list get")
                && self.says("release version")
                && of_a_change
                && self.describes())
            || (self.begins("who") && of_a_change)
            || self.phrases(&[
                "search for",
                "look for",
                "looking for",
                "release notes",
                "changelog",
                "what changed in v",
            ]);
        let in_release = self.found.version.is_some()
            && self.found.environments.is_empty()
            && !self.is_yes_or_no()
            && !self.says("running runs run");
        let where_is =
            self.begins("where") && (self.has_number() || self.describes()) && !self.says("running runs run");
        let nowhere = self.found.environments.is_empty();
        (which && of_a_change && self.describes())
            || (in_release && !self.begins("when"))
            || where_is
            || (seeks && nowhere)
    }

    fn asks_when(&self) -> bool {
        let history = self.says("history timeline deployments rollouts")
            || self.says("past previous recent earlier") && self.says("deploys releases")
            || self.phrases(&["have run", "has run", "ever run", "ever ran"]);
        let when = self.begins("when")
            || self.phrases(&[
                "how often",
                "how long ago",
                "last deployed",
                "last deployment",
                "last deploy",
                "last updated",
                "last time",
                "last release",
                "how many times",
                "since when",
                "how long has",
                "recent deployments",
                "latest deployment",
            ]);
        // `when did the VAT fix reach production` is about the fix.
        let about_a_change = self.found.repository.is_none() && self.describes() && !history;
        (history && !self.describes_a_fix()) || (when && !about_a_change)
    }

    fn describes_a_fix(&self) -> bool {
        self.is_yes_or_no() && self.says("fix patch") || self.has_number()
    }

    fn asks_whether_it_is_live(&self) -> bool {
        let orders = self.begins("verify check confirm")
            || self.phrases(&[
                "check if",
                "check whether",
                "status of",
                "tell me if",
                "see if",
                "know if",
                "know whether",
            ]);
        let version = self.found.version.is_some() && self.is_yes_or_no();
        let when = (self.begins("when") || self.phrases(&["since when", "how long has", "how long is"]))
            && self.describes();
        let statement = self.says("live deployed reach reached landed shipped arrived there yet")
            && !self.begins("what which show list");
        let fix = self.says("fix patch") || self.has_number();
        let of_this_world = !self.found.environments.is_empty()
            || self.found.unclear_environment.is_some() && self.says("in on")
            || self.has_number()
            || self.says("live deployed deploy released shipped landed fix fixed patch out rolled reached");
        let asked = self.is_yes_or_no() && of_this_world && !self.begins_with_what_changed();
        version
            || ((asked
                || orders
                || when
                || (statement && fix)
                || (fix && !self.found.environments.is_empty() && !self.asks_for_a_list()))
                && self.describes())
    }

    fn asks_for_a_list(&self) -> bool {
        self.begins("what which show list") || self.says("fixes features changes")
    }

    /// `did anything change in staging today`
    fn begins_with_what_changed(&self) -> bool {
        self.says("anything something everything")
            && self.says("change changed new happen happened deployed shipped land landed")
    }

    fn asks_what_changed(&self) -> bool {
        let changed = self.says("changed changes change new features fixes ship shipped landed went released happened happen news came deployed deploy rolled updated arrived delivered improvements bugfixes added summary summarize summarise recap digest")
            || self.phrases(&["go out", "went out", "go live", "went live", "got deployed", "been up"]);
        let released = self.has_time && self.says("release releases");
        let by_time = self.has_time && (self.has_place() || !self.says_more());
        let runs = self.says("running runs run ran");
        (changed || released || by_time) && !runs && !self.is_a_state() && !self.only_a_place()
    }

    /// `which version of portal is deployed in qa` asks for a state, and so does `what is deployed in qa`.
    fn is_a_state(&self) -> bool {
        let version = self.says("version versions") && !self.says("new changed changes");
        let deployed = self.phrases(&[
            "is deployed",
            "are deployed",
            "is currently",
            "was deployed in",
            "was deployed on",
        ]) && self.begins("what which show");
        version
            || deployed && !(self.has_time && self.says("was were"))
            || self.phrases(&["what was on", "what was in", "look like"])
    }

    fn only_a_place(&self) -> bool {
        self.words.iter().all(|word| word.taken || is_frame(&word.text)) && !self.says("changed changes change new features fixes ship shipped landed went release releases released happened came deployed updated arrived")
    }

    fn asks_what_runs(&self) -> bool {
        let runs = self.says("running runs run version versions ran installed deployed serving active");
        let lists = self.begins("what whats which show list status state how give tell describe overview current rundown run-down snapshot inventory");
        let known = !self.found.environments.is_empty();
        let unknown = self.found.unclear_environment.is_some();
        runs || (known && (lists || !self.describes()))
            || (unknown && !self.says_more() && !self.is_yes_or_no())
    }

    /// A question without a verb: a name in an environment, a number, a release.
    fn fallback(&self) -> Intent {
        let place = self.has_place();
        // A part of a repository's name stays among the words: it may describe a change.
        let is_named = self.found.repository.is_some()
            && (place || description(self.words).is_none_or(|text| !text.contains(' ')));
        if self.has_number() || (self.found.version.is_some() && self.found.repository.is_some()) {
            if place { Intent::Verify } else { Intent::Search }
        } else if is_named || (place && !self.says_more()) {
            Intent::Running
        } else if !self.found.environments.is_empty() {
            Intent::Verify
        } else {
            Intent::Unknown
        }
    }
}
