//! Histories as sentences, and properties of any history.

mod histories;
mod properties;
mod story;
