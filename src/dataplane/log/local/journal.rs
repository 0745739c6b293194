//! The journal: what makes events durable before the database has them.
//!
//! A commit of the database costs some ten writes however little is in it; a frame of the journal costs one, and one sync.
//! So who waits is told when the journal has a frame, and the database takes many frames at once, later.
//!
//! The file is written whole when it is made and never grows: a sync has no metadata to write. After a page with magic,
//! version and size come two halves. Frames fill one; then the other, once the database has everything in it.
//!
//! Frames that count as written, when the file is read again, are those of the database's own session ([`Frame`]) that
//! follow its last event one after the other. The last frame may be missing, torn by the crash: nobody was told of it,
//! since each sync comes before the next write. One that is missing *between* others was durable and is damaged, and so
//! is one of which a single bit is another: no crash does that. Then the log is refused, and nothing is changed.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use super::files::JOURNAL as FILE_NAME;
use super::flusher::Progress;
use super::store::{Store, Trial};
use crate::log::error::OpenError;
use crate::log::frame::{Frame, PAGE_BYTES};

/// The journal's name while it is made.
const FILE_NAME_NEW: &str = "landfall.journal.new";
const MAGIC: &[u8; 16] = b"landfall journal";
/// The format of header and frames that this release reads and writes.
const VERSION: u32 = 1;
/// Magic, version, pages in a half, crc32 of these.
const HEADER_BYTES: usize = 28;
/// Size of a half of a new journal, in pages: 8 MiB, some 30,000 pulls in a crowd, 2,000 that come one by one.
const HALF_PAGES: u32 = 2_048;

/// The place that frames go to: a file, or in tests a disk that fails.
pub(in crate::log) trait Disk: Send {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn sync_data(&self) -> io::Result<()>;
}

impl Disk for File {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// The reason why a frame is not on the disk.
#[derive(Debug, thiserror::Error)]
pub(in crate::log) enum WriteError {
    #[error("the journal is full: the database has not yet taken what is in it")]
    Full,
    #[error("a frame of {0} bytes is larger than the journal")]
    TooLarge(usize),
    #[error("the journal cannot be written: {0}")]
    Disk(#[from] io::Error),
}

/// An open journal. Nobody else can open it meanwhile.
pub(in crate::log) struct Journal {
    disk: Box<dyn Disk>,
    half_bytes: usize,
    session: u64,
    /// The sequence number of the next event.
    next: u64,
    halves: [Half; 2],
    /// The half that is being filled.
    current: usize,
    /// The place of a frame that was called lost and may lie there whole: it is to go before another one takes its
    /// numbers.
    spoiled: Option<u64>,
    progress: Arc<Progress>,
}

#[derive(Clone, Copy, Default)]
struct Half {
    used_bytes: usize,
    /// The last event in it.
    last: u64,
}

impl Journal {
    /// Opens the journal in `dir`, or makes one, and lets the database take over what only the journal has. The caller
    /// holds the database, so nobody else makes one.
    pub(in crate::log) fn open(dir: &Path, store: &Store) -> Result<Self, OpenError> {
        Self::open_sized(dir, store, HALF_PAGES)
    }

