//! Questions in plain English: understood by `model::ask`, answered by the same queries as everybody's, and never acted
//! upon. Where the settings name a language model, it is asked what `model::ask` does not understand.
//!
//! ```text
//! question + turns before it → Asked → answer → words, view, page, what to ask next → a turn of the conversation
//! ```

mod answers;
mod asking;
mod chat;
mod conversations;
mod deploys;
mod endpoint;
mod everywhere;
mod link;
mod meant;
mod pieces;
mod rest;
mod several;
mod steps;
mod suggest;
mod title;
mod turn;
mod understood;
mod writer;

pub(in crate::admin) use asking::Asking;
#[cfg(feature = "dashboard")]
pub(in crate::admin) use asking::QUESTION_CHARS_MAX;
#[cfg(feature = "dashboard")]
pub(in crate::admin) use conversations::Place;
pub(super) use rest::api;
#[cfg(feature = "dashboard")]
pub(in crate::admin) use turn::{Signature, Turn};
