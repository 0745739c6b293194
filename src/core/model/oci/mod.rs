//! The words of the OCI distribution spec v1.1 that a pull is made of, each parsed once into a type.
//!
//! Text that does not parse here never reaches an upstream.

mod artifact;
mod digest;
mod route;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use artifact::is_artifact_type;
pub use digest::{Algorithm, Digest, Hasher};
pub use route::Route;

/// The spec recommends that clients cap a repository name at 255 bytes; distribution refuses longer ones.
const REPOSITORY_BYTES_MAX: usize = 255;
/// A domain name has 253 bytes at most (RFC 1035 §2.3.4), a port and its colon 6.
const HOST_BYTES_MAX: usize = 259;
/// Distribution spec, "Pulling manifests": a tag is at most 128 characters long.
const TAG_BYTES_MAX: usize = 128;

/// A repository's name: as it stands in the proxy's path, e.g. `docker/payment-service`, or that of an image at a registry
/// to which no path leads, e.g. `registry.internal:5000/payment-service`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Repository(Arc<str>);

/// A tag, e.g. `v2.3.1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Tag(Arc<str>);

/// The way in which a manifest was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// By tag: the registry decides which digest that is.
    Tag(Tag),
    /// By digest.
    Digest(Digest),
}

/// The registry's error codes (distribution spec, "Error Codes") that Landfall itself answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The name is not one that the spec allows.
    NameInvalid,
    /// The repository or the route is not known.
    NameUnknown,
    /// The manifest or tag is not known.
    ManifestUnknown,
    /// The manifest is none that is handed on.
    ManifestInvalid,
    /// The blob is not known.
    BlobUnknown,
    /// A digest that does not parse, or content that does not have it.
    DigestInvalid,
    /// The client is not known.
    Unauthorized,
    /// The client is known and may not.
    Denied,
    /// Landfall does not do this.
    Unsupported,
    /// Too much at once.
    TooManyRequests,
    /// None of the above, e.g. the upstream cannot be reached.
    Unknown,
}

impl ErrorCode {
    /// The code as it stands in the JSON body.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Denied => "DENIED",
            Self::Unsupported => "UNSUPPORTED",
            Self::TooManyRequests => "TOOMANYREQUESTS",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// A text that the distribution spec does not allow where it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not a repository name.
    #[error(
        "invalid repository name: lower-case letters, digits and single separators `.` `_` `-` between them"
    )]
    Repository,
    /// Not a tag.
    #[error("invalid tag: up to 128 letters, digits, `.`, `_` and `-`, not starting with `.` or `-`")]
    Tag,
    /// Not a digest.
    #[error("invalid digest: `sha256:` and 64 lower-case hexadecimal digits, or `sha512:` and 128")]
    Digest,
    /// A digest of an algorithm by which nothing could be verified here.
    #[error("this digest's algorithm is not supported: use sha256 or sha512")]
    Algorithm,
    /// Not a path of the distribution API.
    #[error("no such path in the registry API")]
    Path,
}

impl Malformed {
    /// The registry error code that says so to a client.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Repository => ErrorCode::NameInvalid,
            Self::Tag => ErrorCode::ManifestUnknown,
            Self::Digest | Self::Algorithm => ErrorCode::DigestInvalid,
            Self::Path => ErrorCode::NameUnknown,
        }
    }
}

impl Repository {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name as a path of the distribution API has it ("Pulling manifests"):
    /// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` between slashes.
    ///
    /// # Errors
    /// It is none.
    pub fn in_path(text: &str) -> Result<Self, Malformed> {
        if is_path(text) { Ok(Self(text.into())) } else { Err(Malformed::Repository) }
    }

    /// The name of `name` at the registry `host`.
    pub(super) fn at(host: String, name: &str) -> Self {
        Self((host + "/" + name).into())
    }
}

impl Reference {
    /// The reference that stands for those that anybody could have made up.
    pub fn unproven() -> Self {
        Self::Tag(Tag("unproven".into()))
    }
}

