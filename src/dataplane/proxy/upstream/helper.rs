//! Credential helpers, by the protocol of docker-credential-helpers.
//!
//! `docker-credential-NAME get` reads a server's name from standard input and prints `{"ServerURL": …, "Username": …,
//! "Secret": …}`. Passwords of ECR, Artifact Registry and ACR live for hours; their helpers renew them.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use url::Url;

use super::limits::HELPER_ANSWER_BYTES_MAX;
use crate::config::Secret;

/// User name that marks the secret as a refresh token for the token server (RFC 6749 §6).
pub(super) const TOKEN_USER: &str = "<token>";
/// Docker's name for Docker Hub towards helpers.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
const DOCKER_HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
/// Pause between two checks whether a helper that closed its output has exited.
const LOOK_PAUSE: Duration = Duration::from_millis(5);
/// Output of helpers that know no password, by convention.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// A user and a secret, as printed by a helper.
pub(super) struct HelperCredentials {
    pub(super) username: String,
    pub(super) secret: Secret,
}

/// Failures of a helper. Its output is not shown, because it may have a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum HelperError {
    #[error("{0} is not there: install it in Landfall's PATH, or write its whole path")]
    Missing(String),
    #[error("{0} cannot be run: {1}")]
    Run(String, io::Error),
    #[error("{0} did not answer within {1:?}")]
    TimedOut(String, Duration),
    #[error("{0} knows no password for {1}: log in there as the user that Landfall runs as")]
    Unknown(String, String),
    #[error("{0} failed with {1}; to see why, run `echo {2} | {0} get` as the user that Landfall runs as")]
    Failed(String, String, String),
    #[error("{0} printed no JSON with a Username and a Secret")]
    Malformed(String),
}

/// Program for a configured name.
pub(super) fn program(name: &str) -> String {
    if Path::new(name).is_absolute() { name.to_owned() } else { format!("docker-credential-{name}") }
}

/// Name of a registry towards helpers.
pub(super) fn server(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        None if DOCKER_HUB_HOSTS.contains(&host) => DOCKER_HUB.to_owned(),
        None => host.to_owned(),
        Some(port) => format!("{host}:{port}"),
    }
}

/// Runs `program` to get the password of `server`, within `limit`. The helper inherits Landfall's environment
/// and runs without a shell. Blocks.
pub(super) fn get(program: &str, server: &str, limit: Duration) -> Result<HelperCredentials, HelperError> {
    let name = || program.to_owned();
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // The process group lets its children be killed with it.
    let child = command.process_group(0).spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => HelperError::Missing(name()),
        _ => HelperError::Run(name(), error),
    })?;
    let (status, printed) = match HelperProcess(child).exchange(server, limit) {
        Ok(answer) => answer,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            return Err(HelperError::TimedOut(name(), limit));
        }
        Err(error) => return Err(HelperError::Run(name(), error)),
    };
    if printed.len() as u64 == HELPER_ANSWER_BYTES_MAX {
        return Err(HelperError::Malformed(name()));
    }
    if !status.success() {
        return Err(match printed.trim_ascii() == NOT_FOUND.as_bytes() {
            true => HelperError::Unknown(name(), server.to_owned()),
            false => HelperError::Failed(name(), status.to_string(), server.to_owned()),
        });
    }
    parse(&printed).ok_or_else(|| HelperError::Malformed(name()))
}

/// A running helper; dropping it kills its process group.
struct HelperProcess(Child);

impl HelperProcess {
    fn exchange(mut self, server: &str, limit: Duration) -> io::Result<(ExitStatus, Vec<u8>)> {
        let end = Instant::now() + limit;
        if let Some(mut input) = self.0.stdin.take() {
            // The name fits into the pipe. A helper that does not read it fails by its answer.
            let _ = input.write_all(server.as_bytes());
        }
        let (tell, printed) = mpsc::channel();
        if let Some(output) = self.0.stdout.take() {
            std::thread::spawn(move || {
                let mut printed = Vec::new();
                // Longer output is truncated and then not valid JSON.
                let read = output.take(HELPER_ANSWER_BYTES_MAX).read_to_end(&mut printed);
                let _ = tell.send(read.map(|_| printed));
            });
        }
        let left = || end.saturating_duration_since(Instant::now());
        let printed = printed.recv_timeout(left()).map_err(|_| io::ErrorKind::TimedOut)??;
        loop {
            match self.0.try_wait()? {
                Some(status) => return Ok((status, printed)),
                None if left().is_zero() => return Err(io::ErrorKind::TimedOut.into()),
                None => std::thread::sleep(LOOK_PAUSE),
            }
        }
    }
}

