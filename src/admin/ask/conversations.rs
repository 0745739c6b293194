//! Conversations: what was asked and answered before, so that “and in staging?” is a question.
//!
//! They live in memory, and are bounded in number, in size and in age. A caller needs none of them: a conversation
//! that is not known any more begins anew, and the answer says so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::turn::Turn;
use crate::admin::state::random::{self, NoRandomness};
use crate::model::act::Who;
use crate::model::time::{Span, Time};

/// A conversation is forgotten when nothing was asked in it for so long.
const SILENCE_MAX: Span = Span::from_mins(60);
/// Conversations at once, and those of one token's holder.
const CONVERSATIONS_MAX: usize = 500;
const OF_ONE_MAX: usize = 200;
/// Turns of a conversation; the first of them are forgotten.
const TURNS_MAX: usize = 12;
/// Prefix of a conversation's identifier.
const ID_PREFIX: &str = "cnv_";

/// A place in a conversation: behind so many turns of it, or behind all.
#[derive(Clone, Debug, Default)]
pub(in crate::admin) struct Place {
    /// The conversation's identifier, as it was given.
    pub(in crate::admin) conversation: Option<String>,
    /// The number of the turn that comes next, counted from 1; the turns from there on are asked anew.
    pub(in crate::admin) turn: Option<usize>,
}

/// The turns before a question, and where it goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Recalled {
    /// The conversation; none where the question begins one.
    pub(super) id: Option<String>,
    /// The turns that are remembered, the first of them first.
    pub(super) turns: Vec<Arc<Turn>>,
    /// The turn that stands at the place already.
    pub(super) there: Option<Arc<Turn>>,
    /// A conversation was named that is not known any more.
    pub(super) is_lost: bool,
}

impl Recalled {
    /// The number of the turn that comes next.
    pub(super) fn next(&self) -> usize {
        self.turns.last().map_or(0, |turn| turn.number) + 1
    }
}

/// The conversations that are remembered.
#[derive(Default)]
pub(super) struct Conversations(Mutex<HashMap<String, Conversation>>);

struct Conversation {
    owner: Who,
    turns: Vec<Arc<Turn>>,
    asked_at: Time,
}

impl Conversation {
    /// Those that go first when there is no room: of a single question, then those that were silent for longest.
    fn weight(&self) -> (bool, Time) {
        (self.turns.len() > 1, self.asked_at)
    }
}

impl Conversations {
    /// The turns before this place, for their owner.
    pub(super) fn recall(&self, place: &Place, who: &Who, now: Time) -> Recalled {
        let Some(id) = place.conversation.as_ref().filter(|id| !id.is_empty()) else {
            return Recalled::default();
        };
        let open = self.lock();
        let known = open.get(id).filter(|it| it.owner == *who && it.asked_at + SILENCE_MAX > now);
        let next = place.turn.unwrap_or(usize::MAX);
        let Some(known) = known else { return Recalled { is_lost: true, ..Recalled::default() } };
        let (before, after): (Vec<_>, Vec<_>) =
            known.turns.iter().cloned().partition(|turn| turn.number < next);
        let there = after.into_iter().next().filter(|turn| turn.number == next);
        Recalled { id: Some(id.clone()), turns: before, there, is_lost: false }
    }

