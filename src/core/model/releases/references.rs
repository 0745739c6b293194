//! The numbers of pull requests and issues in a text, in every usual writing.

/// Most digits of a number.
const DIGITS_MAX: usize = 10;
/// Most numbers that are read from one text, of each sort.
const NUMBERS_MAX: usize = 16;

/// Words after which a number is an issue that the change answers (GitHub's and GitLab's closing words).
const CLOSING: [&str; 17] = [
    "fix",
    "fixes",
    "fixed",
    "fixing",
    "close",
    "closes",
    "closed",
    "closing",
    "resolve",
    "resolves",
    "resolved",
    "resolving",
    "implement",
    "implements",
    "implemented",
    "implementing",
    "issue",
];
/// Words after which a number is a pull or merge request.
const REQUEST: [&str; 11] = [
    "pr",
    "prs",
    "mr",
    "mrs",
    "request",
    "requests",
    "pick",
    "cherry-pick",
    "cherry-picked",
    "cherrypick",
    "backport",
];

/// The numbers that a text names, each once, in the order in which they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Pull and merge requests.
    pub prs: Vec<u64>,
    /// Issues.
    pub issues: Vec<u64>,
}

/// The meaning of the numbers after a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    /// Nothing was said.
    None,
    /// `fixes`: issues, and no bare numbers.
    Closes,
    /// `issue`: issues.
    Issue,
    /// `PR`: requests.
    Request,
}

/// One number in a text.
enum Number {
    Request(u64),
    Issue(u64),
    /// `#12`: on GitHub either.
    Either(u64),
    /// `12`
    Bare(u64),
}

/// The pull requests and issues that a text names.
///
/// A request: `(#12)` and `#12` at the end (a squashed commit's), `!12`, `PR 12`, `pull request #12`, `/pull/12`,
/// `/merge_requests/12`. An issue: `fixes #12`, `issue 12`, `GH-12`, `/issues/12`, and `#12` inside a sentence.
pub fn references(text: &str) -> References {
    let mut found = References::default();
    let mut context = Context::None;
    // A Markdown link is two pieces: its text and its address.
    let words =
        text.split_whitespace().flat_map(|word| word.split_inclusive(',')).flat_map(|word| word.split("]("));
    let mut pieces = words.peekable();
    while let Some(piece) = pieces.next() {
        if piece.starts_with('(') {
            context = Context::None;
        }
        let is_grouped = piece.starts_with('(') && piece.ends_with([')', ',']);
        let word = bare(piece);
        let Some(number) = number(word) else {
            context = next_context(context, word);
            continue;
        };
        // At the end, or with nothing but numbers behind it: `. #12, #13`.
        let is_last = pieces.peek().is_none_or(|next| self::number(bare(next)).is_some());
        match (number, context) {
            (Number::Request(number), _)
            | (Number::Either(number) | Number::Bare(number), Context::Request) => {
                push(&mut found.prs, number);
            }
            (Number::Issue(number), _)
            | (Number::Either(number), Context::Closes | Context::Issue)
            | (Number::Bare(number), Context::Issue) => push(&mut found.issues, number),
            (Number::Either(number), Context::None) if is_grouped || is_last => push(&mut found.prs, number),
            (Number::Either(number), Context::None) => push(&mut found.issues, number),
            (Number::Bare(_), _) => context = Context::None,
        }
        if piece.ends_with(')') {
            context = Context::None;
        }
    }
    found.issues.retain(|issue| !found.prs.contains(issue));
    found
}

/// Tells whether a word is nothing but a reference: `#12`, `!12`, `owner/name#12`, an address.
pub(super) fn is_reference(word: &str) -> bool {
    let is_one = !word.trim().contains(char::is_whitespace);
    is_one && matches!(number(bare(word)), Some(Number::Request(_) | Number::Issue(_) | Number::Either(_)))
}

fn push(numbers: &mut Vec<u64>, number: u64) {
    if numbers.len() < NUMBERS_MAX && !numbers.contains(&number) {
        numbers.push(number);
    }
}

fn bare(piece: &str) -> &str {
    piece.trim_matches(|letter: char| "()[]{}<>,.;:`*_\"'".contains(letter))
}

