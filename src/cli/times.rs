//! Times as people write them in arguments, and as they read them in answers.

use crate::clock::now;
use crate::model::ask::said::{self, Edge, NoTime};
use crate::model::time::Time;

/// A point in time: RFC 3339, a date, `yesterday`, or how long ago it is. Of a day its end is meant.
pub fn at(text: &str) -> Result<Time, NoTime> {
    said::time(text, now(), Edge::End)
}

/// The same, and of a day its beginning.
pub fn since(text: &str) -> Result<Time, NoTime> {
    said::time(text, now(), Edge::Start)
}
