//! Chance that is the same every time.

use crate::model::time::Span;

/// Numbers that look random, by their seed alone: SplitMix64.
#[derive(Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64, name: &str) -> Self {
        let mixed = name.bytes().fold(seed, |sum, byte| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
        let mut dice = Self(mixed);
        dice.roll(2);
        dice
    }

    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    /// A number from `low` to `high`, both possible.
    pub(super) fn from(&mut self, low: usize, high: usize) -> usize {
        low + self.roll(high - low + 1)
    }

    /// Tells whether something with a chance of `percent` happens.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    /// One of `things`.
    pub(super) fn pick<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.roll(things.len())]
    }

    /// A time between `low` and `high` seconds, to the millisecond.
    pub(super) fn seconds(&mut self, low: usize, high: usize) -> Span {
        Span::from_ms(i64::try_from(self.from(low * 1000, high * 1000)).unwrap())
    }

    /// A time between `low` and `high` hours.
    pub(super) fn hours(&mut self, low: usize, high: usize) -> Span {
        self.seconds(low * 3600, high * 3600)
    }
}
