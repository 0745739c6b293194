//! One change of one service, and what can be said of it.

use crate::model::deployments::State;
use crate::model::deployments::correction::{Assumption, Correction, Finding};
use crate::model::deployments::evidence::EvidenceItem;
use crate::model::deployments::past::Outcome;
use crate::model::deployments::rollout::Rollout;
use crate::model::deployments::rule::Rule;
use crate::model::deployments::service::Service;
use crate::model::oci::{Digest, Repository, Tag};
use crate::model::releases::Relation;
use crate::model::time::Time;

use super::convert::of_image;
use super::image::{Placed, image, release_of, tag, version as version_of_image};
use super::states::{Confidence, Kind, Phase};
use crate::wire::{self, ChangeEvidence, Image, PullEvidence, ServiceChange};

/// Most images that ran before a change and are looked through for releases that nobody registered.
const RAN_MAX: usize = 64;

/// The part of the nodes that makes a rollout whole: pods of one rollout share nodes, those of the next may share others.
const WHOLE: (u64, u64) = (3, 4);

/// A digest, and the tag it was pulled by last.
type Tagged<'a> = (&'a Digest, Option<&'a str>);

/// One change of one service.
#[derive(Clone)]
pub(super) struct RolloutAt<'a> {
    pub(super) repository: &'a Repository,
    pub(super) service: &'a Service,
    pub(super) rollout: &'a Rollout,
    pub(super) from: Option<(Digest, Option<&'a str>)>,
    pub(super) state: Phase,
    pub(super) progressed_at: Time,
    pub(super) settled_at: Option<Time>,
    pub(super) ran_before: bool,
    pub(super) rule: Rule,
    pub(super) stragglers: u32,
    pub(super) expected: u32,
}

