//! Errors of deserialization in words for the text's author: what is expected, never the name of a type of this program.

/// The error as the rest of a sentence about the member or line that is wrong: `must be an object, not a string`. The place
/// by line and column is left out, for the member is named.
pub fn misread(error: &str) -> String {
    let is_place = |rest: &str| rest.split(" column ").all(|number| number.parse::<usize>().is_ok());
    let error = error.rsplit_once(" at line ").filter(|(_, rest)| is_place(rest)).map_or(error, |(it, _)| it);
    if let Some((given, wanted)) = error.strip_prefix("invalid type: ").and_then(of_two) {
        let given = if given.starts_with("boolean") { value(given) } else { kind(given) };
        return format!("must be {}, not {given}", kind(wanted));
    }
    if let Some((given, wanted)) = error.strip_prefix("invalid value: ").and_then(of_two) {
        return format!("must be {}, not {}", kind(wanted), value(given));
    }
    if let Some((given, wanted)) = error.strip_prefix("invalid length ").and_then(of_two) {
        // A struct may be written as an array of its fields, and nobody means that.
        return match kind(wanted) {
            wanted if wanted == "an object" => "must be an object, not an array".to_owned(),
            wanted => format!("must be {wanted}, not one of {given} entries"),
        };
    }
    if let Some((given, wanted)) = error.strip_prefix("unknown variant ").and_then(of_two) {
        return format!("must be {}, not {given}", wanted.replace("one of ", "one of: "));
    }
    if let Some((_, wanted)) = error.strip_prefix("unknown field ").and_then(of_two) {
        let known = wanted.trim_start_matches("one of ").replace('`', "");
        return format!("there is no such field; allowed: {known}");
    }
    if error.starts_with("unknown field ") {
        return "there is no such field; allowed: none is".to_owned();
    }
    if error.starts_with("missing field ") {
        return "is missing".to_owned();
    }
    if error.starts_with("duplicate field ") {
        return "is there twice".to_owned();
    }
    error.to_owned()
}

/// The field that an error misses, does not know or finds twice: the path to an error ends at the object around it.
pub fn field(error: &str) -> Option<&str> {
    let kinds = ["missing field `", "unknown field `", "duplicate field `"];
    let rest = kinds.into_iter().find_map(|kind| error.strip_prefix(kind))?;
    rest.split_once('`').map(|(field, _)| field)
}

/// `…, expected …`
fn of_two(rest: &str) -> Option<(&str, &str)> {
    rest.rsplit_once(", expected ")
}

/// A kind of value, as serde names what it found or wanted, in the words of JSON (RFC 8259).
fn kind(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let number = |word: &str| word.trim_start_matches(['i', 'u']).parse::<u8>().is_ok();
    match first {
        "struct" | "map" => "an object",
        "enum" | "string" | "borrowed" | "character" => "a string",
        "sequence" | "tuple" => "an array",
        "null" | "unit" | "Option" => "null",
        "boolean" => "true or false",
        "integer" | "floating" => "a number",
        "usize" => "a whole number from 0",
        "isize" => "a whole number",
        "f32" | "f64" => "a number",
        word if word.starts_with('u') && number(word) => "a whole number from 0",
        word if word.starts_with('i') && number(word) => "a whole number",
        _ => return of_phrase(text),
    }
    .to_owned()
}

/// A visitor, in its own words.
fn of_phrase(text: &str) -> String {
    match text {
        "a boolean" => "true or false",
        "a sequence" | "an array" => "an array",
        "a map" => "an object",
        _ if text.starts_with("a string") || text.starts_with("a borrowed string") => "a string",
        _ if text.starts_with("an array") || text.starts_with("a tuple") => "an array",
        _ => text,
    }
    .to_owned()
}

/// A value that serde quotes: the kind before it says nothing more.
fn value(text: &str) -> String {
    let quoted = text.split_once(['`', '"']).map(|(_, rest)| rest.trim_end_matches(['`', '"']));
    quoted.map_or_else(|| kind(text), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "they are only read")]
    struct Wanted {
        name: String,
        #[serde(default)]
        parts: Vec<Part>,
        word: Option<Word>,
        count: Option<u64>,
        whole: Option<i32>,
        share: Option<f64>,
        is_so: Option<bool>,
        pairs: Option<BTreeMap<String, (u8, u8)>>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is only read")]
    struct Part {
        title: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Fix,
        Docs,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Empty {}

    fn told<T: DeserializeOwned + Debug>(json: &str) -> String {
        misread(&serde_json::from_str::<T>(json).unwrap_err().to_string())
    }

    #[test]
    fn what_is_expected_is_said_in_the_words_of_json() {
        for (json, said) in [
            (r#"{}"#, "is missing"),
            (r#"{"name": 7}"#, "must be a string, not a number"),
            (r#"{"name": null}"#, "must be a string, not null"),
            (r#"{"name": "a", "name": "b"}"#, "is there twice"),
            (
                r#"{"name": "a", "nmae": 1}"#,
                "there is no such field; allowed: name, parts, word, count, whole, share, is_so, pairs",
            ),
            (r#"{"name": "a", "parts": {}}"#, "must be an array, not an object"),
            (
                r#"{"name": "a", "parts": ["fix: a, expected struct Part"]}"#,
                "must be an object, not a string",
            ),
            (r#"{"name": "a", "parts": [[]]}"#, "must be an object, not an array"),
            (r#"{"name": "a", "word": "bug"}"#, "must be `fix` or `docs`, not `bug`"),
            (r#"{"name": "a", "word": {"bug": 1}}"#, "must be `fix` or `docs`, not `bug`"),
            (r#"{"name": "a", "count": "7"}"#, "must be a whole number from 0, not a string"),
            (r#"{"name": "a", "count": -1}"#, "must be a whole number from 0, not -1"),
            (r#"{"name": "a", "whole": 1.5}"#, "must be a whole number, not a number"),
            (r#"{"name": "a", "share": true}"#, "must be a number, not true"),
            (r#"{"name": "a", "is_so": "yes"}"#, "must be true or false, not a string"),
            (r#"{"name": "a", "pairs": {"a": [1]}}"#, "must be an array, not one of 1 entries"),
        ] {
            assert_eq!(told::<Wanted>(json), said, "{json}");
        }
        assert_eq!(told::<Empty>(r#"{"a": 1}"#), "there is no such field; allowed: none is");
    }
}
