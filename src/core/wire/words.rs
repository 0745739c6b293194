//! The words of the interface: what something is, from a list that grows with the versions.

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

/// Defines a type of words. One that this version does not know becomes `Unlisted`, and stays what it is.
macro_rules! words {
    ($($(#[doc = $about:literal])+ $kind:ident { $($(#[$meaning:meta])+ $word:ident = $text:literal,)+ })+) => {$(
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $kind {
            $($(#[$meaning])+ $word,)+
            /// A word of another version.
            Unlisted(Box<str>),
        }

        impl $kind {
            /// The word as it is written in text and JSON.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$word => $text,)+
                    Self::Unlisted(word) => word,
                }
            }
        }

        impl ::std::fmt::Display for $kind {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::serde::Serialize for $kind {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $kind {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(match &*<::std::borrow::Cow<'_, str> as ::serde::Deserialize>::deserialize(deserializer)? {
                    $($text => Self::$word,)+
                    other => Self::Unlisted(other.into()),
                })
            }
        }

        impl ::utoipa::PartialSchema for $kind {
            fn schema() -> ::utoipa::openapi::RefOr<::utoipa::openapi::Schema> {
                $crate::wire::words::schema(concat!($($about),+), &[$($text),+])
            }
        }

        impl ::utoipa::ToSchema for $kind {
            fn name() -> ::std::borrow::Cow<'static, str> {
                ::std::borrow::Cow::Borrowed(stringify!($kind))
            }
        }
    )+};
}

/// Says which words the values of a type of the model are: each has the word's name.
macro_rules! in_words {
    ($($model:ty => $kind:ident { $($word:ident),+ $(,)? })+) => {$(
        impl From<$model> for $crate::wire::$kind {
            fn from(value: $model) -> Self {
                match value {
                    $(<$model>::$word => Self::$word,)+
                }
            }
        }
    )+};
}
pub(crate) use in_words;
pub(super) use words;

/// The schema of one of these words.
pub(super) fn schema(about: &str, words: &[&str]) -> RefOr<Schema> {
    let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied()));
    schema.description(Some(about.trim())).into()
}

words! {
    /// State of a witness.
    WitnessPhase {
        /// It reports, and has told all that there is.
        Alive = "alive",
        /// It reports, and has not told all that there is.
        Beginning = "beginning",
        /// It does not report.
        Silent = "silent",
    }

    /// Progress of a deployment.
    Phase {
        /// Nodes are still coming to it.
        RollingOut = "rolling_out",
        /// No new node for the settle time.
        Settled = "settled",
        /// Two images run beside each other: a canary, a blue-green switch.
        Mixed = "mixed",
        /// It was given up.
        Aborted = "aborted",
        /// Its workloads do not exist any more.
        Removed = "removed",
        /// Its workloads exist, and run nothing.
        ScaledToZero = "scaled_to_zero",
    }
    /// Kind of a deployment, seen from what ran before.
    Kind {
        /// The first image of a service.
        Initial = "initial",
        /// To a later release.
        Upgrade = "upgrade",
        /// To an earlier release.
        Rollback = "rollback",
        /// To a later release that ran before.
        Restore = "restore",
        /// The same version under another digest.
        Rebuild = "rebuild",
        /// To a release that cannot be compared.
        Changed = "changed",
    }
    /// Reason to keep an image in the registry.
    RetainKind {
        /// It runs, or is what a service comes back with that runs nothing just now.
        Running = "running",
        /// It runs beside another: a canary, a rollout under way.
        Mixed = "mixed",
        /// It ran before: a rollback would ask for it.
        RollbackTarget = "rollback_target",
        /// It was pulled within the last 30 days.
        PulledRecently = "pulled_recently",
    }
    /// Confidence in an answer.
    Confidence {
        /// Rolling out, or a single pull is all the evidence.
        Tentative = "tentative",
        /// Settled by pulls.
        Likely = "likely",
        /// Seen to run by something that sees what runs.
        Confirmed = "confirmed",
    }
    /// Sources of evidence.
    EvidenceSource {
        /// Requests that the proxy answered.
        Pull = "pull",
        /// Statements of witnesses.
        Sighting = "sighting",
    }
    /// Standing of a change in an environment.
    Standing {
        /// Every service that carries it has settled on a release that contains it.
        Live = "live",
        /// A release that contains it is rolling out.
        RollingOut = "rolling_out",
        /// Some services have it, or a part of one.
        PartlyLive = "partly_live",
        /// No service runs a release that contains it.
        NotLive = "not_live",
        /// It was live, and what runs now lacks it.
        RolledBack = "rolled_back",
        /// No change fits the description.
        NoSuchChange = "no_such_change",
        /// Nothing certain can be said.
        Unknown = "unknown",
    }
    /// Certainty of a search about its first match.
    Certainty {
        /// It is what was meant.
        Sure = "sure",
        /// One of the matches may be.
        Perhaps = "perhaps",
        /// There is no such change; the matches are only the nearest.
        No = "no",
    }
    /// Relation of the two sides of a comparison.
    Ahead {
        /// Both run the same release.
        Same = "same",
        /// The left side runs the later one.
        LeftAhead = "left_ahead",
        /// The right side runs the later one.
        RightAhead = "right_ahead",
        /// Neither contains the other.
        Diverged = "diverged",
        /// Only the left side runs the service.
        LeftOnly = "left_only",
        /// Only the right side runs the service.
        RightOnly = "right_only",
        /// Nothing is known that could tell.
        Unknown = "unknown",
    }
    /// The strength of a pull as evidence.
    Grade {
        /// A HEAD alone: the node has the image already, and asked whether its tag still says so.
        Check = "check",
        /// The manifest was fetched.
        Pull = "pull",
        /// Content came too.
        Transfer = "transfer",
        /// A witness saw it run.
        Running = "running",
    }
    /// Earlier verdicts on an image.
    Assumption {
        /// It was replaced: the image after it ran.
        Replaced = "replaced",
        /// It was on its way back.
        WayBack = "way_back",
        /// A minority ran it.
        Minority = "minority",
    }
    /// Later findings.
    Finding {
        /// The service runs it.
        Deployed = "deployed",
        /// Old pods that were not replaced yet pulled it.
        Straggler = "straggler",
        /// Its nodes left it.
        GivenUp = "given_up",
        /// It runs beside the service.
        Beside = "beside",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_another_version_stays_what_it_is() {
        for (json, word) in
            [("\"settled\"", Phase::Settled), ("\"paused\"", Phase::Unlisted("paused".into()))]
        {
            assert_eq!(serde_json::from_str::<Phase>(json).unwrap(), word);
            assert_eq!(serde_json::to_string(&word).unwrap(), json);
        }
    }
}
