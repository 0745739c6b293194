//! Any bytes that the log reads: events, frames, a whole journal, backups, snapshots.

use sha2::{Digest as _, Sha256};

use super::frame::{Frame, PAGE_BYTES};
use super::journal::{following, frames_in};
use super::view::View;
use super::{backup, codec, snapshot};
use crate::model::deployments::Rules;
use crate::model::event::Event;
use crate::model::time::Time;

/// The session whose frames count.
const SESSION: u64 = 0x0123_4567_89ab_cdef;

/// Events, each behind its length (2 bytes, little-endian): what is read leads back to itself, in bytes that stay the
/// same from then on, and the fold takes it.
pub(crate) fn event(bytes: &[u8]) {
    let mut view = View::new(&Rules::default());
    for (sequence, piece) in (1..).zip(pieces(bytes).take(64)) {
        let Ok(event) = codec::decode(piece) else { continue };
        let mut written = Vec::new();
        codec::encode(&event, &mut written).expect("an event that was read is written");
        assert_eq!(codec::decode(&written).ok().as_ref(), Some(&event), "it does not come back");
        assert!(view.apply(sequence, &event), "the fold cannot take it");
    }
    let Ok(kept) = snapshot::encode(&view) else { panic!("the view cannot be kept") };
    let Some(again) = snapshot::decode(&kept, &Rules::default()) else {
        panic!("a snapshot is not read again")
    };
    assert_eq!(snapshot::encode(&again.view).ok(), Some(kept), "a snapshot is not what was kept");
}

/// A frame: what is written is read; what begins like one and has its checksum is read within its bounds.
pub(crate) fn frame(bytes: &[u8]) {
    let mut written = Frame::new(SESSION, 42);
    for piece in pieces(bytes) {
        let taken = written.push_with(|buffer| {
            buffer.extend(piece);
            Ok(())
        });
        taken.expect("a short piece is taken");
    }
    if written.last() >= written.first() {
        written.seal();
        assert_eq!(Frame::read(written.bytes(), SESSION).as_ref(), Some(&written));
        assert!(written.entries().map(|(_, entry)| entry).eq(pieces(bytes)));
    }

    let mut image = bytes.to_vec();
    image.resize(bytes.len().max(32).next_multiple_of(PAGE_BYTES), 0);
    reseal(&mut image);
    let Some(read) = Frame::read(&image, SESSION) else { return };
    assert!(read.bytes().len() <= image.len() && read.bytes().len().is_multiple_of(PAGE_BYTES));
    assert!(read.first() <= read.last());
    assert!(read.entries().map(|(sequence, _)| sequence).eq(read.first()..=read.last()));
    let _ = read.unreadable();
}

/// Gives what lies there the magic, session and checksum of a frame, as far as its length allows.
fn reseal(image: &mut [u8]) {
    image[..4].copy_from_slice(b"LFfr");
    image[8..16].copy_from_slice(&SESSION.to_le_bytes());
    let payload = u32::from_le_bytes([image[4], image[5], 0, 0]) as usize % (image.len() - 31);
    image[4..8].copy_from_slice(&(payload as u32).to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&image[..28]);
    hasher.update(&image[32..32 + payload]);
    let sum = hasher.finalize();
    image[28..32].copy_from_slice(&sum.to_le_bytes());
}

