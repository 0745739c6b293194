//! Histories as sentences, properties of any history, and how often the answers are right.

mod bounds;
mod clock;
mod form;
mod histories;
mod properties;
mod sightings;
mod story;
mod world;
