//! Usual use of a token, and warnings about what is unusual.
//!
//! Rules and bounds: README.md.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::agent::family;
use crate::model::event::Observation;
use crate::model::time::{Span, Time};

/// Time in which everything about a token counts as ordinary: what happens every week has happened once.
const LEARNING: Span = Span::from_mins(7 * 24 * 60);
/// Time for which a warning is shown after its last cause.
const SHOWN: Span = Span::from_mins(30 * 24 * 60);
/// Networks that are remembered for a token; the one not used for longest makes room for the next.
const NETWORKS_MAX: usize = 32;
/// Networks that a warning names.
const NAMED_MAX: usize = 3;

/// Networks and programs that a token was used from, and the warnings about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Usage {
    first_used_at: Option<Time>,
    /// The agent of the last use, so that the same one need not be looked at again.
    last_agent: Option<Arc<str>>,
    networks: Vec<(Network, Time)>,
    families: Vec<String>,
    warnings: Vec<Warning>,
}

/// An unusual use of a token, for somebody to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The kind of use that was unusual.
    pub kind: WarningKind,
    /// The first such use since a month without any.
    pub since: Time,
    /// The latest such use.
    pub last_at: Time,
    /// The latest case, in words.
    pub detail: String,
    /// The network, program or environment that `detail` is about.
    about: String,
}

/// Kinds of unusual uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// It was used from a network that it was never used from before.
    NewNetwork,
    /// It was used by a kind of program that never used it before.
    NewAgent,
    /// One address pulls with it and with a token of another environment, back and forth.
    TwoEnvironments,
}

impl WarningKind {
    /// The kind as it is written in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewNetwork => "new_network",
            Self::NewAgent => "new_agent",
            Self::TwoEnvironments => "two_environments",
        }
    }
}

impl Usage {
    /// Records a use of the token, and warns where it is unusual.
    pub(super) fn record(&mut self, observation: &Observation) {
        let at = observation.at;
        let is_learned = self.first_used_at.get_or_insert(at).ms() + LEARNING.ms() <= at.ms();
        if let Some(network) = Network::of(&observation.client) {
            self.record_network(network, &observation.client, at, is_learned);
        }
        if self.last_agent.as_ref() != Some(&observation.agent) {
            self.last_agent = Some(observation.agent.clone());
            self.record_program(family(&observation.agent), &observation.client, at, is_learned);
        }
    }

    fn record_network(&mut self, network: Network, client: &str, at: Time, is_learned: bool) {
        if let Some((_, last)) = self.networks.iter_mut().find(|(known, _)| *known == network) {
            *last = at;
            return;
        }
        if is_learned {
            let known: Vec<_> =
                self.networks.iter().take(NAMED_MAX).map(|(known, _)| known.to_string()).collect();
            let others = self.networks.len().saturating_sub(NAMED_MAX);
            let others = if others > 0 { format!(" and {others} more") } else { String::new() };
            let detail =
                format!("used from {network} ({client}), before only from {}{others}", known.join(", "));
            self.warn(WarningKind::NewNetwork, at, &network.to_string(), || detail);
        }
        if self.networks.len() >= NETWORKS_MAX
            && let Some(oldest) = (0..self.networks.len()).min_by_key(|&index| self.networks[index].1)
        {
            self.networks.remove(oldest);
        }
        self.networks.push((network, at));
    }

    fn record_program(&mut self, family: &'static str, client: &str, at: Time, is_learned: bool) {
        if self.families.iter().any(|known| known == family) {
            return;
        }
        if is_learned {
            let detail = format!("used by {family} ({client}), before only by {}", self.families.join(", "));
            self.warn(WarningKind::NewAgent, at, family, || detail);
        }
        // There are as many families as `model::agent` has names: the list is bounded by that.
        self.families.push(family.to_owned());
    }

    /// Keeps a warning: one of each kind, whatever happens. `about` tells whether `detail` has to be written anew.
    pub(super) fn warn(&mut self, kind: WarningKind, at: Time, about: &str, detail: impl FnOnce() -> String) {
        let known = self.warnings.iter_mut().find(|known| known.kind == kind);
        match known {
            Some(known) if at.since(known.last_at) <= SHOWN => {
                known.last_at = at;
                if known.about != about {
                    (known.about, known.detail) = (about.to_owned(), detail());
                }
            }
            _ => {
                self.warnings.retain(|known| known.kind != kind);
                let (detail, about) = (detail(), about.to_owned());
                self.warnings.push(Warning { kind, since: at, last_at: at, detail, about });
            }
        }
    }

    /// The warnings, as of `now`.
    pub(super) fn warnings(&self, now: Time) -> impl Iterator<Item = &Warning> {
        self.warnings.iter().filter(move |warning| now.since(warning.last_at) <= SHOWN)
    }

    /// The part that a successor takes over: everything but the warnings.
    pub(super) fn inherited(&self) -> Self {
        Self { warnings: Vec::new(), ..self.clone() }
    }
}

/// The surroundings of an address: what one site, cloud network or office has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Network {
    /// The /16 of an IPv4 address.
    V4([u8; 2]),
    /// The /48 of an IPv6 address.
    V6([u16; 3]),
}

impl Network {
    /// The network of an address in its usual text form.
    fn of(address: &str) -> Option<Self> {
        if let Some((first, rest)) = address.split_once('.') {
            let (second, _) = rest.split_once('.')?;
            return Some(Self::V4([first.parse().ok()?, second.parse().ok()?]));
        }
        if !address.contains(':') {
            return None;
        }
        let mut groups = [0; 3];
        // `::` stands for groups of zero.
        let given = address.split(':').take(3).take_while(|group| !group.is_empty());
        for (group, text) in groups.iter_mut().zip(given) {
            *group = u16::from_str_radix(text, 16).ok()?;
        }
        Some(Self::V6(groups))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4([a, b]) => write!(f, "{a}.{b}.0.0/16"),
            Self::V6([a, b, c]) => write!(f, "{a:x}:{b:x}:{c:x}::/48"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_the_surroundings_of_an_address() {
        let cases = [
            ("10.0.1.7", Some("10.0.0.0/16")),
            ("203.0.113.9", Some("203.0.0.0/16")),
            ("2001:db8:1:2::7", Some("2001:db8:1::/48")),
            ("2001:db8::7", Some("2001:db8:0::/48")),
            ("fe80::1", Some("fe80:0:0::/48")),
            ("::1", Some("0:0:0::/48")),
            ("", None),
            ("localhost", None),
            ("300.1.1.1", None),
            ("x::1", None),
        ];
        for (address, network) in cases {
            assert_eq!(
                Network::of(address).map(|network| network.to_string()).as_deref(),
                network,
                "{address}"
            );
        }
    }
}