/// A journal that was written and then damaged: its events come back as they were, up to some point, or not at all. The
/// first byte says how many frames, each two after them where to write which byte.
pub(crate) fn journal(bytes: &[u8]) {
    let Some((&count, damage)) = bytes.split_first() else { return };
    let (mut half, mut written, mut next) = (Vec::new(), Vec::new(), 1);
    for number in 0..usize::from(count % 8) + 1 {
        let mut frame = Frame::new(SESSION, next);
        // Some take several pages.
        for lost in 0..[1, 3, 600][number % 3] {
            let gap = Event::Gap { from: Time::from_ms(0), until: Time::from_ms(1), lost };
            frame.push(&gap).expect("an event is written");
        }
        frame.seal();
        half.extend(frame.bytes());
        next = frame.last() + 1;
        written.push(frame);
    }
    half.extend([0; 2 * PAGE_BYTES]);
    for place in damage.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([place[0], place[1]]));
        if let Some(byte) = half.get_mut(at) {
            *byte = place[2];
        }
    }
    let whole: Vec<bool> = {
        let mut at = 0;
        let is_whole = |frame: &Frame| {
            let end = at + frame.bytes().len();
            let is_whole = half[at..end][..frame.events_end()] == frame.bytes()[..frame.events_end()];
            at = end;
            is_whole
        };
        written.iter().map(is_whole).collect()
    };
    match following(frames_in(&half, SESSION).whole, 0) {
        Ok(read) => {
            let kept = whole.iter().take_while(|is_whole| **is_whole).count();
            assert_eq!(read.len(), kept, "not what was written up to the first damage");
            assert!(
                !whole[kept..].contains(&true),
                "a frame after a damaged one was left out without a word"
            );
            for (read, written) in read.iter().zip(&written) {
                assert!(read.entries().eq(written.entries()));
            }
        }
        Err(_) => assert!(whole.contains(&false), "a whole journal was refused"),
    }
    // And bytes that nobody wrote.
    let mut image = bytes.to_vec();
    image.resize(bytes.len().max(32).next_multiple_of(PAGE_BYTES), 0);
    image.chunks_exact_mut(PAGE_BYTES).for_each(reseal);
    let _ = following(frames_in(&image, SESSION).whole, 0);
}

/// A backup, to which its end is added: what it says is in it is in it, and no piece or change of it is another one.
pub(crate) fn backup(bytes: &[u8]) {
    let _ = backup::check(bytes);
    let mut whole = bytes.to_vec();
    whole.extend(b"z\x28\0\0\0");
    whole.extend(events_in(bytes).to_le_bytes());
    let digest = Sha256::digest(&whole);
    whole.extend(digest);
    let Ok(contents) = backup::check(&whole[..]) else { return };
    assert_eq!((contents.bytes, contents.events), (whole.len() as u64, events_in(bytes)));
    assert!(contents.events <= contents.last);
    let at = usize::from(bytes.last().copied().unwrap_or(0)) * whole.len() / 256;
    assert!(backup::check(&whole[..at]).is_err(), "the first {at} bytes of a backup are one");
    whole[at] ^= 1;
    assert!(backup::check(&whole[..]).is_err(), "a backup whose byte {at} was changed is one");
}

/// Counts the records of events that follow the head.
fn events_in(backup: &[u8]) -> u64 {
    let mut rest = backup.get(20..).unwrap_or_default();
    let mut events = 0;
    while let Some(([kind, length @ ..], after)) = rest.split_first_chunk::<5>() {
        events += u64::from(*kind == b'e');
        rest = after.get(u32::from_le_bytes(*length) as usize..).unwrap_or_default();
    }
    events
}

/// A snapshot that was damaged, and has the checksum of what it is now: it is refused, or read and kept again. The first
/// byte says how many bytes of it are changed, each three after them where and how; then follow events, as above.
pub(crate) fn snapshot(bytes: &[u8]) {
    let Some((&count, rest)) = bytes.split_first() else { return };
    let (damage, events) = rest.split_at(rest.len().min(3 * usize::from(count % 32)));
    let mut view = View::new(&Rules::default());
    for (sequence, piece) in (1..).zip(pieces(events).take(64)) {
        if let Ok(event) = codec::decode(piece) {
            view.apply(sequence, &event);
        }
    }
    let mut kept = snapshot::encode(&view).expect("a view can be kept");
    let end = kept.len() - 4;
    for place in damage.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([place[0], place[1]]));
        kept[at * end / 65_536] ^= place[2];
    }
    let sum = crc32fast::hash(&kept[..end]);
    kept[end..].copy_from_slice(&sum.to_le_bytes());
    let Some(read) = snapshot::decode(&kept, &Rules::default()) else { return };
    let written = snapshot::encode(&read.view).expect("a view that was read can be kept");
    let again = snapshot::decode(&written, &Rules::default()).expect("a snapshot that was kept is read");
    assert_eq!(snapshot::encode(&again.view).ok(), Some(written), "a snapshot is not what was kept");
}

/// Bytes, each piece behind its length of 2 bytes.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk()?;
        let (piece, after) = after.split_at_checked(u16::from_le_bytes(*length).into())?;
        rest = after;
        Some(piece)
    })
}
