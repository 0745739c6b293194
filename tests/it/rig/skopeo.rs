//! skopeo, which copies images without a daemon.

use std::path::Path;
use std::process::Command;

use super::process::{Said, run};

/// `skopeo copy` of every platform into a directory: `manifest.json` and a file for each blob, named by its digest.
pub fn copy(image: &str, user: &str, secret: &str, to: &Path) -> Said {
    let mut command = Command::new("skopeo");
    command.args(["copy", "--all", "--src-tls-verify=false", "--preserve-digests"]);
    command.args(["--src-creds", &format!("{user}:{secret}")]);
    run(command.arg(format!("docker://{image}")).arg(format!("dir:{}", to.display())))
}