    /// Writes a turn down behind those that were recalled; returns its conversation.
    pub(super) fn remember(
        &self,
        recalled: &Recalled,
        turn: Arc<Turn>,
        who: &Who,
        now: Time,
    ) -> Result<String, NoRandomness> {
        let id = match &recalled.id {
            Some(id) => id.clone(),
            None => random::token_id(ID_PREFIX)?.to_string(),
        };
        let mut turns = recalled.turns.clone();
        turns.push(turn);
        turns.drain(..turns.len().saturating_sub(TURNS_MAX));
        let mut open = self.lock();
        open.retain(|_, it| it.asked_at + SILENCE_MAX > now);
        open.insert(id.clone(), Conversation { owner: who.clone(), turns, asked_at: now });
        make_room(&mut open, &id, |it| it.owner == *who, OF_ONE_MAX);
        make_room(&mut open, &id, |_| true, CONVERSATIONS_MAX);
        Ok(id)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Conversation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets one of those that `count`, where they are more than `max`; never the `newest`.
fn make_room(
    open: &mut HashMap<String, Conversation>,
    newest: &str,
    count: impl Fn(&Conversation) -> bool,
    max: usize,
) {
    if open.values().filter(|it| count(it)).count() <= max {
        return;
    }
    let others = open.iter().filter(|(id, it)| *id != newest && count(it));
    if let Some(first) = others.min_by_key(|(_, it)| it.weight()).map(|(id, _)| id.clone()) {
        open.remove(&first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admin() -> Who {
        Who::TokenFile
    }

    fn other() -> Who {
        Who::Unknown
    }

    fn behind(id: &str, turn: Option<usize>) -> Place {
        Place { conversation: Some(id.to_owned()), turn }
    }

    /// Asks behind this place; the conversation's identifier.
    fn ask(store: &Conversations, place: &Place, question: &str, now: Time) -> String {
        let recalled = store.recall(place, &admin(), now);
        let turn = Arc::new(Turn::of_test(recalled.next(), question));
        store.remember(&recalled, turn, &admin(), now).unwrap()
    }

    fn questions(recalled: &Recalled) -> Vec<&str> {
        recalled.turns.iter().map(|turn| turn.question.as_str()).collect()
    }

    #[test]
    fn a_conversation_goes_on_until_it_was_silent_for_an_hour() {
        let (store, start) = (Conversations::default(), Time::from_ms(0));
        let id = ask(&store, &Place::default(), "a", start);
        let later = start + SILENCE_MAX - Span::from_ms(1);
        assert_eq!(ask(&store, &behind(&id, None), "b", later), id);
        let end = later + SILENCE_MAX;
        let recalled = store.recall(&behind(&id, None), &admin(), end - Span::from_ms(1));
        assert_eq!((questions(&recalled), recalled.next(), recalled.is_lost), (vec!["a", "b"], 3, false));
        let recalled = store.recall(&behind(&id, None), &admin(), end);
        assert_eq!((questions(&recalled), recalled.next(), recalled.is_lost), (vec![], 1, true));
        assert_ne!(ask(&store, &behind(&id, None), "c", end), id, "what is lost begins anew");
        assert_eq!(store.lock().len(), 1, "what is over is forgotten");
    }

    #[test]
    fn a_conversation_is_of_whoever_began_it() {
        let (store, now) = (Conversations::default(), Time::from_ms(0));
        let id = ask(&store, &Place::default(), "a", now);
        assert!(store.recall(&behind(&id, None), &other(), now).is_lost);
        assert!(store.recall(&behind("cnv_guess", None), &admin(), now).is_lost);
        assert!(!store.recall(&behind("", None), &admin(), now).is_lost, "an empty field names none");
    }

    #[test]
    fn a_turn_is_asked_anew_where_it_stands() {
        let (store, now) = (Conversations::default(), Time::from_ms(0));
        let id = ask(&store, &Place::default(), "a", now);
        for question in ["b", "c"] {
            ask(&store, &behind(&id, None), question, now);
        }
        let recalled = store.recall(&behind(&id, Some(2)), &admin(), now);
        assert_eq!(questions(&recalled), ["a"]);
        assert_eq!(recalled.there.as_ref().map(|turn| turn.question.as_str()), Some("b"));
        ask(&store, &behind(&id, Some(2)), "d", now);
        assert_eq!(questions(&store.recall(&behind(&id, None), &admin(), now)), ["a", "d"]);
    }

    #[test]
    fn a_conversation_remembers_its_last_turns() {
        let (store, now) = (Conversations::default(), Time::from_ms(0));
        let id = ask(&store, &Place::default(), "0", now);
        for number in 1..40 {
            ask(&store, &behind(&id, None), &number.to_string(), now);
        }
        let recalled = store.recall(&behind(&id, None), &admin(), now);
        assert_eq!((recalled.turns.len(), recalled.next()), (TURNS_MAX, 41));
        assert_eq!(questions(&recalled).last(), Some(&"39"));
    }

    #[test]
    fn single_questions_make_room_for_conversations_that_go_on() {
        let (store, now) = (Conversations::default(), Time::from_ms(0));
        let kept = ask(&store, &Place::default(), "a", now);
        ask(&store, &behind(&kept, None), "b", now);
        let first = ask(&store, &Place::default(), "single", now + Span::from_ms(1));
        for ms in 2..(2 * OF_ONE_MAX) as i64 {
            ask(&store, &Place::default(), "single", now + Span::from_ms(ms));
        }
        assert_eq!(store.lock().len(), OF_ONE_MAX);
        assert!(!store.recall(&behind(&kept, None), &admin(), now).is_lost);
        assert!(store.recall(&behind(&first, None), &admin(), now).is_lost);
        let recalled = store.recall(&Place::default(), &other(), now);
        for _ in 0..CONVERSATIONS_MAX {
            store.remember(&recalled, Arc::new(Turn::of_test(1, "x")), &other(), now).unwrap();
        }
        assert!(!store.recall(&behind(&kept, None), &admin(), now).is_lost, "nobody takes another's place");
    }
}
