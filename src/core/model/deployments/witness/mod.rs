//! Witnesses: what sees the containers that run, and what that decides.
//!
//! A pull shows what was asked for, a witness what runs. So where every witness that told of a service is alive, its word
//! decides alone, and pulls are evidence beside it. Where one is silent, pulls decide again, and go on from its last word.
//!
//! ```text
//! reports → witnesses (who is alive, what a new one has told so far) → watch (what each workload runs) → word → rollouts
//! ```

mod clock;
mod revisions;
mod runs;
mod told;
mod voice;
mod watch;
mod witnesses;
mod word;

pub use revisions::Revision;
pub use runs::{RunningImage, Runs, WorkloadName};
pub use told::Told;
pub(super) use voice::Heard;
pub use voice::Vigil;
pub(super) use watch::Update;
pub use watch::{Absence, Pulled, Watch, WorkloadRuns};
pub use witnesses::{Bypass, Watching, WitnessAt, Witnesses};
