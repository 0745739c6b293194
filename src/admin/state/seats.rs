//! Rights to hold something open, of which there are few. Neither the holder of one token nor one address gets all of
//! them, however many sessions or connections it opens: the rest is for others.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::listen::network;
use crate::model::act::{Actor, Who};

/// Seats at most.
#[derive(Clone, Copy)]
pub(in crate::admin) struct Bounds {
    /// Of everybody together.
    pub(in crate::admin) all: usize,
    /// Of the holder of one token, with all sessions that it opened.
    pub(in crate::admin) of_holder: usize,
    /// Of one address.
    pub(in crate::admin) of_address: usize,
}

/// There is no seat; in words for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::admin) enum NoSeat {
    /// All are taken.
    #[error("close one, or ask again later")]
    AtAll,
    /// The holder of the token has as many as one may.
    #[error("this token holds {0} of them open, as many as one token may; close one")]
    ForHolder(usize),
    /// The address has as many as one may.
    #[error("this address holds {0} of them open, as many as one address may; close one")]
    ForAddress(usize),
}

/// The seats, and who has them. Cloning is cheap.
#[derive(Clone)]
pub(in crate::admin) struct Seats {
    bounds: Bounds,
    taken: Arc<Mutex<Vec<Arc<Sitter>>>>,
}

struct Sitter {
    who: Who,
    address: Option<IpAddr>,
}

/// A seat, until it is dropped.
pub(in crate::admin) struct Seat {
    sitter: Arc<Sitter>,
    taken: Arc<Mutex<Vec<Arc<Sitter>>>>,
}

impl Seats {
    /// With these bounds, and nobody there.
    pub(in crate::admin) fn new(bounds: Bounds) -> Self {
        Self { bounds, taken: Arc::default() }
    }

    /// A seat for the caller.
    ///
    /// # Errors
    /// All are taken, or this caller has as many as one may.
    pub(in crate::admin) fn take(&self, caller: &Actor) -> Result<Seat, NoSeat> {
        let from = caller.from.as_deref().and_then(|from| from.parse().ok());
        let sitter = Arc::new(Sitter { who: caller.who.clone(), address: from.map(network) });
        let mut taken = lock(&self.taken);
        let Bounds { all, of_holder, of_address } = self.bounds;
        let count = |is_it: &dyn Fn(&Sitter) -> bool| taken.iter().filter(|other| is_it(other)).count();
        if count(&|other| is_same(&other.who, &sitter.who)) >= of_holder {
            return Err(NoSeat::ForHolder(of_holder));
        }
        if sitter.address.is_some() && count(&|other| other.address == sitter.address) >= of_address {
            return Err(NoSeat::ForAddress(of_address));
        }
        if taken.len() >= all {
            return Err(NoSeat::AtAll);
        }
        taken.push(sitter.clone());
        drop(taken);
        Ok(Seat { sitter, taken: self.taken.clone() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.taken).retain(|other| !Arc::ptr_eq(other, &self.sitter));
    }
}

/// A token is the same whatever its name was.
fn is_same(one: &Who, other: &Who) -> bool {
    match (one, other) {
        (Who::AdminToken { id: one, .. }, Who::AdminToken { id: other, .. }) => one == other,
        (one, other) => one == other,
    }
}

fn lock(taken: &Mutex<Vec<Arc<Sitter>>>) -> MutexGuard<'_, Vec<Arc<Sitter>>> {
    // A list is whole at every instant, even after a panic.
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::TokenId;

    fn caller(token: &str, from: &str) -> Actor {
        let who = Who::AdminToken { id: TokenId::new(token), name: String::new() };
        Actor { who, from: Some(from.into()), ..Actor::default() }
    }

    #[test]
    fn no_token_and_no_address_gets_all_seats() {
        let seats = Seats::new(Bounds { all: 5, of_holder: 2, of_address: 3 });
        let take = |token: &str, from: &str| seats.take(&caller(token, from));
        let mut held = vec![take("a", "10.0.0.1").unwrap(), take("a", "10.0.0.2").unwrap()];
        assert_eq!(take("a", "10.0.0.3").err(), Some(NoSeat::ForHolder(2)));
        held.extend([take("b", "10.0.0.1").unwrap(), take("c", "10.0.0.1").unwrap()]);
        assert_eq!(take("d", "10.0.0.1").err(), Some(NoSeat::ForAddress(3)));
        held.push(take("d", "10.0.0.4").unwrap());
        assert_eq!(take("e", "10.0.0.5").err(), Some(NoSeat::AtAll));
        held.remove(0);
        assert!(take("a", "10.0.0.1").is_ok(), "who goes makes room");
        drop(held);
        assert!(lock(&seats.taken).is_empty());
    }
}
