//! The focus of a question within its intent, and the kind of change.

use super::cues::Cues;
use crate::model::ask::question::{Focus, Intent};
use crate::model::releases::ChangeKind;

/// Words of a question for the names of environments.
const ENUMERATES: &str = "what which list show me us all the our of are is there do does we have exist exists existing you know \
    how many name names named call called please give get tell every about a see can i environments envs environment env \
    landfall here currently now and for";
/// Words for something that goes wrong, or does not.
const TROUBLE: &str = "stable unstable broken broke failing fail fails failed failure failures error errors problem problems wrong unhealthy healthy \
    health stuck trouble troubles issues outage down fine alright shape green red crashing refused hanging alerts alert cannot cant off odd weird strange imagepullbackoff errimagepull backoff crashloopbackoff denied crash crashed crashes crashing crashloop crashlooping crashlooped oomkilled oom restarting flapping degraded";
/// Words that stand around those and say nothing else.
const AROUND_TROUBLE: &str = "pod pods container containers workload workloads node nodes pull pulls pulled pulling rollout rollouts service services going goes go image images moment still nothing \
    good bad order alerts ok okay start starting starts boot booting come coming every each environments envs place where anywhere everywhere";
/// Verbs of those who deploy, and the nouns for what they did.
const DEPLOYED: &str = "deployed deploy deploys deployment deployments shipped released rolled pushed put promoted installed \
    updated upgraded changed approved authorised authorized triggered started did broke rollout release deploying releasing shipping pushing touched";

/// Its focus within `intent`.
pub(super) fn focus(cues: &Cues<'_>, intent: Intent) -> Option<Focus> {
    match intent {
        Intent::Running if cues.lists_environments() => Some(Focus::Environments),
        Intent::Running if cues.asks_what_is_broken() => Some(Focus::Broken),
        Intent::Search if cues.asks_for_the_latest() => Some(Focus::Latest),
        Intent::History if cues.asks_what_was_before() => Some(Focus::Before),
        Intent::History | Intent::Rollbacks | Intent::Changes if cues.begins("why") => Some(Focus::Why),
        Intent::Deploy if cues.goes_back() => Some(Focus::Rollback),
        Intent::Verify if cues.asks_where_a_release_runs() => None,
        Intent::History | Intent::Rollbacks | Intent::Changes | Intent::Verify if cues.begins_with_who() => {
            Some(Focus::Who)
        }
        _ => None,
    }
}

/// The kind of the changes that it is about, where it is about one.
pub(super) fn kind(cues: &Cues<'_>) -> Option<ChangeKind> {
    let kinds = [
        (ChangeKind::Security, "security vulnerability vulnerabilities cve cves"),
        (ChangeKind::Breaking, "breaking"),
        (ChangeKind::Perf, "performance"),
        (ChangeKind::Feature, "feature features"),
        (ChangeKind::Fix, "fix fixes bugfix bugfixes fixed bugs"),
    ];
    let mut said = kinds.into_iter().filter(|(_, words)| cues.says(words)).map(|(kind, _)| kind);
    match (said.next(), said.next(), said.next()) {
        // `security fixes` are of one kind.
        (Some(kind), None, _) | (Some(kind @ ChangeKind::Security), Some(ChangeKind::Fix), None) => {
            Some(kind)
        }
        _ => None,
    }
}

impl Cues<'_> {
    pub(super) fn lists_environments(&self) -> bool {
        let names_none = !self.has_place() && !self.found.names_service() && self.found.version.is_none();
        let is_of_names = |text: &str| ENUMERATES.split_whitespace().any(|word| word == text);
        self.says("environments envs environment env")
            && (self.says("environments envs") || self.says("list many"))
            && names_none
            && !self.has_time()
            && self.words.iter().all(|word| is_of_names(&word.text))
    }

    pub(super) fn asks_what_is_broken(&self) -> bool {
        // `ok` begins many a question.
        let is_ok = self.words.iter().skip(1).any(|word| word.is_any("ok okay"));
        (self.says(TROUBLE) || (is_ok && self.is_yes_or_no()))
            && self.says_only(&[TROUBLE, AROUND_TROUBLE])
            && !self.says("changed change release releases version versions history fix fixed who")
            && self.found.version.is_none()
            && self.found.unknown.is_none()
            && !self.has_number()
            // `what were we running when it broke at 9`
            && !(self.has_time() && self.begins("what which") && self.says("running run ran"))
    }

    pub(super) fn begins_with_who(&self) -> bool {
        self.begins("who whom") || self.phrase("by whom")
    }

    /// The person is asked for who deployed, and not the one who wrote a change.
    pub(super) fn asks_who_deployed(&self) -> bool {
        self.begins_with_who()
            && self.says(DEPLOYED)
            && self.says_only(&[DEPLOYED, "whom responsible person behind"])
            && !self.says("fixed added")
    }

    pub(super) fn asks_for_the_latest(&self) -> bool {
        let says_latest = self.says("latest newest last") || self.phrase("most recent");
        let of_releases = self.says("release releases version versions")
            || (self.says("latest newest") && self.says_only(&["newest latest"]));
        says_latest
            && of_releases
            && self.found.names_service()
            && self.found.version.is_none()
            && !self.has_place()
            && !self.has_time()
            && !self.is_yes_or_no()
            && !self.says("running runs run deployed deployment environments everywhere")
    }

    /// Tells whether it is about a way back to what ran before.
    pub(super) fn goes_back(&self) -> bool {
        self.says("rollback rollbacks revert reverting undo undoing")
            || (self.says("roll rolling rolled go going take bring switch move set put get")
                && self.says("back"))
            || self.phrases(&["back to", "back out", "backed out", "backing out"])
    }

    /// `what would I lose if I rolled web back`: of a rollback that did not happen.
    pub(super) fn weighs_a_rollback(&self) -> bool {
        let is_thought = self.says("would if safe safely risky dangerous")
            || (self.says("happens happen") && self.says("when") && !self.says("did was were"))
            || (self.says("lose losing") && !self.says("did"))
            || self.says("target candidate")
            || (self.says("lost") && self.says("will be when"));
        is_thought && self.goes_back()
    }
}
