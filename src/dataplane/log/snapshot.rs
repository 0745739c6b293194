//! A view as bytes, so that opening does not take longer the older the log is.
//!
//! The latest snapshot is a shortcut and nothing more: one that does not fit this release is left aside, and the log is
//! folded again. The base holds what retention took from the log's beginning; folding begins with it.

use serde::{Deserialize, Serialize};

use super::engine::{Engine, Snapshot};
use super::error::OpenError;
use super::view::View;
use crate::model::deployments::{RULES_VERSION, Rules, State};
use crate::model::directory::Directory;

/// Number of the layout that the bytes of a [`View`] have. Any change of a field of theirs raises it.
const LAYOUT: u32 = 21;

/// The maker of a snapshot: it has to be the same for the snapshot to be of use.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Maker {
    layout: u32,
    release: String,
    rules_version: u32,
    rules: Rules,
}

impl Maker {
    fn this(rules: &Rules) -> Self {
        Self {
            layout: LAYOUT,
            release: env!("CARGO_PKG_VERSION").to_owned(),
            rules_version: RULES_VERSION,
            rules: rules.clone(),
        }
    }
}

/// The bytes of a view.
pub(super) fn encode(view: &View) -> Result<Vec<u8>, postcard::Error> {
    let bytes = postcard::to_stdvec(&Maker::this(view.state.rules()))?;
    let bytes = postcard::to_extend(&view.applied, bytes)?;
    let bytes = postcard::to_extend(&view.directory, bytes)?;
    let bytes = postcard::to_extend(&view.deploys, bytes)?;
    let bytes = postcard::to_extend(&view.acts, bytes)?;
    let bytes = postcard::to_extend(&view.late, bytes)?;
    let mut bytes = postcard::to_extend(&view.state, bytes)?;
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    Ok(bytes)
}

/// The contents of a snapshot's bytes.
pub(super) struct Kept {
    pub(super) view: View,
    /// It was made by this release under these rules, so folding the log again would give the same.
    pub(super) is_ours: bool,
}

/// Tells whether the bytes are what was written, by whatever release.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    unsealed(bytes).is_some()
}

/// The last event in the view that the bytes hold; nothing for bytes that were damaged or that have another layout.
#[cfg(any(test, feature = "shared"))]
pub(super) fn applied(bytes: &[u8]) -> Option<u64> {
    let (maker, bytes) = postcard::take_from_bytes::<Maker>(unsealed(bytes)?).ok()?;
    if maker.layout != LAYOUT {
        return None;
    }
    postcard::take_from_bytes(bytes).ok().map(|(applied, _)| applied)
}

fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let (bytes, sum) = bytes.split_last_chunk()?;
    (crc32fast::hash(bytes) == u32::from_le_bytes(*sum)).then_some(bytes)
}

/// The view that the bytes hold; nothing for bytes that were damaged or that have another layout.
pub(super) fn decode(bytes: &[u8], rules: &Rules) -> Option<Kept> {
    let bytes = unsealed(bytes)?;
    let (maker, bytes) = postcard::take_from_bytes::<Maker>(bytes).ok()?;
    if maker.layout != LAYOUT {
        return None;
    }
    let (applied, bytes) = postcard::take_from_bytes(bytes).ok()?;
    let (directory, bytes) = postcard::take_from_bytes::<Directory>(bytes).ok()?;
    let (deploys, bytes) = postcard::take_from_bytes(bytes).ok()?;
    let (acts, bytes) = postcard::take_from_bytes(bytes).ok()?;
    let (late, bytes) = postcard::take_from_bytes(bytes).ok()?;
    let (mut state, rest) = postcard::take_from_bytes::<State>(bytes).ok()?;
    let is_ours = maker == Maker::this(rules);
    state.set_rules(rules.clone());
    rest.is_empty().then_some(Kept { view: View { directory, state, deploys, acts, late, applied }, is_ours })
}

/// The view that folding the whole log begins with: an empty one, or what retention removed from the log's beginning.
///
/// # Errors
/// The base cannot be read, or is not what retention kept last.
pub(super) fn base(engine: &dyn Engine, rules: &Rules) -> Result<View, OpenError> {
    let extent = engine.events_after(0).map_err(|error| error.at_opening("the log".as_ref()))?.extent;
    let damaged = |what: &str| {
        let reason = format!("what retention kept of removed observations {what}");
        OpenError::Damaged { path: extent.path.clone(), reason }
    };
    match engine.snapshot(Snapshot::Base).map_err(|error| error.at_opening(&extent.path))? {
        None if extent.thinned == 0 => Ok(View::new(rules)),
        None => Err(damaged("is missing")),
        Some(bytes) if !is_whole(&bytes) => Err(damaged("has another checksum")),
        Some(bytes) => match decode(&bytes, rules) {
            Some(kept) if kept.view.applied >= extent.thinned => Ok(kept.view),
            Some(_) => Err(damaged("is older than it should be")),
            None => Err(damaged("cannot be read by this release")),
        },
    }
}

/// The view that an opening begins with: the latest snapshot, or the base. One that is older than what retention removed
/// is left aside: observations between the two are in the base alone.
///
/// # Errors
/// The base is needed, and cannot be read or is not what retention kept last.
pub(super) fn begin(engine: &dyn Engine, rules: &Rules) -> Result<View, OpenError> {
    let extent = engine.events_after(0).map_err(|error| error.at_opening("the log".as_ref()))?.extent;
    match latest(engine, rules).filter(|view| view.applied >= extent.thinned) {
        Some(view) => Ok(view),
        None => base(engine, rules),
    }
}

/// The view of the latest snapshot, if that is of this release. A damaged one is left aside, for the log can be folded
/// again.
fn latest(engine: &dyn Engine, rules: &Rules) -> Option<View> {
    let bytes = match engine.snapshot(Snapshot::Latest) {
        Ok(bytes) => bytes?,
        Err(error) => {
            tracing::warn!(%error, "the latest snapshot of the log cannot be read; all of the log is");
            return None;
        }
    };
    decode(&bytes, rules).filter(|kept| kept.is_ours).map(|kept| kept.view)
}
