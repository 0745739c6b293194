//! The one place where the time of day is read.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::time::Time;

/// This machine's time of day.
pub fn now() -> Time {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
