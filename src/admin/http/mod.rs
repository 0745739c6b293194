//! HTTP for every handler, knowing none: who asks, what a request may be, how an answer or a refusal looks.

pub(super) mod answers;
pub(super) mod auth;
pub(super) mod caller;
pub(super) mod described;
pub(super) mod fields;
pub(super) mod gate;
pub(super) mod in_process;
pub(super) mod openapi;
pub(super) mod params;
pub(super) mod problem;
mod problems;
pub(super) mod stream;
