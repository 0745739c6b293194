//! A case: what clients do, over what, how many of them, and from where. Pure.

use std::fmt;
use std::str::FromStr;

use crate::faults::case::words;

words! {
    /// The behaviour of each client.
    Kind {
        // Nothing, or not all of a head.
        Silence = "silence",
        OneByte = "one-byte",
        HalfPreface = "half-preface",
        HalfHead = "half-head",
        EmptyLines = "empty-lines",
        Garbage = "garbage",
        SlowHead = "slow-head",
        // A head without end.
        EndlessHead = "endless-head",
        EndlessTarget = "endless-target",
        EndlessEmptyLines = "endless-empty-lines",
        // Requests that are refused.
        WrongToken = "wrong-token",
        TwoLengths = "two-lengths",
        LengthAndChunked = "length-and-chunked",
        BadLength = "bad-length",
        NoHost = "no-host",
        TwoHosts = "two-hosts",
        BodyThatNeverComes = "body-that-never-comes",
        EndlessBody = "endless-body",
        Connect = "connect",
        // Answers that nobody takes.
        PipelinedUnread = "pipelined-unread",
        AsksAndLeaves = "asks-and-leaves",
        // The same, and floods of frames, over HTTP/2.
        H2Silence = "h2-silence",
        H2HalfHead = "h2-half-head",
        H2HugeFrame = "h2-huge-frame",
        H2ZeroWindow = "h2-zero-window",
        H2Unread = "h2-unread",
        H2Ping = "h2-ping",
        H2Pong = "h2-pong",
        H2Settings = "h2-settings",
        H2WindowUpdate = "h2-window-update",
        H2Priority = "h2-priority",
        H2Unknown = "h2-unknown",
        H2EmptyData = "h2-empty-data",
        H2Continuation = "h2-continuation",
        H2RapidReset = "h2-rapid-reset",
        H2MadeToReset = "h2-made-to-reset",
    }
}
words! {
    /// The layer below HTTP.
    Layer {
        Plain = "plain",
        Tls = "tls",
        /// To the listener that speaks TLS, without speaking it.
        InPlaceOfTls = "in-place-of-tls",
    }
}
words! {
    /// The number of clients that do it at once.
    Crowd {
        One = "one",
        /// More than the listener has places for.
        Many = "many",
    }
}
words! {
    /// The addresses that they come from.
    From {
        /// The neighbour's own.
        Neighbour = "neighbour",
        Other = "other",
        /// One each.
        Each = "each",
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    pub kind: Kind,
    pub layer: Layer,
    pub crowd: Crowd,
    pub from: From,
    pub seed: u64,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, layer, crowd, from, seed } = self;
        write!(f, "{kind} {layer} {crowd} {from} {seed}")
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<_> = text.split_whitespace().collect();
        let [kind, layer, crowd, from, seed] = words[..] else {
            return Err(format!("`{text}` is not `KIND LAYER CROWD FROM SEED`"));
        };
        Ok(Self {
            kind: kind.parse()?,
            layer: layer.parse()?,
            crowd: crowd.parse()?,
            from: from.parse()?,
            seed: seed.parse().map_err(|_| format!("`{seed}` is no seed"))?,
        })
    }
}
