//! Services of which nothing runs.

use super::dates::day;
use super::listed::listed;
use crate::wire::{Absence, AbsentService, RunningService};

/// "scaled to zero since 2026-03-02 04:00 UTC": in what way nothing of a service runs; none where something does.
pub fn absent(service: &RunningService) -> Option<String> {
    let word = || service.state.as_str().replace('_', " ");
    (!service.runs()).then(|| service.absent.as_ref().map_or_else(word, gone))
}

/// "removed since 2026-03-02 04:00 UTC"
pub fn gone(absence: &Absence) -> String {
    format!("{} since {}", absence.state.as_str().replace('_', " "), day(absence.since))
}

/// "nothing of shop/web runs (removed since 2026-03-02 04:00 UTC; v1.1 was the last)", of each such service. `quoted` makes names
/// safe for the reader. Empty where there is none.
pub fn nothing_runs(services: &[AbsentService], quoted: impl Fn(&str) -> String) -> String {
    listed(services.iter().map(|service| {
        let (repository, last) = (quoted(service.repository.as_str()), quoted(&service.last.label()));
        format!("nothing of {repository} runs ({}; {last} was the last)", gone(&service.absence))
    }))
}
