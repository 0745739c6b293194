//! Questions about what is: what runs, what is live, what is missing, how two differ.

use super::cues::Cues;
use super::past::{CHANGED, MOVED};
use crate::model::ask::words::is_frame;

impl Cues<'_> {
    pub(super) fn compares(&self) -> bool {
        let says = self.says("compare compared comparing comparison difference differences differ differs different diff diffs versus vs between ahead diverged same");
        let two = self.found.environments.len() >= 2;
        let begins = self.begins("compare diff differences difference");
        let is_of_each = self.has_number()
            || self.is_about_rollbacks()
            || self.asks_when()
            || (self.is_yes_or_no()
                && (self.says("fix patch feature live shipped fixed") || self.begins_with_a_change())
                && self.describes()
                && !says);
        begins
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
            "need an update",
            "needs an update",
            "need updating",
            "needs updating",
            "to update",
            "to upgrade",
            "updates are available",
            "do we need",
            "havent reached",
            "hasnt been",
            "has not been",
            "havent been",
            "have not been",
        ]);
        let words = self.says("behind missing miss misses lacks lack lacking outdated stale lag lags lagging uptodate pending unreleased undeployed unshipped newer gain gains outstanding coming upcoming skip skips skipped drift drifted");
        let needs = self.begins("what which") && self.says("need needs") && self.has_place();
        let negated = self.begins("what which") && self.says("hasnt doesnt isnt havent arent not");
        let latest = (self.is_yes_or_no() || self.begins("how"))
            && self.says("latest newest current")
            && !self.says("fix");
        // `what would production get from it`, `why is it so old`: of a place or a service, and of no change.
        let would = self.says("would") && self.says("get gain receive bring") && !self.goes_back();
        let is_old = self.says("old older") && !self.describes_more("old older");
        // `is the fix not in production yet` is about the fix.
        let about_a_change = self.is_yes_or_no()
            && (self.has_number() || self.says("fix patch"))
            && self.describes()
            && !self.says("any");
        (phrases || words || negated || latest || would || needs || is_old) && !about_a_change
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
        let somewhere = self.says("environment environments anywhere everywhere") && self.describes();
        version
            || somewhere
            || ((asked
                || orders
                || when
                || (statement && fix)
                || (fix && !self.found.environments.is_empty() && !self.asks_for_a_list()))
                && self.describes())
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
        ]) && self.begins("what which show");
        let where_is = self.begins("where") && self.found.repository.is_some() && !self.describes();
        // `is portal deployed in qa` asks for a service, and for no change of it.
        let is_there = self.begins("is are does do")
            && self.found.repository.is_some()
            && !self.describes()
            && !self.has_time
            && !self.begins_with_what_changed();
        let lists = self.begins("show list give")
            && self.says("deployed installed live")
            && !self.has_time
            && !self.describes();
        version
            || where_is
            || is_there
            || lists
            || deployed && !(self.has_time && self.says("was were"))
            || self.phrases(&["what was on", "what was in", "look like"])
    }

    pub(super) fn only_a_place(&self) -> bool {
        let is_of_a_change = self.says(CHANGED) || self.has_time && self.says(MOVED);
        let is_bare = self.words.iter().all(|word| word.taken || is_frame(&word.text));
        is_bare && !is_of_a_change && !self.says("release releases")
    }

    pub(super) fn asks_what_runs(&self) -> bool {
        let runs = self.says("running runs run version versions ran installed deployed serving active");
        let lists = self.begins("what whats which show list status state how give tell describe overview current rundown run-down snapshot inventory");
        let known = !self.found.environments.is_empty();
        let unknown = self.found.unclear_environment.is_some();
        let where_is = self.begins("where") && self.found.repository.is_some();
        let is_whole = known
            && self.says("overview inventory rundown run-down snapshot")
            && self.says_only(&["overview inventory rundown run-down snapshot"]);
        runs || where_is
            || is_whole
            || (known && (lists || !self.describes()))
            || (unknown && !self.says_more() && !self.is_yes_or_no() && self.says("in on at inside"))
    }
}
