//! Who Landfall is to one registry: a password that stands in a file, which others may rewrite, or that a program knows.
//!
//! What was read last is used until somebody finds it refused, and looked at again from time to time.

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
use super::login::hidden;
use crate::config::{self, Secret};

/// What proves to a registry and its token server who Landfall is.
pub(super) struct Credential {
    username: String,
    pub(super) secret: Secret,
    /// As Basic has it (RFC 7617). Nothing where the secret is a token for the token server alone (RFC 6749 §6, "refresh
    /// token").
    pub(super) basic: Option<HeaderValue>,
}

/// The credentials of one upstream, as they are known now. Cloning shares them.
#[derive(Clone)]
pub(super) struct Credentials(Arc<SharedCredentials>);

struct SharedCredentials {
    source: Arc<CredentialSource>,
    current: ArcSwapOption<Credential>,
    /// Counts what was taken over.
    version: AtomicU64,
    state: Mutex<SourceState>,
}

enum CredentialSource {
    /// None, or one that never changes.
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

/// When the source was looked at.
#[derive(Default)]
struct SourceState {
    last: Option<Instant>,
    /// Since when it has nothing else to say.
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
    /// # Errors
    /// Why such credentials cannot be sent (RFC 7617 §2).
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

    /// Whether there is a user at all, be the password known by now or not.
    pub(super) fn are_configured(&self) -> bool {
        self.are_known() || !matches!(*self.0.source, CredentialSource::Fixed)
    }

    /// Tells what was read before something from what is read afterwards.
    pub(super) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// What is known. A program is asked where nothing is; nothing, too, where it does not tell.
    pub(super) async fn get(&self) -> Option<Arc<Credential>> {
        let known = self.0.current.load_full();
        if known.is_some() || matches!(*self.0.source, CredentialSource::Fixed) {
            return known;
        }
        self.renew(self.version()).await;
        self.0.current.load_full()
    }

    /// Looks again, since what was known at `version` was refused. Says whether there is something else now; whoever comes
    /// while another looks shares what comes of it.
    pub(super) async fn renew(&self, version: u64) -> bool {
        if matches!(*self.0.source, CredentialSource::Fixed) {
            return false;
        }
        // A program that was begun is not begun again for who went away meanwhile.
        let shared = self.0.clone();
        tokio::spawn(async move { shared.renew(version).await }).await.unwrap_or(false)
    }

    /// Looks again because time has passed: at a file each time, at a program where its answer is old.
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
    /// Whether there are any now.
    pub(super) fn are_known(&self) -> bool {
        self.0.current.load().is_some()
    }

    /// Why they could not be read the last time.
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

    /// Reads the source and takes over what is new there. What cannot be read leaves what is known.
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
                    tracing::error!(error, "credentials cannot be read; those from before stay in use");
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
                "the registry's password was read again, and is another one"
            );
        }
        self.current.store(Some(Arc::new(fresh)));
        self.version.fetch_add(1, Ordering::Release);
        true
    }
}

impl CredentialSource {
    /// What it says now. Blocks.
    fn read(&self) -> Result<Credential, ReadError> {
        match self {
            Self::Fixed => Err(ReadError::Unfit("they never change")),
            Self::File { username, path } => {
                let shown = || path.display().to_string();
                let password =
                    password_in(path).map_err(|source| ReadError::File { path: shown(), source })?;
                // Who rewrites a file may have emptied it first.
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

/// A password file's content, without the end of its line.
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
            return Err("it must be without a colon");
        }
        let encoded = STANDARD.encode(format!("{username}:{}", secret.reveal()));
        let value = HeaderValue::try_from(format!("Basic {encoded}"));
        let basic = Some(hidden(value.map_err(|_| "it cannot stand in a header")?));
        Ok(Self { username, secret, basic })
    }

    fn is(&self, other: &Self) -> bool {
        self.username == other.username && self.secret.reveal() == other.secret.reveal()
    }
}
