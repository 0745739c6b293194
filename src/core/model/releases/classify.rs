//! From a title to the kind of its change. The rules stand in their order; the first that speaks decides.

use super::kind::{ChangeKind, Rule};

/// A title as the rules see it.
struct Title<'a> {
    /// All of it, in lower case.
    text: String,
    /// The type before the colon or in brackets: `fix` of `fix(ui)!: …`, of `Fix (beta): …` and of `[FIX] …`.
    type_word: Option<String>,
    /// Its scope: `ui`.
    scope: Option<String>,
    /// Tells whether it carries a mark of a breaking change.
    is_breaking: bool,
    /// The heading that it stands under.
    section: Option<&'a str>,
}

/// A rule: the kind, where it speaks.
type Speak = fn(&Title<'_>) -> Option<ChangeKind>;

const RULES: [(Rule, Speak); 10] = [
    (Rule::BreakingMarker, |title| title.is_breaking.then_some(ChangeKind::Breaking)),
    (Rule::Cve, |title| has_vulnerability(&title.text).then_some(ChangeKind::Security)),
    (Rule::SecurityScope, |title| {
        (title.scope.as_deref() == Some("security")).then_some(ChangeKind::Security)
    }),
    (Rule::Section, |title| section_kind(title.section).filter(|kind| outranks_type(*kind))),
    (Rule::Dependency, |title| is_dependency(title).then_some(ChangeKind::Other)),
    (Rule::SecurityPhrase, |title| speaks_of_security(title).then_some(ChangeKind::Security)),
    (Rule::ConventionalType, |title| title.type_word.as_deref().and_then(type_kind)),
    (Rule::Gitmoji, |title| {
        GITMOJI.iter().find(|(sign, _)| title.text.starts_with(sign)).map(|(_, kind)| *kind)
    }),
    (Rule::Section, |title| section_kind(title.section)),
    (Rule::FirstWord, |title| first_word_kind(&title.text)),
];

/// The kind of a title's change, and the rule that said so. `section` is the heading that it stands under in notes.
pub fn classify(title: &str, section: Option<&str>) -> (ChangeKind, Rule) {
    let title = Title::read(title, section);
    let spoken = RULES.iter().find_map(|(rule, speak)| Some((speak(&title)?, *rule)));
    spoken.unwrap_or_else(|| match section.is_some_and(is_changed) {
        // Keep a Changelog's "Changed" tells the least, so everything else is asked first.
        true => (ChangeKind::Feature, Rule::Section),
        false => (ChangeKind::Other, Rule::Unclassified),
    })
}

/// A title as a person would say it: `fix(ui): a leak` is `ui: a leak`, `[BUGFIX] TSDB: a leak` is `TSDB: a leak`.
pub fn without_type(title: &str) -> String {
    if let Some((tag, rest)) = title.strip_prefix('[').and_then(|open| open.split_once(']'))
        && (type_kind(&tag.to_lowercase()).is_some() || tag.eq_ignore_ascii_case("change"))
    {
        return without_type(rest.trim_start());
    }
    let Some((head, rest)) = title.split_once(':').filter(|(head, _)| head.len() <= HEAD_BYTES_MAX) else {
        return title.to_owned();
    };
    let (word, scope) =
        head.trim_end_matches('!').split_once('(').unwrap_or((head.trim_end_matches('!'), ""));
    let is_type = word.split('/').next().is_some_and(|word| type_kind(&word.trim().to_lowercase()).is_some());
    let (scope, rest) = (scope.trim_end_matches([')', ' ']), rest.trim());
    match (is_type && !rest.is_empty(), scope) {
        (false, _) => title.to_owned(),
        (true, "") => rest.to_owned(),
        (true, scope) => format!("{scope}: {rest}"),
    }
}

impl<'a> Title<'a> {
    fn read(title: &str, section: Option<&'a str>) -> Self {
        let text = title.trim().to_lowercase();
        let mut read = Self {
            is_breaking: BREAKING.iter().any(|sign| text.trim_start_matches('*').starts_with(sign))
                || text.contains("[breaking"),
            type_word: None,
            scope: None,
            section,
            text: String::new(),
        };
        let mut rest = text.as_str();
        // `[BUGFIX] …`, `[release-3.3] fix: …`
        if let Some((tag, after)) = rest.strip_prefix('[').and_then(|open| open.split_once(']')) {
            read.is_breaking |= tag == "change";
            read.type_word = Some(tag.to_owned()).filter(|tag| type_kind(tag).is_some());
            rest = after.trim_start();
        }
        if let Some((head, _)) = rest.split_once(':')
            && head.len() <= HEAD_BYTES_MAX
        {
            let (head, bang) = head.strip_suffix('!').map_or((head, false), |head| (head, true));
            let (word, scope) = match head.split_once('(') {
                Some((word, scope)) => (word, Some(scope.trim_end_matches([')', ' ', '!']).to_owned())),
                None => (head, None),
            };
            // `Fix/Chore: …` is a fix. Several words are an area and no type: `Remote write: …`.
            let word = word.split('/').next().unwrap_or_default().trim();
            let is_type = type_kind(word).is_some();
            read.is_breaking |= bang && !word.contains(' ');
            read.scope = scope;
            if is_type && read.type_word.is_none() {
                read.type_word = Some(word.to_owned());
            }
        }
        rest.clone_into(&mut read.text);
        read
    }
}

/// Beginnings of a title that mark a breaking change.
const BREAKING: [&str; 6] = ["breaking ", "breaking*", "breaking:", "breaking-change:", "💥", ":boom:"];

/// Longest text before a colon that can be a type with its scope, in bytes.
const HEAD_BYTES_MAX: usize = 60;

/// The types of Conventional Commits, and what projects write in their place.
fn type_kind(word: &str) -> Option<ChangeKind> {
    Some(match word {
        "feat" | "feats" | "feature" | "features" | "enhancement" | "enhance" | "improvement" | "improve"
        | "add" | "added" | "new" | "tweak" | "tweakhancement" | "change" | "changed" | "qol" => {
            ChangeKind::Feature
        }
        "fix" | "fixes" | "fixed" | "fixup" | "bug" | "bugfix" | "bug fix" | "hotfix" | "patch"
        | "fixhancement" | "regression" => ChangeKind::Fix,
        "perf" | "performance" | "performance fix" | "optimization" | "optimisation" | "speed" => {
            ChangeKind::Perf
        }
        "security" | "sec" | "security fix" | "security enhancement" | "vulnerability" => {
            ChangeKind::Security
        }
        "breaking" | "breaking change" | "removed" => ChangeKind::Breaking,
        "doc" | "docs" | "documentation" => ChangeKind::Docs,
        "chore" | "chores" | "chorehancement" | "build" | "ci" | "test" | "tests" | "testing" | "style"
        | "refactor" | "refactoring" | "revert" | "deps" | "dependencies" | "release" | "wip" | "misc"
        | "internal" | "development" | "lint" | "maintenance" | "cleanup" | "i18n" | "l10n"
        | "deprecated" => ChangeKind::Other,
        _ => return None,
    })
}

/// Kinds that a heading tells more clearly than the title's own type.
fn outranks_type(kind: ChangeKind) -> bool {
    matches!(kind, ChangeKind::Security | ChangeKind::Breaking)
}

/// Headings of Keep a Changelog, of GitHub's generated notes, and of those who write their own.
pub(super) fn section_kind(section: Option<&str>) -> Option<ChangeKind> {
    const WORDS: [(ChangeKind, &[&str]); 7] = [
        (ChangeKind::Breaking, &["breaking", "removed", "removals", "removal", "incompatible", "💥", "⚠"]),
        (ChangeKind::Security, &["security", "vulnerabilities", "🔒"]),
        (ChangeKind::Docs, &["documentation", "docs", "doc"]),
        (ChangeKind::Perf, &["performance", "perf", "optimizations", "optimisations"]),
        (ChangeKind::Fix, &["fixed", "fixes", "fix", "bugfixes", "bugs", "bugfix", "bug", "🐛"]),
        (
            ChangeKind::Other,
            &[
                "dependencies",
                "maintenance",
                "internal",
                "chore",
                "chores",
                "deprecated",
                "deprecations",
                "ci",
                "build",
            ],
        ),
        (
            ChangeKind::Feature,
            &[
                "added",
                "features",
                "feature",
                "new",
                "enhancements",
                "enhancement",
                "improvements",
                "improved",
                "🚀",
            ],
        ),
    ];
    let section = section?.to_lowercase();
    let words: Vec<&str> =
        section.split(|letter: char| letter.is_whitespace() || "-/,&:".contains(letter)).collect();
    WORDS.iter().find(|(_, names)| words.iter().any(|word| names.contains(word))).map(|(kind, _)| *kind)
}

fn is_changed(section: &str) -> bool {
    section.trim().eq_ignore_ascii_case("changed")
}

/// `CVE-2026-1234`, `GHSA-xxxx-xxxx-xxxx`, `RUSTSEC-2026-0001`, `GO-2026-1234`.
fn has_vulnerability(text: &str) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '-').any(|word| {
        let parts: Vec<&str> = word.split('-').collect();
        let is_number = |part: &str| part.len() >= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        match parts.as_slice() {
            ["cve" | "rustsec" | "go", year, number] => is_number(year) && is_number(number),
            ["ghsa", rest @ ..] => rest.len() == 3 && rest.iter().all(|part| part.len() == 4),
            _ => false,
        }
    })
}

