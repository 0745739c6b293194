//! The bars.

use super::claims::Claims;
use super::known;
use super::light::Light;
use super::score::{Score, share};

/// Measures, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Reported changes that happened.
    Precision,
    /// Changes that happened and were reported.
    Recall,
    /// Reported rollbacks that were.
    RollbackPrecision,
    /// Rollbacks that were reported as such.
    RollbackRecall,
    /// Instants at which the current image was right.
    Current,
    /// Canaries and paused rollouts that were not taken for the service.
    Part,
    /// Pulls that failed and made no deployment.
    Failed,
    /// Changes that all pods ran and that were called live.
    Found,
    /// Answers that called nothing live that ran nowhere.
    Live,
}

impl Measure {
    const ALL: [Self; 9] = [
        Self::Precision,
        Self::Recall,
        Self::RollbackPrecision,
        Self::RollbackRecall,
        Self::Current,
        Self::Part,
        Self::Failed,
        Self::Found,
        Self::Live,
    ];

    fn bar(self) -> f64 {
        match self {
            Self::Precision | Self::Recall | Self::RollbackPrecision | Self::RollbackRecall => 0.97,
            Self::Current => 0.985,
            Self::Part => 0.90,
            Self::Found => 0.95,
            Self::Failed | Self::Live => 1.0,
        }
    }

    /// Number that were right, of how many.
    fn of(self, score: &Score) -> (usize, usize) {
        match self {
            Self::Precision => (score.reported_right, score.reported),
            Self::Recall => (score.found, score.happened),
            Self::RollbackPrecision => (score.rollbacks_right, score.rollbacks_reported),
            Self::RollbackRecall => (score.rollbacks_found, score.rollbacks),
            Self::Current => (score.current_right, score.current),
            Self::Part => (score.parts_right, score.parts),
            Self::Failed => (score.reported - score.failed, score.reported),
            Self::Found => (score.live_told, score.live),
            Self::Live => (score.verified - score.false_live, score.verified),
        }
    }
}

/// Says where `score` of `name` is below a bar, and whether that is known. With other seeds (`is_fresh`) a known miss
/// may be of any size.
pub(super) fn misses(name: &str, score: &Score, is_fresh: bool) -> Vec<String> {
    let mut misses = Vec::new();
    for measure in Measure::ALL {
        let (right, of) = measure.of(score);
        let reached = share(right, of);
        // A kind has few histories: one mistake is no proof against it, except for the bars that allow none.
        let is_single = name != "all" && measure.bar() < 1.0 && right + 1 >= of;
        if reached >= measure.bar() || is_single {
            continue;
        }
        let known = known::MISSES.iter().find(|(of, its, _)| *of == name && *its == measure);
        if known.is_some_and(|(_, _, floor)| is_fresh || reached >= floor - 0.0005) {
            continue;
        }
        misses
            .push(format!("(\"{name}\", Measure::{measure:?}, {:.3}),", (reached * 1000.0).floor() / 1000.0));
    }
    misses
}

/// Says which claims are right too seldom.
pub(super) fn unreliable(claims: &Claims, is_fresh: bool) -> Vec<String> {
    let likely = claims.right(|(state, confidence), light| {
        light != Light::Dark && state == "settled" && confidence == "likely"
    });
    let tentative = claims.right(|(_, confidence), light| light == Light::Clear && confidence == "tentative");
    let all = [("settled, likely", likely, 0.99), ("tentative", tentative, 0.85)];
    let too_few = all.into_iter().filter(|(_, reached, bar)| !is_fresh && reached < bar);
    too_few.map(|(name, reached, bar)| format!("{name}: {reached:.3} instead of {bar}")).collect()
}
