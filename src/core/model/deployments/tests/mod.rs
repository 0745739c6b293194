//! Histories as sentences, properties of any history, and how often the answers are right.

mod artifacts;
mod askers;
mod bounds;
mod clock;
mod content;
mod form;
mod histories;
mod identity;
mod labels;
mod left_over;
mod lines;
mod live;
mod order;
mod parts;
mod properties;
mod sightings;
mod size;
mod story;
mod unproven;
mod whole;
mod witness;
mod world;
