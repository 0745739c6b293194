//! Parser for `WWW-Authenticate` (RFC 9110 §11.6.1). Pure.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

use super::limits::CHALLENGES_MAX;

/// One challenge. Scheme and parameter names are in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    #[cfg(test)]
    pub(super) fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Returns all challenges of a response: one header may have several, and there may be several headers.
pub(super) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let mut found = Vec::new();
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let text = String::from_utf8_lossy(value.as_bytes());
        parse(&text, &mut found);
    }
    found.truncate(CHALLENGES_MAX);
    found
}

/// Parses one header up to the first violation of the grammar.
fn parse(text: &str, found: &mut Vec<Challenge>) {
    let mut rest = Rest(text);
    let first = found.len();
    loop {
        rest.skip(|c| matches!(c, ' ' | '\t' | ','));
        let word = rest.take(is_token_char);
        if word.is_empty() {
            return;
        }
        rest.skip(is_space);
        if rest.eat('=') {
            rest.skip(is_space);
            // A parameter belongs to the preceding challenge; the grammar allows none before a scheme.
            let (Some(value), Some(challenge)) = (rest.value(), found[first..].last_mut()) else { return };
            challenge.parameters.push((word.to_ascii_lowercase(), value));
        } else {
            found.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: Vec::new() });
            rest.skip_token68();
        }
    }
}

/// Unparsed rest of a header.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !belongs(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn skip(&mut self, belongs: impl Fn(char) -> bool) {
        self.take(belongs);
    }

    fn eat(&mut self, wanted: char) -> bool {
        let rest = self.0.strip_prefix(wanted);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Parses a token or a quoted string; `None` if the quotes do not end.
    fn value(&mut self) -> Option<String> {
        if !self.eat('"') {
            return Some(self.take(|c| !matches!(c, ',' | ' ' | '\t')).to_owned());
        }
        let mut value = String::new();
        let mut chars = self.0.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(chars.next()?.1),
                _ => value.push(c),
            }
        }
        None
    }

    /// Skips a single base64 text in place of parameters, as in `Negotiate YII=`.
    fn skip_token68(&mut self) {
        let mut ahead = Rest(self.0);
        ahead.skip(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
        ahead.skip(|c| c == '=');
        ahead.skip(is_space);
        if ahead.0.is_empty() || ahead.0.starts_with(',') {
            self.0 = ahead.0;
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// Characters of a token (RFC 9110 §5.6.2).
fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// The realm of a bearer challenge: the URL of its token server.
pub(super) fn bearer_realm(challenge: &Challenge) -> Option<(&Challenge, &str)> {
    let realm = challenge.parameter("realm").filter(|_| challenge.scheme == "bearer")?;
    Some((challenge, realm))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[&str]) -> Vec<String> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(WWW_AUTHENTICATE, header.parse().unwrap());
        }
        let show = |challenge: &Challenge| {
            let parameters = challenge.parameters.iter().map(|(name, value)| format!(" {name}=<{value}>"));
            parameters.fold(challenge.scheme.clone(), |text, parameter| text + &parameter)
        };
        challenges(&map).iter().map(show).collect()
    }

    #[test]
    fn challenges_follow_the_grammar() {
        let cases: &[(&[&str], &[&str])] = &[
            (
                &[r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#],
                &["bearer realm=<https://auth.docker.io/token> service=<registry.docker.io>"],
            ),
            (
                &[r#"BEARER Realm = "a" , SERVICE=b,scope="repository:a/b:pull,push""#],
                &["bearer realm=<a> service=<b> scope=<repository:a/b:pull,push>"],
            ),
            (&[r#"Basic realm="a\"b\\c, Bearer realm=d""#], &[r#"basic realm=<a"b\c, Bearer realm=d>"#]),
            (&[r#"Basic realm="a", Bearer realm="b""#], &["basic realm=<a>", "bearer realm=<b>"]),
            (&[r#"Basic realm="a""#, r#"Bearer realm="b""#], &["basic realm=<a>", "bearer realm=<b>"]),
            (&[r#"Negotiate, NTLM, Basic realm="a""#], &["negotiate", "ntlm", "basic realm=<a>"]),
            (&[r#"Negotiate YIIa/b+c==, Bearer realm="b""#], &["negotiate", "bearer realm=<b>"]),
            (&[r#",, Basic , realm="a" ,,"#], &["basic realm=<a>"]),
            (&["Basic"], &["basic"]),
            (&[""], &[]),
            (&[r#"realm="a", Basic realm="b""#], &[]),
            (&[r#"Bearer realm="never ends"#], &["bearer"]),
            (&[r#"Bearer realm="ends in \"#], &["bearer"]),
            (&[r#"Basic realm="a"; charset="UTF-8""#], &["basic realm=<a>"]),
        ];
        for (headers, expected) in cases {
            assert_eq!(read(headers), *expected, "{headers:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in r#"[a-zé =,"\\\\;]{0,40}"#) {
            parse(&text, &mut Vec::new());
        }
    }

    #[test]
    fn no_more_challenges_are_kept_than_the_bound() {
        assert_eq!(read(&[&"Basic, ".repeat(1000)]).len(), CHALLENGES_MAX);
    }
}
