//! New secrets and identifiers, from the system's randomness.

use crate::model::event::TokenId;
use crate::model::secret::{RANDOM_BYTES, Secret};

/// The system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the system's random number generator failed: {0}")]
pub struct NoRandomness(#[from] getrandom::Error);

/// Random bytes.
pub(in crate::admin) fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut random = [0; N];
    getrandom::fill(&mut random)?;
    Ok(random)
}

/// A new secret with this prefix.
pub(in crate::admin) fn secret(prefix: &str) -> Result<Secret, NoRandomness> {
    loop {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random)?;
        if let Some(secret) = Secret::from_random(prefix, &random) {
            return Ok(secret);
        }
    }
}

/// A new identifier: the prefix and 12 hexadecimal digits.
pub(in crate::admin) fn token_id(prefix: &str) -> Result<TokenId, NoRandomness> {
    let mut random = [0; 8];
    getrandom::fill(&mut random[..6])?;
    Ok(TokenId::new(&format!("{prefix}{:012x}", u64::from_le_bytes(random))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret::{PULL_PREFIX, is_well_formed};

    #[test]
    fn secrets_and_identifiers_are_well_formed_and_differ() {
        let (one, other) = (secret(PULL_PREFIX).unwrap(), secret(PULL_PREFIX).unwrap());
        assert!(is_well_formed(PULL_PREFIX, one.expose()));
        assert_ne!(one.expose(), other.expose());
        let id = token_id("tok_").unwrap();
        assert_eq!(id.as_str().len(), "tok_".len() + 12);
        assert_ne!(id, token_id("tok_").unwrap());
    }
}
