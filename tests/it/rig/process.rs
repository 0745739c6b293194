//! Processes that end with the value that holds them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Longest time that a process may take to end after SIGTERM before it is killed.
const END_TIME_MAX: Duration = Duration::from_secs(10);

/// Writes a program that can be run.
pub fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A running program whose standard error (and output, unless it is read by the test) goes to a file.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the command with all of its output in `log`.
    pub fn start(command: &Command, log: &Path) -> Self {
        let out = File::create(log).unwrap();
        Self::spawn(ending_with_us(command), log, out.try_clone().unwrap().into(), out)
    }

    /// Starts the command with its errors in `log` and its output in a pipe.
    pub fn piped(command: &Command, log: &Path) -> Self {
        let errors = File::options().create(true).append(true).open(log).unwrap();
        Self::spawn(ending_with_us(command), log, Stdio::piped(), errors)
    }

    fn spawn(mut command: Command, log: &Path, stdout: Stdio, errors: File) -> Self {
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(errors).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log: log.to_owned() }
    }

    /// The process, e.g. to take its output.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its identifier.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The text that it has written so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Tells whether it still runs; panics with its log where it has ended.
    pub fn assert_running(&mut self, what: &str) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{what} ended by itself ({status}):\n{}", self.log());
        }
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let _ = kill_process(self.id(), Signal::TERM);
    }

    /// Sends SIGHUP.
    pub fn hang_up(&self) {
        let _ = kill_process(self.id(), Signal::HUP);
    }

    /// Sends SIGKILL, as `kill -9` does, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it ends, at most `time_max`.
    pub fn wait(&mut self, time_max: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + time_max;
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return Some(status),
                None if Instant::now() > end => return None,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

/// The same command, ended by the kernel should the test be killed, e.g. because it took too long.
fn ending_with_us(command: &Command) -> Command {
    let mut ending = Command::new("setpriv");
    ending.args(["--pdeathsig", "TERM", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => ending.env(name, value),
            None => ending.env_remove(name),
        };
    }
    ending
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.terminate();
        if self.wait(END_TIME_MAX).is_none() {
            self.kill();
        }
    }
}

/// The output of a finished command.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Said {
    /// Output and errors in one text.
    pub fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    /// Panics with everything it said unless it succeeded.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.all());
        self
    }

    /// Panics with everything it said unless it failed and said `why`.
    #[track_caller]
    pub fn failed_with(self, why: &str) -> Self {
        assert_ne!(self.code, Some(0), "{}", self.all());
        assert!(self.all().to_lowercase().contains(&why.to_lowercase()), "no `{why}` in: {}", self.all());
        self
    }
}

/// Runs the command to its end.
pub fn run(command: &mut Command) -> Said {
    let output = command.stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said { code: status.code(), out: text(stdout), err: text(stderr) }
}
