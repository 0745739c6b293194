//! The outcome of a transfer, reported once.

/// Outcome of a transfer. `bytes` counts what was handed to the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The whole body was delivered.
    Finished {
        /// Bytes of the body.
        bytes: u64,
        /// Number of resumptions.
        resumed: u32,
        /// Tells whether the body's digest was computed and matches.
        verified: bool,
    },
    /// The upstream broke off and could not be resumed, or sent more than it had declared.
    Broken {
        /// Bytes delivered before that.
        bytes: u64,
    },
    /// The body does not match its digest; its end was withheld.
    DigestMismatch,
    /// The client disconnected.
    ClientGone {
        /// Bytes delivered before that.
        bytes: u64,
    },
}

/// Reports the outcome of a transfer exactly once.
pub(super) struct OutcomeReporter {
    pub(super) callback: Option<Box<dyn FnOnce(Outcome) + Send>>,
    /// Bytes delivered so far.
    pub(super) delivered: u64,
}

impl OutcomeReporter {
    pub(super) fn send(&mut self, outcome: Outcome) {
        if let Some(callback) = self.callback.take() {
            callback(outcome);
        }
    }
}

impl Drop for OutcomeReporter {
    fn drop(&mut self) {
        self.send(Outcome::ClientGone { bytes: self.delivered });
    }
}