impl Drop for HelperProcess {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // The group may have exited already.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

fn parse(printed: &[u8]) -> Option<HelperCredentials> {
    #[derive(Deserialize)]
    struct HelperAnswer {
        #[serde(rename = "Username")]
        username: String,
        #[serde(rename = "Secret")]
        secret: String,
    }
    let HelperAnswer { username, secret } = serde_json::from_slice(printed).ok()?;
    (!username.is_empty() && !secret.is_empty())
        .then(|| HelperCredentials { username, secret: Secret::new(secret) })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn a_registry_has_the_name_that_docker_gives_it() {
        for (url, expected) in [
            (
                "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            ),
            ("https://registry.internal:5000/base", "registry.internal:5000"),
            ("https://registry-1.docker.io", DOCKER_HUB),
            ("http://[::1]:5000", "[::1]:5000"),
        ] {
            assert_eq!(server(&url.parse().unwrap()), expected);
        }
        assert_eq!(program("ecr-login"), "docker-credential-ecr-login");
        assert_eq!(program("/opt/bin/helper"), "/opt/bin/helper");
    }

    #[test]
    fn what_a_program_does_is_understood_and_its_words_are_not_repeated() {
        let cases = [
            (
                r#"read -r s; echo "{\"ServerURL\":\"$s\",\"Username\":\"$s\",\"Secret\":\"hunter2\"}""#,
                Ok("r.example"),
            ),
            (r#"echo '{"Username":"me","Secret":"hunter2"}'"#, Ok("me")),
            (r#"test "$1" = get && echo '{"Username":"<token>","Secret":"hunter2"}'"#, Ok("<token>")),
            (
                "cat >/dev/null; echo 'credentials not found in native keychain'; exit 1",
                Err("knows no password for r.example: log in"),
            ),
            (
                "echo hunter2; echo hunter2 >&2; exit 3",
                Err("failed with exit status: 3; to see why, run `echo r.example | "),
            ),
            ("kill -9 $$", Err("failed with signal: 9")),
            ("echo hunter2", Err("printed no JSON")),
            (r#"echo '{"Username":"me"}'"#, Err("printed no JSON")),
            (r#"echo '{"Username":"","Secret":"hunter2"}'"#, Err("printed no JSON")),
            (
                "printf '{\"Username\":\"me\",\"Secret\":\"'; head -c 200000 /dev/zero | tr '\\0' x; printf '\"}'",
                Err("printed no JSON"),
            ),
        ];
        let folder = tempfile::tempdir().unwrap();
        for (index, (script, expected)) in cases.into_iter().enumerate() {
            let path = folder.path().join(format!("helper-{index}"));
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            match (get(path.to_str().unwrap(), "r.example", LIMIT), expected) {
                (Ok(credentials), Ok(username)) => {
                    assert_eq!(
                        (credentials.username.as_str(), credentials.secret.reveal()),
                        (username, "hunter2"),
                        "{script}"
                    );
                }
                (Err(error), Err(words)) => {
                    let error = error.to_string();
                    assert!(
                        error.contains(words) && error.contains(path.to_str().unwrap()),
                        "{script}: {error}"
                    );
                    assert!(!error.contains("hunter2"), "{error}");
                }
                (outcome, _) => panic!("{script}: {:?}", outcome.err()),
            }
        }
        let error = get("docker-credential-of-nobody", "r.example", LIMIT).err().unwrap().to_string();
        assert!(error.starts_with("docker-credential-of-nobody is not there: install it"), "{error}");
    }

    #[test]
    fn a_program_that_does_not_end_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("helper");
        let (silent, answered) = (
            "sleep 1000 & echo $! >\"$0.pid\"; wait",
            "echo '{}'; exec >&-; sleep 1000 & echo $! >\"$0.pid\"; wait",
        );
        for script in [silent, answered] {
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            let mut limit = Duration::from_millis(100);
            // On a busy machine the helper may be killed before it has started.
            let pid = loop {
                let error = get(path.to_str().unwrap(), "r.example", limit).err().unwrap();
                assert!(matches!(error, HelperError::TimedOut(..)), "{error}");
                let pid = std::fs::read_to_string(folder.path().join("helper.pid")).unwrap_or_default();
                match pid.trim().parse::<u32>() {
                    Ok(pid) => break pid,
                    Err(_) => limit *= 2,
                }
            };
            // The child is gone or a zombie.
            let is_running =
                || std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
            while is_running() {
                std::thread::yield_now();
            }
            std::fs::remove_file(folder.path().join("helper.pid")).unwrap();
        }
    }
}
