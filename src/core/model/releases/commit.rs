//! One commit, read for what it says of a release.

use super::change::Change;
use super::kind::{ChangeKind, Rule};
use super::references::references;
use crate::model::time::Time;

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its hash.
    pub hash: String,
    /// Its parents' hashes, the branch that it was made on first.
    pub parents: Vec<String>,
    /// The time of the commit.
    pub at: Time,
    /// Its author.
    pub author: String,
    /// A line about it: its subject, or the title of the request that it merges.
    pub title: String,
    /// The request or branch that it merges, if it has several parents.
    pub merge: Option<Merge>,
    /// The hash of a commit that it takes back.
    pub reverts: Option<String>,
    /// The origin that its body names, where it was picked.
    pub origin: Option<Origin>,
    /// The issue that its body says it closes.
    issue: Option<u64>,
    /// The request that its body names.
    pr: Option<u64>,
    /// Its footer says that it breaks something.
    is_breaking: bool,
}

/// The request or branch that a commit with several parents merges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge {
    /// A pull or merge request.
    Request {
        /// Its number.
        number: u64,
    },
    /// A branch, a tag: nothing that anybody talks about.
    Other,
}

/// The origin of a pick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A commit's hash, as `git cherry-pick -x` writes it.
    Commit(String),
    /// A request: `Backport of #12`.
    Request(u64),
}

/// Beginnings of a body's lines that name requests and issues.
const TRAILERS: [&str; 16] = [
    "fix",
    "fixes",
    "fixed",
    "close",
    "closes",
    "closed",
    "resolve",
    "resolves",
    "resolved",
    "see",
    "pr-url",
    "reviewed-on",
    "pull-request",
    "merge-request",
    "part-of",
    "issue",
];

impl Commit {
    /// A commit with its whole message.
    pub fn read(hash: String, parents: Vec<String>, at: Time, author: String, message: &str) -> Self {
        let (subject, body) = message.trim().split_once('\n').unwrap_or((message.trim(), ""));
        let mut commit = Self {
            hash,
            parents,
            at,
            author,
            title: subject.trim().to_owned(),
            merge: None,
            reverts: body.lines().find_map(reverted),
            origin: body.lines().find_map(origin),
            issue: None,
            pr: None,
            is_breaking: body.lines().any(is_breaking_footer),
        };
        for line in body.lines().filter(|line| is_trailer(line)) {
            let found = references(line);
            commit.issue = commit.issue.or(found.issues.first().copied());
            commit.pr = commit.pr.or(found.prs.first().copied());
        }
        if commit.parents.len() > 1 {
            commit.read_merge(body);
        }
        commit
    }

    /// GitHub: `Merge pull request #12 from …` and the title below; GitLab: `Merge branch …`, the title and `See merge
    /// request …!12`; Bitbucket and Azure: `Merged in … (pull request #12)`, `Merged PR 12: title`.
    fn read_merge(&mut self, body: &str) {
        let says_merge = self.title.to_lowercase().starts_with("merge");
        let number = references(&self.title).prs.first().copied().or(self.pr);
        let Some(number) = number else {
            // A merge with words of its own is a commit like others.
            self.merge = says_merge.then_some(Merge::Other);
            return;
        };
        self.merge = Some(Merge::Request { number });
        self.pr = Some(number);
        let below = body.lines().map(str::trim).find(|line| !line.is_empty() && !is_trailer(line));
        let behind = self.title.split_once(": ").map(|(_, title)| title);
        if says_merge && let Some(title) = behind.or(below) {
            self.title = title.to_owned();
        }
    }

    /// The number of the request that it merges or names.
    pub fn number(&self) -> Option<u64> {
        self.pr
    }

    /// Tells whether it says of what kind it is, and that is worth a word.
    pub fn is_typed(&self) -> bool {
        self.change().is_some_and(|change| {
            let by_type = !matches!(change.rule, Some(Rule::Unclassified | Rule::FirstWord));
            by_type && !matches!(change.kind, ChangeKind::Other | ChangeKind::Docs)
        })
    }

    /// The change that it makes; none where it says nothing or only completes another.
    pub fn change(&self) -> Option<Change> {
        let completes = ["fixup!", "squash!", "amend!"].iter().any(|mark| self.title.starts_with(mark));
        let mut change = Change::parse(&self.title, None).filter(|_| !completes)?;
        if self.is_breaking {
            (change.kind, change.rule) = (ChangeKind::Breaking, Some(Rule::BreakingMarker));
        }
        change.pr = change.pr.or(self.pr);
        change.issue = change.issue.or(self.issue);
        change.commit = Some(self.hash.clone());
        change.author = Some(self.author.clone()).filter(|author| !author.is_empty());
        Some(change)
    }
}

