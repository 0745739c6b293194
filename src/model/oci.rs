//! The words of the OCI distribution spec v1.1 that a pull is made of, each parsed once into a type.
//!
//! What does not parse here never reaches an upstream.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// The spec recommends that clients cap a repository name at 255 bytes; distribution refuses longer ones.
const REPOSITORY_BYTES_MAX: usize = 255;
/// Distribution spec, "Pulling manifests": a tag is at most 128 characters long.
const TAG_BYTES_MAX: usize = 128;

/// A repository name as it stands in the registry's path, e.g. `docker/payment-service`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(
    value_type = String,
    max_length = 255,
    pattern = "^[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*$",
    examples("docker/payment-service")
)]
pub struct Repository(Arc<str>);

/// A tag, e.g. `v2.3.1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Tag(Arc<str>);

/// A sha256 content digest. `sha256:<64 lower hex>` in text, 32 bytes in the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(
    value_type = String,
    pattern = "^sha256:[0-9a-f]{64}$",
    examples("sha256:24d085704ac93832b137db39ec4f3ce435ffd4a4e01b53e1fbec4af60eff0227")
)]
pub struct Digest([u8; 32]);

/// How a manifest was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// By tag: the registry decides which digest that is.
    Tag(Tag),
    /// By digest.
    Digest(Digest),
}

/// What a request's path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/v2/`: the version check, where clients learn the challenge.
    Base,
    /// `/v2/<name>/manifests/<reference>`
    Manifest(Repository, Reference),
    /// `/v2/<name>/blobs/<digest>`
    Blob(Repository, Digest),
    /// `/v2/<name>/tags/list`
    Tags(Repository),
    /// `/v2/<name>/referrers/<digest>`
    Referrers(Repository, Digest),
    /// `/v2/_catalog`: recognised in order to be denied.
    Catalog,
    /// `/v2/<name>/blobs/uploads/…`: recognised in order to be refused as a write.
    Upload,
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
    /// The blob is not known.
    BlobUnknown,
    /// A digest that does not parse, or content that does not have it.
    DigestInvalid,
    /// Who asks is not known.
    Unauthorized,
    /// Who asks is known and may not.
    Denied,
    /// Landfall does not do this.
    Unsupported,
    /// Too much at once.
    TooManyRequests,
    /// Nothing of the above, e.g. the upstream cannot be reached.
    Unknown,
}

impl ErrorCode {
    /// The code as it stands in the JSON body.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
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
    /// Not a sha256 digest.
    #[error("invalid digest: `sha256:` and 64 lower-case hexadecimal digits")]
    Digest,
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
            Self::Digest => ErrorCode::DigestInvalid,
            Self::Path => ErrorCode::NameUnknown,
        }
    }
}

impl Repository {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
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
    /// Distribution spec, "Pulling manifests": `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` between slashes.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let whole = !text.is_empty() && text.len() <= REPOSITORY_BYTES_MAX;
        if whole && text.split('/').all(is_path_component) {
            Ok(Self(text.into()))
        } else {
            Err(Malformed::Repository)
        }
    }
}

fn is_path_component(text: &str) -> bool {
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

impl Digest {
    /// A digest from its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest of `content`.
    pub fn of(content: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(content).into())
    }

    /// The first 12 hexadecimal digits, as people see it.
    pub fn short(&self) -> String {
        self.to_string()["sha256:".len()..][..12].to_owned()
    }
}

impl FromStr for Digest {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let hex = text.strip_prefix("sha256:").ok_or(Malformed::Digest)?.as_bytes();
        let mut bytes = [0u8; 32];
        if hex.len() != 64 {
            return Err(Malformed::Digest);
        }
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            *byte =
                nibble(pair[0]).ok_or(Malformed::Digest)? << 4 | nibble(pair[1]).ok_or(Malformed::Digest)?;
        }
        Ok(Self(bytes))
    }
}

fn nibble(hex: u8) -> Option<u8> {
    match hex {
        b'0'..=b'9' => Some(hex - b'0'),
        b'a'..=b'f' => Some(hex - b'a' + 10),
        _ => None,
    }
}

impl FromStr for Reference {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        // A tag cannot contain a colon, so a colon means that a digest was meant.
        if text.contains(':') { text.parse().map(Self::Digest) } else { text.parse().map(Self::Tag) }
    }
}

