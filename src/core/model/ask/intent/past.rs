//! Questions about what was: deployments, rollbacks, changes, and the releases that have them.

use super::cues::Cues;
use crate::model::ask::words::Word;

/// Names of a history whose first word alone would be an order.
pub(super) const LOGS: &[&str] =
    &["deploy log", "deployment log", "deploy history", "release log", "rollout log", "rollout history"];
/// Words that say that something changed.
pub(super) const CHANGED: &str = "changed changes change new features fixes ship shipped landed went released happened came deployed \
    updated arrived touched";
/// The same, where a time is said.
pub(super) const MOVED: &str = "got received push pushed put brought moved deploy fixed fix bugs";

impl Cues<'_> {
    pub(super) fn is_about_rollbacks(&self) -> bool {
        let noun = self.says("rollback rollbacks reverted reverts revert undone unrolled rolledback");
        let verb = self.phrases(&[
            "rolled back",
            "roll back",
            "rolled-back",
            "roll backs",
            "taken back",
            "backed out",
        ]) || (self.says("roll rolled rolling") && self.says("back"))
            || (self.begins("why when who did was were has have") && self.goes_back());
        let about_a_change = self.is_yes_or_no()
            && (self.has_number() || (self.says("fix feature change patch") && !self.says("any")));
        let undoes = self.is_yes_or_no() && self.says("undo") && self.says("anything something");
        let takes =
            self.says("take took taken") && self.says("back") && self.says("anything something did have had");
        (noun || verb || takes || undoes) && !about_a_change
    }

    pub(super) fn looks_for_a_release(&self) -> bool {
        let which = self.phrases(&[
            "which release",
            "what release",
            "which version",
            "what version",
            "which releases",
            "which versions",
            "which build",
            "what build",
            "which commit",
            "what commit",
            "which pr",
            "which change",
            "what change",
            "what pr",
            "what pull",
            "what merge",
            "which merge",
            "which mr",
            "what mr",
            "which fix",
            "what fix",
            "which patch",
            "what patch",
            "which pull",
            "in which",
            "in what release",
            "in what version",
        ]);
        let which = which || (self.begins("which what") && self.says("version release build"));
        let of_a_change = self.says("fix fixed fixes fixing has have contains contained contain includes included introduced added brought bring brings solved broke breaks reverted renamed replaced dropped with first carries adds removed changed come came touch touches mention mentions affect affects");
        let where_it_runs =
            self.begins("where") && self.found.names_service() && !self.describes() && !self.has_number();
        let is_of_a_state = where_it_runs || self.begins("where") && self.is_said_to_be_live();
        let seeks =
            !is_of_a_state && self.begins("find search look lookup where") && !self.says("run runs running")
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
        // `diff web v1.0.0 v1.1.0`
        let in_release = self.found.version.is_some()
            && !self.says("environment environments env envs")
            && self.found.environments.is_empty()
            && !self.is_yes_or_no()
            && !self.says("running runs run");
        let is_of_a_change = !self.found.names_service() && self.says("fix patch feature change bug");
        let where_is = self.begins("where")
            && (self.has_number() || self.describes())
            && !self.is_said_to_be_live()
            && (is_of_a_change || !self.says("running runs run"));
        let nowhere = self.found.environments.is_empty();
        // `which changes are about orders`
        let is_about = self.begins("what which show list")
            && self.says("changes fixes features releases change fix feature release commits commit prs pr mrs mr issues issue tickets ticket bugs bug patches patch")
            && self.says("about regarding concerning mention mentions touch touches")
            && self.describes()
            && !self.has_time()
            && nowhere;
        // `what is the cache change?`
        let is_shown = self.phrases(&["what is the", "what was the"])
            && self.says("change fix feature patch")
            && self.describes()
            && !self.has_time()
            && nowhere;
        let in_which =
            self.phrases(&["in which release", "in what release", "in which version", "in what version"]);
        let is_there = self.phrases(&["is there a release", "is there a version", "are there releases"]);
        // `what version has crm in production`
        let is_of_a_name = !self.found.environments.is_empty() && self.found.unknown.is_some();
        // `which version of web do they have in production`
        let is_had = self.has_place()
            && self.found.names_service()
            && self.says("have has")
            && !self.says("fix fixed fixes fixing contains contained contain includes included introduced added solved first");
        let of_seen = self.says("versions") && self.says("seen had") && !self.found.environments.is_empty();
        is_shown
            || is_about
            || (is_there && self.describes())
            || (which
                && !of_seen
                && !is_had
                && !is_of_a_name
                && (of_a_change || in_which)
                && self.describes())
            || (in_release && !self.begins("when"))
            || where_is
            || (seeks && nowhere)
    }

    pub(super) fn asks_when(&self) -> bool {
        // `which versions of web did we have in production`
        let of_old = self.says("versions") && self.says("did had seen been") && self.found.names_service();
        // `the releases of web`, `which releases of web have been in production so far`
        let lists_releases = self.says("releases")
            && self.found.names_service()
            && (!self.has_place() || self.says("been ran had"))
            && self.says_only(&["list show give which what all of releases far"]);
        let lists_releases = lists_releases
            || self.begins("what when")
                && self.says("last latest")
                && self.says("release")
                && self.has_place()
                && !self.found.names_service()
                && self.says_only(&["last latest release"]);
        let history = self.says("history timeline deployments rollouts deploys frequency")
            || lists_releases
            || of_old
            || self.phrases(LOGS)
            || (self.says("past previous recent earlier last") && self.says("deploys releases versions"))
            || (self.says("last latest recent") && self.says("deployment rollout") && !self.says("fix"))
            || self.asks_what_was_before()
            || (self.begins("was were is any")
                && self.says("any a there")
                && self.says("deployment deployments")
                && self.has_time())
            || self.is_before_a_release()
            || self.phrases(&["have run", "has run", "ever run", "ever ran"]);
        let when = self.begins("when")
            || self.phrases(&[
                "came before",
                "ran before",
                "how often",
                "how frequently",
                "how long ago",
                "last deployed",
                "last deployment",
                "last deploy",
                "last updated",
                "last time",
                "last release",
                "how many times",
                "since when",
                "what time",
                "how long has",
                "recent deployments",
                "latest deployment",
            ]);
        // `when did the VAT fix reach production` is about the fix.
        let about_a_change = !self.found.names_service() && self.describes() && !history;
        let dated = self.asks_for_an_age()
            || self.says("date dates") && self.says("deployment deployments deploy deploys");
        (history && !self.describes_a_fix()) || (dated && self.has_place()) || (when && !about_a_change)
    }

    /// `what was on qa before web v1.2.0`
    fn is_before_a_release(&self) -> bool {
        let is_it = |pair: &[Word]| pair[0].is_any("before") && pair[1].taken;
        self.begins("what which") && self.found.version.is_some() && self.words.windows(2).any(is_it)
    }

    /// `how old is the deployment of web`
    pub(super) fn asks_for_an_age(&self) -> bool {
        self.begins("how") && self.says("old") && self.says("deployment deploy rollout")
    }

    /// `which version was there before this one`, `the previous version of web`
    pub(super) fn asks_what_was_before(&self) -> bool {
        let previous = self.says("previous prior former preceded precedes preceding predecessor")
            && self.says("version release image build");
        let before = self.phrases(&[
            "before this",
            "before that",
            "before the current",
            "before it",
            "used to run",
            "run before",
            "ran before",
            "version before",
            "release before",
        ]);
        let was = self.says("before")
            && self.begins("what which")
            && self.says("was were did had ran")
            && !self.has_time();
        (previous || before || was) && self.found.version.is_none() && self.found.names_service()
    }

    pub(super) fn describes_a_fix(&self) -> bool {
        self.is_yes_or_no() && self.says("fix patch") || self.has_number()
    }

    /// `did anything change in staging today`
    pub(super) fn begins_with_what_changed(&self) -> bool {
        let is_touched = self.says("touch touched") && self.says("anybody somebody anyone someone");
        is_touched || self.says("anything something everything")
            && self.says(
                "change changed new happen happened deployed shipped land landed get got receive received",
            )
    }

    pub(super) fn asks_what_changed(&self) -> bool {
        let changed = self.says(CHANGED)
            || (self.has_time() && self.says(MOVED))
            || self.says("happen news report reports weekly daily deploy rolled delivered improvements bugfixes added summary summarize summarise recap") || self.says("digest") && !self.found.names_service()
            || self.phrases(&["go out", "went out", "got fixed", "was fixed", "were fixed", "go live", "went live", "got deployed", "been up", "going on", "gone on", "been happening"]);
        let released = self.has_time() && self.says("release releases");
        let by_time = self.has_time() && (self.has_place() || !self.says_more());
        let runs = self.says("running runs run ran");
        (changed || released || by_time)
            && !runs
            && !self.is_a_state()
            && (!self.only_a_place()
                || self.begins_with_what_changed()
                || self.phrases(&["going on", "gone on"]))
    }
}
