//! The JSON body, form or query of a request, read field by field, so that every refusal names its field.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::problem::Problem;
use crate::admin::state::bodies::NoRoom;
use crate::clock::now;
use crate::model::ask::said::{self, Edge};
use crate::model::misread::{field, misread};
use crate::model::time::Time;

/// Longest body that is read.
pub(in crate::admin) const BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest wait for a whole body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The fields that a request named; every one of them is a known one.
#[derive(Debug)]
pub(in crate::admin) struct Fields(BTreeMap<String, Value>);

impl Fields {
    /// Reads an HTML form (`application/x-www-form-urlencoded`) with no other fields than the `known` ones.
    pub(in crate::admin) async fn from_form(body: axum::body::Body, known: &[&str]) -> Result<Self, Problem> {
        let bytes = whole(body, BODY_BYTES_MAX).await?;
        let pairs = url::form_urlencoded::parse(&bytes);
        Self::known(pairs.map(|(name, value)| (name.into_owned(), Value::from(value))).collect(), known)
    }

    /// Reads the query, with no other parameters than the `known` ones.
    pub(in crate::admin) fn from_query(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        Self::known(pairs.map(|(name, value)| (name.into_owned(), Value::from(value))).collect(), known)
    }

    fn known(mut fields: BTreeMap<String, Value>, known: &[&str]) -> Result<Self, Problem> {
        if let Some(unknown) = fields.keys().find(|field| !known.contains(&field.as_str())) {
            let allowed = if known.is_empty() { "none is".to_owned() } else { known.join(", ") };
            return Err(Problem::invalid(unknown, format!("there is no such field; allowed: {allowed}")));
        }
        fields.retain(|_, value| !value.is_null());
        Ok(Self(fields))
    }

    /// A text, if it was given.
    pub(in crate::admin) fn text(&self, field: &str) -> Result<Option<&str>, Problem> {
        self.0
            .get(field)
            .map(|value| value.as_str().ok_or_else(|| Problem::invalid(field, "must be a string")))
            .transpose()
    }

    /// A text that has to be given.
    pub(in crate::admin) fn required_text(&self, field: &str) -> Result<&str, Problem> {
        self.text(field)?.ok_or_else(|| Problem::invalid(field, "is missing"))
    }

    /// A text of `chars` characters at most that fits one line, if it was given.
    pub(in crate::admin) fn one_line(&self, field: &str, chars_max: usize) -> Result<Option<&str>, Problem> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        one_line(field, text.to_owned(), chars_max)?;
        Ok(Some(text))
    }

    /// A time as people say it, if it was given; of a day or another stretch, its end.
    pub(in crate::admin) fn time(&self, field: &str) -> Result<Option<Time>, Problem> {
        self.said_time(field, Edge::End)
    }

    /// A time as people say it, if it was given; of a day or another stretch, its beginning.
    pub(in crate::admin) fn beginning(&self, field: &str) -> Result<Option<Time>, Problem> {
        self.said_time(field, Edge::Start)
    }

    fn said_time(&self, field: &str, edge: Edge) -> Result<Option<Time>, Problem> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        let at = said::time(text, now(), edge);
        at.map(Some).map_err(|error| Problem::invalid(field, format!("`{text}` {error}")))
    }

    /// A number between 1 and `max`, if it was given.
    pub(in crate::admin) fn count(&self, field: &str, max: usize) -> Result<Option<usize>, Problem> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        match text.parse() {
            Ok(number @ 1..) if number <= max => Ok(Some(number)),
            _ => Err(Problem::invalid(field, format!("must be a number from 1 to {max}"))),
        }
    }
}

/// A JSON body of `BYTES_MAX` bytes at most, as an argument of a handler.
pub(in crate::admin) struct Body<T, const BYTES_MAX: usize = BODY_BYTES_MAX>(pub(in crate::admin) T);

impl<T: DeserializeOwned, S: Send + Sync, const BYTES_MAX: usize> FromRequest<S> for Body<T, BYTES_MAX> {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        json_body(request.into_body(), BYTES_MAX).await.map(Self)
    }
}

