//! The stream, for those who do what a replica's core says: each call returns at once, and tells later what came of it.

use super::beat::Heard;
use super::replica::{Appended, Away, Batch, Entry, Look, Subject};

/// Takes what came of a call, once. Called from any thread.
pub(in crate::log) type Done<T> = Box<dyn FnOnce(T) + Send>;

/// One stream of several replicas. A call that gets no answer ends within some seconds nevertheless.
pub(in crate::log) trait Stream: Send + Sync {
    /// Connects, and makes the stream where there is none. A replica that `is_new` followed nothing yet.
    fn begin(&self, is_new: bool);

    /// Appends a message to the subject, if the last one there has the sequence number `expected` (0: there is none; nothing:
    /// whatever is there).
    fn append(&self, subject: Subject, expected: Option<u64>, message: Vec<u8>, done: Done<Appended>);

    /// Reads some messages: of all, or of the acts' subjects alone where an edge reads.
    fn read(&self, look: Look, done: Done<Result<Batch, Away>>);

    /// Asks for the last sequence number; nothing where the stream does not answer.
    fn head(&self, done: Done<Option<u64>>);

    /// Reads the last message of a subject, as some server has it; nothing where there is none.
    fn last(&self, subject: Subject, done: Done<Result<Option<Entry>, Away>>);

    /// Says a beat, and gets the latest one of each replica; nothing where the stream does not answer.
    fn exchange(&self, beat: Vec<u8>, done: Done<Option<Vec<Heard>>>);

    /// Why the stream is not used although it is there, in words.
    fn refused(&self) -> Option<String>;
}
