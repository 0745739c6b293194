//! What a deployment is, how far it is, and how sure that is.

/// Whether a deployment goes on, from the most settled state to the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It was given up.
    Aborted,
    /// No new node for the settle time.
    Settled,
    /// Two images run beside each other: a canary, a blue-green switch.
    Mixed,
    /// Nodes are still coming to it.
    RollingOut,
}

/// What a deployment is, seen from what ran before, from the least grave kind to the gravest.
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

/// How sure an answer is, from the least sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Confidence {
    /// Rolling out, or a single pull is all the evidence.
    Tentative,
    /// Settled by pulls.
    Likely,
}

/// Where a change stands in an environment.
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
