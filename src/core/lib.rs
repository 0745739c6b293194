//! The pure core of Landfall: what pulls and sightings mean, and the answers to questions about them. Time is an argument,
//! and nothing here reads or writes.

pub mod model;
pub mod wire;
pub mod wording;
