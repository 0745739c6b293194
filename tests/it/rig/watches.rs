//! Lists and watches of the tests' API server: every change gets a number, and a watch tells those after the one that it
//! begins at, with the trouble that it is told to make.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, Gone>;

/// No answer at all, or no more of it.
#[derive(Debug, thiserror::Error)]
#[error("the connection ends here")]
pub struct Gone;

/// Faults of watches.
#[derive(Clone, Debug)]
pub struct Manner {
    /// Pause between bookmarks; none without them.
    pub bookmarks: Option<Duration>,
    /// Every event comes twice.
    pub twice: bool,
    /// Events of this collection come so much later.
    pub late: Option<(&'static str, Duration)>,
    /// Watches say nothing any more, and do not end.
    pub mute: bool,
    /// An answer to a watch that cannot start: with this status, before any event.
    pub refuse: Option<u16>,
}

impl Default for Manner {
    fn default() -> Self {
        let bookmarks = Some(Duration::from_millis(500));
        Self { bookmarks, twice: false, late: None, mute: false, refuse: None }
    }
}

/// All objects, and the changes that led to them.
#[derive(Default)]
pub struct Objects {
    pub by_path: BTreeMap<String, Value>,
    version: u64,
    history: VecDeque<Change>,
    /// Changes until this one are forgotten.
    forgotten: u64,
    /// Watches that began before the last cut end.
    cuts: u64,
    pub manner: Manner,
    pub changed: Arc<Notify>,
}

#[derive(Clone)]
struct Change {
    version: u64,
    path: String,
    kind: &'static str,
    object: Value,
    at: Instant,
}

impl Objects {
    /// Makes an object, or changes it.
    pub fn put(&mut self, path: &str, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let before = self.by_path.insert(path.to_owned(), object.clone());
        self.note(path, if before.is_some() { "MODIFIED" } else { "ADDED" }, object);
    }

    /// Deletes an object.
    pub fn remove(&mut self, path: &str) {
        let Some(mut object) = self.by_path.remove(path) else { return };
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.note(path, "DELETED", object);
    }

    fn note(&mut self, path: &str, kind: &'static str, object: Value) {
        let (version, path, at) = (self.version, path.to_owned(), Instant::now());
        self.history.push_back(Change { version, path, kind, object, at });
        self.changed.notify_waiters();
    }

    /// Forgets all changes so far: a watch that begins before now is told to list again.
    pub fn forget(&mut self) {
        self.history.clear();
        self.forgotten = self.version;
    }

    /// Ends every watch without its end.
    pub fn cut(&mut self) {
        self.cuts += 1;
        self.changed.notify_waiters();
    }

    /// A page of a collection: so many objects after the one that the token names.
    pub fn page(&self, collection: &str, limit: usize, token: Option<&String>) -> Value {
        let (version, after) = match token.and_then(|token| token.split_once('|')) {
            Some((version, after)) => (version.to_owned(), after.to_owned()),
            None => (self.version.max(1).to_string(), format!("{collection}/")),
        };
        let below = format!("{collection}/");
        let mut found = self.by_path.range(after.clone()..).filter(|(path, _)| **path != after);
        let items: Vec<_> =
            found.by_ref().take_while(|(path, _)| path.starts_with(&below)).take(limit).collect();
        let is_more = items.len() == limit && found.next().is_some_and(|(path, _)| path.starts_with(&below));
        let next = items.last().filter(|_| is_more).map(|(path, _)| format!("{version}|{path}"));
        let items: Vec<&Value> = items.into_iter().map(|(_, object)| object).collect();
        json!({"metadata": {"resourceVersion": version, "continue": next.unwrap_or_default()}, "items": items})
    }

    /// The next event of a watch.
    fn next(&self, watch: &mut Watch) -> Next {
        if watch.cuts != self.cuts {
            return Next::Cut;
        }
        if self.manner.mute {
            return Next::Wait(None);
        }
        if watch.from < self.forgotten {
            let status = json!({"kind": "Status", "code": 410, "reason": "Expired", "status": "Failure",
                "message": "too old resource version", "metadata": {}});
            return Next::Last(json!({"type": "ERROR", "object": status}));
        }
        let below = format!("{}/", watch.collection);
        let change = self.history.iter().find(|it| it.version > watch.from && it.path.starts_with(&below));
        if let Some(Change { version, kind, object, at, .. }) = change {
            let late = self.manner.late.filter(|(name, _)| watch.collection.ends_with(name));
            let due = *at + late.map(|(_, late)| late).unwrap_or_default();
            if due > Instant::now() {
                return Next::Wait(Some(due));
            }
            if self.manner.twice && watch.said != *version {
                watch.said = *version;
            } else {
                watch.from = *version;
            }
            return Next::Event(json!({"type": kind, "object": object}));
        }
        let due = self.manner.bookmarks.map(|every| watch.bookmark_at + every);
        if due.is_some_and(|due| due <= Instant::now()) {
            watch.bookmark_at = Instant::now();
            watch.from = self.version.max(watch.from);
            let object = json!({"kind": "X", "apiVersion": "v1", "metadata": {"resourceVersion": watch.from.to_string()}});
            return Next::Event(json!({"type": "BOOKMARK", "object": object}));
        }
        Next::Wait(due)
    }

    /// A watch over a collection, from a version on.
    pub fn watch(&self, collection: &str, from: u64, seconds: u64) -> Watch {
        Watch {
            collection: collection.to_owned(),
            from,
            said: 0,
            cuts: self.cuts,
            bookmark_at: Instant::now(),
            until: Instant::now() + Duration::from_secs(seconds),
            is_over: false,
        }
    }
}

/// A watch under way.
pub struct Watch {
    collection: String,
    from: u64,
    said: u64,
    cuts: u64,
    bookmark_at: Instant,
    until: Instant,
    is_over: bool,
}

enum Next {
    Event(Value),
    Last(Value),
    Wait(Option<Instant>),
    Cut,
}

/// The answer to a watch, event by event.
pub fn events<S: AsMut<Objects> + Send + 'static>(state: Arc<Mutex<S>>, watch: Watch) -> Body {
    let frames = stream::unfold((state, watch), |(state, mut watch)| async move {
        loop {
            let (next, changed) = {
                let mut state = state.lock();
                let objects = state.as_mut();
                if watch.is_over || (Instant::now() >= watch.until && !objects.manner.mute) {
                    return None;
                }
                let changed = objects.changed.clone().notified_owned();
                (objects.next(&mut watch), changed)
            };
            let line = |event: Value| Ok(Frame::data(Bytes::from(format!("{event}\n"))));
            match next {
                Next::Event(event) => return Some((line(event), (state, watch))),
                Next::Last(event) => {
                    watch.is_over = true;
                    return Some((line(event), (state, watch)));
                }
                Next::Cut => {
                    watch.is_over = true;
                    return Some((Err(Gone), (state, watch)));
                }
                Next::Wait(due) => {
                    // A change between looking and waiting is seen a little later.
                    let soon = Instant::now() + Duration::from_millis(50);
                    let due = due.unwrap_or(soon).min(soon);
                    let _ = tokio::time::timeout_at(due.into(), changed).await;
                }
            }
        }
    });
    StreamBody::new(frames).boxed_unsync()
}
