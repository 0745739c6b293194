//! The administrator's token of the server itself: read from a file, or made on first start. It makes the others.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ring::hmac;
use subtle::ConstantTimeEq;

use super::random;
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

/// The reason why there is no administrator's token.
#[derive(Debug, thiserror::Error)]
pub enum AdminTokenError {
    /// The file cannot be read.
    #[error("{key}: cannot read {path}: {source}")]
    Read {
        /// The configuration key, or what the file is.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file's token can be guessed.
    #[error("{key}: {path} holds {chars} characters; a token has at least {TOKEN_CHARS_MIN}")]
    Short {
        /// The configuration key, or what the file is.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Its length in characters.
        chars: usize,
    },
    /// A new token cannot be written.
    #[error("cannot write a new admin token to {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
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

    #[cfg(test)]
    pub(super) fn of(token: &str) -> Self {
        Self { sha256: secret::sha256(token) }
    }

    /// A key for this purpose, the same at every server that has this token (HKDF-Expand of RFC 5869, one block).
    pub(in crate::admin) fn key(&self, purpose: &str) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.sha256);
        let tag = hmac::sign(&key, format!("landfall {purpose}\u{1}").as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    /// Says whether this is it. The comparison takes the same time wherever the hashes differ.
    pub(in crate::admin) fn is(&self, token: &str) -> bool {
        secret::sha256(token).ct_eq(&self.sha256).into()
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

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
        assert!(token.is(text.trim()));
        let (again, made) = AdminToken::load(None, dir.path()).unwrap();
        assert_eq!((again.sha256, made), (token.sha256, None));
    }

    #[test]
    fn a_configured_file_is_trimmed_and_must_be_long_enough() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "  correct horse battery\n\n").unwrap();
        let (token, _) = AdminToken::load(Some(&path), dir.path()).unwrap();
        assert!(token.is("correct horse battery"));
        for wrong in ["correct horse", "correct horse battery ", ""] {
            assert!(!token.is(wrong), "{wrong}");
        }
        fs::write(&path, "short\n").unwrap();
        let refused = AdminToken::load(Some(&path), dir.path()).unwrap_err().to_string();
        assert!(refused.starts_with("admin.token_file: ") && refused.contains("at least 16"), "{refused}");
        let missing = AdminToken::load(Some(&dir.path().join("none")), dir.path()).unwrap_err();
        assert!(matches!(missing, AdminTokenError::Read { key: "admin.token_file", .. }));
        assert!(!dir.path().join(TOKEN_FILE).exists());
    }
}
