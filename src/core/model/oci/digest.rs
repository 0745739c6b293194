//! Content digests (OCI image spec, "Digests"): what they look like, and what has which.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeTuple as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Malformed, from_text};

/// A content digest: `sha256:<64 lower hex>` or `sha512:<128 lower hex>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Value);

/// In line and not boxed: a digest is copied into most of what is folded, and one by sha512 is rare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Value {
    Sha256([u8; 32]),
    Sha512([u8; 64]),
}

/// The registered algorithms (OCI image spec, "Registered Algorithms") that Landfall can verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The algorithm of nearly every image.
    Sha256,
    /// Optional for implementations.
    Sha512,
}

/// Computes the digest of what comes in pieces.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Sha256(sha2::Sha256),
    Sha512(Box<sha2::Sha512>),
}

impl Algorithm {
    fn prefix(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256:",
            Self::Sha512 => "sha512:",
        }
    }

    /// Of nothing yet.
    pub fn hasher(self) -> Hasher {
        Hasher(match self {
            Self::Sha256 => State::Sha256(sha2::Sha256::default()),
            Self::Sha512 => State::Sha512(Box::default()),
        })
    }

    /// The digest of `content`.
    pub fn of(self, content: &[u8]) -> Digest {
        let mut hasher = self.hasher();
        hasher.update(content);
        hasher.finish()
    }
}

impl Hasher {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        use sha2::Digest as _;
        match &mut self.0 {
            State::Sha256(state) => state.update(piece),
            State::Sha512(state) => state.update(piece),
        }
    }

    /// The digest of all pieces.
    pub fn finish(self) -> Digest {
        use sha2::Digest as _;
        Digest(match self.0 {
            State::Sha256(state) => Value::Sha256(state.finalize().into()),
            State::Sha512(state) => Value::Sha512(state.finalize().into()),
        })
    }
}

impl Digest {
    /// A sha256 digest from its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Value::Sha256(bytes))
    }

    /// Its 32 bytes, or 64.
    pub const fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Value::Sha256(bytes) => bytes,
            Value::Sha512(bytes) => bytes,
        }
    }

    /// The sha256 digest of `content`.
    pub fn of(content: &[u8]) -> Self {
        Algorithm::Sha256.of(content)
    }

    /// Tells whether `content` has this digest.
    pub fn fits(&self, content: &[u8]) -> bool {
        self.algorithm().of(content) == *self
    }

    /// The algorithm that it was made with.
    pub const fn algorithm(&self) -> Algorithm {
        match &self.0 {
            Value::Sha256(_) => Algorithm::Sha256,
            Value::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The first 12 hexadecimal digits, as people see it.
    pub fn short(&self) -> String {
        self.to_string()[self.algorithm().prefix().len()..][..12].to_owned()
    }
}

impl FromStr for Digest {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (algorithm, encoded) = text.split_once(':').ok_or(Malformed::Digest)?;
        match algorithm {
            "sha256" => Ok(Self(Value::Sha256(bytes_of(encoded)?))),
            "sha512" => Ok(Self(Value::Sha512(bytes_of(encoded)?))),
            _ if is_algorithm(algorithm) && is_encoded(encoded) => Err(Malformed::Algorithm),
            _ => Err(Malformed::Digest),
        }
    }
}

/// OCI image spec, "Digests": `algorithm ::= component (separator component)*`.
fn is_algorithm(text: &str) -> bool {
    let is_component = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.split(['+', '.', '_', '-']).all(is_component)
}

fn is_encoded(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b'_' | b'-');
    !text.is_empty() && text.bytes().all(is_allowed)
}

fn bytes_of<const N: usize>(hex: &str) -> Result<[u8; N], Malformed> {
    let mut bytes = [0; N];
    if hex.len() != 2 * N {
        return Err(Malformed::Digest);
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = nibble(pair[0]).ok_or(Malformed::Digest)? << 4 | nibble(pair[1]).ok_or(Malformed::Digest)?;
    }
    Ok(bytes)
}

