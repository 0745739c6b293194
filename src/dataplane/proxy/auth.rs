//! Authenticates the `Authorization` header. Forwarding requires a [`Permit`], which only this module can make.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest as _, Sha256};

use super::respond::Refusal;
use crate::model::directory::{Directory, Refused};
use crate::model::event::{EnvironmentName, TokenId, TokenKind};
use crate::model::secret::{PULL_PREFIX, is_well_formed};
use crate::model::time::Time;

/// Longest header value that is decoded, in bytes; Landfall's own secrets need a tenth of it.
const AUTHORIZATION_BYTES_MAX: usize = 1024;

/// Permission to pull, for one environment.
#[derive(Clone, Debug)]
pub(super) struct Permit {
    environment: EnvironmentName,
    token: TokenId,
    kind: TokenKind,
}

impl Permit {
    pub(super) fn environment(&self) -> &EnvironmentName {
        &self.environment
    }

    pub(super) fn token(&self) -> &TokenId {
        &self.token
    }

    pub(super) fn kind(&self) -> TokenKind {
        self.kind
    }
}

/// A refused authentication.
#[derive(Debug)]
pub(super) struct Denial {
    /// Answer for the client.
    pub(super) refusal: Refusal,
    /// The token, if it was valid once: such attempts are recorded.
    pub(super) token: Option<Box<EndedToken>>,
    /// The secret is nobody's, and has the form of a token's: another replica may have made it just now.
    pub(super) may_be_new: bool,
    /// The environment that the user name names, if it exists and the secret is nobody's: anybody can send that.
    pub(super) named: Option<EnvironmentName>,
}

/// A token that was valid once.
#[derive(Debug)]
pub(super) struct EndedToken {
    pub(super) environment: EnvironmentName,
    pub(super) token: TokenId,
    pub(super) kind: TokenKind,
    /// Time from which on it was not accepted.
    pub(super) ended_at: Option<Time>,
}

/// Authenticates the client by the token in `Authorization`: the password of Basic (RFC 7617; the user name
/// says at most whom a wrong one was meant for) or Bearer (RFC 6750).
pub(super) fn authorize(headers: &HeaderMap, directory: &Directory, now: Time) -> Result<Permit, Denial> {
    let stranger = |message| Denial {
        refusal: Refusal::unauthorized(message),
        token: None,
        may_be_new: false,
        named: None,
    };
    let Credentials { user, secret } = credentials(headers).map_err(stranger)?;
    let hash: [u8; 32] = Sha256::digest(&secret).into();
    match directory.authenticate(&hash, now) {
        Ok((_, token)) if token.kind == TokenKind::Agent => {
            Err(stranger("a token of kind agent reports what runs, and pulls nothing"))
        }
        Ok((environment, token)) => {
            Ok(Permit { environment: environment.name.clone(), token: token.id.clone(), kind: token.kind })
        }
        Err(refused) => {
            let may_be_new = matches!(refused, Refused::Unknown)
                && str::from_utf8(&secret).is_ok_and(|secret| is_well_formed(PULL_PREFIX, secret));
            let message = match refused {
                Refused::Unknown => "the token is not known here; make one with `landfall token create`",
                Refused::Revoked => "the token was revoked; make a new one with `landfall token create`",
                Refused::Expired => "the token has expired; make a new one with `landfall token create`",
            };
            let token = directory.owner(&hash).map(|(environment, token)| {
                Box::new(EndedToken {
                    environment: environment.name.clone(),
                    token: token.id.clone(),
                    kind: token.kind,
                    ended_at: token.ended_at(now),
                })
            });
            let named = user.filter(|_| token.is_none()).and_then(|user| directory.environment(&user));
            let named = named.map(|environment| environment.name.clone());
            Err(Denial { refusal: Refusal::unauthorized(message), token, may_be_new, named })
        }
    }
}

/// Credentials of a client, from `Authorization`.
struct Credentials {
    /// The user name, where it is text.
    user: Option<String>,
    secret: Vec<u8>,
}