/// `BREAKING CHANGE: …`, as Conventional Commits 1.0.0 says it.
fn is_breaking_footer(line: &str) -> bool {
    line.starts_with("BREAKING CHANGE: ") || line.starts_with("BREAKING-CHANGE: ")
}

fn is_trailer(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or_default().trim_end_matches(':').to_lowercase();
    TRAILERS.contains(&first.as_str()) && references(line) != super::References::default()
}

/// `This reverts commit <hash>.`, as git writes it.
fn reverted(line: &str) -> Option<String> {
    hash_behind(line, "This reverts commit ")
}

/// `(cherry picked from commit <hash>)`, as git writes it, and `Backport of #12`, `Cherry-pick of #12` at a line's start.
fn origin(line: &str) -> Option<Origin> {
    let lower = line.trim_start().to_lowercase();
    let is_pick = ["backport", "cherry-pick", "cherry pick"].iter().any(|word| lower.starts_with(word));
    let request = || references(line).prs.first().copied().filter(|_| is_pick);
    let commit = hash_behind(line, "cherry picked from commit ").map(Origin::Commit);
    commit.or_else(|| request().map(Origin::Request))
}

fn hash_behind(line: &str, words: &str) -> Option<String> {
    let (_, rest) = line.split_once(words)?;
    let hash: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    matches!(hash.len(), 40 | 64).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(message: &str) -> Commit {
        let parents = vec!["a".repeat(40), "b".repeat(40)];
        Commit::read("c".repeat(40), parents, Time::from_ms(0), "Ada".into(), message)
    }

    #[test]
    fn merged_requests_are_known_by_each_forge_s_words() {
        for message in [
            "Merge pull request #12 from owner/branch\n\nFix a leak\n\nA long story.",
            "Merge branch 'x' into 'main'\n\nFix a leak\n\nCloses #7\n\nSee merge request group/app!12",
            "Merged in x (pull request #12)\n\nFix a leak",
            "Merged PR 12: Fix a leak",
            "Fix a leak (#12)",
            "Merge pull request 'Fix a leak' (#12) from x into main\n\nFix a leak\n\nReviewed-on: https://forge.example/a/b/pulls/12",
        ] {
            let commit = merge(message);
            assert_eq!(commit.merge, Some(Merge::Request { number: 12 }), "{message}");
            let change = commit.change().unwrap();
            assert_eq!((change.title.as_str(), change.pr), ("Fix a leak", Some(12)), "{message}");
        }
        assert_eq!(merge("Merge branch 'main' into x").merge, Some(Merge::Other));
        assert_eq!(merge("Merge remote-tracking branch 'origin/main'").merge, Some(Merge::Other));
        assert_eq!(merge("feat: bring both together").merge, None);
    }

    #[test]
    fn a_body_says_what_is_closed_broken_and_taken_back() {
        let read = |message: &str| Commit::read("c".into(), vec![], Time::from_ms(0), String::new(), message);
        let change = read(
            "feat: a\n\nWords.\n\nBREAKING CHANGE: b\nFixes: #7\nPR-URL: https://forge.example/a/b/pull/12",
        )
        .change();
        let change = change.unwrap();
        assert_eq!((change.kind, change.pr, change.issue), (ChangeKind::Breaking, Some(12), Some(7)));
        assert_eq!(change.author, None);
        let told = read("feat: a\n\nThis is unlike #3.\nBreaking change: none").change().unwrap();
        assert_eq!((told.kind, told.issue), (ChangeKind::Feature, None));
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let body = format!("Revert \"a\"\n\nThis reverts commit {hash}, reversing\nchanges made to b.");
        assert_eq!(read(&body).reverts.as_deref(), Some(hash));
        assert_eq!(read("Revert\n\nThis reverts commit 0123.").reverts, None);
        let picked = |line: &str| read(&format!("feat: a (#20)\n\nWords.\n{line}")).origin;
        assert_eq!(picked(&format!("(cherry picked from commit {hash})")), Some(Origin::Commit(hash.into())));
        assert_eq!(picked("Backport of #12"), Some(Origin::Request(12)));
        assert_eq!(picked("Cherry-picked from https://forge.example/a/b/pull/12"), Some(Origin::Request(12)));
        assert_eq!(picked("Unlike the backport of #12, this is whole."), None);
        for nothing in ["", "\n\n", "fixup! feat: a", "squash! a"] {
            assert_eq!(read(nothing).change(), None, "{nothing}");
        }
    }
}
