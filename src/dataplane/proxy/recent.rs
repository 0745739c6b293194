//! A bounded map that forgets its oldest entries.

use std::collections::HashMap;
use std::hash::Hash;

use parking_lot::Mutex;

/// Remembers at least the last `half` entries and at most twice as many. When the young half is full, it
/// replaces the old one.
pub(super) struct Recent<K, V> {
    half: usize,
    halves: Mutex<(HashMap<K, V>, HashMap<K, V>)>,
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    pub(super) fn new(half: usize) -> Self {
        Self { half, halves: Mutex::new((HashMap::new(), HashMap::new())) }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        let halves = self.halves.lock();
        halves.0.get(key).or_else(|| halves.1.get(key)).cloned()
    }

    pub(super) fn insert(&self, key: K, value: V) {
        let mut halves = self.halves.lock();
        if halves.0.len() >= self.half && !halves.0.contains_key(&key) {
            halves.1 = std::mem::take(&mut halves.0);
        }
        halves.0.insert(key, value);
    }

    pub(super) fn remove(&self, key: &K) {
        let mut halves = self.halves.lock();
        halves.0.remove(key);
        halves.1.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_half_is_remembered_and_the_rest_is_bounded() {
        let recent = Recent::new(10);
        for number in 0..1000 {
            recent.insert(number, number);
        }
        assert!((990..1000).all(|number| recent.get(&number) == Some(number)));
        assert!((0..980).all(|number| recent.get(&number).is_none()));
        recent.remove(&999);
        assert_eq!(recent.get(&999), None);
    }
}