/// Extracts the credentials; schemes are case-insensitive (RFC 9110 §11.1).
fn credentials(headers: &HeaderMap) -> Result<Credentials, &'static str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Err("authentication required: use an environment's token as the password"),
        (Some(value), None) if value.len() <= AUTHORIZATION_BYTES_MAX => value.as_bytes(),
        _ => return Err("the Authorization header is not understood"),
    };
    let (scheme, rest) = value.split_at(value.iter().position(|&byte| byte == b' ').unwrap_or(value.len()));
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Ok(Credentials { user: None, secret: rest.to_vec() });
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return Err("use the scheme Basic, or Bearer with the token alone");
    }
    let mut pair = STANDARD.decode(rest).map_err(|_| "the Basic credentials are not base64")?;
    let colon = pair.iter().position(|&byte| byte == b':').ok_or("the Basic credentials have no password")?;
    let secret = pair.split_off(colon + 1);
    pair.truncate(colon);
    Ok(Credentials { user: String::from_utf8(pair).ok(), secret })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::model::act::{Action, Actor};
    use crate::model::secret::Secret;

    fn directory() -> Directory {
        let mut directory = Directory::default();
        let at = Time::from_ms(0);
        let environment: EnvironmentName = "production".parse().unwrap();
        let token = |id: &str, secret: &[u8], expires_at| Action::TokenCreated {
            environment: environment.clone(),
            id: TokenId::new(id),
            name: id.to_owned(),
            kind: TokenKind::Cluster,
            secret_sha256: Sha256::digest(secret).into(),
            expires_at,
        };
        for action in [
            Action::EnvironmentCreated {
                name: environment.clone(),
                description: "".into(),
                color: "".into(),
            },
            token("tok_plain", b"secret", None),
            token("tok_colon", b"with:colon", None),
            token("tok_old", b"old", Some(Time::from_ms(10))),
            token("tok_revoked", b"revoked", None),
            Action::TokenRevoked { environment: environment.clone(), id: TokenId::new("tok_revoked") },
        ] {
            directory.apply(&action.by(Actor::default(), at));
        }
        directory
    }

    #[test]
    fn credentials_are_a_permit_or_a_reason() {
        let basic = |pair: &str| STANDARD.encode(pair);
        let cases = [
            (format!("Basic {}", basic("production:secret")), Ok("tok_plain")),
            (format!("bAsIc   {}", basic("whoever:secret")), Ok("tok_plain")),
            (format!("Basic {}", basic(":secret")), Ok("tok_plain")),
            (format!("Basic {}", basic("user:with:colon")), Ok("tok_colon")),
            ("Bearer secret".to_owned(), Ok("tok_plain")),
            ("bearer with:colon".to_owned(), Ok("tok_colon")),
            (format!("Basic {}", basic("production:wrong")), Err(("not known", false))),
            (format!("Basic {}", basic("production:")), Err(("not known", false))),
            (format!("Basic {}", basic("no colon")), Err(("no password", false))),
            ("Basic not base64!".to_owned(), Err(("not base64", false))),
            ("Basic".to_owned(), Err(("no password", false))),
            ("Negotiate abc".to_owned(), Err(("use the scheme Basic", false))),
            (format!("Bearer {}", "x".repeat(2000)), Err(("not understood", false))),
            ("Bearer revoked".to_owned(), Err(("was revoked", true))),
            ("Bearer old".to_owned(), Err(("has expired", true))),
        ];
        let directory = directory();
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
            match (authorize(&headers, &directory, Time::from_ms(20)), expected) {
                (Ok(permit), Ok(id)) => assert_eq!(permit.token().as_str(), id, "{value}"),
                (Err(denial), Err((reason, owned))) => {
                    assert!(denial.refusal.message.contains(reason), "{value}: {}", denial.refusal.message);
                    assert_eq!(denial.token.is_some(), owned, "{value}");
                    assert!(!denial.refusal.message.contains("secret"), "{value}");
                }
                (outcome, _) => panic!("{value} gave {outcome:?}"),
            }
        }
        assert!(authorize(&HeaderMap::new(), &directory, Time::from_ms(20)).is_err());
    }

    #[test]
    fn a_wrong_secret_was_meant_for_the_environment_that_the_user_name_names() {
        let cases = [
            ("production:wrong", Some("production")),
            ("production:", Some("production")),
            ("staging:wrong", None),
            ("Production:wrong", None),
            (":wrong", None),
            ("production:revoked", None),
            ("whoever:old", None),
        ];
        for (pair, expected) in cases {
            let value = format!("Basic {}", STANDARD.encode(pair));
            let headers = [(AUTHORIZATION, HeaderValue::from_str(&value).unwrap())].into_iter().collect();
            let denial = authorize(&headers, &directory(), Time::from_ms(20)).unwrap_err();
            assert_eq!(denial.named.as_ref().map(EnvironmentName::as_str), expected, "{pair}");
        }
    }

    #[test]
    fn only_a_whole_secret_that_is_nobody_s_may_be_new() {
        let whole = Secret::from_random(PULL_PREFIX, &[7; 32]).unwrap().expose().to_owned();
        let cut = whole[..whole.len() - 1].to_owned();
        for (secret, may_be_new) in
            [(whole, true), (cut, false), ("wrong".into(), false), ("revoked".into(), false)]
        {
            let value = format!("Basic {}", STANDARD.encode(format!("production:{secret}")));
            let headers = [(AUTHORIZATION, HeaderValue::from_str(&value).unwrap())].into_iter().collect();
            let denial = authorize(&headers, &directory(), Time::from_ms(20)).unwrap_err();
            assert_eq!(denial.may_be_new, may_be_new, "{secret}");
        }
    }
}
