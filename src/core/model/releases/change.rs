//! One change of a release: what it is about, and where it was discussed.

use serde::de::Error as _;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::classify::classify;
use super::kind::{ChangeKind, Rule};
use super::references::{is_reference, references};
use super::revert::own_request;
use super::unseen::seen;

/// Longest title that is kept, in bytes; a longer one is cut at a word and ends in `…`.
pub const TITLE_BYTES_MAX: usize = 512;
/// Most changes of one release.
pub const CHANGES_MAX: usize = 1_000;

/// One change of a release.
///
/// Its JSON is `{kind, title, pr?, issue?, commit?, author?, rule?}`. On the way in `kind` may be missing: the title
/// is classified then. A kind without a rule was given by who sent it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct Change {
    /// Its kind.
    pub kind: ChangeKind,
    /// The work that was done, in a line.
    pub title: String,
    /// The pull or merge request that brought it.
    pub pr: Option<u64>,
    /// The issue that it answers.
    pub issue: Option<u64>,
    /// The commit that made it.
    pub commit: Option<String>,
    /// Its author, as the source names them.
    pub author: Option<String>,
    /// The rule that decided the kind.
    pub rule: Option<Rule>,
}

/// A change as it is read: the members in the order in which [`Change`] writes them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    kind: Option<ChangeKind>,
    title: String,
    #[serde(default, deserialize_with = "number")]
    pr: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    issue: Option<u64>,
    #[serde(default)]
    commit: Option<String>,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    rule: Option<Rule>,
}

/// A request's or an issue's number: as OpenAPI's `int64` has it, below 2⁶³.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<u64>::deserialize(from)?;
    if number.is_some_and(|number| i64::try_from(number).is_err()) {
        return Err(D::Error::custom("a number is below 2^63"));
    }
    Ok(number)
}

impl Change {
    /// A change from one line of text: classified, its numbers read, and those at its end taken off the title.
    /// `section` is the heading that it stands under. `None` where nothing is left.
    pub fn parse(line: &str, section: Option<&str>) -> Option<Self> {
        let line = seen(line).split_whitespace().collect::<Vec<_>>().join(" ");
        let title = cut(without_references(&line));
        if title.is_empty() {
            return None;
        }
        let (kind, rule) = classify(&line, section);
        let (pr, issue) = (own_request(&line), references(&line).issues.first().copied());
        Some(Self { kind, title, pr, issue, commit: None, author: None, rule: Some(rule) })
    }
}

impl From<Written> for Change {
    fn from(written: Written) -> Self {
        let Written { kind, title, pr, issue, commit, author, rule } = written;
        let (kind, rule) = match kind {
            Some(kind) => (kind, rule.unwrap_or(Rule::Given)),
            None => classify(&title, None),
        };
        Self { kind, title, pr, issue, commit, author, rule: Some(rule) }
    }
}

/// JSON leaves out what is not there; the log's bytes have every member at its place.
impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_whole = !serializer.is_human_readable();
        let mut change = serializer.serialize_struct("Change", 7)?;
        change.serialize_field("kind", &Some(self.kind))?;
        change.serialize_field("title", &self.title)?;
        macro_rules! optional {
            ($($member:ident),*) => {$(
                if is_whole || self.$member.is_some() {
                    change.serialize_field(stringify!($member), &self.$member)?;
                } else {
                    change.skip_field(stringify!($member))?;
                }
            )*};
        }
        optional!(pr, issue, commit, author, rule);
        change.end()
    }
}

/// A title without the references and the full stop at its end: `Fix a leak. (#12)` is `Fix a leak`. A number that
/// belongs to the sentence stays: `Fix what fixes #12 broke`, `Revert #12`.
fn without_references(line: &str) -> &str {
    let mut title = without_stop(line.trim());
    while let Some((rest, group)) = title.strip_suffix(')').and_then(|open| open.rsplit_once('(')) {
        if rest.trim().is_empty()
            || !group.split([' ', ',']).all(|word| word.is_empty() || is_reference(word))
        {
            break;
        }
        title = rest.trim_end();
    }
    let words = title.trim_end_matches(|letter: char| letter.is_ascii_digit() || "#!, ".contains(letter));
    if words.ends_with('.')
        && title[words.len()..].split([' ', ',']).all(|word| word.is_empty() || is_reference(word))
    {
        title = words;
    }
    without_stop(title)
}

