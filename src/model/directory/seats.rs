//! Addresses, and the environments that they pull for: where one pulls for two, a token may be in the wrong place.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::event::{EnvironmentName, Observation, TokenId, TokenKind};
use crate::model::sharded_map::{ShardKey, ShardedMap, fnv};
use crate::model::time::{Span, Time};

/// Addresses that are remembered; those not seen for longest make room.
const ADDRESSES_MAX: usize = 16_384;
/// An address that goes back and forth within this pulls for both; one that was handed to another node does not.
const BACK_AND_FORTH: Span = Span::from_mins(60);

/// The addresses that pull, and for whom.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Seats(ShardedMap<Address, Option<Seat>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Address(Arc<str>);

impl ShardKey for Address {
    fn shard_hash(&self) -> u64 {
        fnv(self.0.as_bytes())
    }
}

/// For whom an address pulled last, and for whom before that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Seat {
    environment: EnvironmentName,
    token: TokenId,
    at: Time,
    before: Option<(EnvironmentName, Time)>,
}

impl Seats {
    /// Takes a pull into account. Where its address has just gone back and forth between two environments, returns the
    /// other one and its token.
    pub(super) fn used(&mut self, observation: &Observation) -> Option<(EnvironmentName, TokenId)> {
        // People and scanners are meant to see several environments.
        if !matches!(observation.token_kind, TokenKind::Cluster | TokenKind::Prepull) {
            return None;
        }
        let address = Address(observation.client.clone());
        let age = |seat: &Option<Seat>| seat.as_ref().map(|seat| seat.at);
        let (seat, _) = self.0.bounded(&address, ADDRESSES_MAX, age);
        let Observation { environment, token, at, .. } = observation;
        match seat {
            Some(seat) if seat.environment == *environment => {
                seat.at = *at;
                if seat.token != *token {
                    seat.token = token.clone();
                }
                None
            }
            _ => {
                let next =
                    Seat { environment: environment.clone(), token: token.clone(), at: *at, before: None };
                let other = seat.replace(next)?;
                let is_back = other
                    .before
                    .is_some_and(|(before, then)| before == *environment && at.since(then) <= BACK_AND_FORTH);
                if let Some(seat) = seat {
                    seat.before = Some((other.environment.clone(), other.at));
                }
                is_back.then_some((other.environment, other.token))
            }
        }
    }
}
