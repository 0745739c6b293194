//! What can go wrong on the way to a registry, for the log and for the client.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderValue, StatusCode};

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
    /// No TLS with it, most often because its certificate is not trusted.
    #[error("no TLS with {host}: {detail}")]
    Untrusted {
        /// Host and port that were asked.
        host: String,
        /// What is wrong and what to do.
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
        reason: ForbiddenTarget,
    },
    /// The registry redirects to a place that wants to know who asks.
    #[error(
        "{url}, where the registry redirects to, wants credentials, and Landfall's are for the registry alone: make it an \
         upstream of its own"
    )]
    Unwelcome {
        /// Where, without query.
        url: String,
    },
    /// The registry redirects without end.
    #[error("more than {limit} redirects")]
    TooManyRedirects {
        /// The bound.
        limit: usize,
    },
    /// A token server gives no token.
    #[error("the token server {server} gives no token for {scope:?}, it answered {status}: {}", advice(*status, *as_user))]
    NoToken {
        /// The realm, without its query.
        server: String,
        /// What was asked for.
        scope: String,
        /// Its answer.
        status: StatusCode,
        /// When it may be asked again, as it says.
        retry_after: Option<HeaderValue>,
        /// Whether it was shown a user's password.
        as_user: bool,
    },
    /// A response that is not HTTP, or not what was asked for.
    #[error("{host} gave a bad response: {detail}")]
    BadResponse {
        /// Host and port that were asked.
        host: String,
        /// The trouble with it.
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
pub enum ForbiddenTarget {
    /// The target is not a URL.
    #[error("it is not a URL")]
    NotAUrl,
    /// Neither `http` nor `https`.
    #[error("only http and https are followed")]
    Scheme,
    /// From `https` to `http`.
    #[error("it leads from https to http")]
    Downgrade,
    /// The same, and it is a token server, which would be told a password.
    #[error(
        "it is a token server without TLS, where a password could be read on its way; if that is meant, name it with \
         http://HOST:PORT in the upstream's token_servers"
    )]
    InsecureRealm,
    /// A token server of somebody else's domain, which would be told a password.
    #[error(
        "it is a token server of another domain than the registry's, and no password is sent there; if that is meant, name \
         it with https://HOST:PORT in the upstream's token_servers"
    )]
    ForeignRealm,
    /// The target carries a user name or password.
    #[error("it carries a user name or password")]
    UserInfo,
    /// Each address of the target is nearer to Landfall than the registry, or of a kind that is never allowed.
    #[error("its address is nearer than the registry's own")]
    Address,
}

impl UpstreamError {
    /// The status that a proxy answers with (RFC 9110 §15.6.3 and §15.6.5). What a token server says of one repository, or
    /// of the number of requests, is for the client.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::NoToken { status, .. } => match *status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => StatusCode::FORBIDDEN,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => *status,
                _ => StatusCode::BAD_GATEWAY,
            },
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// When a client may ask again, where it was told.
    pub fn retry_after(&self) -> Option<&HeaderValue> {
        match self {
            Self::NoToken { retry_after, .. } => retry_after.as_ref(),
            _ => None,
        }
    }

    /// What a client may know: no host, no address, no text from inside.
    pub fn public(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "the upstream registry cannot be reached",
            Self::Untrusted { .. } => {
                "the upstream registry's TLS certificate is not accepted; tell this proxy's operator"
            }
            Self::TimedOut { .. } => "the upstream registry did not answer in time",
            Self::Refused { .. } => "the upstream registry points to a place that may not be followed",
            Self::Unwelcome { .. } => "the upstream registry redirects to a place that wants credentials",
            Self::TooManyRedirects { .. } => "the upstream registry redirects without end",
            Self::BadResponse { .. } => "the upstream registry gave a bad response",
            Self::Encoded { .. } => {
                "the upstream registry, or what stands before it, compresses its content in a way that cannot be undone \
                 here; its operator can turn that off for /v2/"
            }
            Self::NoToken { .. } => match self.status() {
                StatusCode::FORBIDDEN => "the upstream registry does not give this proxy the repository",
                StatusCode::TOO_MANY_REQUESTS => "the upstream registry has had too many requests",
                _ => "the upstream registry's token server gave no token",
            },
        }
    }

    pub(super) fn connecting(error: &ConnectError, host: String, limit: Duration) -> Self {
        match error {
            ConnectError::TimedOut => Self::TimedOut { host, limit },
            ConnectError::Refused => Self::Refused { target: host, reason: ForbiddenTarget::Address },
            ConnectError::Tls(_) => Self::Untrusted { host, detail: error.to_string() },
            other => Self::Unreachable { host, detail: other.to_string() },
        }
    }
}

/// What an operator can do about a token server's refusal.
fn advice(status: StatusCode, as_user: bool) -> &'static str {
    match (status, as_user) {
        (StatusCode::UNAUTHORIZED, true) => "check username and password_file of the upstream",
        (StatusCode::FORBIDDEN, true) => {
            "there is no such repository, or the upstream's user may not pull it"
        }
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, false) => {
            "there is no such repository, or it is not public: give the upstream a username and password_file"
        }
        (StatusCode::TOO_MANY_REQUESTS, true) => "its limit is reached",
        (StatusCode::TOO_MANY_REQUESTS, false) => {
            "its limit is reached; users often have a higher one than nobody"
        }
        _ => "look at its own log",
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
