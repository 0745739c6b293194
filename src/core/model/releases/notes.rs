//! Release notes in Markdown → changes: Keep a Changelog, GitHub's generated notes, release tools, plain lists.
//!
//! A change is an item of a list, under the heading that it stands under. Items below an item are its details and are
//! left out, unless the upper one only names a group (`TSDB:`). Notes without any list are read line by line, and a
//! line is a change if a rule knows it or if it names a request or an issue.

use std::rc::Rc;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::change::{CHANGES_MAX, Change, cut};
use super::classify::section_kind;
use super::kind::Rule;
use super::references::references;

/// Longest notes that are read, in bytes; GitLab allows a million characters, GitHub an eighth of that.
pub const NOTES_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Headings of what is no change.
const NO_CHANGES: [&str; 12] = [
    "contributors",
    "contributor",
    "thanks",
    "checksums",
    "checksum",
    "downloads",
    "download",
    "assets",
    "artifacts",
    "installation",
    "images",
    "signatures",
];

/// The result of reading notes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// The changes, in their order; at most [`CHANGES_MAX`].
    pub changes: Vec<Change>,
    /// The number of further changes.
    pub left_out: usize,
}

/// Notes that are too long to be read.
#[derive(Debug, thiserror::Error)]
#[error("the notes are {bytes} bytes long; at most {NOTES_BYTES_MAX} are read")]
pub struct NotesTooLong {
    /// Their length.
    pub bytes: usize,
}

/// The changes in Markdown `notes`. Where they tell of several versions, as a changelog does, only what stands under
/// `version` is read.
pub fn read(notes: &str, version: &str) -> Result<Notes, NotesTooLong> {
    if notes.len() > NOTES_BYTES_MAX {
        return Err(NotesTooLong { bytes: notes.len() });
    }
    let lines = of_version(lines(notes), version);
    let has_items = lines.iter().any(|line| line.is_item);
    let told = lines.into_iter().filter(|line| line.is_item == has_items).filter_map(|line| {
        let change = line.change()?;
        let is_told =
            has_items || change.rule != Some(Rule::Unclassified) || change.pr.or(change.issue).is_some();
        is_told.then_some(change)
    });
    let mut read = Notes::default();
    for change in told {
        if read.changes.len() < CHANGES_MAX {
            read.changes.push(change);
        } else {
            read.left_out += 1;
        }
    }
    Ok(read)
}

/// One item of a list, or one line of a paragraph.
#[derive(Debug, Default)]
struct Line {
    /// Its text, without emphasis and links.
    text: String,
    /// The targets of its links.
    links: Vec<String>,
    is_item: bool,
    /// The version that it stands under, if headings name versions. Many lines share one heading, so none has a copy.
    version: Option<Rc<str>>,
    /// The heading that it stands under.
    section: Option<Rc<str>>,
    /// The item above it, where that one only names a group.
    group: Option<Rc<str>>,
}

impl Line {
    fn change(self) -> Option<Change> {
        let (text, credit) = without_credit(&self.text);
        let section = match &self.group {
            Some(group) if section_kind(Some(group)).is_some() => self.group.as_deref(),
            _ => self.section.as_deref(),
        };
        let line = match &self.group {
            Some(area) if section != Some(area) => format!("{area}: {text}"),
            _ => text.to_owned(),
        };
        let mut change = Change::parse(&line, section)?;
        if is_full_changelog(&change.title) {
            return None;
        }
        let elsewhere = references(&format!("{credit} {}", self.links.join(" ")));
        if change.pr.or(change.issue).is_none() {
            (change.pr, change.issue) = (elsewhere.prs.first().copied(), elsewhere.issues.first().copied());
        }
        change.commit = self.links.iter().find_map(|link| commit_of(link));
        change.author = credit.split_whitespace().next().and_then(author);
        if change.author.is_none()
            && let Some((title, last)) = change.title.rsplit_once(' ')
            && let Some(author) = author(last.trim_matches(['(', ')']))
        {
            (change.title, change.author) = (title.to_owned(), Some(author));
        }
        Some(change)
    }
}

/// Splits a line before its credit: `Fix a leak by @someone in https://…/pull/12`.
fn without_credit(text: &str) -> (&str, &str) {
    match text.rfind(" by @") {
        Some(at) => (&text[..at], &text[at + " by ".len()..]),
        None => (text, ""),
    }
}

