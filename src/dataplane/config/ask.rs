//! `[ask]`: the language model for questions that the grammar of `ask` does not understand.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::values::{duration, read};
use super::{ConfigError, Secret};

/// Default time for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Shortest time for an answer: a model needs some seconds.
const TIMEOUT_MIN: Duration = Duration::from_secs(1);
/// Longest time for an answer: clients wait two minutes, and the model is not all they wait for.
const TIMEOUT_MAX: Duration = Duration::from_secs(90);

/// An endpoint for OpenAI's Chat Completions.
#[derive(Clone, Debug)]
pub struct AskConfig {
    /// Base URL of `/chat/completions`; `http` or `https`.
    pub model_url: Url,
    /// The model's name at the endpoint.
    pub model: String,
    /// Bearer token for the endpoint.
    pub api_key: Option<Secret>,
    /// Longest time for a whole answer, over all requests that it needs.
    pub timeout: Duration,
}

/// `[ask]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AskTable {
    pub(super) model_url: Option<String>,
    pub(super) model: Option<String>,
    pub(super) api_key_file: Option<PathBuf>,
    pub(super) timeout: Option<String>,
}

const MODEL_URL: &str = "ask.model_url (--ask-model-url)";
const MODEL: &str = "ask.model (--ask-model)";
const API_KEY_FILE: &str = "ask.api_key_file (--ask-api-key-file)";

/// Checks the endpoint. Returns `None` if no key names one.
pub(super) fn ask_of(table: AskTable) -> Result<Option<AskConfig>, ConfigError> {
    let AskTable { model_url, model, api_key_file, timeout } = table;
    let timeout = duration("ask.timeout (--ask-timeout)", timeout, TIMEOUT, TIMEOUT_MIN..=TIMEOUT_MAX)?;
    let Some(text) = model_url else {
        let is_alone = model.is_some() || api_key_file.is_some();
        let missing = || ConfigError::value(MODEL_URL, "missing; e.g. https://llm.internal/v1");
        return if is_alone { Err(missing()) } else { Ok(None) };
    };
    let is_base = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && (url.username(), url.password(), url.query(), url.fragment()) == ("", None, None, None)
    };
    // The value is not shown, because it may have a password.
    let wrong = "is not an http or https URL without credentials and query; e.g. https://llm.internal/v1";
    let model_url =
        Url::parse(&text).ok().filter(is_base).ok_or_else(|| ConfigError::value(MODEL_URL, wrong))?;
    let model = model.filter(|model| !model.is_empty());
    let model = model
        .ok_or_else(|| ConfigError::value(MODEL, "missing: ask.model_url is set; name the model there"))?;
    let api_key = api_key_file.map(|file| {
        let key = read(API_KEY_FILE, &file)?.trim().to_owned();
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        let wrong = "holds no key of printable characters";
        if is_key { Ok(Secret::new(key)) } else { Err(ConfigError::value(API_KEY_FILE, wrong)) }
    });
    Ok(Some(AskConfig { model_url, model, api_key: api_key.transpose()?, timeout }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_names_the_key_and_shows_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let (good, bad) = (folder.path().join("good"), folder.path().join("bad"));
        std::fs::write(&good, "sk-hunter2\n").unwrap();
        std::fs::write(&bad, "sk hunter2\n").unwrap();
        let load = |text: &str| ask_of(toml::from_str(text).unwrap());
        assert!(load("").unwrap().is_none());
        let ask = load(&format!(
            "model_url = \"http://127.0.0.1:11434/v1/\"\nmodel = \"m\"\napi_key_file = {good:?}\ntimeout = \"5s\""
        ));
        let ask = ask.unwrap().unwrap();
        assert_eq!((ask.model.as_str(), ask.timeout), ("m", Duration::from_secs(5)));
        assert_eq!(ask.api_key.as_ref().unwrap().reveal(), "sk-hunter2");
        assert!(!format!("{ask:?}").contains("hunter2"));

        let url = "model_url = \"http://a/v1\"\n";
        for (text, key) in [
            ("model = \"m\"".to_owned(), "ask.model_url"),
            (url.to_owned(), "ask.model "),
            ("model_url = \"ftp://a\"\nmodel = \"m\"".to_owned(), "ask.model_url"),
            ("model_url = \"http://u:hunter2@a\"\nmodel = \"m\"".to_owned(), "ask.model_url"),
            ("model_url = \"http://a?key=hunter2\"\nmodel = \"m\"".to_owned(), "ask.model_url"),
            (format!("{url}model = \"m\"\napi_key_file = {bad:?}"), "ask.api_key_file"),
            (format!("{url}model = \"m\"\napi_key_file = \"/nonexistent\""), "ask.api_key_file"),
            (format!("{url}model = \"m\"\ntimeout = \"1h\""), "ask.timeout"),
        ] {
            let error = load(&text).unwrap_err().to_string();
            assert!(error.starts_with(key) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
