//! Reading a git repository with the `git` command: no shell, no prompt, no pager, nothing written.

use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::model::releases::Commit;
use crate::model::time::Time;

/// Most commits that are read: some 200 bytes are kept of each.
const COMMITS_MAX: usize = 2_000_000;
/// Most tags that are read.
const TAGS_MAX: usize = 50_000;
/// Longest message of one commit that is read, in bytes.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Longest part of git's complaints that is shown, in bytes.
const COMPLAINT_BYTES_MAX: u64 = 2 * 1024;
/// Commits between two reports of progress.
const PROGRESS_EVERY: usize = 10_000;

/// The reason why a repository cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No `git`.
    #[error("cannot run `git`: {0}\n  install git, or put it on the PATH")]
    Missing(#[source] std::io::Error),
    /// No repository.
    #[error("{} is not a git repository\n  name the directory of a clone with --git DIR", .0.display())]
    NoRepository(PathBuf),
    /// The history is cut off.
    #[error(
        "{} is a shallow clone: its history ends early, so what a release brought cannot be told\n  \
         run `git fetch --unshallow --tags` there; in CI, check out with the full history (fetch-depth: 0)", .0.display()
    )]
    Shallow(PathBuf),
    /// No tags.
    #[error("{} has no tags, and each release is a tag\n  run `git fetch --tags` there, if its origin has some", .0.display())]
    NoTags(PathBuf),
    /// More than is read.
    #[error("{} has more than {max} {what}; that is more than is read", repository.display())]
    TooMany {
        /// The repository's directory.
        repository: PathBuf,
        /// Of what.
        what: &'static str,
        /// The number that is read at most.
        max: usize,
    },
    /// It says no.
    #[error("`git {command}` failed in {}: {complaint}", repository.display())]
    Failed {
        /// The repository's directory.
        repository: PathBuf,
        /// The git command that failed.
        command: &'static str,
        /// Git's own words.
        complaint: String,
    },
}

/// A tag that names a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TagRef {
    /// Its name, without `refs/tags/`.
    pub name: String,
    /// The commit's hash.
    pub commit: String,
}

/// A git repository with its whole history.
#[derive(Debug)]
pub(super) struct Git {
    directory: PathBuf,
}

impl Git {
    /// The repository that `directory` is, or is in.
    pub(super) fn open(directory: &Path) -> Result<Self, GitError> {
        let git = Self { directory: directory.to_owned() };
        if !directory.is_dir() {
            return Err(GitError::NoRepository(git.directory));
        }
        let mut shallow = String::new();
        let answer = git.run("rev-parse", &["--is-shallow-repository"], "", |out| {
            out.read_to_string(&mut shallow).map(drop)
        });
        match answer {
            Err(GitError::Failed { complaint, .. }) if complaint.contains("not a git repository") => {
                Err(GitError::NoRepository(git.directory))
            }
            Err(error) => Err(error),
            Ok(()) if shallow.trim() == "true" => Err(GitError::Shallow(git.directory)),
            Ok(()) => Ok(git),
        }
    }

    /// The tags that name commits, by name. `pattern` is one of `git tag --list`: `v*`, `app/v*`.
    pub(super) fn tags(&self, pattern: Option<&str>) -> Result<Vec<TagRef>, GitError> {
        // A pattern behind `refs/tags/` can be no option.
        let refs = format!("refs/tags/{}", pattern.unwrap_or_default());
        let format =
            "--format=%(refname:strip=2)%00%(objecttype) %(objectname)%00%(*objecttype) %(*objectname)";
        let mut tags = Vec::new();
        self.run("for-each-ref", &[format, &refs], "", |out| {
            for line in BufReader::new(out).split(b'\n') {
                let line = line?;
                tags.extend(tag(&String::from_utf8_lossy(&line)));
                if tags.len() > TAGS_MAX {
                    break;
                }
            }
            Ok(())
        })?;
        if tags.len() > TAGS_MAX {
            return Err(self.too_many("tags", TAGS_MAX));
        }
        if tags.is_empty() && pattern.is_none() {
            return Err(GitError::NoTags(self.directory.clone()));
        }
        Ok(tags)
    }

