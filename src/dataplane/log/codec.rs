//! Event ↔ bytes: one byte of version, then the event's stored form (`schema`) in postcard's wire format.
//!
//! Versions 1 to 3 were written by builds from before the first release, and are refused. From version 4 on a new version
//! comes with a decoder for the one before; `tests/golden` holds bytes of each, and the tests below read them.

use serde::de::DeserializeOwned;

use super::schema::{self, As, Form};
use crate::model::event::Event;

/// The version that is written.
pub(super) const VERSION: u8 = 4;

/// Bytes that are no event.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Written by a build from before the first release.
    #[error(
        "the event has format {0} of a build from before the first release, which no release reads: go on with that build, \
         or begin anew in an empty data folder (--data)"
    )]
    Older(u8),
    /// Written by a later release.
    #[error("the event has format {0}, this release reads up to {VERSION}: run the newer release")]
    Newer(u8),
    /// Not what was written.
    #[error("the bytes are not an event")]
    Damaged,
    /// An event that cannot be written.
    #[error("the event cannot be written")]
    Unwritable,
}

/// Appends the event's bytes to `buffer`.
pub(super) fn encode(event: &Event, buffer: &mut Vec<u8>) -> Result<(), CodecError> {
    buffer.push(VERSION);
    postcard::to_io(&As::<schema::Event>(event), buffer).map_err(|_| CodecError::Unwritable)?;
    Ok(())
}

/// The event that `bytes` hold.
pub(super) fn decode(bytes: &[u8]) -> Result<Event, CodecError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => whole::<schema::Event>(rest).map(Form::into_model),
        Some((&older, _)) if (1..VERSION).contains(&older) => Err(CodecError::Older(older)),
        Some((&newer, _)) if newer > VERSION => Err(CodecError::Newer(newer)),
        _ => Err(CodecError::Damaged),
    }
}

/// One value that takes all of the bytes.
fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(CodecError::Damaged),
    }
}

#[cfg(test)]
mod tests;
