//! State of the log: for `/status`, as metrics, and in words for an operator.

use std::fmt;
use std::time::Duration;

use super::engine::Sharing;
use super::error::Astray;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

/// The log's state. None of it stops a pull.
#[derive(Clone, Debug)]
pub struct Health {
    /// The loss of the log's files, if they are not those that were opened any more.
    pub astray: Option<Astray>,
    /// The last attempt to write to the journal succeeded.
    pub writable: bool,
    /// The last attempt to write to the database succeeded.
    pub database_writable: bool,
    /// Room in the journal, in bytes, until it has to wait for the database.
    pub journal_free_bytes: u64,
    /// Time since something was made durable; nothing if nothing was since the start.
    pub written_ago: Option<Duration>,
    /// Events that the slow pass found damaged.
    pub damaged_events: u64,
    /// Time since the slow pass last came to the log's end; nothing if it did not since the start.
    pub scrubbed_ago: Option<Duration>,
    /// State of the sharing with other replicas, if the log is shared.
    pub sharing: Option<Sharing>,
}

impl Health {
    /// Tells whether all is well; if not, what is wrong and what that means, in words for an operator.
    ///
    /// # Errors
    /// Tells that all is well, or the fault in words.
    pub fn verdict(&self) -> Result<(), String> {
        if let Some(astray) = &self.astray {
            return Err(format!(
                "{astray} while the server has it open: pulls go on and are tracked, but nothing of it outlives this \
                 process, so changes are refused. Take a backup now with `landfall backup` and an admin token, which has \
                 everything; then stop the server, restore the backup into an empty folder with `landfall restore`, and \
                 start again. If other files were put there on purpose, restart the server to use them"
            ));
        }
        if !self.writable {
            return Err("the log cannot be written; pulls go on, but are not tracked until it can".to_owned());
        }
        if !self.database_writable {
            return Err(format!(
                "the log's database cannot be written; pulls are tracked while the journal has room ({} KiB left)",
                self.journal_free_bytes / 1024
            ));
        }
        if self.damaged_events > 0 {
            return Err(format!(
                "the log's database is damaged: at least {} of its events are not what was written. Pulls go on and are \
                 tracked; restore the latest whole backup into a new folder (`landfall restore`), or stop the server and \
                 keep what is whole (`landfall salvage`)",
                self.damaged_events
            ));
        }
        match self.sharing.as_ref().and_then(|sharing| sharing.trouble.clone()) {
            Some(trouble) => Err(trouble),
            None => Ok(()),
        }
    }
}

/// The log's health as gauges, read when somebody asks for the metrics.
pub(super) struct Gauges<F>(F);

impl<F: Fn() -> Health + Send + Sync + 'static> Gauges<F> {
    pub(super) fn new(health: F) -> Self {
        Self(health)
    }
}

impl<F> fmt::Debug for Gauges<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gauges")
    }
}

impl<F: Fn() -> Health + Send + Sync + 'static> Collector for Gauges<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let health = (self.0)();
        let mut gauge = |name, help, value: u64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge(
            "in_place",
            "1 if the log's files are those in the data folder; at 0 they were deleted or replaced, and nothing outlives the process",
            health.astray.is_none().into(),
        )?;
        gauge(
            "writable",
            "1 if the last write to the journal succeeded; at 0 pulls are not tracked",
            health.writable.into(),
        )?;
        gauge(
            "database_writable",
            "1 if the last write to the database succeeded; at 0 the journal fills",
            health.database_writable.into(),
        )?;
        gauge(
            "journal_free_bytes",
            "What the journal can take before it has to wait for the database",
            health.journal_free_bytes,
        )?;
        gauge(
            "damaged_events",
            "Events that are not what was written, as the slow pass over the log found",
            health.damaged_events,
        )?;
        if let Some(sharing) = &health.sharing {
            gauge(
                "shared_answered",
                "1 if the stream that the replicas share answers; at 0 changes are refused, and pulls wait to be shipped",
                sharing.is_answered.into(),
            )?;
            gauge(
                "shared_unshipped",
                "Events of this replica that are not in the stream yet",
                sharing.unshipped,
            )?;
            gauge(
                "shared_behind",
                "Messages of the stream that this replica has not followed yet",
                sharing.behind,
            )?;
            gauge(
                "shared_missing",
                "Events that are missing in the stream, while later ones of the same replica are there",
                sharing.missing,
            )?;
            gauge(
                "shared_set_aside",
                "Messages of edges that were set aside: they cannot be read, or are not for an edge to say",
                sharing.set_aside,
            )?;
            gauge(
                "shared_lag_seconds",
                "Seconds since this replica had followed everything and had nothing left to ship",
                sharing.lag.as_secs(),
            )?;
            gauge("shared_replicas", "Replicas that were heard of", sharing.replicas.len() as u64)?;
            let silent = sharing.replicas.iter().filter(|it| it.is_silent).count();
            gauge("shared_replicas_silent", "Those that have said nothing for a while", silent as u64)?;
        }
        if let Some(ago) = health.scrubbed_ago {
            gauge("scrubbed_seconds_ago", "Seconds since all events were read", ago.as_secs())?;
        }
        if let Some(ago) = health.written_ago {
            gauge("written_seconds_ago", "Seconds since something was made durable", ago.as_secs())?;
        }
        Ok(())
    }
}
