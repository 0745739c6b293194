//! Credentials for one registry, from the configuration, a file that may be rewritten, or a credential helper.
//!
//! The last credentials are used until the registry refuses them, and are refreshed from time to time.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::helper::{self, HelperError, TOKEN_USER};
use super::limits::{HELPER_AGE_MAX, HELPER_PAUSE, HELPER_TIMEOUT, PASSWORD_BYTES_MAX};
use crate::config::{self, Secret};

/// Credentials for a registry and its token server.
pub(super) struct Credential {
    username: String,
    pub(super) secret: Secret,
    /// Value for Basic (RFC 7617). `None` if the secret is a refresh token for the token server (RFC 6749 §6).
    pub(super) basic: Option<HeaderValue>,
}

/// Current credentials of one upstream. Cloning shares them.
#[derive(Clone)]
pub(super) struct Credentials(Arc<SharedCredentials>);

struct SharedCredentials {
    source: Arc<CredentialSource>,
    current: ArcSwapOption<Credential>,
    /// Incremented with each change.
    version: AtomicU64,
    state: Mutex<SourceState>,
}

enum CredentialSource {
    /// No credentials, or constant ones.
    Fixed,
    File {
        username: String,
        path: PathBuf,
    },
    Helper {
        program: String,
        server: String,
    },
}

/// State of the last read.
#[derive(Default)]
struct SourceState {
    last: Option<Instant>,
    /// Time of the last read without a change.
    unchanged_at: Option<Instant>,
    last_error: Option<String>,
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("password_file {path}: {source}")]
    File { path: String, source: io::Error },
    #[error("password_file {0}: it is empty")]
    Empty(String),
    #[error("credential_helper: {0}")]
    Helper(#[from] HelperError),
    #[error("the user or the password: {0}")]
    Unfit(&'static str),
}

impl Credentials {
    /// Makes the credentials from their configuration.
    ///
    /// # Errors
    /// The reason why they cannot be sent (RFC 7617 §2).
    pub(super) fn new(setting: Option<&config::CredentialsConfig>, url: &Url) -> Result<Self, &'static str> {
        let known =
            |username: &str, password: &Secret| Credential::new(username.to_owned(), password.clone());
        let (source, known) = match setting {
            None => (CredentialSource::Fixed, None),
            Some(config::CredentialsConfig::Fixed { username, password }) => {
                (CredentialSource::Fixed, Some(known(username, password)?))
            }
            Some(config::CredentialsConfig::File { username, password, file }) => {
                let source = CredentialSource::File { username: username.clone(), path: file.clone() };
                (source, Some(known(username, password)?))
            }
            Some(config::CredentialsConfig::Helper(name)) => {
                let source =
                    CredentialSource::Helper { program: helper::program(name), server: helper::server(url) };
                (source, None)
            }
        };
        let current = ArcSwapOption::new(known.map(Arc::new));
        let (version, state) = (AtomicU64::new(0), Mutex::default());
        Ok(Self(Arc::new(SharedCredentials { source: Arc::new(source), current, version, state })))
    }

    /// Tells whether credentials are configured, known already or not.
    pub(super) fn are_configured(&self) -> bool {
        self.are_known() || !matches!(*self.0.source, CredentialSource::Fixed)
    }

    /// Version of the current credentials, to compare in [`renew`](Self::renew).
    pub(super) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// Returns the current credentials. Asks the credential helper if there are none yet.
    pub(super) async fn get(&self) -> Option<Arc<Credential>> {
        let known = self.0.current.load_full();
        if known.is_some() || matches!(*self.0.source, CredentialSource::Fixed) {
            return known;
        }
        self.renew(self.version()).await;
        self.0.current.load_full()
    }

    /// Reads the source again after credentials of this version were refused. Returns whether there are other
    /// ones now. Concurrent calls share one read.
    pub(super) async fn renew(&self, version: u64) -> bool {
        if matches!(*self.0.source, CredentialSource::Fixed) {
            return false;
        }
        // A started helper is not restarted when the request that started it is dropped.
        let shared = self.0.clone();
        tokio::spawn(async move { shared.renew(version).await }).await.unwrap_or(false)
    }

    /// Reads the source again after some time: a file always, a helper if its answer is old.
    pub(super) async fn refresh(&self) {
        let mut state = self.0.state.lock().await;
        let is_due = match *self.0.source {
            CredentialSource::Fixed => false,
            CredentialSource::File { .. } => true,
            CredentialSource::Helper { .. } => state.last.is_some_and(|at| at.elapsed() >= HELPER_AGE_MAX),
        };
        if is_due {
            self.0.read(&mut state).await;
        }
    }
}

