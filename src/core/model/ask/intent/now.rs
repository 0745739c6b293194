//! Questions about what is: what runs, what is live, what is missing, how two differ.

use super::cues::{Cues, Timed};
use super::past::{CHANGED, MOVED};
use crate::model::ask::names::is_plain;
use crate::model::ask::words::is_frame;

/// Words for what lacks something, or what is lacking.
const LACKING: &str = "behind missing miss misses lacks lack lacking outdated stale lag lags lagging uptodate up2date pending unreleased undeployed unshipped newer later gain gains outstanding queued awaiting blocking holding backlog forgot forgotten coming upcoming \
    skip skips skipped drift drifted";
/// Phrases that ask for environments.
const PLACES: &[&str] = &[
    "which environment",
    "which env",
    "what environment",
    "what env",
    "any environment",
    "any env",
    "each environment",
    "every environment",
];

impl Cues<'_> {
    pub(super) fn compares(&self) -> bool {
        let says = self.says("compare compared comparing comparison difference differences differ differs different diff diffs versus vs between ahead diverged same");
        let two = self.found.environments.len() >= 2;
        // `which environments drift from production`
        let is_beside =
            self.words.windows(2).any(|pair| ["than", "from"].contains(&&*pair[0].text) && pair[1].taken);
        let deviates = is_beside
            && self.found.environments.len() == 1
            && self.says("drift drifted drifts older newer deviate deviates differ differs");
        // `what is different in production compared to yesterday` asks what changed.
        let is_of_times =
            self.found.environments.len() == 1 && self.has_time() && self.found.unclear_environment.is_none();
        if (self.found.is_of_two && !two) || is_of_times {
            return false;
        }
        let begins = self.begins("compare diff differences difference");
        // `is web up to date in production and staging`
        let is_current =
            self.phrases(&["up to date", "up-to-date", "out of date"]) || self.says("outdated uptodate");
        let is_of_each = self.has_number()
            || self.is_yes_or_no() && is_current && !says
            || self.is_about_rollbacks()
            || self.asks_when()
            || (self.is_yes_or_no()
                && (self.says("fix patch feature live shipped fixed") || self.begins_with_a_change())
                && self.describes()
                && !says);
        begins
            || deviates
            || (two && !is_of_each)
            || (says
                && !self.says("latest newest")
                && (two
                    || (self.says("compare compared difference differences differ diff")
                        && !self.found.environments.is_empty())))
    }

    pub(super) fn asks_what_is_missing(&self) -> bool {
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
            "waiting on",
            "have to ship",
            "have to deploy",
            "have to release",
            "have to promote",
            "have to roll",
            "need to ship",
            "need to release",
            "need to promote",
            "need to roll",
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
            "do i need",
            "updates available",
            "left to",
            "to update",
            "to upgrade",
            "updates are available",
            "do we need",
            "havent reached",
            "hasnt been",
            "has not been",
            "havent been",
            "have not been",
            "not been",
            "not made",
            "to be deployed",
            "to be released",
            "to be shipped",
            "to be rolled out",
            "yet to be",
            "yet to",
            "what is not",
            "what are not",
            "which are not",
        ]);
        let words = self.says(LACKING);
        // `has production got all the fixes`
        let is_whole = self.is_yes_or_no()
            && (self.says("every everything") && self.says("got have received")
                || self.says("all every")
                    && self.says("fixes features changes releases")
                    && (self.says("got have received") || self.has_place()));
        let needs = self.begins("what which") && self.says("need needs") && self.has_place();
        let needs = needs
            || self.says("need needs requires due")
                && self.says("update updates updating upgrade upgrades upgrading bump bumping");
        let negated = self.begins("what which") && self.says("hasnt doesnt isnt havent arent not");
        let latest = (self.is_yes_or_no() || self.begins("how"))
            && (self.says("latest newest current actual") || self.phrases(&["last version", "last release"]))
            && !self.says("fix");
        // `what would production get from it`, `why is it so old`: of a place or a service, and of no change.
        let would = (self.says("would") || self.begins("what which") && self.says("will"))
            && !self.goes_back()
            && !self.begins("how")
            && (self.says("get gain receive bring come contain include")
                || (self.says("deploy deployed") && self.says("everything all")));
        // `what could we release to production`
        let may = self.begins("what which")
            && self.says("could can should shall must")
            && self.says("release ship deploy promote")
            && self.found.version.is_none()
            && !self.found.names_service()
            && !self.has_number();
        let can_be_updated = self.begins("could can should must")
            && self.phrases(&["be updated", "be upgraded"])
            && self.found.version.is_none();
        // `which fixes do we get if we update`
        let can_be_updated = can_be_updated
            || self.says("if when by from")
                && self.says("update updating upgrade upgrading")
                && self.says("get gain receive bring brings win");
        let is_newer = self.is_yes_or_no()
            && !self.has_time()
            && self.says("new news")
            && self.says("version versions releases updates");
        const OF_AGE: &str = "old older software version versions release releases";
        let is_old = self.says("old older") && !self.describes_more(OF_AGE) && !self.asks_for_an_age();
        // `what is in the next web release for production`
        let is_next = self.begins("what which")
            && self.says("next")
            && self.says("release version")
            && self.has_place();
        let is_kept = is_next
            || self.begins("what why")
                && self.phrases(&["from being", "keeps"])
                && self.says("current latest newest");
        // `is the fix not in production yet` is about the fix.
        let of_places = self.says("environment environments env envs")
            && (self.has_number() || self.says("fix patch feature") && self.describes());
        // `the login fix is not in production yet`
        let is_told = !self.begins("what which show list any anything how")
            && self.says("fix patch")
            && !self.says("fixes");
        // `has the stale badge been fixed`: said of what a change is about, and of no place.
        let is_attribute = self.is_yes_or_no()
            && self.words.windows(3).any(|three| {
                ["the", "a", "an", "our", "that", "this"].contains(&&*three[0].text)
                    && three[1].is_any(LACKING)
                    && !three[2].taken
                    && !is_frame(&three[2].text)
                    && !is_plain(&three[2])
            });
        let about_a_change = is_attribute
            || (of_places || is_told || self.is_yes_or_no())
                && (self.has_number() || self.says("fix patch"))
                && self.describes()
                && !self.says("any");
        (phrases
            || words
            || may
            || is_newer
            || can_be_updated
            || is_whole
            || negated
            || latest
            || would
            || needs
            || is_old
            || is_kept)
            && !about_a_change
    }

    pub(super) fn asks_whether_it_is_live(&self) -> bool {
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
        let version = self.found.version.is_some() && (self.is_yes_or_no() || self.is_a_release_somewhere());
        let may = self.begins("can could") && self.says("customers users people everyone clients partners");
        let where_live = self.begins("where") && self.is_said_to_be_live();
        let where_fixed = self.says("where") && self.says("fixed fix") && !self.begins("where");
        let when = (self.begins("when") || self.phrases(&["since when", "how long has", "how long is"]))
            && self.describes();
        let statement = self.says("live deployed reach reached landed shipped arrived there yet")
            && !self.begins("what which show list");
        let fix = self.says("fix patch") || self.has_number() || self.is_a_bare_number();
        let of_this_world = !self.found.environments.is_empty()
            || self.found.unclear_environment.is_some() && self.says("in on")
            || self.has_number()
            || self.says("live deployed deploy released shipped landed launched fix fixed patch out rolled reached available gone customers users people everyone clients");
        let asked = self.is_yes_or_no() && of_this_world && !self.begins_with_what_changed();
        let is_of_a_fix = self.says("fix patch") && self.says("status envs environments");
        let somewhere = is_of_a_fix && self.describes()
            || (self.says("environments envs anywhere everywhere") || self.phrases(PLACES))
                && self.describes_more("overview summary list status picture");
        version
            || somewhere
            || ((asked
                || may
                || where_fixed
                || where_live
                || orders
                || when
                || (statement && fix)
                || (fix && !self.found.environments.is_empty() && !self.asks_for_a_list()))
                && self.describes())
    }

    /// `where is the dark theme live`
    pub(super) fn is_said_to_be_live(&self) -> bool {
        self.says("live deployed shipped") && self.describes()
    }

    /// `which environments run web v1.2.0`: asked of every place.
    pub(super) fn asks_where_a_release_runs(&self) -> bool {
        let is_of_places =
            self.begins("where who") || self.says("environments envs clusters") || self.phrases(PLACES);
        is_of_places
            && self.found.version.is_some()
            && self.found.names_service()
            && !self.has_place()
            && !self.has_time()
            && self.says("run runs running deployed live installed use uses using has have on in is are")
            && self.says_only(&["cluster clusters still use uses using exactly version"])
            && !self.says("not behind lack lacks missing")
    }

    /// `prod on web v1.2.0?`
    fn is_a_release_somewhere(&self) -> bool {
        self.found.names_service() && self.has_place() && !self.asks() && self.says_only(&["yet already"])
    }

    pub(super) fn asks_for_a_list(&self) -> bool {
        self.begins("what which show list") || self.says("fixes features changes")
    }

    /// `which version of portal is deployed in qa` asks for a state, and so does `what is deployed in qa`.
    pub(super) fn is_a_state(&self) -> bool {
        let version = self.says("version versions") && !self.says("new changed changes");
        let deployed = self.phrases(&[
            "is deployed",
            "are deployed",
            "is currently",
            "was deployed in",
            "was deployed on",
        ]) && self.begins("what which show list tell give");
        let deployed = deployed
            || self.begins("what which")
                && self.says("have has")
                && self.says("deployed installed")
                && !self.has_time();
        let where_is = self.begins("where") && self.found.names_service() && !self.describes();
        // `is portal deployed in qa` asks for a service, and for no change of it.
        let is_there = self.begins("is are does do")
            && self.found.names_service()
            && !self.describes()
            && !self.has_time()
            && !self.begins_with_what_changed();
        let lists = self.begins("show list give")
            && self.says("deployed installed live")
            && !self.has_time()
            && !self.describes();
        // `what is deployed where`
        let is_placed = self.says("where")
            && !self.begins("where when who")
            && self.says("deployed installed live")
            && !self.has_time();
        // `currently deployed web in qa`
        let is_current = !self.has_time()
            && self.says("currently current now")
            && self.says("deployed installed live")
            && !self.is_yes_or_no()
            && !self.describes();
        version
            || where_is
            || is_current
            || is_placed
            || self.begins("how") && self.says("look looks")
            || is_there
            || lists
            || deployed && !(self.has_time() && self.says("was were"))
            || self.is_of_a_moment()
            || self.phrases(&["what was on", "what was in", "look like"])
    }

    /// `what was deployed in qa at 9am`, `which web was in production on Monday`
    fn is_of_a_moment(&self) -> bool {
        let is_at = self.time == Timed::Instant && self.says("deployed live installed");
        let was =
            self.begins("what which") && (self.phrases(&["was in", "was on", "were in", "were on"]) || is_at);
        was && self.has_time()
            && !self.says(
                "changed change changes new features fixes shipped landed released happened updated arrived",
            )
    }

    pub(super) fn only_a_place(&self) -> bool {
        let is_of_a_change = self.says(CHANGED) || self.has_time() && self.says(MOVED);
        let is_bare = self.words.iter().all(|word| word.taken || is_frame(&word.text));
        is_bare && !is_of_a_change && !self.says("release releases")
    }

    pub(super) fn asks_what_runs(&self) -> bool {
        let runs = self
            .says("running runs run version versions ran installed deployed serving active stand stands")
            || self.phrases(&["what is live", "what is currently live"]) && !self.describes()
            || self.phrases(&["rolling out", "being rolled out", "being deployed"]);
        let lists = self.begins("what whats which show list status state how give tell describe overview current rundown run-down snapshot inventory");
        let known = !self.found.environments.is_empty();
        let unknown = self.found.unclear_environment.is_some();
        let where_is = self.begins("where") && self.found.names_service();
        let is_whole = known
            && self.says("overview inventory rundown run-down snapshot inside")
            && self.says_only(&["overview inventory rundown run-down snapshot inside"]);
        let is_everywhere = self.says("where picture overview")
            && self.says("deployed installed runs running")
            && !self.begins("where");
        runs || where_is
            || is_everywhere
            || is_whole
            || (known && (lists || !self.describes()))
            || (unknown
                && !self.begins("who")
                && !self.says_more()
                && !self.is_yes_or_no()
                && self.says("in on at inside"))
    }
}
