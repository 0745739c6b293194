//! Answers of token servers (Docker's token specification, "Token Response Fields"; RFC 6749 §5.1), with the
//! deviations of existing servers. Pure.

use std::time::Duration;

use serde_json::{Map, Value};

use super::limits::{TOKEN_LIFE_DEFAULT, TOKEN_LIFE_MAX};
use crate::model::time::Time;

/// An issued token.
pub(super) struct TokenResponse {
    pub(super) token: String,
    /// Remaining lifetime.
    pub(super) lifetime: Duration,
}

impl TokenResponse {
    /// Parses the body of an answer that arrived at `now`.
    ///
    /// # Errors
    /// The missing field. The text quotes nothing, because a token may be anywhere.
    pub(super) fn read(body: &[u8], now: Time) -> Result<Self, &'static str> {
        // Some servers start with a byte order mark, which JSON does not allow (RFC 8259 §8.1).
        let json = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let answer: Map<String, Value> = serde_json::from_slice(json).map_err(|_| "no JSON of a token")?;
        let text = |name| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let token = text("token").or_else(|| text("access_token")).ok_or("no token in the answer")?;
        let lifetime = lifetime(seconds(answer.get("expires_in")), text("issued_at"), now);
        Ok(Self { token: token.to_owned(), lifetime })
    }
}

/// Accepts a number, or a string with one.
fn seconds(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Remaining lifetime of a token. Zero and negative values are ignored. `issued_at` counts only if it is
/// plausible by the local clock.
fn lifetime(expires_in_s: Option<f64>, issued_at: Option<&str>, now: Time) -> Duration {
    let stated = expires_in_s.filter(|seconds| *seconds > 0.0);
    // The bound also avoids values that `Duration` cannot hold.
    let stated = stated.map(|seconds| seconds.min(TOKEN_LIFE_MAX.as_secs_f64()));
    let whole = stated.map_or(TOKEN_LIFE_DEFAULT, Duration::from_secs_f64);
    let issued_at = issued_at.and_then(|text| text.parse::<Time>().ok());
    let age_ms = issued_at.map_or(0, |issued_at| now.since(issued_at).ms());
    let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or(0));
    if age < whole { whole - age } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> Result<(String, u64), &'static str> {
        let now = "2026-03-02T06:00:00Z".parse().unwrap();
        TokenResponse::read(body, now).map(|response| (response.token, response.lifetime.as_secs()))
    }

    #[test]
    fn a_token_lives_as_long_as_its_server_says_in_whatever_type() {
        const MOST: u64 = TOKEN_LIFE_MAX.as_secs();
        let cases = [
            ("", 60),
            (r#","expires_in":300"#, 300),
            (r#","expires_in":"300""#, 300),
            (r#","expires_in":" 300 ""#, 300),
            (r#","expires_in":3600.0"#, 3600),
            (r#","expires_in":"3600.5""#, 3600),
            (r#","expires_in":3e2"#, 300),
            (r#","expires_in":0.5"#, 0),
            (r#","expires_in":0"#, 60),
            (r#","expires_in":-1"#, 60),
            (r#","expires_in":"-1""#, 60),
            (r#","expires_in":null"#, 60),
            (r#","expires_in":true"#, 60),
            (r#","expires_in":{}"#, 60),
            (r#","expires_in":[300]"#, 60),
            (r#","expires_in":"""#, 60),
            (r#","expires_in":"soon""#, 60),
            (r#","expires_in":"NaN""#, 60),
            (r#","expires_in":"inf""#, MOST),
            (r#","expires_in":18446744073709551615"#, MOST),
            (r#","expires_in":99999999999999999999999"#, MOST),
            (r#","expires_in":1e300"#, MOST),
            (r#","expires_in":300,"issued_at":"2026-03-02T05:59:00Z""#, 240),
            (r#","issued_at":"2026-03-02T05:59:50.500Z""#, 50),
            (r#","expires_in":300,"issued_at":"2026-03-02T06:10:00Z""#, 300),
            (r#","expires_in":300,"issued_at":"2020-01-01T00:00:00Z""#, 300),
            (r#","expires_in":300,"issued_at":"2026-03-02T05:59:00.123456""#, 300),
            (r#","expires_in":300,"issued_at":"yesterday""#, 300),
            (r#","expires_in":300,"issued_at":1772431140"#, 300),
            (r#","expires_in":300,"issued_at":null"#, 300),
        ];
        for (fields, expected_s) in cases {
            let body = format!(r#"{{"token":"t"{fields}}}"#);
            assert_eq!(read(body.as_bytes()), Ok(("t".to_owned(), expected_s)), "{fields}");
        }
    }

    #[test]
    fn a_token_is_found_where_servers_put_it() {
        let cases: [(&[u8], Result<&str, &str>); 14] = [
            (br#"{"token":"t"}"#, Ok("t")),
            (br#"{"access_token":"a"}"#, Ok("a")),
            (br#"{"token":"t","access_token":"a"}"#, Ok("t")),
            (br#"{"token":"","access_token":"a"}"#, Ok("a")),
            (br#"{"token":null,"access_token":"a"}"#, Ok("a")),
            (br#"{"token":1,"access_token":"a"}"#, Ok("a")),
            (br#"{"token":"t","access_token":null,"scope":["x"],"extra":{"a":1}}"#, Ok("t")),
            (b"\xef\xbb\xbf{\"token\":\"t\"}", Ok("t")),
            (b"\r\n {\"token\":\"t\"}\r\n", Ok("t")),
            (br#"{"token":"old","token":"t"}"#, Ok("t")),
            (b"{}", Err("no token in the answer")),
            (br#"{"token":""}"#, Err("no token in the answer")),
            (br#"["t"]"#, Err("no JSON of a token")),
            (b"<html>", Err("no JSON of a token")),
        ];
        for (body, expected) in cases {
            let found = read(body).map(|(token, _)| token);
            assert_eq!(found.as_deref(), expected.as_ref().map(|token| *token), "{body:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_token_or_none(body: Vec<u8>) {
            let _ = read(&body);
        }
    }
}