    /// Every commit that these contain, children before parents. `progress` is told now and then how many were read.
    pub(super) fn commits(
        &self,
        of: &[TagRef],
        mut progress: impl FnMut(usize),
    ) -> Result<Vec<Commit>, GitError> {
        let wanted: String = of.iter().map(|tag| format!("{}\n", tag.commit)).collect();
        let format = "--format=%H%x00%P%x00%ct%x00%aN%x00%B%x00";
        let arguments = ["--date-order", "--no-color", "--no-notes", "--encoding=UTF-8", format, "--stdin"];
        let mut commits = Vec::new();
        self.run("log", &arguments, &wanted, |out| {
            let mut reader = BufReader::with_capacity(1024 * 1024, out);
            while commits.len() <= COMMITS_MAX
                && let Some(commit) = read_commit(&mut reader)?
            {
                commits.push(commit);
                if commits.len().is_multiple_of(PROGRESS_EVERY) {
                    progress(commits.len());
                }
            }
            Ok(())
        })?;
        if commits.len() > COMMITS_MAX { Err(self.too_many("commits", COMMITS_MAX)) } else { Ok(commits) }
    }

    fn too_many(&self, what: &'static str, max: usize) -> GitError {
        GitError::TooMany { repository: self.directory.clone(), what, max }
    }

    /// Runs one of git's commands; `read` takes what it prints, and may stop early.
    fn run(
        &self,
        command: &'static str,
        arguments: &[&str],
        input: &str,
        read: impl FnOnce(&mut dyn Read) -> std::io::Result<()>,
    ) -> Result<(), GitError> {
        let failed =
            |complaint: String| GitError::Failed { repository: self.directory.clone(), command, complaint };
        let broke = |error: std::io::Error| failed(error.to_string());
        // Complaints go to a file: a pipe that nobody reads would stop git.
        let mut complaints = tempfile::tempfile().map_err(broke)?;
        let stderr = complaints.try_clone().map_err(broke)?;
        let mut child = self.command(command, arguments, stderr).spawn().map_err(GitError::Missing)?;
        let told = feed(&mut child, input);
        let (told, is_whole) = match (told, child.stdout.take()) {
            (Ok(()), Some(mut out)) => (read(&mut out), out.read(&mut [0]).is_ok_and(|rest| rest == 0)),
            (told, _) => (told, true),
        };
        let status = child.wait().map_err(broke)?;
        // A reader that stops early makes git fail, and knows why.
        if !status.success() && is_whole {
            let mut complaint = String::new();
            complaints.rewind().map_err(broke)?;
            let mut bytes = Vec::new();
            complaints.take(COMPLAINT_BYTES_MAX).read_to_end(&mut bytes).map_err(broke)?;
            complaint.push_str(String::from_utf8_lossy(&bytes).trim());
            return Err(failed(if complaint.is_empty() { status.to_string() } else { complaint }));
        }
        told.map_err(broke)
    }

    fn command(&self, command: &str, arguments: &[&str], stderr: std::fs::File) -> Command {
        let mut git = Command::new("git");
        git.arg("--no-pager").arg("-C").arg(&self.directory).args(["-c", "log.showSignature=false", command]);
        git.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        // Messages as they are matched above; and nothing of the repository that git may run in as a hook.
        git.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_NO_LAZY_FETCH", "1");
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE"] {
            git.env_remove(variable);
        }
        git
    }
}

/// Hands `input` to git, which reads it whole before it prints.
fn feed(child: &mut Child, input: &str) -> std::io::Result<()> {
    match child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes())) {
        // It ended before it read: its status says why.
        Some(Err(error)) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// A line of `git for-each-ref`: light tags name a commit, annotated ones an object that does.
fn tag(line: &str) -> Option<TagRef> {
    let mut parts = line.split('\0');
    let name = parts.next()?;
    let commit = parts.find_map(|part| part.strip_prefix("commit "))?;
    Some(TagRef { name: name.to_owned(), commit: commit.to_owned() })
}

/// The next commit of `git log`, in the format of [`Git::commits`].
pub(super) fn read_commit(reader: &mut impl BufRead) -> std::io::Result<Option<Commit>> {
    let mut fields = [const { String::new() }; 5];
    for field in &mut fields {
        let mut bytes = Vec::new();
        reader.read_until(0, &mut bytes)?;
        if bytes.pop_if(|last| *last == 0).is_none() {
            return Ok(None);
        }
        bytes.truncate(MESSAGE_BYTES_MAX);
        *field = String::from_utf8_lossy(&bytes).into_owned();
    }
    // The line's end that git puts behind the format.
    reader.skip_until(b'\n')?;
    let [hash, parents, at, author, message] = fields;
    let parents = parents.split_whitespace().map(str::to_owned).collect();
    let seconds: i64 = at.parse().unwrap_or_default();
    Ok(Some(Commit::read(hash, parents, Time::from_ms(seconds.saturating_mul(1_000)), author, &message)))
}