fn nibble(hex: u8) -> Option<u8> {
    match hex {
        b'0'..=b'9' => Some(hex - b'0'),
        b'a'..=b'f' => Some(hex - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let (bytes, mut text) = (self.as_bytes(), [0u8; 128]);
        let text = &mut text[..2 * bytes.len()];
        for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        f.write_str(self.algorithm().prefix())?;
        f.write_str(std::str::from_utf8(text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// In the log a sha256 digest is its 32 bytes and nothing else. These 32 stand before one that is something else: the
/// SHA-256 of a sentence, so that no log from before it was chosen has them. One of [`Escaped`] follows.
const ESCAPE: [u8; 32] = [
    0xd2, 0x16, 0xe5, 0x6c, 0xf5, 0xcb, 0xe7, 0xdd, 0xd7, 0xf6, 0x32, 0x78, 0xba, 0x41, 0xf8, 0x64, 0xaa,
    0xb8, 0x6e, 0x69, 0xb1, 0x2c, 0x25, 0x33, 0xca, 0x8e, 0xb4, 0x7b, 0xae, 0x1d, 0xe3, 0xa0,
];

/// The digest that follows an [`ESCAPE`].
#[derive(Serialize, Deserialize)]
enum Escaped {
    /// The sha256 digest that is the escape itself: anybody may name it.
    Itself,
    /// The halves of a sha512 digest; serde knows arrays of up to 32.
    Sha512([u8; 32], [u8; 32]),
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        let mut tuple = serializer.serialize_tuple(2)?;
        match &self.0 {
            Value::Sha256(bytes) => {
                tuple.serialize_element(bytes)?;
                if *bytes == ESCAPE {
                    tuple.serialize_element(&Escaped::Itself)?;
                }
            }
            Value::Sha512(bytes) => {
                let (mut first, mut last) = ([0; 32], [0; 32]);
                first.copy_from_slice(&bytes[..32]);
                last.copy_from_slice(&bytes[32..]);
                tuple.serialize_element(&ESCAPE)?;
                tuple.serialize_element(&Escaped::Sha512(first, last))?;
            }
        }
        tuple.end()
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return from_text(deserializer);
        }
        deserializer.deserialize_tuple(2, Bytes)
    }
}

/// Reads what [`Digest`]'s `serialize` wrote.
struct Bytes;

impl<'de> Visitor<'de> for Bytes {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a digest")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut tuple: A) -> Result<Digest, A::Error> {
        let short = || A::Error::custom("a digest ends early");
        let bytes: [u8; 32] = tuple.next_element()?.ok_or_else(short)?;
        if bytes != ESCAPE {
            return Ok(Digest(Value::Sha256(bytes)));
        }
        Ok(Digest(match tuple.next_element()?.ok_or_else(short)? {
            Escaped::Itself => Value::Sha256(ESCAPE),
            Escaped::Sha512(first, last) => {
                let mut bytes = [0; 64];
                bytes[..32].copy_from_slice(&first);
                bytes[32..].copy_from_slice(&last);
                Value::Sha512(bytes)
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST's example "abc" (FIPS 180-4).
    const ABC_256: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const ABC_512: &str = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                           2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

    #[test]
    fn content_has_the_digests_that_the_standard_says() {
        for (text, algorithm) in [(ABC_256, Algorithm::Sha256), (ABC_512, Algorithm::Sha512)] {
            let digest: Digest = text.parse().unwrap();
            assert_eq!(digest.to_string(), text);
            assert_eq!(digest.algorithm(), algorithm);
            assert_eq!(algorithm.of(b"abc"), digest);
            assert!(digest.fits(b"abc") && !digest.fits(b"abd"));
            let mut hasher = algorithm.hasher();
            hasher.update(b"a");
            hasher.update(b"bc");
            assert_eq!(hasher.finish(), digest);
            assert_eq!(digest.short(), text.split_once(':').unwrap().1[..12]);
        }
    }

    #[test]
    fn a_text_is_a_digest_or_a_reason() {
        let (hex, hex_512) = (&ABC_256[7..], &ABC_512[7..]);
        for (text, expected) in [
            (format!("sha512:{hex}"), Malformed::Digest),
            (format!("sha256:{hex_512}"), Malformed::Digest),
            (format!("sha256:{}", hex.to_uppercase()), Malformed::Digest),
            (format!("sha512:{}", hex_512.to_uppercase()), Malformed::Digest),
            (format!("SHA512:{hex_512}"), Malformed::Digest),
            (format!("sha512:{}g", &hex_512[1..]), Malformed::Digest),
            ("sha256:".into(), Malformed::Digest),
            (":abc".into(), Malformed::Digest),
            ("sha256".into(), Malformed::Digest),
            ("md5:".into(), Malformed::Digest),
            ("md5:a b".into(), Malformed::Digest),
            ("md5:%41".into(), Malformed::Digest),
            ("a+:b".into(), Malformed::Digest),
            ("a++b:c".into(), Malformed::Digest),
            ("md5:900150983cd24fb0d6963f7d28e17f72".into(), Malformed::Algorithm),
            ("multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8".into(), Malformed::Algorithm),
            ("sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564".into(), Malformed::Algorithm),
        ] {
            assert_eq!(text.parse::<Digest>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn the_logs_bytes_are_the_digest_s_own_for_sha256_and_come_back_for_all() {
        assert_eq!(ESCAPE, Digest::of(b"landfall: a digest of another algorithm follows").as_bytes());
        let (abc, abc_512): (Digest, Digest) = (ABC_256.parse().unwrap(), ABC_512.parse().unwrap());
        for (digest, bytes) in [
            (abc, abc.as_bytes().to_vec()),
            (Digest::from_bytes(ESCAPE), [&ESCAPE[..], &[0]].concat()),
            (abc_512, [&ESCAPE[..], &[1], abc_512.as_bytes()].concat()),
        ] {
            assert_eq!(postcard::to_stdvec(&digest).unwrap(), bytes, "{digest}");
            // The bytes that follow belong to the next field.
            let row = postcard::to_stdvec(&(Some(digest), 7u8)).unwrap();
            assert_eq!(postcard::from_bytes::<(Option<Digest>, u8)>(&row).unwrap(), (Some(digest), 7));
            assert!(postcard::from_bytes::<Digest>(&bytes[..bytes.len() - 1]).is_err(), "{digest}");
            let text = serde_json::to_string(&digest).unwrap();
            assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest);
        }
    }
}