impl Route {
    /// Parses the path of a request, without its query. Unescapes nothing: no valid name needs it.
    pub fn parse(path: &str) -> Result<Self, Malformed> {
        let rest = match path {
            "/v2" | "/v2/" => return Ok(Self::Base),
            "/v2/_catalog" => return Ok(Self::Catalog),
            _ => path.strip_prefix("/v2/").ok_or(Malformed::Path)?,
        };
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Ok(Self::Tags(name.parse()?));
        }
        if rest.contains("/blobs/uploads/") || rest.ends_with("/blobs/uploads") {
            return Ok(Self::Upload);
        }
        let (head, last) = rest.rsplit_once('/').ok_or(Malformed::Path)?;
        let (name, kind) = head.rsplit_once('/').ok_or(Malformed::Path)?;
        match kind {
            "manifests" => Ok(Self::Manifest(name.parse()?, last.parse()?)),
            "blobs" => Ok(Self::Blob(name.parse()?, last.parse()?)),
            "referrers" => Ok(Self::Referrers(name.parse()?, last.parse()?)),
            _ => Err(Malformed::Path),
        }
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

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0u8; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        f.write_str("sha256:")?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            from_text(deserializer)
        } else {
            Deserialize::deserialize(deserializer).map(Self)
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

    const HEX: &str = "24d085704ac93832b137db39ec4f3ce435ffd4a4e01b53e1fbec4af60eff0227";

    #[test]
    fn a_path_is_a_route_or_a_reason() {
        let digest: Digest = format!("sha256:{HEX}").parse().unwrap();
        let app: Repository = "docker/app".parse().unwrap();
        let cases = [
            ("/v2/".to_owned(), Ok(Route::Base)),
            ("/v2".to_owned(), Ok(Route::Base)),
            ("/v2/_catalog".to_owned(), Ok(Route::Catalog)),
            (
                "/v2/docker/app/manifests/v1".to_owned(),
                Ok(Route::Manifest(app.clone(), "v1".parse().unwrap())),
            ),
            (
                format!("/v2/docker/app/manifests/sha256:{HEX}"),
                Ok(Route::Manifest(app.clone(), Reference::Digest(digest))),
            ),
            (format!("/v2/docker/app/blobs/sha256:{HEX}"), Ok(Route::Blob(app.clone(), digest))),
            (format!("/v2/docker/app/referrers/sha256:{HEX}"), Ok(Route::Referrers(app.clone(), digest))),
            ("/v2/docker/app/tags/list".to_owned(), Ok(Route::Tags(app))),
            ("/v2/docker/app/blobs/uploads/".to_owned(), Ok(Route::Upload)),
            ("/v2/Docker/app/manifests/v1".to_owned(), Err(Malformed::Repository)),
            ("/v2/docker//app/manifests/v1".to_owned(), Err(Malformed::Repository)),
            ("/v2/docker/../app/manifests/v1".to_owned(), Err(Malformed::Repository)),
            ("/v2/docker/app/manifests/.v1".to_owned(), Err(Malformed::Tag)),
            ("/v2/docker/app/manifests/".to_owned(), Err(Malformed::Tag)),
            (format!("/v2/docker/app/manifests/{}", "a".repeat(129)), Err(Malformed::Tag)),
            ("/v2/docker/app/manifests/sha256:1234".to_owned(), Err(Malformed::Digest)),
            (format!("/v2/docker/app/blobs/sha256:{}", HEX.to_uppercase()), Err(Malformed::Digest)),
            (format!("/v2/docker/app/blobs/md5:{HEX}"), Err(Malformed::Digest)),
            ("/v2/docker/app/unknown/v1".to_owned(), Err(Malformed::Path)),
            ("/v1/search".to_owned(), Err(Malformed::Path)),
        ];
        for (path, expected) in cases {
            assert_eq!(Route::parse(&path), expected, "{path}");
        }
    }

    #[test]
    fn names_follow_the_spec() {
        for name in ["a", "a/b", "a.b", "a_b", "a__b", "a---b", "library/redis", "1/2"] {
            assert!(name.parse::<Repository>().is_ok(), "{name}");
        }
        for name in
            ["", "/", "a/", "/a", "a..b", "a___b", "a._b", "-a", "a-", "A", "a b", "a%2fb", "a:b", "é"]
        {
            assert!(name.parse::<Repository>().is_err(), "{name}");
        }
        assert!("a".repeat(256).parse::<Repository>().is_err());
    }
}
