//! The small parts that pages are made of. Each escapes what it shows, and is safe where it is put.

use std::borrow::Cow;
use std::fmt::Display;

use askama::Template;
use askama::filters::HtmlSafe;
use url::form_urlencoded;

use crate::admin::http::fields::Fields;
use crate::admin::http::problem::Problem;
use crate::model::names::EnvironmentName;
use crate::model::oci::{Digest, Repository};
use crate::model::time::{Span, Time, ago};
use crate::model::words::{self, Tone, Word};
use crate::wire::{Confidence, Image, Phase};

/// A word of the vocabulary with its shape; on hover, the reason for it.
#[derive(Template)]
#[template(
    source = r#"<span class="badge {{ self.tone() }}" title="{{ says }}"><span aria-hidden="true">{{ word.shape }}</span> {{ label }}</span>"#,
    ext = "html"
)]
pub(super) struct Badge {
    word: &'static Word,
    label: Cow<'static, str>,
    says: Cow<'static, str>,
}

impl HtmlSafe for Badge {}

impl Badge {
    /// The badge of a word by its name in JSON.
    pub(super) fn of(name: &str) -> Self {
        let word = words::known(name);
        let label = if word.label.is_empty() { Cow::Owned(name.to_owned()) } else { word.label.into() };
        Self { word, label, says: word.meaning.into() }
    }

    /// One badge for how far a rollout is and how sure that is.
    pub(super) fn stands(phase: &Phase, confidence: &Confidence) -> Self {
        let (far, sure) = (words::known(phase.as_str()), words::known(confidence.as_str()));
        // A settled rollout that a single pull shows is as certain as that pull.
        let is_weak = far.tone == Tone::Good && sure.tone != Tone::Good;
        let badge = Self::of(if is_weak { confidence.as_str() } else { phase.as_str() });
        badge.because(format!("{} {}: {}", far.meaning, capital(sure.label), sure.meaning))
    }

    /// The same, with how sure it is on hover.
    pub(super) fn and(self, confidence: &Confidence) -> Self {
        let sure = words::known(confidence.as_str());
        let says = format!("{} {}: {}", self.says, capital(sure.label), sure.meaning);
        self.because(says)
    }

    /// The same with another label.
    pub(super) fn labelled(self, label: String) -> Self {
        Self { label: label.into(), ..self }
    }

    /// The same with another reason.
    pub(super) fn because(self, says: String) -> Self {
        Self { says: says.into(), ..self }
    }

    /// The same as a class of the stylesheet.
    fn tone(&self) -> &'static str {
        match self.word.tone {
            Tone::Good => "good",
            Tone::Open => "open",
            Tone::Bad => "bad",
            Tone::Quiet => "quiet",
        }
    }
}

/// The text with a capital letter in front.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A point in time: how long ago, and exactly when. The script says the latter in the viewer's zone.
#[derive(Template)]
#[template(
    source = r#"<time datetime="{{ at }}" title="{{ self.exact() }}">{{ self.ago() }}</time>"#,
    ext = "html"
)]
pub(super) struct When {
    at: Time,
    now: Time,
}

impl HtmlSafe for When {}

impl When {
    pub(super) fn new(at: Time, now: Time) -> Self {
        Self { at, now }
    }

    fn ago(&self) -> String {
        let ago = ago(self.now, self.at);
        // A date is one of a zone.
        if ago.starts_with(|first: char| first.is_ascii_digit()) && ago.contains('-') {
            format!("{ago} UTC")
        } else {
            ago
        }
    }

    fn exact(&self) -> String {
        exact(self.at)
    }
}

/// `2026-03-02 06:00:48 UTC`
pub(super) fn exact(at: Time) -> String {
    let text = at.to_string();
    let (date, time) = (text.get(..10).unwrap_or_default(), text.get(11..19).unwrap_or_default());
    format!("{date} {time} UTC")
}

/// An image by its version, with the digest on hover.
#[derive(Template)]
#[template(source = r#"<span class="version" title="{{ digest }}">{{ text }}</span>"#, ext = "html")]
pub(super) struct Label {
    text: String,
    digest: Digest,
}

impl HtmlSafe for Label {}

impl From<&Image> for Label {
    fn from(image: &Image) -> Self {
        Self { text: image.label(), digest: image.digest }
    }
}

impl Label {
    pub(super) fn new(version: Option<&str>, digest: Digest) -> Self {
        Self { text: version.map_or_else(|| digest.short(), str::to_owned), digest }
    }
}

/// The last part of a repository's name: what people call the service.
pub(super) fn short(repository: &Repository) -> &str {
    repository.as_str().rsplit('/').next().unwrap_or_default()
}

