//! Addresses and the environments that they pull for. Where one pulls for two, a token may be in the wrong place.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::event::{EnvironmentName, Observation, TokenId, TokenKind};
use crate::model::former_names::FormerNames;
use crate::model::sharded_map::{ShardKey, ShardedMap, fnv};
use crate::model::time::{Span, Time};

/// Addresses that are remembered; those not seen for longest make room.
const ADDRESSES_MAX: usize = 16_384;
/// An address that goes back and forth within this pulls for both; one that was handed to another node does not.
const BACK_AND_FORTH: Span = Span::from_mins(60);

/// The last uses of each address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Addresses(ShardedMap<Address, Option<LastUse>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Address(Arc<str>);

impl ShardKey for Address {
    fn shard_hash(&self) -> u64 {
        fnv(self.0.as_bytes())
    }
}

/// The environment and token that an address pulled for last, and the environment before that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LastUse {
    environment: EnvironmentName,
    token: TokenId,
    at: Time,
    before: Option<(EnvironmentName, Time)>,
}

impl Addresses {
    /// Records a pull for `environment`. Where its address has just gone back and forth between two environments, returns the
    /// other one and its token.
    pub(super) fn record(
        &mut self,
        environment: &EnvironmentName,
        observation: &Observation,
        former: &FormerNames,
    ) -> Option<(EnvironmentName, TokenId)> {
        // People and scanners are meant to see several environments.
        if !matches!(observation.token_kind, TokenKind::Cluster | TokenKind::Prepull) {
            return None;
        }
        let address = Address(observation.client.clone());
        let age = |last: &Option<LastUse>| last.as_ref().map(|last| last.at);
        let (last, _) = self.0.bounded(&address, ADDRESSES_MAX, age);
        let Observation { token, at, .. } = observation;
        let is_here = |name: &EnvironmentName| former.today(name) == environment;
        match last {
            Some(last) if is_here(&last.environment) => {
                last.at = *at;
                if last.token != *token {
                    last.token = token.clone();
                }
                None
            }
            _ => {
                let next =
                    LastUse { environment: environment.clone(), token: token.clone(), at: *at, before: None };
                let other = last.replace(next)?;
                let is_back = other
                    .before
                    .is_some_and(|(before, then)| is_here(&before) && at.since(then) <= BACK_AND_FORTH);
                if let Some(last) = last {
                    last.before = Some((other.environment.clone(), other.at));
                }
                is_back.then(|| (former.today(&other.environment).clone(), other.token))
            }
        }
    }
}
