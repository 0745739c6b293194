//! A release in a sentence: counts first, then what matters most; security and breaking changes are always named.

use super::change::Change;
use super::classify::without_type;
use super::kind::ChangeKind;

/// Most titles that stand for all features, fixes and speed-ups.
const HIGHLIGHTS_MAX: usize = 3;
/// Most security changes that are named, and most breaking ones; the rest is counted.
const NAMED_MAX: usize = 4;
/// Longest title in a summary, in characters.
const TITLE_CHARS_MAX: usize = 90;

/// Words for the number of changes of a kind, in the order in which they are told: one, several.
const COUNTED: [(ChangeKind, &str, &str); 7] = [
    (ChangeKind::Feature, "feature", "features"),
    (ChangeKind::Fix, "fix", "fixes"),
    (ChangeKind::Perf, "speed-up", "speed-ups"),
    (ChangeKind::Security, "security fix", "security fixes"),
    (ChangeKind::Breaking, "breaking change", "breaking changes"),
    (ChangeKind::Docs, "change to the docs", "changes to the docs"),
    (ChangeKind::Other, "other change", "other changes"),
];

/// A short summary, e.g. `1 feature and 3 fixes: Support a; Fix b; Fix c; security: …; breaking: …`.
///
/// Its length is bounded by `HIGHLIGHTS_MAX`, `NAMED_MAX` and `TITLE_CHARS_MAX`: under 1,500 characters.
pub fn summary(changes: &[Change]) -> String {
    let of = |kind: ChangeKind| titles(changes, kind);
    let counts: Vec<String> = COUNTED
        .iter()
        .map(|(kind, one, several)| {
            (changes.iter().filter(|change| change.kind == *kind).count(), one, several)
        })
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, several)| format!("{count} {}", if count == 1 { one } else { several }))
        .collect();
    if counts.is_empty() {
        return "no changes are known".to_owned();
    }
    let mut highlights = [of(ChangeKind::Feature), of(ChangeKind::Fix), of(ChangeKind::Perf)].concat();
    let (security, breaking) = (of(ChangeKind::Security), of(ChangeKind::Breaking));
    if highlights.is_empty() && security.is_empty() && breaking.is_empty() {
        highlights = [of(ChangeKind::Docs), of(ChangeKind::Other)].concat();
    }
    highlights.truncate(HIGHLIGHTS_MAX);
    let mut told = highlights;
    // Of changes of one kind the count says the kind.
    let is_one_kind = counts.len() == 1;
    told.extend(named("security", security, is_one_kind));
    told.extend(named("breaking", breaking, is_one_kind));
    format!("{}: {}", listed(&counts), told.join("; "))
}

/// The titles of a kind, each once, without their types, shortened.
fn titles(changes: &[Change], kind: ChangeKind) -> Vec<String> {
    let mut titles = Vec::new();
    for change in changes.iter().filter(|change| change.kind == kind) {
        let title = shortened(&without_type(&change.title));
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    titles
}

fn named(label: &str, titles: Vec<String>, is_one_kind: bool) -> Option<String> {
    let mut titles: Vec<String> = titles.iter().map(|title| without_label(title, label).to_owned()).collect();
    if titles.is_empty() {
        return None;
    }
    let rest = titles.len().saturating_sub(NAMED_MAX);
    titles.truncate(NAMED_MAX);
    if rest > 0 {
        titles.push(format!("and {rest} more"));
    }
    let titles = titles.join(", ");
    Some(if is_one_kind { titles } else { format!("{label}: {titles}") })
}

/// The title without a label that stands before it anyway: `security: a hole` is `a hole` behind "security".
pub fn without_label<'t>(title: &'t str, label: &str) -> &'t str {
    let head = title.get(..label.len()).filter(|head| head.eq_ignore_ascii_case(label));
    let rest = head.and_then(|head| title[head.len()..].strip_prefix(':')).map(str::trim_start);
    rest.filter(|rest| !rest.is_empty()).unwrap_or(title)
}

/// `a`, `a and b`, `a, b and c`
fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn shortened(title: &str) -> String {
    let Some((end, _)) = title.char_indices().nth(TITLE_CHARS_MAX) else { return title.to_owned() };
    let kept = title[..end].rsplit_once(' ').map_or(&title[..end], |(whole_words, _)| whole_words);
    format!("{}…", kept.trim_end_matches([',', ';', ':', '.', '…']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: &str) {
        let changes: Vec<Change> = lines.iter().filter_map(|line| Change::parse(line, None)).collect();
        assert_eq!(summary(&changes), expected);
    }

    #[test]
    fn counts_come_first_and_what_matters_is_named() {
        check(&[], "no changes are known");
        check(&["fix: a leak"], "1 fix: a leak");
        check(
            &["fix(ui): a leak", "fix: another", "chore: tidy up", "feat: a flag", "fix: a third"],
            "1 feature, 3 fixes and 1 other change: a flag; ui: a leak; another",
        );
        check(
            &["fix: a", "feat!: drop the old API", "Fix CVE-2026-1234", "docs: b"],
            "1 fix, 1 security fix, 1 breaking change and 1 change to the docs: a; security: Fix CVE-2026-1234; \
             breaking: drop the old API",
        );
        check(&["chore: a", "ci: b"], "2 other changes: a; b");
        check(&["fix: a", "fix(ui): a", "fix: a"], "3 fixes: a; ui: a");
        check(&["fix(security): a hole", "fix: a"], "1 fix and 1 security fix: a; security: a hole");
        check(&["fix(security): a hole"], "1 security fix: a hole");
    }

    #[test]
    fn a_summary_is_short_and_names_what_it_counts() {
        let long = "very ".repeat(60);
        let all = |prefix: &str| (0..50).map(|n| format!("{prefix} {n} {long}")).collect::<Vec<_>>();
        let lines = [all("feat:"), all("fix!: b"), all("security: c"), all("perf:")].concat();
        let changes: Vec<Change> = lines.iter().filter_map(|line| Change::parse(line, None)).collect();
        let told = summary(&changes);
        assert!(told.chars().count() < 1_500, "{}", told.chars().count());
        for part in ["50 breaking changes", "security: c 0", "breaking: b 0", "and 46 more"] {
            assert!(told.contains(part), "{part} in {told}");
        }
    }
}