fn without_stop(title: &str) -> &str {
    title.strip_suffix('.').filter(|sentence| !sentence.ends_with('.')).unwrap_or(title)
}

/// A title within its bound.
pub fn cut(title: &str) -> String {
    if title.len() <= TITLE_BYTES_MAX {
        return title.to_owned();
    }
    let room = TITLE_BYTES_MAX - '…'.len_utf8();
    let room = (0..=room).rev().find(|at| title.is_char_boundary(*at)).unwrap_or_default();
    let kept = title[..room].rsplit_once(' ').map_or(&title[..room], |(whole_words, _)| whole_words);
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_a_change() {
        let check = |line: &str, title: &str, pr: Option<u64>, issue: Option<u64>| {
            let change = Change::parse(line, None).unwrap();
            assert_eq!((change.title.as_str(), change.pr, change.issue), (title, pr, issue), "{line}");
        };
        check("fix(ui): a  leak (#12)", "fix(ui): a leak", Some(12), None);
        check("Fix a leak (fixes #11) (#12, !13).", "Fix a leak (fixes #11)", Some(12), Some(11));
        check("Fix a leak (#12, !13)", "Fix a leak", Some(12), None);
        check("TSDB: Fix a leak. #12 #13", "TSDB: Fix a leak", Some(12), None);
        check("Revert #12", "Revert #12", None, None);
        check("fixes #12", "fixes #12", None, Some(12));
        check("(#12)", "(#12)", Some(12), None);
        check("Wait ...", "Wait ...", None, None);
        check("Drop 1.2.3.", "Drop 1.2.3", None, None);
        assert_eq!(Change::parse(" \n ", None), None);
    }

    #[test]
    fn a_long_title_is_cut_at_a_word() {
        let change = Change::parse(&"wörd ".repeat(400), None).unwrap();
        assert!(change.title.len() <= TITLE_BYTES_MAX);
        assert!(change.title.ends_with("wörd…"), "{}", change.title);
        assert!(cut(&"ö".repeat(TITLE_BYTES_MAX)).len() <= TITLE_BYTES_MAX);
    }

    #[test]
    fn a_number_is_one_that_the_document_allows() {
        let read = |number: &str| {
            serde_json::from_str::<Written>(&format!("{{\"title\": \"a\", \"pr\": {number}}}"))
                .map(|read| read.pr)
        };
        assert_eq!(read("9223372036854775807").unwrap(), Some(i64::MAX as u64));
        assert!(read("9223372036854775808").is_err());
    }

    #[test]
    fn json_and_the_logs_bytes_lead_back() {
        let whole = Change {
            kind: ChangeKind::Security,
            title: "a leak".into(),
            pr: Some(12),
            issue: Some(11),
            commit: Some("abc".into()),
            author: Some("@someone".into()),
            rule: Some(Rule::Cve),
        };
        let few = Change { pr: None, commit: None, ..whole.clone() };
        for change in [whole, few] {
            let bytes = postcard::to_stdvec(&change).unwrap();
            assert_eq!(postcard::from_bytes::<Change>(&bytes).unwrap(), change);
            let json = serde_json::to_string(&change).unwrap();
            assert_eq!(serde_json::from_str::<Change>(&json).unwrap(), change);
            assert!(!json.contains("null"), "{json}");
        }
    }

    #[test]
    fn a_kind_is_taken_as_given_or_found() {
        let read = |json: &str| {
            let change: Change = serde_json::from_str(json).unwrap();
            (change.kind, change.rule.unwrap())
        };
        assert_eq!(read(r#"{"kind": "docs", "title": "Fix a"}"#), (ChangeKind::Docs, Rule::Given));
        assert_eq!(read(r#"{"title": "Fix a"}"#), (ChangeKind::Fix, Rule::FirstWord));
        assert_eq!(
            read(r#"{"kind": "fix", "title": "a", "rule": "section"}"#),
            (ChangeKind::Fix, Rule::Section)
        );
        assert!(serde_json::from_str::<Change>(r#"{"kind": "bugfix", "title": "a"}"#).is_err());
    }
}