/// `chore(deps): …`, `Bump a from 1 to 2`, `Update dependency a to v2`.
fn is_dependency(title: &Title<'_>) -> bool {
    let scope =
        title.scope.as_deref().is_some_and(|scope| scope.starts_with("deps") || scope == "dependencies");
    let has = |words: &[&str]| words.iter().all(|word| title.text.contains(word));
    let rest = after_area(&title.text);
    scope
        || matches!(title.type_word.as_deref(), Some("deps" | "dependencies"))
        || (rest.starts_with("bump") && has(&[" to "]))
        || (rest.starts_with("upgrade ") && has(&[" from ", " to "]))
        || (rest.starts_with("update ") && (has(&[" from ", " to v"]) || has(&["requirement from"])))
        || rest.starts_with("update dependency ")
}

/// Says that something could be abused, and is no feature, no text and no test about it.
fn speaks_of_security(title: &Title<'_>) -> bool {
    const PHRASES: [&str; 12] = [
        "vulnerability",
        "vulnerabilities",
        "security issue",
        "security fix",
        "security bug",
        "security hole",
        "security flaw",
        "security patch",
        "security update",
        "security upgrade",
        "security advisory",
        "denial of service",
    ];
    let is_mending = match title.type_word.as_deref() {
        None => true,
        Some(word) => {
            matches!(type_kind(word), Some(ChangeKind::Fix))
                || matches!(word, "chore" | "build" | "patch" | "revert")
        }
    };
    is_mending && PHRASES.iter().any(|phrase| title.text.contains(phrase))
}