impl Tag {
    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Repository {
    type Err = Malformed;
    /// One in a path, or one that begins with a host and its port.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let path = match text.split_once('/') {
            Some((host, path)) if is_host_with_port(host) => path,
            _ => text,
        };
        if is_path(path) { Ok(Self(text.into())) } else { Err(Malformed::Repository) }
    }
}

fn is_path(text: &str) -> bool {
    text.len() <= REPOSITORY_BYTES_MAX && text.split('/').all(is_path_component)
}

/// As [`registries`](super::registries) writes them.
fn is_host_with_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte)),
        None => host.bytes().all(is_name),
    };
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    is_host && !host.is_empty() && text.len() <= HOST_BYTES_MAX && is_port
}

/// Tells whether a text can stand between slashes in a repository's name.
pub(super) fn is_path_component(text: &str) -> bool {
    let is_alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    is_alphanumeric(first)
        && is_alphanumeric(last)
        && bytes.split(is_alphanumeric).all(|separator| match separator {
            b"" | b"." | b"_" | b"__" => true,
            dashes => dashes.iter().all(|&byte| byte == b'-'),
        })
}

impl FromStr for Tag {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let bytes = text.as_bytes();
        let fits = bytes.len() <= TAG_BYTES_MAX
            && bytes.first().is_some_and(|&first| is_word(first))
            && bytes.iter().all(|&byte| is_word(byte) || byte == b'.' || byte == b'-');
        if fits { Ok(Self(text.into())) } else { Err(Malformed::Tag) }
    }
}

impl FromStr for Reference {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        // A tag cannot contain a colon, so a colon means that a digest was meant.
        if text.contains(':') { text.parse().map(Self::Digest) } else { text.parse().map(Self::Tag) }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => fmt::Display::fmt(digest, f),
        }
    }
}

/// The form of a [`Reference`] in the log, where a digest takes 32 bytes and not 71.
#[derive(Serialize, Deserialize)]
enum CompactReference<'a> {
    Tag(std::borrow::Cow<'a, str>),
    Digest(Digest),
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        match self {
            Self::Tag(tag) => CompactReference::Tag(tag.as_str().into()),
            Self::Digest(digest) => CompactReference::Digest(*digest),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return from_text(deserializer);
        }
        match CompactReference::deserialize(deserializer)? {
            CompactReference::Tag(tag) => tag.parse().map(Self::Tag).map_err(serde::de::Error::custom),
            CompactReference::Digest(digest) => Ok(Self::Digest(digest)),
        }
    }
}

macro_rules! deserialize_from_text {
    ($($type:ty),*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                from_text(deserializer)
            }
        }
    )*};
}
deserialize_from_text!(Repository, Tag);

fn from_text<'de, D: Deserializer<'de>, T: FromStr<Err = Malformed>>(deserializer: D) -> Result<T, D::Error> {
    struct Text<T>(std::marker::PhantomData<T>);
    impl<T: FromStr<Err = Malformed>> serde::de::Visitor<'_> for Text<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text of the OCI distribution spec")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text(std::marker::PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_spec() {
        for name in ["a", "a/b", "a.b", "a_b", "a__b", "a---b", "library/redis", "1/2"] {
            assert!(name.parse::<Repository>().is_ok(), "{name}");
        }
        for name in [
            "",
            "/",
            "a/",
            "/a",
            "a..b",
            "a___b",
            "a._b",
            "-a",
            "a-",
            "A",
            "a b",
            "a%2fb",
            "a:b",
            "é",
            "a:5000",
            "a:5000/",
            ":1/a",
            "a:x/a",
            "a:70000/a",
            "[::g]:1/a",
            "A:1/a",
            "a:1/b:1/c",
            "a/b:1/c",
        ] {
            assert!(name.parse::<Repository>().is_err(), "{name}");
            assert!(Repository::in_path(name).is_err(), "{name}");
        }
        assert!("a".repeat(256).parse::<Repository>().is_err());
        for name in ["r.internal:5000/a", "127.0.0.1:5000/a/b", "[fd00::1]:5000/a", "a..b-:443/a"] {
            assert!(name.parse::<Repository>().is_ok(), "{name}");
            assert!(Repository::in_path(name).is_err(), "no path has this: {name}");
        }
    }
}