impl Credentials {
    /// Tells whether credentials are known.
    pub(super) fn are_known(&self) -> bool {
        self.0.current.load().is_some()
    }

    /// Error of the last read.
    pub(super) async fn problem(&self) -> Option<String> {
        self.0.state.lock().await.last_error.clone()
    }
}

impl SharedCredentials {
    async fn renew(&self, version: u64) -> bool {
        let mut state = self.state.lock().await;
        if self.version.load(Ordering::Acquire) != version {
            return true;
        }
        let is_program = matches!(*self.source, CredentialSource::Helper { .. });
        let just_asked = state.unchanged_at.is_some_and(|at| at.elapsed() < HELPER_PAUSE);
        if is_program && just_asked { false } else { self.read(&mut state).await }
    }

    /// Reads the source and takes over changes. A failed read keeps the current credentials.
    async fn read(&self, state: &mut SourceState) -> bool {
        let source = self.source.clone();
        let fresh = tokio::task::spawn_blocking(move || source.read()).await;
        state.last = Some(Instant::now());
        let fresh = match fresh.unwrap_or(Err(ReadError::Unfit("they cannot be read"))) {
            Ok(fresh) => fresh,
            Err(error) => {
                state.unchanged_at = state.last;
                let error = error.to_string();
                if state.last_error.as_ref() != Some(&error) {
                    tracing::error!(error, "credentials cannot be read; the previous ones stay in use");
                    state.last_error = Some(error);
                }
                return false;
            }
        };
        state.last_error = None;
        let before = self.current.load_full();
        if before.as_ref().is_some_and(|before| before.is(&fresh)) {
            state.unchanged_at = state.last;
            return false;
        }
        state.unchanged_at = None;
        if before.is_some() {
            tracing::info!(
                username = fresh.username,
                "the registry's password was read again and has changed"
            );
        }
        self.current.store(Some(Arc::new(fresh)));
        self.version.fetch_add(1, Ordering::Release);
        true
    }
}

impl CredentialSource {
    /// Reads the source. Blocks.
    fn read(&self) -> Result<Credential, ReadError> {
        match self {
            Self::Fixed => Err(ReadError::Unfit("they never change")),
            Self::File { username, path } => {
                let shown = || path.display().to_string();
                let password =
                    password_in(path).map_err(|source| ReadError::File { path: shown(), source })?;
                // A program that rewrites the file may have truncated it first.
                if password.is_empty() {
                    return Err(ReadError::Empty(shown()));
                }
                Credential::new(username.clone(), Secret::new(password)).map_err(ReadError::Unfit)
            }
            Self::Helper { program, server } => {
                let found = helper::get(program, server, HELPER_TIMEOUT)?;
                Credential::new(found.username, found.secret).map_err(ReadError::Unfit)
            }
        }
    }
}

/// Reads a password file without its final line break.
fn password_in(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(PASSWORD_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

impl Credential {
    fn new(username: String, secret: Secret) -> Result<Self, &'static str> {
        if username == TOKEN_USER {
            return Ok(Self { username, secret, basic: None });
        }
        if username.contains(':') {
            return Err("it must not have a colon");
        }
        let encoded = STANDARD.encode(format!("{username}:{}", secret.reveal()));
        let value = HeaderValue::try_from(format!("Basic {encoded}"));
        let basic = Some(hidden(value.map_err(|_| "it cannot be sent in a header")?));
        Ok(Self { username, secret, basic })
    }

    fn is(&self, other: &Self) -> bool {
        self.username == other.username && self.secret.reveal() == other.secret.reveal()
    }
}

/// Marks a header value as sensitive, so that `Debug` hides it.
pub(super) fn hidden(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}
