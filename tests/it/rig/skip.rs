//! Tests whose real part is not installed are skipped aloud: a line in the test's output, and one in the file that
//! `LANDFALL_TEST_SKIPS` names, which `tests/run` prints at its end.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

/// Returns from the test unless every program can be run.
macro_rules! need {
    ($($program:literal),+) => {
        $(if let Some(why) = $crate::rig::skip::hindrance($program) {
            return $crate::rig::skip::skipped(module_path!(), &why);
        })+
    };
}
pub(crate) use need;

/// The files that dockerd looks for at its start: version 2 of control groups, or the devices of version 1.
const CGROUPS: [&str; 2] = ["/sys/fs/cgroup/cgroup.controllers", "/sys/fs/cgroup/devices"];

/// Tells whether `PATH` has the program.
pub fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|dir| dir.join(program).is_file())
}

/// The reason why a program cannot be run here; none if it can.
pub fn hindrance(program: &str) -> Option<String> {
    if !is_installed(program) {
        return Some(format!("{program} is not installed"));
    }
    let needs_root = ["containerd", "dockerd"].contains(&program);
    if needs_root && !rustix::process::geteuid().is_root() {
        return Some(format!("{program} needs root"));
    }
    let has_cgroups = CGROUPS.iter().any(|path| Path::new(path).exists());
    (program == "dockerd" && !has_cgroups).then(|| "dockerd needs control groups".to_owned())
}

/// Says that something was not tested, and why.
pub fn skipped(what: &str, why: &str) {
    let line = format!("SKIPPED: {why} ({what})\n");
    print!("{line}");
    if let Some(file) = std::env::var_os("LANDFALL_TEST_SKIPS") {
        let file = OpenOptions::new().create(true).append(true).open(Path::new(&file));
        file.unwrap().write_all(line.as_bytes()).unwrap();
    }
}