/// `@someone` → `someone`.
fn author(word: &str) -> Option<String> {
    let name = word.strip_prefix('@')?.trim_end_matches([',', '.', ':']);
    let is_name =
        !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || "-_.[]".contains(letter));
    is_name.then(|| name.to_owned())
}

fn is_full_changelog(title: &str) -> bool {
    title.to_lowercase().starts_with("full changelog")
}

/// `https://…/commit/<hash>`
fn commit_of(link: &str) -> Option<String> {
    let (_, hash) = link.rsplit_once("/commit/")?;
    let is_hash = (7..=64).contains(&hash.len()) && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| hash.to_ascii_lowercase())
}

/// Only what stands under this version, where headings name several.
fn of_version(lines: Vec<Line>, version: &str) -> Vec<Line> {
    let named = |line: &Line| line.version.as_deref() == Some(bare_version(version));
    let mut versions: Vec<&str> = lines.iter().filter_map(|line| line.version.as_deref()).collect();
    versions.dedup();
    match versions.len() {
        0 | 1 => lines,
        _ => lines.into_iter().filter(named).collect(),
    }
}

/// `v1.2.3` → `1.2.3`
fn bare_version(version: &str) -> &str {
    version.strip_prefix(['v', 'V']).unwrap_or(version)
}

/// The version that a heading names: `[1.2.3] - 2026-03-02`, `v1.2.3`, `Release 1.2.3 🎉`, `Unreleased`.
fn version_in(heading: &str) -> Option<&str> {
    heading.split_whitespace().take(3).map(|word| word.trim_matches(['[', ']', '(', ')', ':', ','])).find_map(
        |word| {
            let bare = bare_version(word);
            let is_version = bare.starts_with(|letter: char| letter.is_ascii_digit()) && bare.contains('.');
            (is_version || bare.eq_ignore_ascii_case("unreleased")).then_some(bare)
        },
    )
}

/// Reads Markdown into lines. Parts without changes (contributors, checksums) are left out.
fn lines(notes: &str) -> Vec<Line> {
    let mut reader = Reader::default();
    let options = Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES;
    for event in Parser::new_ext(notes, options) {
        reader.take(event);
    }
    reader.lines
}

#[derive(Default)]
struct Reader {
    lines: Vec<Line>,
    version: Option<Rc<str>>,
    section: Option<Rc<str>>,
    is_left_out: bool,
    /// The items that are open, the outermost first.
    items: Vec<Item>,
    /// The line that is being read.
    text: String,
    links: Vec<String>,
    /// The number of open blocks with foreign text: code, tables, images.
    hidden: usize,
}

#[derive(Default)]
struct Item {
    /// Its own text, once that is known, within a title's bound.
    text: Option<Rc<str>>,
    /// The name of what stands below it, if it only names that.
    group: Option<Rc<str>>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::CodeBlock(_) | Tag::Table(_) | Tag::Image { .. } | Tag::MetadataBlock(_)) => {
                self.hidden += 1;
            }
            Event::End(TagEnd::CodeBlock | TagEnd::Table | TagEnd::Image | TagEnd::MetadataBlock(_)) => {
                self.hidden -= 1;
            }
            _ if self.hidden > 0 => {}
            Event::Start(Tag::Item) => self.start_item(),
            Event::End(TagEnd::Item) => {
                self.end_line();
                self.items.pop();
            }
            Event::Start(Tag::Heading { .. } | Tag::List(_)) | Event::End(TagEnd::Paragraph) => {
                self.end_line();
            }
            Event::End(TagEnd::Heading(_)) => self.end_heading(),
            Event::Start(Tag::Link { dest_url, .. }) => self.links.push(dest_url.into_string()),
            Event::Text(text) => self.text.push_str(&text),
            Event::Code(code) => self.text.extend(["`", &code, "`"]),
            Event::SoftBreak | Event::HardBreak if self.items.is_empty() => self.end_line(),
            Event::SoftBreak | Event::HardBreak => self.text.push(' '),
            _ => {}
        }
    }

    fn end_heading(&mut self) {
        // Each line under it is looked at together with it.
        let heading = cut(&std::mem::take(&mut self.text));
        self.links.clear();
        let lower = heading.to_lowercase();
        let mut words = lower.split(|letter: char| !letter.is_alphanumeric());
        self.is_left_out = words.any(|word| NO_CHANGES.contains(&word));
        match version_in(&heading) {
            Some(version) => (self.version, self.section) = (Some(version.into()), None),
            None => self.section = Some(heading.into()),
        }
    }

    /// An item that something stands below, and that says little by itself, was none of the changes.
    fn start_item(&mut self) {
        self.end_line();
        if let (Some(Item { text: Some(text), group }), Some(line)) =
            (self.items.last_mut(), self.lines.last())
            && cut(&line.text) == **text
            && names_group(text)
        {
            *group = Some(text.trim_end_matches(':').into());
            self.lines.pop();
        }
        self.items.push(Item::default());
    }

    /// Keeps what was read as a line, unless it is a detail of the item that it stands in.
    fn end_line(&mut self) {
        let text = std::mem::take(&mut self.text).trim().to_owned();
        let links = std::mem::take(&mut self.links);
        if text.is_empty() || self.is_left_out {
            return;
        }
        let is_item = !self.items.is_empty();
        let group = if let Some((item, above)) = self.items.split_last_mut() {
            let is_first = item.text.is_none();
            item.text.get_or_insert_with(|| cut(&text).into());
            if !is_first || above.iter().any(|item| item.text.is_some() && item.group.is_none()) {
                return;
            }
            above.iter().rev().find_map(|item| item.group.clone())
        } else {
            None
        };
        let (version, section) = (self.version.clone(), self.section.clone());
        self.lines.push(Line { text, links, is_item, version, section, group });
    }
}