/// <https://gitmoji.dev>
const GITMOJI: [(&str, ChangeKind); 22] = [
    ("✨", ChangeKind::Feature),
    (":sparkles:", ChangeKind::Feature),
    ("🐛", ChangeKind::Fix),
    (":bug:", ChangeKind::Fix),
    ("🚑", ChangeKind::Fix),
    (":ambulance:", ChangeKind::Fix),
    ("🩹", ChangeKind::Fix),
    (":adhesive_bandage:", ChangeKind::Fix),
    ("⚡", ChangeKind::Perf),
    (":zap:", ChangeKind::Perf),
    ("🔒", ChangeKind::Security),
    (":lock:", ChangeKind::Security),
    ("📝", ChangeKind::Docs),
    (":memo:", ChangeKind::Docs),
    ("⬆", ChangeKind::Other),
    (":arrow_up:", ChangeKind::Other),
    ("♻", ChangeKind::Other),
    (":recycle:", ChangeKind::Other),
    ("✅", ChangeKind::Other),
    (":white_check_mark:", ChangeKind::Other),
    ("👷", ChangeKind::Other),
    (":construction_worker:", ChangeKind::Other),
];

/// The verb that a title begins with, behind an area: `TSDB: Fix …`.
fn first_word_kind(text: &str) -> Option<ChangeKind> {
    let rest = after_area(text);
    let mut words =
        rest.split(|letter: char| !letter.is_alphanumeric() && letter != '-').filter(|word| !word.is_empty());
    let first = words.next()?;
    Some(match first {
        "fix" | "fixes" | "fixed" | "fixing" | "bugfix" | "hotfix" | "correct" | "corrects" | "corrected"
        | "correctly" | "resolve" | "resolves" | "resolved" | "prevent" | "prevents" | "prevented"
        | "avoid" | "avoids" | "handle" | "handles" | "ensure" | "ensures" | "repair" | "restore" | "don"
        | "dont" | "do" | "stop" | "respect" | "honour" | "honor" => ChangeKind::Fix,
        "optimize" | "optimizes" | "optimized" | "optimise" | "optimises" | "optimised" | "speed"
        | "faster" | "accelerate" | "cache" | "perf" | "performance" => ChangeKind::Perf,
        "reduce" | "improve" if speaks_of_cost(rest) => ChangeKind::Perf,
        "drop" | "drops" | "dropped" | "remove" | "removes" | "removed" if takes_support(rest) => {
            ChangeKind::Breaking
        }
        "add" | "adds" | "added" | "adding" | "introduce" | "introduces" | "introduced" | "support"
        | "supports" | "implement" | "implements" | "implemented" | "allow" | "allows" | "enable"
        | "enables" | "expose" | "exposes" | "new" | "feature" | "enhancement" | "enhance" | "improve"
        | "improves" | "improved" | "include" | "show" | "make" | "provide" => ChangeKind::Feature,
        "document" | "documents" | "documented" | "docs" | "documentation" | "readme" => ChangeKind::Docs,
        "security" => ChangeKind::Security,
        "revert" | "reverts" | "merge" | "bump" | "bumps" | "upgrade" | "refactor" | "rename" | "move"
        | "chore" | "release" | "clean" | "cleanup" | "test" | "tests" | "update" | "remove" | "removes"
        | "removed" => ChangeKind::Other,
        _ => return None,
    })
}

