//! Secrets that people and scanners recognise: a prefix, 32 base62 characters (190 bits), a checksum.
//!
//! The randomness is an argument. The checksum tells a mistyped or cut secret from a revoked one before any look-up,
//! and lets a secret scanner skip what only looks like one; it protects nothing.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Prefix of the secrets that pull.
pub const PULL_PREFIX: &str = "lfl_";
/// Prefix of an administrator's token, which never pulls.
pub const ADMIN_PREFIX: &str = "lfa_";
/// Prefix of a viewer's token, which changes nothing and never pulls.
pub const VIEWER_PREFIX: &str = "lfv_";
/// Prefix of a publisher's token, which registers releases and does nothing else.
pub const PUBLISHER_PREFIX: &str = "lfp_";
/// Prefix of what a browser holds while it is logged in.
pub const SESSION_PREFIX: &str = "lfs_";
/// Random bytes to offer to [`Secret::from_random`]: fewer than 32 usable ones of 64 come once in 10^20 draws.
pub const RANDOM_BYTES: usize = 64;

const RANDOM_CHARS: usize = 32;
/// 62^6 > 2^32: every CRC-32 fits.
const CHECKSUM_CHARS: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The largest multiple of 62 that a byte can count to; bytes from here on would favour the first characters.
const UNBIASED_BYTES: u8 = 248;

/// A secret in the clear, for the one answer that shows it. `Debug` hides it and there is no `Display`.
pub struct Secret(String);

impl Secret {
    /// A secret from random bytes; `None` when too few of them were usable, so that the caller draws again.
    pub fn from_random(prefix: &str, random: &[u8]) -> Option<Self> {
        let usable = random.iter().filter(|&&byte| byte < UNBIASED_BYTES).take(RANDOM_CHARS);
        let body: String = usable.map(|&byte| base62_char(u32::from(byte))).collect();
        (body.len() == RANDOM_CHARS).then(|| Self(format!("{prefix}{body}{}", checksum(&body))))
    }

    /// A secret that was exposed before.
    pub fn exposed(secret: String) -> Self {
        Self(secret)
    }

    /// The secret itself. Whoever calls this shows it to somebody.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The hash that the log keeps in its place.
    pub fn sha256(&self) -> [u8; 32] {
        sha256(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The SHA-256 of a secret as a client sent it.
pub fn sha256(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Tells whether `text` has the form of a secret with this prefix and its checksum is right. It says nothing of validity.
pub fn is_well_formed(prefix: &str, text: &str) -> bool {
    let Some(rest) = text.strip_prefix(prefix) else { return false };
    rest.len() == RANDOM_CHARS + CHECKSUM_CHARS
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && checksum(&rest[..RANDOM_CHARS]) == rest[RANDOM_CHARS..]
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut chars = ['0'; CHECKSUM_CHARS];
    for char in chars.iter_mut().rev() {
        *char = base62_char(rest);
        rest /= 62;
    }
    chars.iter().collect()
}

fn base62_char(number: u32) -> char {
    char::from(BASE62[(number % 62) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_prefix_body_and_checksum() {
        let secret = Secret::from_random(PULL_PREFIX, &[0; 32]).unwrap();
        assert_eq!(secret.expose().len(), 4 + 32 + 6);
        // The checksum as zlib computes it: CRC-32 0xa0f292d0, in base62.
        assert_eq!(secret.expose(), "lfl_000000000000000000000000000000002wjyrI");
        assert!(is_well_formed(PULL_PREFIX, secret.expose()));
        assert!(!is_well_formed(ADMIN_PREFIX, secret.expose()));
        assert!(!format!("{secret:?}").contains("0000"));
    }

    #[test]
    fn biased_bytes_are_skipped_and_too_few_give_nothing() {
        let mut random = vec![255; 10];
        random.extend([61; 32]);
        assert!(Secret::from_random(PULL_PREFIX, &random).unwrap().expose().starts_with("lfl_zzzz"));
        assert!(Secret::from_random(PULL_PREFIX, &[248; 64]).is_none());
        assert!(Secret::from_random(PULL_PREFIX, &[1; 31]).is_none());
    }

    #[test]
    fn any_changed_or_cut_character_is_noticed() {
        let random: Vec<u8> = (0..64).map(|n| n * 3).collect();
        let secret = Secret::from_random(PULL_PREFIX, &random).unwrap();
        let text = secret.expose();
        for index in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[index] = if changed[index] == b'x' { b'y' } else { b'x' };
            assert!(!is_well_formed(PULL_PREFIX, std::str::from_utf8(&changed).unwrap()), "at {index}");
            assert!(!is_well_formed(PULL_PREFIX, &text[..index]), "cut at {index}");
        }
        assert!(!is_well_formed(PULL_PREFIX, "lfl_ééééééééééééééééééé"));
    }
}