/// Reads a JSON body of `bytes_max` bytes at most into a type; a refusal names the field, however deep it lies.
async fn json_body<T: DeserializeOwned>(body: axum::body::Body, bytes_max: usize) -> Result<T, Problem> {
    let bytes = whole(body, bytes_max).await?;
    // serde would also take an array of a struct's fields.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::malformed("the body is not a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        let message = error.to_string();
        let path = match field(&message) {
            Some(name) if path == "." => name.to_owned(),
            // The path may have come as far as the field.
            Some(name) if path.rsplit('.').next() != Some(name) => format!("{path}.{name}"),
            _ => path,
        };
        match error.classify() {
            serde_json::error::Category::Data if path != "." => Problem::invalid(&path, misread(&message)),
            serde_json::error::Category::Data => {
                Problem::malformed(format!("the body: {}", misread(&message)))
            }
            // For one of some words serde_json takes an array or a number for a fault of the text itself.
            _ if path != "." && serde_json::from_slice::<IgnoredAny>(&bytes).is_ok() => {
                Problem::invalid(&path, "must be a string")
            }
            _ => Problem::malformed(format!("the body is not a JSON object: {error}")),
        }
    })?;
    reader.end().map_err(|error| Problem::malformed(format!("the body is not one JSON object: {error}")))?;
    Ok(value)
}

/// `text`, if it has `chars_max` characters at most and fits one line.
pub(in crate::admin) fn one_line(field: &str, text: String, chars_max: usize) -> Result<String, Problem> {
    if text.chars().count() > chars_max {
        return Err(Problem::invalid(field, format!("may be {chars_max} characters long")));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::invalid(field, "must be one line without control characters"));
    }
    Ok(text)
}

/// A body in one piece, within bounds of size and time.
pub(in crate::admin) async fn whole(body: axum::body::Body, bytes_max: usize) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, bytes_max).collect()).await {
        Err(_) => Err(Problem::body_timeout()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::too_large(bytes_max)),
        Ok(Err(error)) if NoRoom::is_behind(&*error) => Err(Problem::no_room()),
        Ok(Err(_)) => Err(Problem::malformed("the body ended early")),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        name: String,
        kind: Option<String>,
    }

    #[tokio::test]
    async fn a_body_names_only_known_fields_of_the_right_type() {
        let read = |body: &'static str| json_body::<Wanted>(axum::body::Body::from(body), BODY_BYTES_MAX);
        let read_well = Wanted { name: "a".to_owned(), kind: None };
        assert_eq!(read(r#" {"name": "a", "kind": null}"#).await.unwrap(), read_well);
        for (body, field) in [
            (r#"{"kind": "a"}"#, "name"),
            (r#"{"name": "a", "nmae": "a"}"#, "nmae"),
            (r#"{"name": 7}"#, "name"),
            (r#"{"name": "a", "kind": {}}"#, "kind"),
        ] {
            assert_eq!(read(body).await.unwrap_err().field(), Some(field), "{body}");
        }
        for body in ["", "[]", r#"["a", "b"]"#, "\"a\"", "{\"name\": ", "null", r#"{"name": "a"} x"#] {
            assert_eq!(read(body).await.unwrap_err().field(), None, "{body}");
        }
    }

    #[tokio::test]
    async fn a_body_is_bounded() {
        let long = format!("{{\"name\": \"{}\"}}", "a".repeat(BODY_BYTES_MAX));
        let refused = json_body::<Wanted>(axum::body::Body::from(long), BODY_BYTES_MAX).await.unwrap_err();
        assert_eq!(refused, Problem::too_large(BODY_BYTES_MAX));
    }

    #[test]
    fn a_query_is_unescaped_and_its_numbers_have_bounds() {
        let uri: Uri = "/x?at=2026-03-02T07%3A00%3A48%2B01%3A00&limit=20".parse().unwrap();
        let fields = Fields::from_query(&uri, &["at", "limit"]).unwrap();
        assert_eq!(fields.time("at").unwrap().unwrap().to_string(), "2026-03-02T06:00:48.000Z");
        let said =
            Fields::from_query(&"/x?from=2026-03-02&until=2026-03-02".parse().unwrap(), &["from", "until"]);
        let said = said.unwrap();
        assert_eq!(said.beginning("from").unwrap().unwrap().to_string(), "2026-03-02T00:00:00.000Z");
        assert_eq!(said.time("until").unwrap().unwrap().to_string(), "2026-03-02T23:59:59.999Z");
        assert_eq!(fields.count("limit", 20), Ok(Some(20)));
        assert!(fields.count("limit", 19).is_err());
        assert!(fields.time("limit").is_err());
        assert!(Fields::from_query(&"/x?limti=1".parse().unwrap(), &["limit"]).is_err());
    }
}
