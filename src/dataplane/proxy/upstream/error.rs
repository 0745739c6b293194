//! Errors of requests to registries, for the log and for clients.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderValue, StatusCode};

use super::connect::ConnectError;

/// Reasons why an upstream gave no answer. `Display` names hosts and is for the log;
/// [`UpstreamError::public`] is for clients.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The connection failed, or broke before the response.
    #[error("cannot reach {host}: {detail}")]
    Unreachable {
        /// Host and port of the server.
        host: String,
        /// Error of the system or of TLS.
        detail: String,
    },
    /// TLS failed, most often because the certificate is not trusted.
    #[error("no TLS with {host}: {detail}")]
    Untrusted {
        /// Host and port of the server.
        host: String,
        /// Problem and remedy.
        detail: String,
    },
    /// No connection or no response head in time.
    #[error("{host} did not answer within {limit:?}")]
    TimedOut {
        /// Host and port of the server.
        host: String,
        /// Timeout that has passed.
        limit: Duration,
    },
    /// A redirect or a token server that must not be followed.
    #[error("refused to follow the registry to {target}: {reason}")]
    Refused {
        /// Target of the redirect, without its query.
        target: String,
        /// Rule that forbids the target.
        reason: ForbiddenTarget,
    },
    /// The registry redirects to a host that demands credentials.
    #[error(
        "{url}, where the registry redirects to, wants credentials, and Landfall's are for the registry alone: make it an \
         upstream of its own"
    )]
    Unwelcome {
        /// Target of the redirect, without its query.
        url: String,
    },
    /// The registry redirects too often.
    #[error("more than {limit} redirects")]
    TooManyRedirects {
        /// Most redirects that are followed.
        limit: usize,
    },
    /// A token server gives no token.
    #[error("the token server {server} gives no token for {scope:?}, it answered {status}: {}", advice(*status, *as_user))]
    NoToken {
        /// Realm, without its query.
        server: String,
        /// Scopes that the token was requested for.
        scope: String,
        /// Status of its answer.
        status: StatusCode,
        /// Value of its `Retry-After`.
        retry_after: Option<HeaderValue>,
        /// Tells whether a user's password was sent.
        as_user: bool,
    },
    /// An invalid response.
    #[error("{host} gave a bad response: {detail}")]
    BadResponse {
        /// Host and port of the server.
        host: String,
        /// Problem with the response.
        detail: String,
    },
    /// Encoded content, although the request asked for none.
    #[error("{host} encodes its content with {encoding}, although the request asked for none")]
    Encoded {
        /// Host and port of the server.
        host: String,
        /// Value of `Content-Encoding`.
        encoding: String,
    },
}

/// Rule that forbids following a registry to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForbiddenTarget {
    /// The target is not a URL.
    #[error("it is not a URL")]
    NotAUrl,
    /// The scheme is neither `http` nor `https`.
    #[error("only http and https are followed")]
    Scheme,
    /// The target leads from `https` to `http`.
    #[error("it leads from https to http")]
    Downgrade,
    /// The target is a token server without TLS, which would receive a password.
    #[error(
        "it is a token server without TLS, where a password could be read on its way; if that is meant, name it with \
         http://HOST:PORT in the upstream's token_servers"
    )]
    InsecureRealm,
    /// The target is a token server of another domain, which would receive a password.
    #[error(
        "it is a token server of another domain than the registry's, and no password is sent there; if that is meant, name \
         it with https://HOST:PORT in the upstream's token_servers"
    )]
    ForeignRealm,
    /// The target has a user name or password.
    #[error("it carries a user name or password")]
    UserInfo,
    /// Every address of the target is nearer to Landfall than the registry, or never allowed.
    #[error("its address is nearer than the registry's own")]
    Address,
}

impl UpstreamError {
    /// Status for the client (RFC 9110 §15.6.3 and §15.6.5). A token server's refusal of one repository or of
    /// too many requests is passed on.
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

    /// Earliest time of a retry, if the server stated one.
    pub fn retry_after(&self) -> Option<&HeaderValue> {
        match self {
            Self::NoToken { retry_after, .. } => retry_after.as_ref(),
            _ => None,
        }
    }

    /// Message for clients, without hosts, addresses or internal texts.
    pub fn public(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "the upstream registry cannot be reached",
            Self::Untrusted { .. } => {
                "the upstream registry's TLS certificate is not accepted; tell this proxy's operator"
            }
            Self::TimedOut { .. } => "the upstream registry did not answer in time",
            Self::Refused { .. } => "the upstream registry points to a host that may not be followed",
            Self::Unwelcome { .. } => "the upstream registry redirects to a host that demands credentials",
            Self::TooManyRedirects { .. } => "the upstream registry redirects too often",
            Self::BadResponse { .. } => "the upstream registry gave a bad response",
            Self::Encoded { .. } => {
                "the upstream registry, or a reverse proxy before it, compresses its content in a way that cannot be \
                 decoded here; its operator can turn that off for /v2/"
            }
            Self::NoToken { .. } => match self.status() {
                StatusCode::FORBIDDEN => "the upstream registry denies this proxy the repository",
                StatusCode::TOO_MANY_REQUESTS => "the upstream registry's rate limit is reached",
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

/// Advice for the operator about a token server's refusal.
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
            "its limit is reached; users often have a higher one than anonymous clients"
        }
        _ => "look at its own log",
    }
}

/// Invalid settings of an upstream. The text names the key.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// `upstream.url` is not the address of a registry.
    #[error("upstream \"{prefix}\": url {url}: {reason}")]
    Url {
        /// The upstream's `prefix`.
        prefix: String,
        /// Value without its secrets.
        url: String,
        /// Problem and allowed values.
        reason: &'static str,
    },
    /// `upstream.username` or its password cannot be sent by Basic (RFC 7617).
    #[error("upstream \"{prefix}\": username: {reason}")]
    Credentials {
        /// The upstream's `prefix`.
        prefix: String,
        /// Problem and allowed values.
        reason: &'static str,
    },
    /// `upstream.ca_file` cannot be read or has no certificate.
    #[error("upstream \"{prefix}\": ca_file {}: {reason}", path.display())]
    CaFile {
        /// The upstream's `prefix`.
        prefix: String,
        /// Path of the file.
        path: PathBuf,
        /// Problem with the file.
        reason: String,
    },
    /// Two upstreams have the same prefix.
    #[error("upstream \"{0}\": prefix: used twice; each upstream needs its own prefix")]
    Twice(String),
    /// The TLS library rejects its own defaults.
    #[error("{0}")]
    Tls(String),
}
