//! Values of settings: durations within bounds, and files that are read whole.

use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use super::ConfigError;
use crate::model::time::Span;

/// The text of the file that the setting `key` names.
pub(super) fn read(key: &str, path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::File {
        key: key.to_owned(),
        path: path.to_owned(),
        source,
    })
}

/// A duration as the model counts it.
pub(super) fn span(duration: Duration) -> Span {
    Span::from_ms(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

/// The duration in `text`, e.g. `25ms`, or `default` without a text.
///
/// # Errors
/// The text is no duration, or it is outside of `range`.
pub(super) fn duration(
    key: &str,
    text: Option<String>,
    default: Duration,
    range: RangeInclusive<Duration>,
) -> Result<Duration, ConfigError> {
    let Some(text) = text else { return Ok(default) };
    jiff::Span::from_str(&text)
        .and_then(|span| span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()))
        .ok()
        .and_then(|signed| Duration::try_from(signed).ok())
        .filter(|duration| range.contains(duration))
        .ok_or_else(|| {
            let problem = format_args!(
                "`{text}` is not a duration from {:?} to {:?}; e.g. 25ms or 10m",
                range.start(),
                range.end()
            );
            ConfigError::value(key, problem)
        })
}