/// `TSDB:`, `TSDB`, `Bug fixes`
fn names_group(item: &str) -> bool {
    let words: Vec<&str> = item.split_whitespace().collect();
    item.ends_with(':') || words.len() == 1 || (words.len() == 2 && section_kind(Some(words[1])).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::releases::ChangeKind;
    use crate::model::releases::change::TITLE_BYTES_MAX;

    /// Each change as `kind title #pr !issue @author commit`, with what is there.
    fn told(notes: &str) -> Vec<String> {
        read(notes, "v1.2.3").unwrap().changes.into_iter().map(|change| tell(&change)).collect()
    }

    fn tell(change: &Change) -> String {
        let kind = format!("{:?}", change.kind).to_lowercase();
        let mut told = format!("{kind}: {}", change.title);
        let numbers = [("pr", change.pr), ("issue", change.issue)];
        told.extend(numbers.iter().filter_map(|(what, number)| Some(format!(" {what}={}", (*number)?))));
        told.extend(change.author.iter().map(|author| format!(" by={author}")));
        told.extend(change.commit.iter().map(|commit| format!(" in={commit}")));
        told
    }

    fn check(notes: &str, changes: &[&str]) {
        assert_eq!(told(notes), changes, "{notes}");
    }

    #[test]
    fn keep_a_changelog() {
        let notes = "# Changelog\n\nAll notable changes are here.\n\n## [Unreleased]\n\n- Something to come\n\n\
            ## [1.2.3] - 2026-03-02\n\n### Added\n\n- A `--flag` for\n  two lines (#12)\n\n### Changed\n- The order\n\n\
            ### Removed\n- The old API\n\n### Fixed\n- A [leak](https://forge.example/a/b/issues/7)\n\n### Security\n\
            - Bump a from 1 to 2\n\n## [1.2.2] - 2026-03-01\n\n### Fixed\n- Another leak\n";
        check(
            notes,
            &[
                "feature: A `--flag` for two lines pr=12",
                "feature: The order",
                "breaking: The old API",
                "fix: A leak issue=7",
                "security: Bump a from 1 to 2",
            ],
        );
        assert_eq!(read(notes, "1.2.2").unwrap().changes.len(), 1);
        assert_eq!(read(notes, "9.9.9").unwrap().changes, []);
    }

    #[test]
    fn githubs_generated_notes() {
        check(
            "<!-- Release notes generated using configuration in .github/release.yml at main -->\n\n## What's Changed\n\
             ### Exciting New Features 🎉\n* Show the order by @some-one in https://forge.example/a/b/pull/12\n\
             ### Other Changes\n* fix: a leak by @a.b[bot] in https://forge.example/a/b/pull/13\n\n\
             ## New Contributors\n* @some-one made their first contribution in https://forge.example/a/b/pull/12\n\n\
             **Full Changelog**: https://forge.example/a/b/compare/v1.2.2...v1.2.3\n",
            &["feature: Show the order pr=12 by=some-one", "fix: fix: a leak pr=13 by=a.b[bot]"],
        );
    }

    #[test]
    fn what_release_tools_write() {
        check(
            "## [1.2.3](https://forge.example/a/b/compare/v1.2.2...v1.2.3) (2026-03-02)\n\n### ⚠ BREAKING CHANGES\n\n\
             * drop the old API\n\n### Bug Fixes\n\n* **ui:** a leak ([#12](https://forge.example/a/b/issues/12)) \
             ([abcdef1](https://forge.example/a/b/commit/abcdef1234567)), closes [#7](https://forge.example/a/b/issues/7)\n",
            &[
                "breaking: drop the old API",
                "fix: ui: a leak (#12) (abcdef1), closes #7 pr=12 issue=7 in=abcdef1234567",
            ],
        );
        check("## Changes\n\n- Fix a leak @some-one (#12)\n", &["fix: Fix a leak pr=12 by=some-one"]);
        check("* [BUGFIX] TSDB: Fix a leak. #12 #13\n", &["fix: [BUGFIX] TSDB: Fix a leak pr=12"]);
        check("- Fix a leak. ([\\#12](https://forge.example/a/b/issues/12))\n", &["fix: Fix a leak pr=12"]);
    }

    #[test]
    fn lists_of_every_sort() {
        check(
            "- one\n- [x] two\n\n1. ~~three~~ *four* __five__\n",
            &["other: one", "other: two", "other: three four five"],
        );
        check("- Fix a long\nline\n\n  And a paragraph about it.\n  - a detail\n", &["fix: Fix a long line"]);
        check(
            "- TSDB:\n  - Fix a leak\n  - Add a flag\n",
            &["fix: TSDB: Fix a leak", "feature: TSDB: Add a flag"],
        );
        check(
            "- **Bug fixes**\n    - a leak\n      - a detail\n    - another\n",
            &["fix: a leak", "fix: another"],
        );
        check("- Fix crash\n", &["fix: Fix crash"]);
        check("- a\n\n## Checksums\n- 0123456789 app.tar.gz\n", &["other: a"]);
        check("- see ![the picture](a.png)\n\n```\n- no change\n```\n| a |\n|---|\n| b |\n", &["other: see"]);
    }

    #[test]
    fn notes_without_a_list_are_read_line_by_line() {
        check(
            "Fix a leak\nAdd a flag (#12)\n\nThis release was a joy to make.\n",
            &["fix: Fix a leak", "feature: Add a flag pr=12"],
        );
        check("**Full Changelog**: https://forge.example/a/b/compare/1...2", &[]);
        check("", &[]);
        check("\u{0}\u{202e}\n", &[]);
    }

    #[test]
    fn notes_have_bounds() {
        let many = read(&"- a\n".repeat(CHANGES_MAX + 5), "1").unwrap();
        assert_eq!((many.changes.len(), many.left_out), (CHANGES_MAX, 5));
        assert!(read(&"a".repeat(NOTES_BYTES_MAX + 1), "1").is_err());
        let deep: String = (0..500).map(|depth| format!("{}- TSDB:\n", "  ".repeat(depth))).collect();
        assert!(read(&deep, "1").is_ok());
        assert_eq!(read("- Fix a", "1").unwrap().changes[0].kind, ChangeKind::Fix);
    }

    proptest::proptest! {
        #[test]
        fn no_notes_panic(notes in "[-*# \\n\\[\\]()@:!`0-9a-zé<>|.]{0,200}") {
            let read = read(&notes, "1.0").unwrap();
            assert!(read.changes.iter().all(|change| !change.title.is_empty()));
        }
    }

    /// A heading and a group are looked at with each line below them: none of them is longer than a title.
    #[test]
    fn what_lines_stand_under_is_short_and_shared() {
        let long = "word ".repeat(20_000);
        let notes = format!("## {long}\n\n- TSDB:\n{}- {long}:\n  - a detail\n", "  - a\n".repeat(2_000));
        let lines = lines(&notes);
        assert_eq!(lines.len(), 2_001);
        let shared = |line: &Line| (line.section.clone().unwrap(), line.group.clone());
        let (section, group) = shared(&lines[0]);
        assert!(section.len() <= TITLE_BYTES_MAX, "{}", section.len());
        for line in &lines[..2_000] {
            assert!(Rc::ptr_eq(&section, &shared(line).0));
            assert!(Rc::ptr_eq(group.as_ref().unwrap(), &shared(line).1.unwrap()));
        }
        assert_eq!(read(&notes, "v1.2.3").unwrap().left_out, 1_001);
    }
}
