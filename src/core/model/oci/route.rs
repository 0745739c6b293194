//! The paths of the distribution API (distribution spec, "Endpoints").

use std::borrow::Cow;

use super::{Digest, Malformed, Reference, Repository};

/// The object that a request's path names.
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

impl Route {
    /// Parses the path of a request, without its query. Needless escapes of clients are understood;
    /// everything that was parsed goes on without escapes.
    pub fn parse(path: &str) -> Result<Self, Malformed> {
        let path = plain(path);
        let rest = match &*path {
            "/v2" | "/v2/" => return Ok(Self::Base),
            "/v2/_catalog" => return Ok(Self::Catalog),
            path => path.strip_prefix("/v2/").ok_or(Malformed::Path)?,
        };
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Ok(Self::Tags(Repository::in_path(name)?));
        }
        if rest.contains("/blobs/uploads/") || rest.ends_with("/blobs/uploads") {
            return Ok(Self::Upload);
        }
        let (head, last) = rest.rsplit_once('/').ok_or(Malformed::Path)?;
        let (name, kind) = head.rsplit_once('/').ok_or(Malformed::Path)?;
        match kind {
            "manifests" => Ok(Self::Manifest(Repository::in_path(name)?, last.parse()?)),
            "blobs" => Ok(Self::Blob(Repository::in_path(name)?, last.parse()?)),
            "referrers" => Ok(Self::Referrers(Repository::in_path(name)?, last.parse()?)),
            _ => Err(Malformed::Path),
        }
    }
}

/// Undoes, once, the escapes of what names, tags and digests are made of: the unreserved characters (RFC 3986 §6.2.2.2)
/// and the colon. Others stay as they are, and are refused with the name that they stand in: an escaped slash separates
/// nothing, and an escaped `%` escapes nothing.
fn plain(path: &str) -> Cow<'_, str> {
    let Some((first, rest)) = path.split_once('%') else { return path.into() };
    let mut plain = String::with_capacity(path.len());
    plain.push_str(first);
    for piece in rest.split('%') {
        let byte = piece.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(byte);
        match byte.filter(is_plain) {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(&piece[2..]);
            }
            None => {
                plain.push('%');
                plain.push_str(piece);
            }
        }
    }
    plain.into()
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
            (format!("/v2/docker/app/blobs/md5:{HEX}"), Err(Malformed::Algorithm)),
            ("/v2/docker/app/unknown/v1".to_owned(), Err(Malformed::Path)),
            ("/v1/search".to_owned(), Err(Malformed::Path)),
        ];
        for (path, expected) in cases {
            assert_eq!(Route::parse(&path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_escaped_without_need_is_the_same_and_nothing_else_is_unescaped() {
        let same = [
            (
                format!("/v2/docker/app/manifests/sha256%3A{HEX}"),
                format!("/v2/docker/app/manifests/sha256:{HEX}"),
            ),
            (format!("/v2/docker/app/blobs/sha256%3a{HEX}"), format!("/v2/docker/app/blobs/sha256:{HEX}")),
            (
                format!("/v2/docker/app/referrers/%73ha256%3A{HEX}"),
                format!("/v2/docker/app/referrers/sha256:{HEX}"),
            ),
            ("/v2/docker/app/manifests/v1%2E0%2d%5Fa".into(), "/v2/docker/app/manifests/v1.0-_a".into()),
            ("/%76%32/docker/app/tags/%6cist".into(), "/v2/docker/app/tags/list".into()),
            ("/v2/docker/a%70p/manifests/v1".into(), "/v2/docker/app/manifests/v1".into()),
            ("/v2/%5Fcatalog".into(), "/v2/_catalog".into()),
            ("/v2/docker/app/blobs/upload%73/".into(), "/v2/docker/app/blobs/uploads/".into()),
        ];
        for (escaped, plain) in same {
            let route = Route::parse(&escaped);
            assert!(route.is_ok(), "{escaped}");
            assert_eq!(route, Route::parse(&plain), "{escaped}");
        }
        for path in [
            "/v2/docker%2fapp/manifests/v1",
            "/v2/docker%2Fapp/manifests/v1",
            "/v2%2fdocker/app/manifests/v1",
            "/v2/docker/app%2Fmanifests%2Fv1",
            "/v2/docker/app/manifests%2fv1",
            "/v2/docker/app/manifests/v1%2f..%2fv2",
            "/v2/docker/app/manifests/..%2f..%2f..%2fetc",
            "/v2/docker/%2e%2e/app/manifests/v1",
            "/v2/docker/.%2e/app/manifests/v1",
            "/v2/%2e%2e/%2e%2e/app/manifests/v1",
            "/v2/docker/app/manifests/%2e%2e",
            "/v2/docker/app/manifests/%2e",
            "/v2/docker/app/blobs/%2e%2e/manifests/v1",
            "/v2/docker/app/manifests/sha256%253A24",
            "/v2/docker/app/manifests/v1%252e0",
            "/v2/docker/app/manifests/v1%25",
            "/v2/docker/app/manifests/v1%%32e",
            "/v2/docker/app/manifests/v1%2",
            "/v2/docker/app/manifests/v1%",
            "/v2/docker/app/manifests/v1%+1",
            "/v2/docker/app/manifests/v1%zz",
            "/v2/docker/app/manifests/v1%u002e",
            "/v2/docker/app/manifests/v1%00",
            "/v2/docker/app/manifests/v1%0d%0aX:1",
            "/v2/docker/app/manifests/v1%20",
            "/v2/docker/app/manifests/v1%3fa",
            "/v2/docker/app/manifests/v1%23a",
            "/v2/docker/app/manifests/v1%3b",
            "/v2/docker/app/manifests/v1%5c",
            "/v2/docker/app/manifests/v1%26",
            "/v2/docker/app/manifests/v1%40a",
            "/v2/docker/app/manifests/%c0%ae%c0%ae",
            "/v2/docker/app/manifests/%ef%bc%8e",
            "/v2/docker/app%3a5000/manifests/v1",
            "/v2/registry%3a5000/app/manifests/v1",
            "/v2/%44ocker/app/manifests/v1",
            "/v2/docker/app/tags/list%2f",
        ] {
            assert!(Route::parse(path).is_err(), "{path}");
        }
    }
}
