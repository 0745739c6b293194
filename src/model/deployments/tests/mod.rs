//! Histories as sentences, properties of any history, and how often the answers are right.

mod bounds;
mod clock;
mod content;
mod form;
mod histories;
mod lines;
mod properties;
mod sightings;
mod story;
mod whole;
mod world;
