//! The search of changes: a loose description → the changes that it may mean, and how sure that is.
//!
//! ```text
//! title ─ words ─ stems ─────────────→ index
//! query ─ words ─ stop, stems, expand ─→ query ─ ranking (index) ─ bands → Found
//! ```
//!
//! A query is cut into units, each of which is a word, a number or a version. A change is scored by how much of the
//! query's weight it covers, where rare words weigh more; what is sure is decided by coverage, not by the score.
//! Deliberately absent here: a clock, I/O, the state of environments. The caller says which repositories count.
#![doc = include_str!("README.md")]

mod bands;
mod candidates;
mod expand;
mod found;
mod identity;
mod index;
mod phrases;
mod picks;
mod projects;
mod query;
mod ranking;
mod seen;
mod stems;
mod stop;
mod thesaurus;
mod wish;
mod words;

#[cfg(test)]
mod tests;

pub use found::{Band, Found, Hit, Matched, Place, Text, Way};
pub use index::Index;
pub(super) use picks::is_same_title;
pub(super) use words::version;

/// Tells whether a word is English or of the trade, as far as the lists of this room know: it is no slip of another.
pub(super) fn is_known(word: &str) -> bool {
    thesaurus::Thesaurus::get().words().contains(word) || stems::is_irregular(word)
}
