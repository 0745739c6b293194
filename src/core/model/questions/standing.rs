//! The standing of a change that releases of a repository carry, by what its service runs and ran.

use super::image::{Placed, tag};
use super::service::ServiceAt;
use super::states::{Phase, Standing};
use super::taken_back::TakenBack;
use crate::model::deployments::past::Outcome;
use crate::model::deployments::rollout::Rollout;
use crate::model::oci::Digest;
use crate::wire::CarrierPods;

/// The standing of what some releases carry in one service.
pub(super) struct Stands<'a> {
    pub(super) standing: Standing,
    /// The deployment that brought it, or took it away: the first of the stretch, up to now, in which nothing changed for it.
    pub(super) opened: &'a Rollout,
    /// The first deployment that had it.
    pub(super) first: Option<&'a Rollout>,
    /// It is in what runs.
    pub(super) is_in: bool,
    /// The containers that have it, where witnesses that are alive see them.
    pub(super) pods: Option<CarrierPods>,
}

impl Stands<'_> {
    /// Tells whether `opened` tells since when it stands so.
    pub(super) fn has_since(&self) -> bool {
        match self.standing {
            Standing::Live | Standing::RollingOut => self.is_in,
            Standing::RolledBack => true,
            Standing::PartlyLive | Standing::NotLive | Standing::NoSuchChange | Standing::Unknown => false,
        }
    }
}

/// The standing of what the releases `carriers`, by version, carry. Live is what is certain: the image that runs contains
/// it, it has settled, and no image beside it may lack it.
pub(super) fn stands<'a>(
    asked: &'a ServiceAt<'_>,
    carriers: &[&str],
    taken_back: &TakenBack<'_>,
) -> Option<Stands<'a>> {
    let (state, repository) = (asked.state, asked.repository);
    let current = asked.service.current()?;
    let line = state.catalogue().line(repository)?;
    let holds = |digest: &Digest, tag: Option<&str>| {
        let placed = Placed::of(state, repository, digest, tag);
        let image = placed.named();
        if line.contains(image, carriers)? { taken_back.leaves(line, image) } else { Some(false) }
    };
    let contains = |rollout: &Rollout| holds(&rollout.digest, tag(rollout));
    let replaced = asked.service.past().filter(|past| past.outcome == Outcome::Replaced);
    let mut ran: Vec<&Rollout> = replaced.map(|past| &past.rollout).collect();
    ran.push(&current.rollout);
    let now_in = contains(&current.rollout);
    let since = ran.iter().rposition(|rollout| contains(rollout) != now_in).map_or(0, |place| place + 1);
    let first = ran.iter().copied().find(|rollout| contains(rollout) == Some(true));
    // Beside a part, the rest runs what was there before it and before the parts right before it.
    let is_new = since + 1 + current.parts_before() >= ran.len();
    let seen = asked.seen_standing(holds);
    let standing = match (now_in, beside(asked, |rollout| contains(rollout), now_in)) {
        // Nothing is live of a service of which nothing runs, whatever ran last.
        _ if asked.runs().is_none() => Standing::NotLive,
        _ if let Some((standing, _)) = seen => standing,
        (Some(true), Some(_)) => Standing::PartlyLive,
        (Some(true), None) if is_new => match asked.phase(asked.service.main())? {
            Phase::RollingOut => Standing::RollingOut,
            Phase::Mixed => Standing::PartlyLive,
            Phase::Settled if !current.is_most() => Standing::PartlyLive,
            Phase::Settled | Phase::Aborted | Phase::Removed | Phase::ScaledToZero => Standing::Live,
        },
        (Some(true), None) => Standing::Live,
        (Some(false) | None, Some(standing)) => standing,
        // Less than most of the service went back, and the rest may have it still.
        (Some(false), None) if first.is_some() && is_new && !current.is_most() => Standing::PartlyLive,
        (Some(false), None) if first.is_some() => Standing::RolledBack,
        (Some(false), None) => Standing::NotLive,
        (None, None) => Standing::Unknown,
    };
    Some(Stands {
        standing,
        opened: ran[since],
        first,
        is_in: now_in == Some(true),
        pods: seen.map(|(_, pods)| pods),
    })
}

/// The standing by an image that runs beside the current one: where that has it, one that may lack it, and where not, one
/// that has it.
fn beside(
    asked: &ServiceAt<'_>,
    contains: impl Fn(&Rollout) -> Option<bool>,
    now_in: Option<bool>,
) -> Option<Standing> {
    let settle = asked.state.rules().settle;
    let candidates = asked.service.candidates(asked.now, settle);
    let differs = |rollout: &Rollout| (contains(rollout) == Some(true)) != (now_in == Some(true));
    let differing = candidates.filter(|candidate| differs(&candidate.rollout));
    let standings = differing.filter_map(|candidate| match candidate.outcome(asked.now, settle) {
        Some(Outcome::Mixed) => Some(Standing::PartlyLive),
        None => Some(Standing::RollingOut),
        Some(Outcome::Aborted | Outcome::Replaced) => None,
    });
    let runs_beside = || {
        let others = asked.beside().map(|line| &line.rollout).chain(asked.service.elsewhere());
        others.into_iter().any(differs).then_some(Standing::PartlyLive)
    };
    standings.last().or_else(runs_beside)
}