fn next_context(before: Context, word: &str) -> Context {
    let word = word.to_ascii_lowercase();
    match word.as_str() {
        "issue" | "issues" | "bug" | "ticket" => Context::Issue,
        word if CLOSING.contains(&word) => Context::Closes,
        word if REQUEST.contains(&word) => Context::Request,
        // `fixes #12 and #13`, `PR: 12`
        "and" | "or" | "&" | "number" | "no" | "" => before,
        _ => Context::None,
    }
}

fn number(word: &str) -> Option<Number> {
    if word.contains("://") {
        return address(word);
    }
    if let Some(number) = digits(word) {
        return Some(Number::Bare(number));
    }
    let lower = word.to_ascii_lowercase();
    for (prefix, of) in
        [("gh-", Number::Issue as fn(u64) -> Number), ("pr-", Number::Request), ("pr#", Number::Request)]
    {
        if let Some(number) = lower.strip_prefix(prefix).and_then(digits) {
            return Some(of(number));
        }
    }
    let (project, number, of) = match word.rsplit_once('#') {
        Some((project, number)) => (project, number, Number::Either as fn(u64) -> Number),
        None => {
            let (project, number) = word.rsplit_once('!')?;
            (project, number, Number::Request as fn(u64) -> Number)
        }
    };
    let is_project = project.is_empty() || project.contains('/');
    digits(number).filter(|_| is_project).map(of)
}

/// `https://…/pull/12`, `…/-/merge_requests/87#note_1`, `…/issues/12`
fn address(word: &str) -> Option<Number> {
    let path = word.split(['?', '#']).next()?;
    let mut segments = path.trim_end_matches('/').split('/');
    while let Some(segment) = segments.next() {
        let of = match segment {
            "pull" | "pulls" | "merge_requests" | "pull-requests" => Number::Request as fn(u64) -> Number,
            "issues" => Number::Issue,
            _ => continue,
        };
        return segments.next().and_then(digits).map(of);
    }
    None
}

fn digits(text: &str) -> Option<u64> {
    let is_number = (1..=DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, prs: &[u64], issues: &[u64]) {
        let found = references(text);
        assert_eq!((found.prs.as_slice(), found.issues.as_slice()), (prs, issues), "{text}");
    }

    #[test]
    fn requests_in_every_writing() {
        for text in [
            "fix: a leak (#12)",
            "fix: a leak (#12).",
            "fix: a leak (owner/name#12)",
            "TSDB: Fix a leak. #12",
            "Merge pull request #12 from owner/branch",
            "Merged PR 12: a leak",
            "a leak, see PR #12, really",
            "a leak PR-12 here",
            "cherry pick of cherry-pick #12 for 3.1",
            "a leak (!12) here",
            "See merge request group/project!12",
            "a leak by @someone in https://forge.example/owner/name/pull/12",
            "a leak https://forge.example/group/name/-/merge_requests/12#note_3 here",
            "[#12](https://forge.example/owner/name/pull/12) a leak",
        ] {
            check(text, &[12], &[]);
        }
        check("many things (#12, #13) (#14)", &[12, 13, 14], &[]);
        check("many things. #12 #13", &[12, 13], &[]);
    }

    #[test]
    fn issues_in_every_writing() {
        for text in [
            "a leak, fixes #12",
            "Closes: #12",
            "Resolved owner/name#12 for good",
            "fix: #12 leaks no more",
            "a leak like issue 12 says",
            "GH-12: a leak",
            "see https://forge.example/owner/name/issues/12",
            "a leak [Issue #12]",
        ] {
            check(text, &[], &[12]);
        }
        check("fixes #12, #13 and #14 (#15)", &[15], &[12, 13, 14]);
        check("a leak (fixes #12) (#15)", &[15], &[12]);
    }

    #[test]
    fn other_numbers_are_none() {
        for text in [
            "Bump a from 1.2 to 13",
            "Drop Python 3 support",
            "fix 12 leaks",
            "colour #fff",
            "wow!12",
            "C#12 things",
            "v2.3.1",
            "#0",
            "#123456789012",
            "http://a.example/pull/",
            "",
            "# !",
        ] {
            check(text, &[], &[]);
        }
    }
}