    /// As `open`; a new one gets halves of `half_pages` pages.
    pub(in crate::log) fn open_sized(dir: &Path, store: &Store, half_pages: u32) -> Result<Self, OpenError> {
        let path = dir.join(FILE_NAME);
        let failed = |source| OpenError::Io { path: path.clone(), source };
        let file = match File::options().read(true).write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(dir, half_pages).map_err(failed)?,
            opened => opened.map_err(failed)?,
        };
        // The database is locked, too, but is closed for moments while it fails.
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path }),
            locked => locked.map_err(|error| failed(error.into()))?,
        }
        let half_bytes = half_bytes(&file, &path)?;
        let head = store.head()?;
        let left = match head.session {
            0 => Left::default(),
            session => frames(&file, half_bytes, session).map_err(failed)?,
        };
        if let Some(frame) = left.changed.iter().find(|frame| frame.last() > head.last) {
            let reason = format!("one bit of what holds event {} is another", frame.last());
            return Err(OpenError::DamagedJournal { path, reason });
        }
        let frames = following(left.whole, head.last)
            .map_err(|reason| OpenError::DamagedJournal { path: path.clone(), reason })?;
        let next = frames.last().map_or(head.last, Frame::last) + 1;
        let session = getrandom::u64().map_err(|error| failed(io::Error::other(error.to_string())))?;
        let trial = Trial::begin_in(dir);
        store.begin_session(&frames, session)?;
        drop(trial);
        // Now the database has everything: all of the file can be written over.
        let (halves, progress) = ([Half::default(); 2], Arc::new(Progress::new(half_bytes)));
        let disk = Box::new(file);
        Ok(Self { disk, half_bytes, session, next, halves, current: 0, spoiled: None, progress })
    }

    /// Numbers a frame's events and puts it on the disk. When this returns, what is in it survives a loss of power.
    pub(in crate::log) fn write(&mut self, frame: &mut Frame) -> Result<(), WriteError> {
        frame.number(self.session, self.next);
        frame.seal();
        self.unspoil()?;
        let offset = self.place(frame.bytes().len())?;
        self.spoiled = Some(offset);
        self.disk.write_all_at(frame.bytes(), offset)?;
        self.disk.sync_data()?;
        self.spoiled = None;
        let half = &mut self.halves[self.current];
        *half = Half { used_bytes: half.used_bytes + frame.bytes().len(), last: frame.last() };
        self.progress.filled(half.used_bytes, self.halves[1 - self.current].last);
        self.next = frame.last() + 1;
        Ok(())
    }

    /// Makes unreadable what was called lost.
    pub(in crate::log) fn unspoil(&mut self) -> Result<(), WriteError> {
        if let Some(offset) = self.spoiled {
            self.disk.write_all_at(&[0; PAGE_BYTES], offset)?;
            self.disk.sync_data()?;
            self.spoiled = None;
        }
        Ok(())
    }

    /// Finds the place for `bytes` more; waits for the database if that has yet to take the frames that lie there.
    fn place(&mut self, bytes: usize) -> Result<u64, WriteError> {
        if bytes > self.half_bytes {
            return Err(WriteError::TooLarge(bytes));
        }
        if self.halves[self.current].used_bytes + bytes > self.half_bytes {
            let other = 1 - self.current;
            if !self.progress.wait_until_kept(self.halves[other].last) {
                return Err(WriteError::Full);
            }
            self.halves[other] = Half::default();
            self.current = other;
        }
        let start = PAGE_BYTES + self.current * self.half_bytes;
        Ok((start + self.halves[self.current].used_bytes) as u64)
    }

    /// The number of the last event that was written.
    pub(in crate::log) fn last(&self) -> u64 {
        self.next - 1
    }

    /// Bytes of a half. The database is to take frames in pieces well below that.
    pub(in crate::log) fn half_bytes(&self) -> usize {
        self.half_bytes
    }

    /// The flusher's word on the database's progress.
    pub(in crate::log) fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    #[cfg(test)]
    pub(in crate::log) fn with_disk(mut self, wrap: impl FnOnce(Box<dyn Disk>) -> Box<dyn Disk>) -> Self {
        self.disk = wrap(self.disk);
        self
    }
}

/// The frames that are left in some pages.
#[derive(Default)]
pub(in crate::log) struct Left {
    /// Those that are whole.
    pub(in crate::log) whole: Vec<Frame>,
    /// Those that were whole before one bit of them became another, as they were.
    pub(in crate::log) changed: Vec<Frame>,
}

/// All frames of `session`, wherever they lie.
fn frames(file: &File, half_bytes: usize, session: u64) -> io::Result<Left> {
    let mut left = Left::default();
    let mut half = vec![0; half_bytes];
    for start in [PAGE_BYTES, PAGE_BYTES + half_bytes] {
        file.read_exact_at(&mut half, start as u64)?;
        let in_half = frames_in(&half, session);
        left.whole.extend(in_half.whole);
        left.changed.extend(in_half.changed);
    }
    Ok(left)
}

/// All frames of `session` in a half; it is made of whole pages.
pub(in crate::log) fn frames_in(half: &[u8], session: u64) -> Left {
    frames_by(half, |bytes| Frame::read(bytes, session), |bytes| Frame::mended(bytes, session))
}