fn takes_support(text: &str) -> bool {
    text.contains(" support ") || text.contains("deprecated")
}

fn speaks_of_cost(text: &str) -> bool {
    ["performance", "memory", "cpu", "allocation", "latency", "speed", "contention", "overhead", "disk usage"]
        .iter()
        .any(|cost| text.contains(cost))
}

/// The text behind `Area: `, at most [`HEAD_BYTES_MAX`] long, else all of it.
fn after_area(text: &str) -> &str {
    match text.split_once(": ") {
        Some((area, rest)) if area.len() <= HEAD_BYTES_MAX && !area.contains(['"', '`']) => rest.trim_start(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(section: Option<&str>, kind: ChangeKind, rule: Rule, titles: &[&str]) {
        for title in titles {
            assert_eq!(classify(title, section), (kind, rule), "{title} under {section:?}");
        }
    }

    #[test]
    fn the_rules_speak_in_their_order() {
        use {ChangeKind as Kind, Rule as By};
        let marked = &[
            "feat!: a",
            "fix(api)!: a",
            "refactor(a/b)!: c",
            "[BREAKING] Fix: a",
            "BREAKING CHANGE: a",
            "**breaking** a",
            "[CHANGE] a",
            "💥 a",
        ];
        check(None, Kind::Breaking, By::BreakingMarker, marked);
        check(
            None,
            Kind::Security,
            By::Cve,
            &["chore(deps): bump a to 2 for CVE-2026-1234", "UI: Fix XSS. GHSA-fw8g-cg8f-9j28"],
        );
        check(None, Kind::Security, By::SecurityScope, &["fix(security): a leak"]);
        check(
            None,
            Kind::Other,
            By::Dependency,
            &[
                "chore(deps): bump a from 1 to 2",
                "Chore(deps-dev): Bump a",
                "Bump a from 1 to 2",
                "fix(deps): update module a to v2",
                "Update dependency a to v2",
                "deps: take a newer a",
            ],
        );
        let mending =
            &["Chore: upgrade a to resolve a security issue with it", "fix: denial of service by a"];
        check(None, Kind::Security, By::SecurityPhrase, mending);
        check(
            None,
            Kind::Feature,
            By::ConventionalType,
            &["feat: a", "feat(ui): fix a", "Feature: a", "[ENHANCEMENT] Fix: a", "[release-3.3] feat: a"],
        );
        check(
            None,
            Kind::Fix,
            By::ConventionalType,
            &["fix: a", "FIX(ui) : a", "Fix (beta): a", "Fix/Chore: a", "[BUGFIX] TSDB: Add a"],
        );
        check(None, Kind::Perf, By::ConventionalType, &["perf: a", "Performance fix: a"]);
        check(
            None,
            Kind::Security,
            By::ConventionalType,
            &["Security (beta): a", "Security: a", "[SECURITY] a"],
        );
        check(
            None,
            Kind::Docs,
            By::ConventionalType,
            &["docs(security issue): a", "documentation: add a vulnerability policy"],
        );
        check(
            None,
            Kind::Other,
            By::ConventionalType,
            &["chore: a", "ci: fix a", "refactor: a", "Revert: a", "test: add a"],
        );
        check(None, Kind::Fix, By::Gitmoji, &["🐛 a", ":bug: a"]);
        check(
            None,
            Kind::Fix,
            By::FirstWord,
            &["Fix a", "TSDB: Fix a", "Fixes a", "Scraping: don't a", "Remote write: prevent a"],
        );
        check(None, Kind::Feature, By::FirstWord, &["Add a", "PromQL: Support a"]);
        check(None, Kind::Perf, By::FirstWord, &["Speed up a", "TSDB: Reduce memory of a"]);
        check(None, Kind::Breaking, By::FirstWord, &["Remove support for a", "Drop deprecated a"]);
        check(None, Kind::Docs, By::FirstWord, &["Document a"]);
        check(None, Kind::Other, By::FirstWord, &["Revert \"feat: a\"", "Remove a", "Merge a"]);
        check(None, Kind::Other, By::Unclassified, &["A thing", "", ":", "[]", "Area: thing"]);
    }

    #[test]
    fn headings_speak_for_what_stands_under_them() {
        use {ChangeKind as Kind, Rule as By};
        for (section, kind) in [
            ("Added", Kind::Feature),
            ("Fixed", Kind::Fix),
            ("Bug fixes 🐛", Kind::Fix),
            ("Removed", Kind::Breaking),
            ("⚠ BREAKING CHANGES", Kind::Breaking),
            ("Deprecated", Kind::Other),
            ("Deprecations and Removals", Kind::Breaking),
            ("Security", Kind::Security),
            ("Security fixes", Kind::Security),
            ("Performance Improvements", Kind::Perf),
            ("Improved Documentation", Kind::Docs),
            ("Exciting New Features 🎉", Kind::Feature),
            ("Dependencies", Kind::Other),
            ("Internal Changes", Kind::Other),
        ] {
            check(Some(section), kind, By::Section, &["A thing"]);
        }
        check(Some("Changed"), Kind::Feature, By::Section, &["A thing"]);
        check(Some("Changed"), Kind::Fix, By::FirstWord, &["Fix a thing"]);
        // A title's own type is nearer than its heading, unless the heading warns.
        check(Some("Features"), Kind::Fix, By::ConventionalType, &["fix: a"]);
        check(Some("Security"), Kind::Security, By::Section, &["fix: a", "Bump a from 1 to 2"]);
        check(Some("What's Changed"), Kind::Other, By::Unclassified, &["A thing"]);
    }
}
