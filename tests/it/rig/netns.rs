//! Network namespaces: an address of its own for each node.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::process::{Said, run};

/// Most namespaces that one test process makes; processes get ranges of this size.
const PER_PROCESS: u32 = 4;
static MADE: AtomicU32 = AtomicU32::new(0);

/// A network namespace joined to the host by a pair of devices. It is deleted with this value.
#[derive(Debug)]
pub struct Netns {
    name: String,
    number: u32,
}

impl Netns {
    /// A new namespace; none where this machine allows none.
    pub fn new() -> Option<Self> {
        let serial = MADE.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let name = format!("lf{pid}-{serial}");
        // 10.213.0.0/16 has 16,384 networks of four addresses.
        let number = (pid * PER_PROCESS + serial) % (1 << 14);
        if run(Command::new("ip").args(["netns", "add", &name])).code != Some(0) {
            return None;
        }
        let made = Self { name, number };
        made.join_host().then_some(made)
    }

    /// The address at which the namespace reaches the host.
    pub fn host_address(&self) -> String {
        self.address(1)
    }

    /// The address that the host sees.
    pub fn own_address(&self) -> String {
        self.address(2)
    }

    /// A command that runs the program inside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    fn address(&self, host: u32) -> String {
        let last = (self.number % 64) * 4 + host;
        format!("10.213.{}.{last}", self.number / 64)
    }

    fn join_host(&self) -> bool {
        let (name, number) = (&self.name, self.number);
        let (host, own) = (self.host_address(), self.own_address());
        let commands = [
            format!("link add lfh{number} type veth peer name lfn{number} netns {name}"),
            format!("addr add {host}/30 dev lfh{number}"),
            format!("link set lfh{number} up"),
            format!("-n {name} addr add {own}/30 dev lfn{number}"),
            format!("-n {name} link set lfn{number} up"),
            format!("-n {name} link set lo up"),
            format!("-n {name} route add default via {host}"),
        ];
        commands.iter().all(|command| ip(command).code == Some(0))
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // The host's end goes away with the other one.
        ip(&format!("netns del {}", self.name));
    }
}

fn ip(arguments: &str) -> Said {
    run(Command::new("ip").args(arguments.split(' ')))
}
