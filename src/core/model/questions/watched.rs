//! Additions of witnesses to a service at a time: its confirmation, its workloads, its absence.

use std::collections::BTreeMap;

use super::image::image;
use super::service::ServiceAt;
use super::states::{Phase, Standing};
use crate::model::deployments::candidate::Candidate;
use crate::model::deployments::current::Current;
use crate::model::deployments::rollout::Rollout;
use crate::model::deployments::witness::{
    Absence, Pulled, RunningImage, Runs, Vigil, Watching, WorkloadRuns,
};
use crate::model::deployments::{EnvironmentState, State};
use crate::model::oci::{Digest, Tag};
use crate::model::report::Trouble;
use crate::model::time::Time;
use crate::wire::{
    self, BypassImage, CarrierPods, PulledImage, RunningWorkload, UnstartedService, WitnessPhase,
    WitnessSeen, WorkloadImage, WorkloadTrouble,
};

/// The witnesses of an environment at `now`, on the log's line, in the order of their names.
pub(super) fn witnesses(state: &State, tracked: &EnvironmentState, now: Time) -> Vec<WitnessSeen> {
    let told = tracked.witnesses().told(now);
    told.map(|it| WitnessSeen {
        name: it.name.clone(),
        state: match it.vigil {
            Vigil::Alive => WitnessPhase::Alive,
            Vigil::Beginning => WitnessPhase::Beginning,
            Vigil::Silent => WitnessPhase::Silent,
        },
        heard_at: state.shown(it.heard_at),
        seen_until: it.seen_until.map(|at| state.shown(at)),
    })
    .collect()
}

