//! Times in sentences, always in UTC and said so.

use crate::model::time::Time;

/// `2026-05-13 10:30 UTC`
pub(super) fn day(at: Time) -> String {
    let text = at.to_string();
    format!("{} {} UTC", &text[..10], &text[11..16])
}
