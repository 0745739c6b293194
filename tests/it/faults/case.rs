//! A case: what goes wrong, where, on which way of an answer, and who asks. Pure.

use std::fmt;
use std::str::FromStr;

/// An enum whose values have a word each, by which a case is written and read again.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$about])* $variant,)+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word,)+ })
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!("`{other}` is none of {:?}", [$($word,)+])),
                }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// The registry's fault.
    Fault {
        Nothing = "nothing",
        // Connections that end, or do not go on: at any place.
        Fin = "fin",
        Rst = "rst",
        /// It writes no more and goes on to read: what is asked on such a connection is never answered.
        HalfClose = "half-close",
        CloseNotify = "close-notify",
        Stall = "stall",
        Garbage = "garbage",
        // Slowness without end.
        Trickle = "trickle",
        // Heads.
        SameLengthTwice = "same-length-twice",
        TwoLengths = "two-lengths",
        LengthAndChunked = "length-and-chunked",
        BadCoding = "bad-coding",
        TwoDigests = "two-digests",
        BadHeader = "bad-header",
        BigHead = "big-head",
        EndlessHead = "endless-head",
        Many1xx = "many-1xx",
        Endless1xx = "endless-1xx",
        Switching = "switching",
        Stranger = "stranger",
        // Bodies.
        TooShort = "too-short",
        TooLong = "too-long",
        WrongDigest = "wrong-digest",
        /// Not the part that was asked for.
        WrongPart = "wrong-part",
        /// A part of something else, with an `ETag` of its own.
        ChangedPart = "changed-part",
        BadChunk = "bad-chunk",
        HugeChunk = "huge-chunk",
        // Answers that nobody asked for.
        Extra = "extra",
        Late = "late",
        // Answers that lead elsewhere.
        RedirectSelf = "redirect-self",
        RedirectLoop = "redirect-loop",
        RedirectNowhere = "redirect-nowhere",
        RedirectOdd = "redirect-odd",
        // Refusals.
        Unauthorized = "401",
        NotFound = "404",
        TooMany = "429",
        Internal = "500",
        Unavailable = "503",
    }
}

words! {
    /// The place where it happens.
    Place {
        Connect = "connect",
        Handshake = "handshake",
        Head = "head",
        AfterHead = "after-head",
        BodyStart = "body-start",
        BodyMiddle = "body-middle",
        Trailer = "trailer",
        AfterAnswer = "after-answer",
        Idle = "idle",
    }
}

words! {
    /// The number of times.
    Times {
        Once = "once",
        Always = "always",
    }
}

words! {
    /// The way of the answer through the proxy.
    Path {
        ManifestTag = "manifest-by-tag",
        ManifestDigest = "manifest-by-digest",
        /// Hashed on its way.
        BlobCopied = "blob-copied",
        /// Pulled before and found right: spliced where both sides are plain HTTP/1.1, else copied without a check.
        BlobTrusted = "blob-trusted",
        /// The first answer breaks off; the fault is in the answer to the request for the rest.
        BlobResumed = "blob-resumed",
        /// The same for a blob that was found right before.
        TrustedResumed = "trusted-resumed",
        /// A part, as the client asked.
        BlobRange = "blob-range",
        Tags = "tags",
        Referrers = "referrers",
        /// A manifest for which a token is fetched first; the fault is in the token server's answer.
        Token = "token",
    }
}

words! {
    /// The sign of the end of the registry's answer.
    Framing {
        Length = "length",
        Chunked = "chunked",
        /// HTTP/1.0: the end of the connection.
        Close = "close",
    }
}

words! {
    /// The protocol that the registry is spoken to with.
    Wire {
        Plain = "plain",
        Tls = "tls",
    }
}

words! {
    /// The connection that the request goes to the registry on.
    Pool {
        New = "new",
        Kept = "kept",
    }
}

words! {
    /// The client that asks.
    Who {
        H1 = "h1",
        H1Tls = "h1-tls",
        H2 = "h2",
        H2Tls = "h2-tls",
        /// Goes away in the middle.
        GoneH1 = "gone-h1",
        GoneH2 = "gone-h2",
        /// Reads nothing.
        DeafH1 = "deaf-h1",
        DeafH2 = "deaf-h2",
    }
}

/// One exchange through the proxy, with one fault in it. `seed` decides all that is left: sizes, cuts, pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    pub fault: Fault,
    pub place: Place,
    pub times: Times,
    pub path: Path,
    pub framing: Framing,
    pub wire: Wire,
    pub pool: Pool,
    pub who: Who,
    pub seed: u64,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, place, times, path, framing, wire, pool, who, seed } = self;
        write!(f, "{fault} {place} {times} {path} {framing} {wire} {pool} {who} {seed}")
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<_> = text.split_whitespace().collect();
        let [fault, place, times, path, framing, wire, pool, who, seed] = words[..] else {
            return Err(format!(
                "a case has nine words, as one that failed shows them; here are {}",
                words.len()
            ));
        };
        Ok(Self {
            fault: fault.parse()?,
            place: place.parse()?,
            times: times.parse()?,
            path: path.parse()?,
            framing: framing.parse()?,
            wire: wire.parse()?,
            pool: pool.parse()?,
            who: who.parse()?,
            seed: seed.parse().map_err(|_| format!("`{seed}` is no number"))?,
        })
    }
}

impl Fault {
    /// Tells whether it ends the connection, each in its own way.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Fin | Self::Rst | Self::HalfClose | Self::CloseNotify)
    }

    /// The status of an answer that is a refusal.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Unauthorized => Some(401),
            Self::NotFound => Some(404),
            Self::TooMany => Some(429),
            Self::Internal => Some(500),
            Self::Unavailable => Some(503),
            _ => None,
        }
    }

    pub fn is_redirect(self) -> bool {
        matches!(self, Self::RedirectSelf | Self::RedirectLoop | Self::RedirectNowhere | Self::RedirectOdd)
    }
}

impl Path {
    pub fn is_blob(self) -> bool {
        self.is_trusted() || self.is_resumed() || matches!(self, Self::BlobCopied | Self::BlobRange)
    }

    /// Tells whether the blob was pulled before.
    pub fn is_trusted(self) -> bool {
        matches!(self, Self::BlobTrusted | Self::TrustedResumed)
    }

    /// Tells whether the first answer breaks off.
    pub fn is_resumed(self) -> bool {
        matches!(self, Self::BlobResumed | Self::TrustedResumed)
    }

    /// Tells whether the proxy reads the answer whole before it answers.
    pub fn is_read_whole(self) -> bool {
        matches!(self, Self::ManifestTag | Self::ManifestDigest | Self::Token)
    }
}

impl Who {
    pub fn is_h2(self) -> bool {
        matches!(self, Self::H2 | Self::H2Tls | Self::GoneH2 | Self::DeafH2)
    }

    pub fn is_tls(self) -> bool {
        matches!(self, Self::H1Tls | Self::H2Tls)
    }

    pub fn is_gone(self) -> bool {
        matches!(self, Self::GoneH1 | Self::GoneH2)
    }

    pub fn is_deaf(self) -> bool {
        matches!(self, Self::DeafH1 | Self::DeafH2)
    }
}
