//! Age of an answer: when what it rests on was last seen, and what silence since then hides.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::time::Time;

/// Age of what is known of a running image. Its members stand beside those of the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Seen {
    /// The latest pull that showed it. A node that has the image may ask for nothing: this is "last seen".
    pub last_seen_at: Time,
    /// Age of that at the time of the answer, in whole seconds.
    pub age_s: i64,
    /// No pull has confirmed the answer since: for longer than the settle time, or since before a gap in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unconfirmed_since: Option<Time>,
    /// Changes that silence since then would hide, in words; none where something that sees what runs confirms the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caveat: Option<Cow<'static, str>>,
}
