//! A seal: what a client carries for the server, which nobody else can read or change.
//!
//! Its key comes from the token of the token file. So every server with that file opens what another one sealed, and a
//! restart ends nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::random::{self, NoRandomness};

/// A seal of one key.
pub(super) struct Seal(aead::LessSafeKey);

impl Seal {
    /// The seal of this key.
    ///
    /// # Panics
    /// Never: the key has the length that the cipher takes.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, key).expect("AES-256 takes a key of 32 bytes");
        Self(aead::LessSafeKey::new(key))
    }

    /// The value, sealed and bound to `bound`, as characters that a cookie may hold.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub(super) fn close(&self, value: &impl Serialize, bound: &[u8]) -> Result<String, NoRandomness> {
        // 96 random bits: safe for the four billion seals that one key may make (NIST SP 800-38D, section 8.3).
        let nonce: [u8; aead::NONCE_LEN] = random::bytes()?;
        // Plain data that fits a cookie is always written, and always sealed.
        let mut text = postcard::to_stdvec(value).unwrap_or_default();
        let nonce_once = aead::Nonce::assume_unique_for_key(nonce);
        let _ = self.0.seal_in_place_append_tag(nonce_once, aead::Aad::from(bound), &mut text);
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &text].concat()))
    }

    /// The value that was sealed and bound to `bound`; none if it was not, or not by this seal.
    pub(super) fn open<T: DeserializeOwned>(&self, sealed: &str, bound: &[u8]) -> Option<T> {
        let mut sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let mut text = sealed.split_off(sealed.len().min(aead::NONCE_LEN));
        let nonce = aead::Nonce::try_assume_unique_for_key(&sealed).ok()?;
        let text = self.0.open_in_place(nonce, aead::Aad::from(bound), &mut text).ok()?;
        postcard::from_bytes(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_alone_where_it_is_bound_and_whole() {
        let seal = Seal::new(&[7; 32]);
        let sealed = seal.close(&"text", b"bound").unwrap();
        let open = |seal: &Seal, sealed: &str, bound| seal.open::<String>(sealed, bound);
        assert_eq!(open(&Seal::new(&[7; 32]), &sealed, b"bound").as_deref(), Some("text"));
        assert_eq!(open(&seal, &sealed, b"other"), None);
        assert_eq!(open(&Seal::new(&[8; 32]), &sealed, b"bound"), None);
        for end in 0..sealed.len() {
            assert_eq!(open(&seal, &sealed[..end], b"bound"), None, "{end}");
            let mut changed = sealed.clone();
            let other = if changed[end..].starts_with('A') { "B" } else { "A" };
            changed.replace_range(end..=end, other);
            assert_eq!(open(&seal, &changed, b"bound"), None, "{end}");
        }
        assert_ne!(seal.close(&"text", b"bound").unwrap(), sealed);
    }
}