impl RolloutAt<'_> {
    /// Its identifier, derived from what opened it: the same log gives the same.
    pub(super) fn id(&self) -> String {
        format!("dep_{:012x}", self.service.identity(self.rollout))
    }

    pub(super) fn kind(&self, state: &State) -> Kind {
        let is_beside = self.rollout.told.as_ref().is_some_and(|told| told.is_beside);
        match self.kind_by_order(state) {
            // Another workload that comes is what is new, and one that goes leaves what was there.
            Kind::Rollback | Kind::Restore if is_beside => Kind::Changed,
            kind => kind,
        }
    }

    fn kind_by_order(&self, state: &State) -> Kind {
        let Some((from, from_tag)) = &self.from else { return Kind::Initial };
        let to = &self.rollout.digest;
        let placed = |digest, tag| Placed::of(state, self.repository, digest, tag);
        let (low, high) = (placed(from, *from_tag), placed(to, tag(self.rollout)));
        let relation = state.catalogue().relation(self.repository, low.named(), high.named());
        // Nobody takes a part of a service back to what it never ran: an earlier version runs beside it.
        let is_part = matches!(self.state, Phase::Mixed | Phase::Aborted);
        match (relation, self.ran_before) {
            (Relation::Earlier, false) if is_part => Kind::Changed,
            (Relation::Earlier, _) => Kind::Rollback,
            (Relation::Later, true) => Kind::Restore,
            (Relation::Later, false) => Kind::Upgrade,
            // A tag that was moved back, or forth again: of one version, what ran first is the earlier build.
            (Relation::Same, true) if self.ran_first(to, from) => Kind::Rollback,
            (Relation::Same, true) => Kind::Restore,
            (Relation::Same, false) => Kind::Rebuild,
            (Relation::Incomparable, _) => Kind::Changed,
            // The order in which they first ran here is all there is.
            (Relation::Unknown, true) if self.ran_first(to, from) => Kind::Rollback,
            (Relation::Unknown, true) => Kind::Restore,
            (Relation::Unknown, false) => Kind::Changed,
        }
    }

    fn ran_first(&self, to: &Digest, from: &Digest) -> bool {
        let (to, from) = (self.service.first_ran_at(to), self.service.first_ran_at(from));
        to.is_some_and(|to| from.is_none_or(|from| to < from))
    }

    pub(super) fn view(&self, state: &State) -> ServiceChange {
        let kind = self.kind(state);
        let to = self.rollout.digest;
        let to_tagged = (&to, tag(self.rollout));
        let (releases, reverted) = match (&self.from, kind) {
            (Some((from, tag)), Kind::Rollback) => (Vec::new(), self.between(state, to_tagged, (from, *tag))),
            (Some((from, tag)), Kind::Upgrade | Kind::Restore) => {
                (self.between(state, (from, *tag), to_tagged), Vec::new())
            }
            _ => {
                let release = release_of(state, self.repository, &to, tag(self.rollout));
                (
                    release.map(|release| wire::Release::from(release.as_ref())).into_iter().collect(),
                    Vec::new(),
                )
            }
        };
        ServiceChange {
            repository: self.repository.clone(),
            kind: kind.into(),
            from: self.from.as_ref().map(|(from, tag)| image(state, self.repository, from, *tag)),
            to: image(state, self.repository, &to, tag(self.rollout)),
            state: self.state.into(),
            started_at: state.shown(self.rollout.opened_at),
            settled_at: self.settled_at.map(|at| state.shown(at)),
            confidence: self.confidence().into(),
            releases,
            reverted,
            clients: nodes(self.rollout),
            reason: self.reason(),
            corrections: self.corrections(state),
        }
    }

    fn corrections(&self, state: &State) -> Vec<wire::Correction> {
        let view = |correction: &Correction| {
            let tag = correction.tag.as_ref().map(Tag::as_str);
            let image = image(state, self.repository, &correction.digest, tag);
            let text = in_sentence(correction, &image);
            let (was, now) = (correction.was.into(), correction.now.into());
            let (at, rule) = (state.shown(correction.at), correction.rule.into());
            wire::Correction { at, image, was, now, rule, text }
        };
        self.rollout.corrections.iter().map(view).collect()
    }

    /// The rules that spoke: by which it took over, what was set aside, whether it is over, what it is.
    fn rules(&self) -> Vec<wire::Rule> {
        let mut rules = vec![self.rule];
        let spoke = [
            (self.rollout.is_shared, Rule::SharedAddress),
            (self.stragglers > 0, Rule::Stragglers),
            (self.state == Phase::Settled, Rule::Settled),
            (self.from.is_some(), Rule::Order),
        ];
        rules.extend(spoke.into_iter().filter(|(spoke, rule)| *spoke && *rule != self.rule).map(|it| it.1));
        rules.into_iter().map(Into::into).collect()
    }

    /// The releases after `low` up to and with `high`: those of the catalogue, and the latest images that ran here of
    /// which it knows nothing, by the versions that their tags name.
    fn between(&self, state: &State, low: Tagged<'_>, high: Tagged<'_>) -> Vec<wire::Release> {
        let (catalogue, repository) = (state.catalogue(), self.repository);
        let placed = |(digest, tag): Tagged<'_>| Placed::of(state, repository, digest, tag);
        let (last, low, high) = (high.0, placed(low), placed(high));
        let (low, high) = (low.named(), high.named());
        let known = catalogue.between(repository, low, high);
        let mut releases: Vec<wire::Release> =
            known.into_iter().map(|it| wire::Release::from(it.as_ref())).collect();
        let is_known = |rollout: &Rollout| {
            release_of(state, repository, &rollout.digest, tag(rollout)).is_some()
                || releases.iter().any(|release| release.digest == Some(rollout.digest))
        };
        let others: Vec<_> = self.ran().into_iter().filter(|rollout| !is_known(rollout)).collect();
        let images: Vec<_> = others.iter().map(|rollout| placed((&rollout.digest, tag(rollout)))).collect();
        let named: Vec<_> = images.iter().map(Placed::named).collect();
        let lie_between = catalogue.lie_between(repository, low, high, &named);
        for (rollout, lies_between) in others.into_iter().zip(lie_between) {
            if rollout.digest == *last || lies_between {
                let since = state.shown(rollout.opened_at);
                let version = version_of_image(state, repository, &rollout.digest, tag(rollout));
                releases.push(of_image(repository, rollout.digest, version, since));
            }
        }
        releases
    }

    /// The image that ran here last when this change opened, and this change, in their order: each image once.
    fn ran(&self) -> Vec<&Rollout> {
        let past = self
            .service
            .past()
            .rev()
            .filter(|past| past.outcome == Outcome::Replaced)
            .map(|past| &past.rollout);
        let all = self.service.current().map(|current| &current.rollout).into_iter().chain(past);
        let mut ran: Vec<&Rollout> = Vec::new();
        for rollout in all.skip_while(|rollout| rollout.opened_at > self.rollout.opened_at).take(RAN_MAX) {
            if ran.iter().all(|later| later.digest != rollout.digest) {
                ran.push(rollout);
            }
        }
        ran.reverse();
        ran
    }

    /// Confidence in it.
    pub(super) fn confidence(&self) -> Confidence {
        confidence(self.state, self.rollout, self.expected)
    }

    /// "9 of 12 nodes within 6 min; 2 stragglers".
    pub(super) fn reason(&self) -> String {
        let rollout = self.rollout;
        let took = self.progressed_at.since(rollout.opened_at);
        let told = rollout.told.as_ref().filter(|told| told.of > 0);
        let unready = rollout.told.as_ref().filter(|told| told.ready == 0 && told.running > 0);
        let mut text = match self.expected.max(rollout.nodes) {
            _ if let Some(told) = unready => format!("0 of {} pods are ready", told.running),
            _ if let Some(told) = told => format!("{} of {} pods", told.ready, told.of),
            _ if rollout.pulls <= 1 => "a single pull".to_owned(),
            whole if whole > rollout.nodes => format!("{} of about {whole} nodes", rollout.nodes),
            _ => format!("{} nodes", rollout.nodes),
        };
        if rollout.nodes > 1 && told.is_none() && unready.is_none() {
            text.push_str(&format!(" within {}", in_words(took.ms())));
        }
        if self.stragglers > 0 {
            let plural = if self.stragglers == 1 { "straggler" } else { "stragglers" };
            text.push_str(&format!("; {} {plural}", self.stragglers));
        }
        if self.from.is_none() && self.service.may_have_run() {
            text.push_str("; services had been forgotten, so it may have run before");
        }
        match self.state {
            Phase::Mixed => text.push_str("; the others did not follow"),
            Phase::Aborted => text.push_str("; given up"),
            Phase::Removed | Phase::ScaledToZero => text.push_str("; nothing of it runs any more"),
            Phase::RollingOut | Phase::Settled => {}
        }
        text
    }

    pub(super) fn evidence(&self, state: &State) -> ChangeEvidence {
        let mut seen: Vec<&EvidenceItem> = self.rollout.evidence.iter().collect();
        seen.sort_by_key(|seen| seen.at);
        let pulls = seen.into_iter().map(|seen| pull(state, seen)).collect();
        ChangeEvidence {
            repository: self.repository.clone(),
            digest: self.rollout.digest,
            reason: self.reason(),
            rules: self.rules(),
            corrections: self.corrections(state),
            pulls_total: self.rollout.pulls,
            pulls,
        }
    }
}

