//! The lag of a service behind the latest release that is known of it, as a badge.

use super::parts::{Badge, count};
use crate::wire::MissingService;

/// The lag of one service.
pub(super) struct Lag {
    pub(super) badge: Badge,
    /// The latest release, by its identifier and version, where it is not what runs.
    pub(super) latest: Option<(String, String)>,
}

impl Lag {
    /// The lag of a service; none where no release of it is known.
    pub(super) fn of(service: &MissingService) -> Option<Self> {
        let latest = service.latest.as_ref()?;
        let releases = service.missing.len();
        let badge = match (releases, service.unordered.len()) {
            (0, 0) => Badge::of("up_to_date"),
            (0, unordered) => Badge::of("unknown").labelled("order unknown".to_owned()).because(format!(
                "{} of unknown order: nobody knows whether they are later.",
                count(unordered as u64, "release")
            )),
            (releases, _) => Badge::of("behind")
                .labelled(format!("{releases} behind"))
                .because(format!("It lacks {}.", facts(service))),
        };
        let latest = (releases > 0).then(|| (latest.id.clone(), latest.version.clone()));
        Some(Self { badge, latest })
    }
}

/// `3 releases, 2 fixes`
pub(super) fn facts(service: &MissingService) -> String {
    let releases = |releases: usize| (releases > 0).then(|| count(releases as u64, "release"));
    let mut facts: Vec<String> = releases(service.missing.len()).into_iter().collect();
    facts.extend(releases(service.unordered.len()).map(|releases| format!("{releases} of unknown order")));
    facts.extend((service.fixes > 0).then(|| count(service.fixes as u64, "fix")));
    facts.join(", ")
}
