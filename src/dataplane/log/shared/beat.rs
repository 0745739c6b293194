//! Beats: what each replica says of itself once a second, beside the log and not in it.

use serde::{Deserialize, Serialize};

use super::replica::WriterId;
use crate::log::engine::Peer;
use crate::model::time::{Span, Time};

/// A replica that said nothing for so long is silent.
const SILENT_AFTER: Span = Span::from_secs(10);

/// A replica's word on itself. Later releases may say more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beat {
    pub(super) name: String,
    pub(super) writer: String,
    pub(super) release: String,
    pub(super) role: String,
    /// The number of its own events that are in the stream.
    pub(super) shipped: u64,
    /// The last event that it followed.
    pub(super) applied: u64,
    /// Time since it had followed everything and had nothing of its own left to ship.
    pub(super) lag_ms: u64,
    /// The message of the last act that it followed, by its number in the stream, which is the same to all.
    #[serde(default)]
    pub(super) acts: u64,
    /// It ended, and everything of its own is in the stream: nothing of it is missing.
    #[serde(default)]
    pub(super) has_left: bool,
}

/// A beat that was heard.
#[derive(Clone, Debug)]
pub(in crate::log) struct Heard {
    /// Time at which the stream stored it, in the stream's time.
    pub(in crate::log) at: Time,
    /// The replica that said it, by the subject: rights are for that.
    pub(in crate::log) name: String,
    pub(in crate::log) bytes: Vec<u8>,
}

impl Beat {
    /// A beat's bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        // Names and numbers always have some.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The replicas that were heard, in the order of their names; `now` in the stream's time, as far as it is known.
pub(super) fn replicas(heard: Vec<Heard>) -> Vec<Peer> {
    let Some(now) = heard.iter().map(|it| it.at).max() else { return Vec::new() };
    let replica = |heard: Heard| {
        let beat: Beat = serde_json::from_slice(&heard.bytes).ok()?;
        if beat.name != heard.name {
            return None;
        }
        let silence = now.since(heard.at);
        let is_silent = silence > SILENT_AFTER && !beat.has_left;
        let lag = Span::from_ms(i64::try_from(beat.lag_ms).unwrap_or(i64::MAX));
        Some(Peer {
            name: beat.name,
            writer: beat.writer,
            release: beat.release,
            role: beat.role,
            shipped: beat.shipped,
            applied: beat.applied,
            acts: beat.acts,
            has_left: beat.has_left,
            lag: if is_silent { lag + silence } else { lag },
            lag_then: lag,
            seen_at: heard.at,
            silence,
            set_aside: 0,
            is_silent,
        })
    };
    let mut replicas: Vec<_> = heard.into_iter().filter_map(replica).collect();
    replicas.sort_by(|one, other| (&one.name, &one.writer).cmp(&(&other.name, &other.writer)));
    replicas
}

/// The writer's text in beats.
pub(super) fn writer(id: WriterId) -> String {
    id.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_silent_lags_by_its_silence_and_who_left_does_not() {
        let beat = |name: &str, at: i64| {
            let beat = Beat {
                name: name.to_owned(),
                writer: "w".to_owned(),
                release: "1".to_owned(),
                role: "full".to_owned(),
                shipped: 1,
                applied: 2,
                lag_ms: 500,
                acts: 2,
                has_left: name == "c",
            };
            Heard { at: Time::from_ms(at), name: name.to_owned(), bytes: beat.encode() }
        };
        let noise = Heard { at: Time::from_ms(1), name: "n".to_owned(), bytes: b"noise".to_vec() };
        let liar = Heard { name: "edge".to_owned(), ..beat("d", 61_000) };
        let heard = replicas(vec![beat("b", 61_000), beat("c", 1_000), beat("a", 1_000), noise, liar]);
        let told: Vec<_> = heard.iter().map(|it| (&*it.name, it.is_silent, it.lag.ms())).collect();
        assert_eq!(told, [("a", true, 60_500), ("b", false, 500), ("c", false, 500)]);
    }
}
