//! Names and passwords of the demo.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The credentials of a pull: an environment and its token.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) secret: String,
}

impl Credentials {
    /// The value of the `Authorization` header (RFC 7617).
    pub(super) fn authorization(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.username, self.secret)))
    }
}
