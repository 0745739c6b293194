//! Beats: the replica's own is said, and the last one of each is read.

use serde_json::json;

use super::message::stamp;
use super::{Link, appended, timely};
use crate::log::shared::beat::Heard;
use crate::log::shared::replica::{Appended, Away, Role};
use crate::model::time::Time;

/// Replicas whose beats are read.
const BEATS_MAX: u64 = 1_024;

impl Link {
    /// Says this beat, and reads the last one of each replica.
    pub(super) async fn exchange(&self, beat: Vec<u8>) -> Option<Vec<Heard>> {
        if !self.is_good() {
            return None;
        }
        let beats = self.subjects.beats();
        let said = self.client.request(self.subjects.beat(), beat.into()).await;
        let said = said.map_err(|error| tracing::debug!(%error, "a beat was not said")).ok()?;
        if !matches!(appended(&said.payload), Appended::Stored(_)) {
            return None;
        }
        let request = json!({ "multi_last": [format!("{beats}.>")], "batch": BEATS_MAX });
        let direct = async {
            let mut heard = Vec::new();
            let read = self.direct(&beats, &request, |message| {
                let at = Time::from_ms(stamp(message)?.as_millisecond());
                let name = self.subjects.teller(message).unwrap_or_default();
                heard.push(Heard { at, name, bytes: message.payload.to_vec() });
                Ok(())
            });
            read.await.map(|()| heard)
        };
        match self.role {
            Role::Full => self.care_of_beats.read(timely(direct), timely(self.beats_carefully())).await.ok(),
            // It has no right to more.
            Role::Edge => timely(direct).await.ok(),
        }
    }

    /// The last word of each replica.
    pub(super) async fn beats_carefully(&self) -> Result<Vec<Heard>, Away> {
        let beats = self.subjects.beats();
        let info = self.ask("STREAM.INFO", &beats, &json!({ "subjects_filter": ">" })).await.ok_or(Away)?;
        let subjects = info["state"]["subjects"].as_object().ok_or(Away)?;
        let mut heard = Vec::new();
        for subject in subjects.keys().take(usize::try_from(BEATS_MAX).unwrap_or(usize::MAX)) {
            let Some(told) = self.told_alone(&beats, &json!({ "last_by_subj": subject })).await? else {
                continue;
            };
            let name = self.subjects.beating(&told.subject).filter(|_| !told.is_passed()).unwrap_or_default();
            let at = Time::from_ms(told.stamp()?.as_millisecond());
            heard.push(Heard { at, name, bytes: told.bytes()? });
        }
        Ok(heard)
    }
}
