//! What can go wrong on the way to a registry, for the log and for the client.

use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;

use super::connect::ConnectError;

/// Why an upstream gave no response. `Display` names hosts and is for the log; [`UpstreamError::public`] is for
/// clients.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No connection, or one that broke before the response.
    #[error("cannot reach {host}: {detail}")]
    Unreachable {
        /// Host and port that were asked.
        host: String,
        /// What the system or TLS says.
        detail: String,
    },
    /// No connection or no response head in time.
    #[error("{host} did not answer within {limit:?}")]
    TimedOut {
        /// Host and port that were asked.
        host: String,
        /// The wait that ended.
        limit: Duration,
    },
    /// A redirect or a token server that must not be followed.
    #[error("refused to follow the registry to {target}: {reason}")]
    Refused {
        /// Where the registry pointed to, without query.
        target: String,
        /// The rule that forbids it.
        reason: Refusal,
    },
    /// The registry redirects without end.
    #[error("more than {limit} redirects")]
    TooManyRedirects {
        /// The bound.
        limit: usize,
    },
    /// A response that is not HTTP, or not what was asked for.
    #[error("{host} gave a bad response: {detail}")]
    BadResponse {
        /// Host and port that were asked.
        host: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Content that is encoded although it was asked for as it is.
    #[error("{host} encodes its content by {encoding}, although it was asked not to encode it")]
    Encoded {
        /// Host and port that were asked.
        host: String,
        /// `Content-Encoding`.
        encoding: String,
    },
}

/// The rule that forbids to follow a registry to a place that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The target is not a URL.
    #[error("it is not a URL")]
    NotAUrl,
    /// Neither `http` nor `https`.
    #[error("only http and https are followed")]
    Scheme,
    /// From `https` to `http`.
    #[error("it leads from https to http")]
    Downgrade,
    /// The target carries a user name or password.
    #[error("it carries a user name or password")]
    UserInfo,
    /// Each address of the target is nearer to Landfall than the registry, or of a kind that is never allowed.
    #[error("its address is nearer than the registry's own")]
    Address,
}

impl UpstreamError {
    /// The status that a proxy answers with (RFC 9110 §15.6.3 and §15.6.5).
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// What a client may know: no host, no address, no text from inside.
    pub fn public(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "the upstream registry cannot be reached",
            Self::TimedOut { .. } => "the upstream registry did not answer in time",
            Self::Refused { .. } => "the upstream registry points to a place that may not be followed",
            Self::TooManyRedirects { .. } => "the upstream registry redirects without end",
            Self::BadResponse { .. } => "the upstream registry gave a bad response",
            Self::Encoded { .. } => {
                "the upstream registry, or what stands before it, compresses its content in a way that cannot be undone \
                 here; its operator can turn that off for /v2/"
            }
        }
    }

    pub(super) fn connecting(error: &ConnectError, host: String, limit: Duration) -> Self {
        match error {
            ConnectError::TimedOut => Self::TimedOut { host, limit },
            ConnectError::Refused => Self::Refused { target: host, reason: Refusal::Address },
            other => Self::Unreachable { host, detail: other.to_string() },
        }
    }
}

/// Settings of an upstream that cannot work. The text names the key.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// `upstream.url` is not the address of a registry.
    #[error("upstream \"{prefix}\": url {url}: {reason}")]
    Url {
        /// The `prefix` of the upstream.
        prefix: String,
        /// The value, without what must not be shown.
        url: String,
        /// What is allowed.
        reason: &'static str,
    },
    /// `upstream.username` or its password cannot be sent by Basic (RFC 7617).
    #[error("upstream \"{prefix}\": username: {reason}")]
    Credentials {
        /// The `prefix` of the upstream.
        prefix: String,
        /// What is allowed.
        reason: &'static str,
    },
    /// `upstream.ca_file` cannot be read or holds no certificate.
    #[error("upstream \"{prefix}\": ca_file {}: {reason}", path.display())]
    CaFile {
        /// The `prefix` of the upstream.
        prefix: String,
        /// The value.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
    /// Two upstreams with the same prefix.
    #[error("upstream \"{0}\": prefix: stands twice; each upstream needs a prefix of its own")]
    Twice(String),
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}