/// All frames in what is left of a journal: those of `sessions`, and of any where these are not known any more.
pub(super) fn frames_left(journal: &[u8], sessions: &HashSet<u64>) -> Left {
    let pages = &journal[..journal.len() / PAGE_BYTES * PAGE_BYTES];
    let is_ours = |frame: &Frame| sessions.is_empty() || sessions.contains(&frame.session());
    let read = |bytes: &[u8]| Frame::read_any(bytes).filter(is_ours);
    frames_by(pages, read, |bytes| sessions.iter().find_map(|session| Frame::mended(bytes, *session)))
}

fn frames_by(
    pages: &[u8],
    read: impl Fn(&[u8]) -> Option<Frame>,
    mended: impl Fn(&[u8]) -> Option<Frame>,
) -> Left {
    let mut left = Left::default();
    let mut rest = pages;
    while !rest.is_empty() {
        let (frame, frames) = match read(rest) {
            None => (mended(rest), &mut left.changed),
            whole => (whole, &mut left.whole),
        };
        rest = &rest[frame.as_ref().map_or(PAGE_BYTES, |frame| frame.bytes().len())..];
        frames.extend(frame);
    }
    left
}

/// Those that hold something after the event `last`, in order; or why they cannot be all that there was.
pub(in crate::log) fn following(mut frames: Vec<Frame>, last: u64) -> Result<Vec<Frame>, String> {
    frames.retain(|frame| frame.last() > last);
    frames.sort_by_key(Frame::first);
    let mut known = last;
    for frame in &frames {
        if frame.first() != known + 1 {
            return Err(format!("event {} should follow event {known}", frame.first()));
        }
        if let Some((sequence, error)) = frame.unreadable() {
            return Err(format!("event {sequence}: {error}"));
        }
        known = frame.last();
    }
    Ok(frames)
}

/// Makes a journal, under another name until it is whole.
fn make(dir: &Path, half_pages: u32) -> io::Result<File> {
    let (path, new) = (dir.join(FILE_NAME), dir.join(FILE_NAME_NEW));
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    let zeros = vec![0; half_pages as usize * PAGE_BYTES];
    FileExt::write_all_at(&file, &header(VERSION, half_pages), 0)?;
    for half in 0..2 {
        FileExt::write_all_at(&file, &zeros, (PAGE_BYTES + half * zeros.len()) as u64)?;
    }
    file.sync_all()?;
    std::fs::rename(new, path)?;
    File::open(dir)?.sync_all()?;
    Ok(file)
}

fn header(version: u32, half_pages: u32) -> [u8; PAGE_BYTES] {
    let mut page = [0; PAGE_BYTES];
    page[..16].copy_from_slice(MAGIC);
    page[16..20].copy_from_slice(&version.to_le_bytes());
    page[20..24].copy_from_slice(&half_pages.to_le_bytes());
    let sum = crc32fast::hash(&page[..24]);
    page[24..HEADER_BYTES].copy_from_slice(&sum.to_le_bytes());
    page
}

/// Checks the first page and the file's length; returns how long a half is.
fn half_bytes(file: &File, path: &Path) -> Result<usize, OpenError> {
    let damaged =
        |reason: &str| OpenError::DamagedJournal { path: path.to_owned(), reason: reason.to_owned() };
    let mut head = [0; HEADER_BYTES];
    file.read_exact_at(&mut head, 0).map_err(|_| damaged("it is too short"))?;
    let number = |at: usize| head[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    if &head[..16] != MAGIC || number(24) != crc32fast::hash(&head[..24]) {
        return Err(damaged("it does not begin like a journal"));
    }
    match number(16) {
        VERSION => {}
        found => {
            let (path, found, known) = (path.to_owned(), found.into(), VERSION.into());
            return Err(OpenError::Newer { path, found, known });
        }
    }
    let half_bytes = u64::from(number(20)) * PAGE_BYTES as u64;
    let length = file.metadata().map_err(|source| OpenError::Io { path: path.to_owned(), source })?.len();
    if half_bytes == 0 || length != PAGE_BYTES as u64 + 2 * half_bytes {
        return Err(damaged("it does not have the length that it was made with"));
    }
    usize::try_from(half_bytes).map_err(|_| damaged("it is larger than memory"))
}

#[cfg(test)]
mod tests;
