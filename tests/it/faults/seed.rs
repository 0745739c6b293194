//! Randomness that can be had again.

use std::sync::LazyLock;

/// The most bytes that are asked for at once.
const SHARED_BYTES: usize = 6 << 20;

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for index in (1..all.len()).rev() {
            all.swap(index, self.below(index + 1));
        }
    }

    /// Bytes that no other call gives, cheaply: a few of their own, and then a part of what all share.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        static SHARED: LazyLock<Vec<u8>> = LazyLock::new(|| {
            let mut rng = Rng::new(0);
            (0..(SHARED_BYTES + 8) / 8).flat_map(|_| rng.next().to_be_bytes()).collect()
        });
        let mut bytes = self.next().to_be_bytes().to_vec();
        bytes.truncate(count);
        let from = self.below(SHARED_BYTES + 1 - (count - bytes.len()));
        bytes.extend_from_slice(&SHARED[from..from + count - bytes.len()]);
        bytes
    }

    /// The same as letters.
    pub fn letters(&mut self, count: usize) -> String {
        static LETTERS: LazyLock<String> = LazyLock::new(|| {
            let mut rng = Rng::new(1);
            (0..SHARED_BYTES / 16).map(|_| format!("{:016x}", rng.next())).collect()
        });
        let from = self.below(SHARED_BYTES - count);
        format!("{:016x}{}", self.next(), &LETTERS[from..from + count])
    }
}
