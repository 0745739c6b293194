//! Kinds of deployments, their progress, the confidence in them, and the reasons to keep an image.

/// Progress of a deployment, from the most settled state to the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It was given up.
    Aborted,
    /// Its workloads do not exist any more.
    Removed,
    /// Its workloads exist, and run nothing.
    ScaledToZero,
    /// No new node for the settle time.
    Settled,
    /// Two images run beside each other: a canary, a blue-green switch.
    Mixed,
    /// Nodes are still coming to it.
    RollingOut,
}

/// Kind of a deployment, seen from what ran before, from the least grave kind to the gravest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The first image of a service.
    Initial,
    /// The same version under another digest.
    Rebuild,
    /// To a later release that ran before.
    Restore,
    /// To a later release.
    Upgrade,
    /// To a release that cannot be compared.
    Changed,
    /// To an earlier release.
    Rollback,
}

/// Confidence in an answer, from the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Rolling out, or a single pull is all the evidence.
    Tentative,
    /// Settled by pulls.
    Likely,
    /// Seen to run by something that sees what runs.
    Confirmed,
}

/// Standing of a change in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Every service that carries it has settled on a release that contains it.
    Live,
    /// A release that contains it is rolling out.
    RollingOut,
    /// Some services have it, or a part of one.
    PartlyLive,
    /// No service runs a release that contains it.
    NotLive,
    /// It was live, and what runs now lacks it.
    RolledBack,
    /// No change fits the description.
    NoSuchChange,
    /// Nothing certain can be said.
    Unknown,
}

/// A reason to keep an image, the best founded first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// It runs, or comes back with a service that runs nothing just now.
    Running,
    /// It runs beside another.
    Mixed,
    /// A rollback would ask for it.
    RollbackTarget,
    /// It was pulled lately.
    PulledRecently,
}
