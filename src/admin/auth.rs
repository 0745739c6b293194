//! Who may use the control plane: the administrator's token, kept as its SHA-256.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, header};
use subtle::ConstantTimeEq;

use super::App;
use super::caller::{Caller, Holder, through};
use super::problem::Problem;
use super::random;
use crate::clock::now;
use crate::model::act::{Role, Through};
use crate::model::secret;

/// The file in the data directory that holds a token made by Landfall itself.
pub const TOKEN_FILE: &str = "admin.token";
/// Fewer characters could be guessed.
const TOKEN_CHARS_MIN: usize = 16;
/// A token file is one line; this much is read of it.
const TOKEN_FILE_BYTES_MAX: u64 = 4096;

/// The administrator's token; what is kept is its SHA-256.
#[derive(Clone, Debug)]
pub struct AdminToken {
    sha256: [u8; 32],
}

/// Why there is no administrator's token.
#[derive(Debug, thiserror::Error)]
pub enum AdminTokenError {
    /// The file cannot be read.
    #[error("{key}: cannot read {path}: {source}")]
    Read {
        /// The configuration key, or what the file is.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file's token can be guessed.
    #[error("{key}: {path} holds {chars} characters; a token has at least {TOKEN_CHARS_MIN}")]
    Short {
        /// The configuration key, or what the file is.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// How many characters it has.
        chars: usize,
    },
    /// A new token cannot be written.
    #[error("cannot write a new admin token to {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A new token cannot be made.
    #[error(transparent)]
    Randomness(#[from] random::NoRandomness),
}

impl AdminToken {
    /// The token of the configured file, else that of `data_dir`, which is made on first start.
    /// Also tells where a new one was written.
    ///
    /// The data directory must already be this process's own (its log is open).
    pub fn load(
        token_file: Option<&Path>,
        data_dir: &Path,
    ) -> Result<(Self, Option<PathBuf>), AdminTokenError> {
        if let Some(path) = token_file {
            return Ok((Self::read("admin.token_file", path)?, None));
        }
        let path = data_dir.join(TOKEN_FILE);
        match Self::read("the admin token", &path) {
            Err(AdminTokenError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let token = random::secret(secret::ADMIN_PREFIX)?;
                write_new(&path, token.expose())
                    .map_err(|source| AdminTokenError::Write { path: path.clone(), source })?;
                Ok((Self { sha256: token.sha256() }, Some(path)))
            }
            read => Ok((read?, None)),
        }
    }

    fn read(key: &'static str, path: &Path) -> Result<Self, AdminTokenError> {
        let failed = |source| AdminTokenError::Read { key, path: path.to_owned(), source };
        let file = fs::File::open(path).map_err(failed)?;
        let mut text = String::new();
        io::Read::read_to_string(&mut io::Read::take(file, TOKEN_FILE_BYTES_MAX), &mut text)
            .map_err(failed)?;
        let token = text.trim();
        let chars = token.chars().count();
        if chars < TOKEN_CHARS_MIN {
            return Err(AdminTokenError::Short { key, path: path.to_owned(), chars });
        }
        Ok(Self { sha256: secret::sha256(token) })
    }

    /// Whether this is it. The comparison takes the same time wherever the hashes differ.
    pub(super) fn is(&self, token: &str) -> bool {
        secret::sha256(token.trim()).ct_eq(&self.sha256).into()
    }

    fn is_shown_by(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, token)) = shown.and_then(|value| value.split_once(' ')) else { return false };
        scheme.eq_ignore_ascii_case("Bearer") && self.is(token)
    }
}

/// Writes the file whole and for its owner alone, or not at all: a crash leaves no half token.
fn write_new(path: &Path, token: &str) -> io::Result<()> {
    let draft = path.with_extension("token.new");
    // A draft that is already there is what a crash left; this process owns the directory.
    fs::remove_file(&draft).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(format!("{token}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Lets a request through that shows the administrator's token or comes from a page that was logged in with it, and
/// that, if it changes something, comes from no other site. Handlers learn from it who asks.
pub(super) async fn guard(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let with_token = app.settings.admin_token.is_shown_by(headers);
    if !with_token && !app.sessions.holds(headers, now()) {
        return Problem::unauthorized().into_response();
    }
    // A browser adds its cookie to whatever a page asks for, but it also names the page's origin on every change.
    let unnamed = !with_token && !headers.contains_key(header::ORIGIN);
    if is_change(request.method()) && (unnamed || has_foreign_origin(headers)) {
        return Problem::foreign_origin().into_response();
    }
    let through = if with_token { through(headers) } else { Through::Dashboard };
    let caller = Caller::new(Holder::of_token_file(), through, request.extensions());
    if is_change(request.method()) && caller.role != Role::Admin {
        return Problem::viewer().into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// RFC 6454: browsers name the page's origin on every change; other clients send none.
pub(super) fn has_foreign_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    origin.is_none() || origin != own
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn bearer(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn a_token_is_made_once_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("admin.token.new"), "half").unwrap();
        let (token, made) = AdminToken::load(None, dir.path()).unwrap();
        let path = made.unwrap();
        assert_eq!(path, dir.path().join(TOKEN_FILE));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(secret::is_well_formed(secret::ADMIN_PREFIX, text.trim()));
        assert!(token.is_shown_by(&bearer(&format!("Bearer {}", text.trim()))));
        let (again, made) = AdminToken::load(None, dir.path()).unwrap();
        assert_eq!((again.sha256, made), (token.sha256, None));
    }

    #[test]
    fn a_configured_file_is_trimmed_and_must_be_long_enough() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "  correct horse battery\n\n").unwrap();
        let (token, _) = AdminToken::load(Some(&path), dir.path()).unwrap();
        assert!(token.is_shown_by(&bearer("bearer correct horse battery")));
        for wrong in ["Bearer correct horse", "Basic correct horse battery", "correct", "Bearer ", "Bearer"] {
            assert!(!token.is_shown_by(&bearer(wrong)), "{wrong}");
        }
        assert!(!token.is_shown_by(&HeaderMap::new()));
        fs::write(&path, "short\n").unwrap();
        let refused = AdminToken::load(Some(&path), dir.path()).unwrap_err().to_string();
        assert!(refused.starts_with("admin.token_file: ") && refused.contains("at least 16"), "{refused}");
        let missing = AdminToken::load(Some(&dir.path().join("none")), dir.path()).unwrap_err();
        assert!(matches!(missing, AdminTokenError::Read { key: "admin.token_file", .. }));
        assert!(!dir.path().join(TOKEN_FILE).exists());
    }

    #[test]
    fn an_origin_is_foreign_unless_it_is_the_host_itself() {
        let headers = |origin: &str| {
            HeaderMap::from_iter([
                (header::HOST, "127.0.0.1:8081".parse().unwrap()),
                (header::ORIGIN, origin.parse().unwrap()),
            ])
        };
        assert!(!has_foreign_origin(&headers("http://127.0.0.1:8081")));
        for foreign in
            ["null", "http://evil.example", "http://127.0.0.1:8082", "http://127.0.0.1:8081.evil.example"]
        {
            assert!(has_foreign_origin(&headers(foreign)), "{foreign}");
        }
        assert!(!has_foreign_origin(&HeaderMap::new()));
    }
}