/// `1 release`, `2 releases`, `2 fixes`, `2 entries`
pub(super) fn count(count: impl Into<u64>, one: &str) -> String {
    let count = count.into();
    let many = match one.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if one.ends_with(['x', 's', 'h']) => format!("{one}es"),
        _ => format!("{one}s"),
    };
    format!("{count} {}", if count == 1 { one } else { &many })
}

/// `40 s`, `6 min`, `2 h`, `3 d`
pub(super) fn length(span: Span) -> String {
    match span.ms().max(0) / 1000 {
        s @ ..120 => format!("{s} s"),
        s @ ..7200 => format!("{} min", s / 60),
        s @ ..172_800 => format!("{} h", s / 3600),
        s => format!("{} d", s / 86_400),
    }
}

/// One of several to choose from.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) is_chosen: bool,
}

/// Choices of names, one of them chosen.
pub(super) fn choices<T: Display>(all: impl IntoIterator<Item = T>, chosen: &str) -> Vec<Choice> {
    let choice = |one: T| {
        let value = one.to_string();
        Choice { label: value.clone(), is_chosen: value == chosen, value }
    };
    all.into_iter().map(choice).collect()
}

/// A field with a point in time: what a browser's field for date and time sends, which is UTC here, or as people say it.
pub(super) fn moment(fields: &Fields, name: &str) -> Result<Option<Time>, Problem> {
    let Some(text) = fields.text(name)?.filter(|text| !text.is_empty()) else { return Ok(None) };
    let as_field = || [":00Z", "Z"].iter().find_map(|end| format!("{text}{end}").parse().ok());
    match text.parse().ok().or_else(as_field) {
        Some(at) => Ok(Some(at)),
        None => fields.time(name),
    }
}

/// The value of a browser's field for date and time, in UTC: to the millisecond, so that sending it again asks for the
/// same moment.
pub(super) fn field_value(at: Option<Time>) -> String {
    at.map(|at| at.to_string().trim_end_matches('Z').to_owned()).unwrap_or_default()
}

/// A path with a query, of the values that there are.
pub(super) fn link(path: &str, query: &[(&str, Option<&str>)]) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    pairs.extend_pairs(query.iter().filter_map(|(name, value)| Some((name, (*value)?))));
    let pairs = pairs.finish();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{pairs}") }
}

/// A version that ran before, to go to again.
pub(super) struct Back {
    /// "rollback" or "upgrade"
    pub(super) what: &'static str,
    pub(super) version: String,
}

impl Back {
    /// To this version; what it is depends on whether that is a later one than what runs.
    pub(super) fn to(version: &str, is_later: bool) -> Self {
        Self { what: if is_later { "upgrade" } else { "rollback" }, version: version.to_owned() }
    }
}

/// The page that compares an environment just before `began` with `until`, or now; of one service, where that is named.
pub(super) fn with_before(
    environment: &EnvironmentName,
    repository: Option<&Repository>,
    began: Time,
    until: Option<Time>,
) -> String {
    let (before, until) = ((began - Span::from_ms(1)).to_string(), until.map(|at| at.to_string()));
    let (name, repository) = (Some(environment.as_str()), repository.map(Repository::as_str));
    link(
        "/compare",
        &[
            ("left", name),
            ("left_at", Some(&before)),
            ("right", name),
            ("right_at", until.as_deref()),
            ("repository", repository),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates_read_as_people_say_them() {
        for (number, one, wanted) in [
            (1_u64, "fix", "1 fix"),
            (2, "fix", "2 fixes"),
            (0, "release", "0 releases"),
            (3, "entry", "3 entries"),
            (2, "day", "2 days"),
            (2, "match", "2 matches"),
        ] {
            assert_eq!(count(number, one), wanted);
        }
        let (then, day) = (Time::from_ms(1_772_431_248_000), Span::from_mins(24 * 60));
        assert_eq!(When::new(then, then + day).ago(), "1 d ago");
        let later = then + Span::from_ms(day.ms() * 90);
        assert_eq!(When::new(then, later).ago(), "2026-03-02 UTC", "a date names its zone");
    }

    #[test]
    fn one_badge_says_how_far_and_how_sure() {
        for (phase, confidence, wanted) in [
            (Phase::Settled, Confidence::Likely, "settled"),
            (Phase::Settled, Confidence::Tentative, "tentative"),
            (Phase::RollingOut, Confidence::Tentative, "rolling out"),
            (Phase::Mixed, Confidence::Likely, "mixed"),
            (Phase::Unlisted("paused".into()), Confidence::Likely, "paused"),
        ] {
            let badge = Badge::stands(&phase, &confidence);
            assert_eq!(badge.label, wanted);
            assert!(badge.says.contains(&words::known(confidence.as_str()).meaning[..8]), "{}", badge.says);
        }
    }
}
