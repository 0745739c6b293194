//! Ground state → the bytes of a backup, a block at a time.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::{BASE, DAMAGED, END, EVENT, HEAD, Head, MAGIC, VERSION};
use crate::log::engine::Whole;
use crate::log::error::ReadError;
use crate::model::time::Time;

/// Bytes are handed on in blocks of about this size, whatever the log's size.
const BLOCK_BYTES: usize = 256 * 1024;
/// Most of them end with an event that is not much longer than that.
const BLOCK_CAPACITY_BYTES: usize = BLOCK_BYTES + 4 * 1024;

/// A backup in the making: its bytes, block by block. It holds what the database was at one moment, so whoever has one
/// either goes on or drops it.
pub struct Backup {
    whole: Whole,
    encoder: Encoder,
    /// The number of the base's bytes that are written.
    base_bytes: usize,
    is_done: bool,
}

impl Backup {
    pub(in crate::log) fn new(whole: Whole, made_at: Time) -> Self {
        let release = env!("CARGO_PKG_VERSION").to_owned();
        let head = Head { made_at, last: whole.extent.last, thinned: whole.extent.thinned, release };
        Self { whole, encoder: Encoder::new(&head), base_bytes: 0, is_done: false }
    }

    /// Writes the next record. Returns whether there was one.
    fn step(&mut self) -> Result<bool, ReadError> {
        let rest = &(*self.whole.base).as_ref()[self.base_bytes..];
        if !rest.is_empty() {
            let piece = &rest[..rest.len().min(BLOCK_BYTES)];
            self.base_bytes += piece.len();
            self.encoder.base(piece);
            return Ok(true);
        }
        let encoder = &mut self.encoder;
        let Some(event) = self.whole.events.next() else { return Ok(false) };
        let (sequence, bytes) = event?;
        encoder.event(sequence, &bytes);
        Ok(true)
    }
}

impl Iterator for Backup {
    type Item = Result<Bytes, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        while self.encoder.len() < BLOCK_BYTES {
            match self.step() {
                Ok(true) => {}
                Ok(false) => {
                    self.is_done = true;
                    self.encoder.end();
                    break;
                }
                Err(error) => {
                    self.is_done = true;
                    // The client is to hear why it is no backup; the whole error is for the server's own log.
                    let Some(event) = error.damaged_event() else { return Some(Err(error)) };
                    tracing::error!(%error, "the log is damaged, so there is no backup of it");
                    self.encoder.damaged(event);
                    break;
                }
            }
        }
        Some(Ok(self.encoder.block()))
    }
}

/// Records as bytes.
pub(super) struct Encoder {
    block: Vec<u8>,
    sha256: Sha256,
    events: u64,
}

impl Encoder {
    pub(super) fn new(head: &Head) -> Self {
        let block = Vec::with_capacity(BLOCK_CAPACITY_BYTES);
        let mut encoder = Self { block, sha256: Sha256::new(), events: 0 };
        encoder.block.extend(MAGIC);
        encoder.block.extend(VERSION.to_le_bytes());
        let Head { made_at, last, thinned, release } = head;
        let numbers = [made_at.ms().to_le_bytes(), last.to_le_bytes(), thinned.to_le_bytes()];
        encoder.record(HEAD, numbers.as_flattened(), release.as_bytes());
        encoder
    }

    pub(super) fn base(&mut self, piece: &[u8]) {
        self.record(BASE, piece, &[]);
    }

    pub(super) fn event(&mut self, sequence: u64, bytes: &[u8]) {
        self.events += 1;
        self.record(EVENT, &sequence.to_le_bytes(), bytes);
    }

    /// The last record.
    pub(super) fn end(&mut self) {
        self.record(END, &self.events.to_le_bytes(), &[0; 32]);
        let before = self.block.len() - 32;
        self.sha256.update(&self.block[..before]);
        let digest = self.sha256.finalize_reset();
        self.block[before..].copy_from_slice(&digest);
    }

    /// The last record of what is no backup.
    pub(super) fn damaged(&mut self, event: u64) {
        self.record(DAMAGED, &event.to_le_bytes(), &[]);
    }

    /// Bytes that wait to be taken.
    fn len(&self) -> usize {
        self.block.len()
    }

    /// Takes them. After the end nothing follows, so what is hashed then is of no consequence.
    pub(super) fn block(&mut self) -> Bytes {
        self.sha256.update(&self.block);
        std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK_CAPACITY_BYTES)).into()
    }

    fn record(&mut self, kind: u8, first: &[u8], second: &[u8]) {
        // Both are pieces of what was in memory as one, far below 4 GiB; a longer one would not be read again.
        let length = u32::try_from(first.len() + second.len()).unwrap_or(u32::MAX);
        self.block.push(kind);
        self.block.extend(length.to_le_bytes());
        self.block.extend(first);
        self.block.extend(second);
    }
}