impl ServiceAt<'_> {
    /// The time until which witnesses that are alive have seen everything: it is so, or nothing runs.
    pub(super) fn confirmed_at(&self) -> Option<Time> {
        let Watching::Alive { confirmed_at } = self.watching else { return None };
        let current = self.service.current()?;
        let is_told = self.service.watch().absent().is_some() || self.runs_here(&current.rollout.digest);
        is_told.then_some(confirmed_at)
    }

    fn runs_here(&self, digest: &Digest) -> bool {
        self.service.watch().running().contains(digest)
    }

    /// The image that runs; none where nothing of it does. Whatever asks what runs asks here: a service keeps its last image
    /// when it is removed or scaled to zero.
    pub(super) fn runs(&self) -> Option<&Current> {
        self.service.current().filter(|_| self.service.watch().absent().is_none())
    }

    /// Tells whether witnesses see it run, and nothing else of the service.
    pub(super) fn runs_alone(&self, digest: &Digest) -> bool {
        let running = self.service.watch().running();
        running.len() == 1 && running.contains(digest)
    }

    /// Nothing of it runs: as a state.
    pub(super) fn absent_as(&self) -> Option<Phase> {
        let (absence, _) = self.service.watch().absent()?;
        Some(match absence {
            Absence::Removed => Phase::Removed,
            Absence::ScaledToZero => Phase::ScaledToZero,
        })
    }

    /// Nothing of it runs, and since when.
    pub(super) fn absence(&self) -> Option<wire::Absence> {
        let (_, since) = self.service.watch().absent()?;
        Some(wire::Absence { state: self.absent_as()?.into(), since: self.state.shown(since) })
    }

    /// The time until which witnesses saw what they told last of it, where one of them is silent now.
    pub(super) fn told_until(&self, current: &Current) -> Option<Time> {
        let Watching::Silent { since } = self.watching else { return None };
        let is_told = self.service.watch().was_absent() || self.runs_here(&current.rollout.digest);
        is_told.then_some(since)
    }

    /// Tells whether pulls alone say since shortly, or a single one does, that a service runs again of which witnesses saw
    /// nothing run.
    pub(super) fn is_coming_back(&self) -> bool {
        let settle = self.state.rules().settle;
        let revived = self.service.watch().revived();
        revived.is_some_and(|(since, pulls)| pulls == 1 || self.now.since(since) <= settle)
    }

    /// The state of a service of which nothing runs although something is wanted, or of which pulls alone say that it comes
    /// back: pods are on their way, or cannot come.
    pub(super) fn phase_of_gap(&self) -> Option<Phase> {
        (self.service.watch().is_gap() || self.is_coming_back()).then_some(Phase::RollingOut)
    }

    /// The state of a service where witnesses see another image run beside one that had settled.
    pub(super) fn phase_of_several(&self) -> Option<Phase> {
        let Watching::Alive { .. } = self.watching else { return None };
        self.service.current()?.settled_at?;
        if self.service.watch().running().len() < 2 {
            return None;
        }
        Some(if self.is_moving() { Phase::RollingOut } else { Phase::Mixed })
    }

    /// The standing of what some images have, by what witnesses that are alive see run, and the containers that have it: all do,
    /// or some. What is not ready serves nobody, so a change that is in nothing else is still on its way. None where nobody
    /// sees, or no image is known to have it.
    pub(super) fn seen_standing(
        &self,
        holds: impl Fn(&Digest, Option<&str>) -> Option<bool>,
    ) -> Option<(Standing, CarrierPods)> {
        let Watching::Alive { .. } = self.watching else { return None };
        let mut pods = CarrierPods { ready: 0, running: 0, of: 0 };
        let (mut is_in_some, mut is_in_all) = (false, true);
        for image in self.service.watch().serving_images() {
            pods.of = pods.of.saturating_add(image.running);
            if holds(&image.digest, image.tag.as_ref().map(Tag::as_str)) == Some(true) {
                is_in_some = true;
                pods.running = pods.running.saturating_add(image.running);
                pods.ready = pods.ready.saturating_add(image.ready);
            } else {
                is_in_all = false;
            }
        }
        let standing = match (is_in_all, self.is_moving()) {
            _ if pods.ready == 0 => Standing::RollingOut,
            (true, _) => Standing::Live,
            (false, true) => Standing::RollingOut,
            (false, false) => Standing::PartlyLive,
        };
        is_in_some.then_some((standing, pods))
    }

    /// Tells whether a rollout is under way that witnesses see.
    fn is_moving(&self) -> bool {
        let settle = self.state.rules().settle;
        let is_rolling = |candidate: &Candidate| candidate.outcome(self.now, settle).is_none();
        self.phase(self.service.main()) == Some(Phase::RollingOut)
            || self.service.candidates(self.now, settle).any(is_rolling)
    }

    /// The rollouts of the images that witnesses see run, the current one first; none where nobody sees.
    pub(super) fn seen_parts(&self) -> Option<Vec<&Rollout>> {
        let Watching::Alive { .. } = self.watching else { return None };
        let mut left = self.service.watch().running();
        let settle = self.state.rules().settle;
        let current = self.service.current().map(|current| &current.rollout);
        let candidates = self.service.candidates(self.now, settle).map(|candidate| &candidate.rollout);
        let past = self.service.past().rev().map(|past| &past.rollout);
        let all = current.into_iter().chain(candidates).chain(past);
        let parts: Vec<&Rollout> = all.filter(|rollout| left.remove(&rollout.digest)).collect();
        (!parts.is_empty()).then_some(parts)
    }

    /// The workloads that run something of it, or try to.
    pub(super) fn workloads(&self) -> Vec<RunningWorkload> {
        let all = self.service.watch().workloads().map(|workload| self.workload(workload));
        all.filter(|it| !it.images.is_empty() || !it.troubles.is_empty()).collect()
    }

    /// The workloads of which containers do not run although they should.
    pub(super) fn stuck(&self) -> Vec<RunningWorkload> {
        let all = self.service.watch().workloads().map(|workload| self.workload(workload));
        all.filter(|it| !it.troubles.is_empty()).collect()
    }

    /// The same of a service that never ran here.
    pub(super) fn unstarted(&self) -> Option<UnstartedService> {
        let workloads = if self.service.current().is_none() { self.stuck() } else { Vec::new() };
        (!workloads.is_empty()).then(|| UnstartedService { repository: self.repository.clone(), workloads })
    }

    /// The troubles of a workload; of a witness that is silent nobody knows.
    fn troubles(&self, runs: &Runs) -> Vec<WorkloadTrouble> {
        let Watching::Alive { .. } = self.watching else { return Vec::new() };
        let stuck: u64 = runs.troubles.iter().map(|trouble| trouble.count).sum();
        let running: u64 = runs.images.iter().map(|image| u64::from(image.running)).sum();
        let of = runs.desired.map_or(running + stuck, |desired| stuck.max(desired.into()));
        let view = |trouble: &Trouble| WorkloadTrouble {
            reason: trouble.reason.as_str().into(),
            reference: trouble.reference.clone(),
            count: trouble.count,
            of,
        };
        runs.troubles.iter().map(view).collect()
    }

    fn workload(&self, WorkloadRuns { witness, name, runs }: WorkloadRuns<'_>) -> RunningWorkload {
        let image = |it: &RunningImage| WorkloadImage {
            image: image(self.state, self.repository, &it.digest, it.tag.as_ref().map(Tag::as_str)),
            running: it.running,
            ready: it.ready,
            nodes: it.nodes,
        };
        RunningWorkload {
            workload: name.workload.clone(),
            namespace: name.namespace.clone(),
            witness: witness.into(),
            container: name.container.clone(),
            images: runs.images.iter().map(image).collect(),
            troubles: self.troubles(runs),
        }
    }

    /// The images that were pulled and run nowhere, where witnesses watch.
    pub(super) fn pulled(&self) -> Vec<PulledImage> {
        let settle = self.state.rules().settle;
        let waits_too_long = |it: &Pulled| match self.watching {
            Watching::Alive { confirmed_at } => confirmed_at.since(it.first_at) > settle,
            Watching::Never | Watching::Silent { .. } => false,
        };
        let view = |it: Pulled| PulledImage {
            runs_nowhere: waits_too_long(&it),
            image: image(self.state, self.repository, &it.digest, it.tag.as_ref().map(Tag::as_str)),
            first_at: self.state.shown(it.first_at),
            last_at: self.state.shown(it.last_at),
            clients: it.places,
        };
        self.service.watch().pulled().into_iter().map(view).collect()
    }
}

/// The images that run in an environment at `now` and did not come through this proxy, by their names.
pub(super) fn bypass(tracked: &EnvironmentState, now: Time) -> Vec<BypassImage> {
    let mut by_image: BTreeMap<(String, Digest), Vec<String>> = BTreeMap::new();
    for it in tracked.witnesses().bypass(now) {
        let workload = format!("{}/{}", it.workload.namespace, it.workload.workload);
        let host = it.workload.host.as_deref().unwrap_or_default();
        for image in it.runs.images.iter().filter(|image| !tracked.has_served(it.repository, &image.digest)) {
            let name = format!("{host}/{}", it.repository);
            by_image.entry((name, image.digest)).or_default().push(workload.clone());
        }
    }
    let view = |((image, digest), workloads)| BypassImage { image, digest, workloads };
    by_image.into_iter().map(view).collect()
}
