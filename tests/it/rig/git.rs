//! A real git repository, made as a test needs it.

use std::process::Command;

use tempfile::TempDir;

/// A git repository whose commits have fixed authors and dates, an hour apart.
pub struct Repository {
    pub dir: TempDir,
    hours: std::cell::Cell<u32>,
}

impl Repository {
    /// An empty repository.
    pub fn new() -> Self {
        let repository = Self { dir: TempDir::new().unwrap(), hours: std::cell::Cell::new(0) };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    /// Its folder.
    pub fn path(&self) -> &str {
        self.dir.path().to_str().unwrap()
    }

    /// Runs `git` in it, an hour after the last time.
    pub fn git(&self, arguments: &[&str]) -> String {
        self.hours.set(self.hours.get() + 1);
        let date = format!("2026-03-02T{:02}:00:00Z", self.hours.get());
        let mut git = Command::new("git");
        git.arg("-C").arg(self.dir.path()).args(["-c", "commit.gpgSign=false", "-c", "tag.gpgSign=false"]);
        git.args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "Ada").env(format!("GIT_{who}_EMAIL"), "ada@shop.example");
            git.env(format!("GIT_{who}_DATE"), &date);
        }
        let output = git.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits nothing but a message; returns the commit's hash.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Merges a branch with a merge commit.
    pub fn merge(&self, branch: &str, message: &str) {
        self.git(&["merge", "--quiet", "--no-ff", "--allow-unrelated-histories", "-m", message, branch]);
    }
}
