//! Witnesses beside pulls: stories of clusters, and what holds for any of them.

mod agent;
mod clocks;
mod faults;
mod mishaps;
mod names;
mod play;
mod properties;
mod silence;
mod stories;
