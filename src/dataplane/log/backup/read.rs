//! The bytes of a backup → its records, each of them checked as far as it can be; all of them at the end.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::{
    BASE, BackupError, Contents, DAMAGED, END, EVENT, HEAD, Head, MAGIC, RECORD_BYTES_MAX, RELEASE_BYTES_MAX,
    VERSION,
};
use crate::model::time::Time;

/// A record after the head.
pub(in crate::log) enum Record {
    /// A piece of the base.
    Base(Vec<u8>),
    /// An event, with its sequence number.
    Event(u64, Vec<u8>),
    /// The end: everything before it is what was written.
    End(Contents),
}

/// Reads a backup. Its records are to be trusted only once the end came.
pub(in crate::log) struct Reader<R> {
    input: R,
    sha256: Sha256,
    bytes: u64,
    head: Head,
    events: u64,
    /// The last event so far; or the last one that retention may have removed.
    known: u64,
    /// The last event that was there.
    latest: u64,
}

/// Reads a backup to its end; tells what is in it.
///
/// # Errors
/// It is none, or not whole.
pub fn check(input: impl Read) -> Result<Contents, BackupError> {
    let mut reader = Reader::open(input)?;
    loop {
        if let Record::End(contents) = reader.next()? {
            return Ok(contents);
        }
    }
}

impl<R: Read> Reader<R> {
    /// Reads what a backup begins with.
    pub(in crate::log) fn open(input: R) -> Result<Self, BackupError> {
        let head = Head { made_at: Time::from_ms(0), last: 0, thinned: 0, release: String::new() };
        let sha256 = Sha256::new();
        let mut reader = Self { input, sha256, bytes: 0, head, events: 0, known: 0, latest: 0 };
        match reader.take() {
            Ok(magic) if &magic == MAGIC => {}
            Ok(_) | Err(BackupError::CutShort { .. }) => return Err(BackupError::Foreign),
            Err(error) => return Err(error),
        }
        match u32::from_le_bytes(reader.take()?) {
            VERSION => {}
            found if found > VERSION => return Err(BackupError::Newer { found }),
            _ => return Err(reader.damaged("version 0 was never written")),
        }
        reader.head = reader.read_head()?;
        reader.known = reader.head.thinned;
        Ok(reader)
    }

    /// Its account of itself.
    pub(in crate::log) fn head(&self) -> &Head {
        &self.head
    }

    /// The next record.
    pub(in crate::log) fn next(&mut self) -> Result<Record, BackupError> {
        match self.kind_and_length()? {
            (BASE, length) if self.events == 0 => Ok(Record::Base(self.take_vec(length)?)),
            (EVENT, length) if length >= 8 => {
                let sequence = u64::from_le_bytes(self.take()?);
                let bytes = self.take_vec(length - 8)?;
                self.follow(sequence)?;
                Ok(Record::Event(sequence, bytes))
            }
            (DAMAGED, 8) => Err(BackupError::DamagedLog { event: u64::from_le_bytes(self.take()?) }),
            (END, 40) => self.end(),
            _ => Err(self.damaged("a record is none that was written")),
        }
    }

    fn read_head(&mut self) -> Result<Head, BackupError> {
        let length = match self.kind_and_length()? {
            (HEAD, length) if (24..=24 + RELEASE_BYTES_MAX).contains(&length) => length,
            _ => return Err(self.damaged("it does not begin like a backup")),
        };
        let made_at = Time::from_ms(i64::from_le_bytes(self.take()?));
        let [last, thinned] = [self.take()?, self.take()?].map(u64::from_le_bytes);
        // It is shown to people: nothing in it is for their terminal.
        let release = String::from_utf8(self.take_vec(length - 24)?);
        let release = release.ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        let release = release.ok_or_else(|| self.damaged("its release is no version"))?;
        Ok(Head { made_at, last, thinned, release })
    }

    /// Takes an event into account: none may be missing but those that retention removed.
    fn follow(&mut self, sequence: u64) -> Result<(), BackupError> {
        let is_next = sequence > self.latest && sequence <= self.known.saturating_add(1);
        if !is_next || sequence > self.head.last {
            return Err(self.damaged("an event is missing, or out of order"));
        }
        (self.latest, self.known) = (sequence, self.known.max(sequence));
        self.events += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<Record, BackupError> {
        let events = u64::from_le_bytes(self.take()?);
        let expected = self.sha256.clone().finalize();
        let digest: [u8; 32] = self.take()?;
        if digest[..] != expected[..] {
            return Err(self.damaged("its checksum is that of something else"));
        }
        if (events, self.known) != (self.events, self.head.last) {
            return Err(self.damaged("an event is missing at its end"));
        }
        match io::copy(&mut self.input.by_ref().take(1), &mut io::sink()).map_err(BackupError::Read)? {
            0 => {}
            _ => return Err(self.damaged("something follows its end")),
        }
        let Head { made_at, last, release, .. } = self.head.clone();
        Ok(Record::End(Contents { made_at, release, last, events, bytes: self.bytes }))
    }

    fn kind_and_length(&mut self) -> Result<(u8, usize), BackupError> {
        let [kind, length @ ..] = self.take::<5>()?;
        match u32::from_le_bytes(length) {
            length @ ..=RECORD_BYTES_MAX => Ok((kind, length as usize)),
            _ => Err(self.damaged("a record is longer than any that was written")),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], BackupError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn take_vec(&mut self, length: usize) -> Result<Vec<u8>, BackupError> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), BackupError> {
        self.input.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => BackupError::CutShort { bytes: self.bytes },
            _ => BackupError::Read(error),
        })?;
        self.sha256.update(&*buffer);
        self.bytes += buffer.len() as u64;
        Ok(())
    }

    fn damaged(&self, reason: &'static str) -> BackupError {
        BackupError::Damaged { reason, bytes: self.bytes }
    }
}