fn pull(state: &State, seen: &EvidenceItem) -> PullEvidence {
    PullEvidence {
        at: state.shown(seen.at),
        source: seen.grade.source().into(),
        client: seen.place.clone(),
        agent: seen.agent.clone().filter(|agent| !agent.is_empty()),
        tag: seen.tag.as_ref().map(|tag| tag.as_str().to_owned()),
        grade: seen.grade.into(),
        arrived: seen.arrived,
    }
}

/// "v2.3.0 seemed to be back with a pull by 10.0.1.7; it was a straggler (rule 8, stragglers)".
fn in_sentence(correction: &Correction, image: &Image) -> String {
    let name = image.label();
    let by = correction.client.as_ref().map(|client| format!(" with a pull by {client}")).unwrap_or_default();
    let was = match correction.was {
        Assumption::Replaced => "was thought to be replaced".to_owned(),
        Assumption::WayBack => format!("seemed to be back{by}"),
        Assumption::Minority => "seemed to be a minority beside the image that ran".to_owned(),
    };
    let now = match correction.now {
        Finding::Straggler => "it was a straggler",
        Finding::Deployed => "the service runs it",
        Finding::GivenUp => "it was given up",
        Finding::Beside => "it runs beside the service",
    };
    let rule = correction.rule;
    format!("{name} {was}; {now} (rule {}, {})", rule.number(), rule.name())
}

/// "payment rolled back from v2.3.1 to v2.3.0 (9 nodes within 6 min)".
pub(super) fn sentence(change: &ServiceChange) -> String {
    let name = change.repository.as_str().rsplit('/').next().unwrap_or_default();
    let to = change.to.label();
    let from = change.from.as_ref().map(Image::label).unwrap_or_default();
    let what = match change.kind {
        wire::Kind::Initial => format!("{name} {to} appeared"),
        wire::Kind::Upgrade => format!("{name} upgraded from {from} to {to}"),
        wire::Kind::Rollback => format!("{name} rolled back from {from} to {to}"),
        wire::Kind::Restore => format!("{name} restored from {from} to {to}"),
        wire::Kind::Rebuild => format!("{name} {to} rebuilt"),
        wire::Kind::Changed | wire::Kind::Unlisted(_) => format!("{name} changed from {from} to {to}"),
    };
    format!("{what} ({})", change.reason)
}

pub(super) fn confidence(state: Phase, rollout: &Rollout, expected: u32) -> Confidence {
    if rollout.told.is_some() {
        return if state == Phase::Settled { Confidence::Confirmed } else { Confidence::Tentative };
    }
    let is_settled = matches!(state, Phase::Settled | Phase::Aborted);
    let is_whole = u64::from(rollout.nodes) * WHOLE.1 >= u64::from(expected) * WHOLE.0;
    if is_settled && is_whole && rollout.pulls > 1 { Confidence::Likely } else { Confidence::Tentative }
}

/// "40 s", "6 min", "2 h".
fn in_words(ms: i64) -> String {
    match ms / 1000 {
        s @ ..120 => format!("{s} s"),
        s @ ..7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}

/// The number of nodes that showed it, by their pulls or to a witness.
pub(super) fn nodes(rollout: &Rollout) -> u32 {
    rollout.nodes.max(rollout.told.as_ref().map_or(0, |told| told.nodes))
}
