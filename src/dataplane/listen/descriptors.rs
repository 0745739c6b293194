//! Shares of the process's file descriptors, so that clients who hold theirs leave enough for connections to
//! registries.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors of the process itself: the log, certificates, standard streams, the runtimes' event queues.
const OWN: usize = 64;
/// Pipes open at a time, two descriptors each.
const PIPES_MAX: usize = 1_024;
/// Client connections below which the operator is warned.
const CONNECTIONS_FEW: usize = 2_000;

/// Numbers of connections and pipes that the limit on open files allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorLimits {
    /// Connections of the proxy's clients.
    pub proxy_connections_max: usize,
    /// Connections to the admin server.
    pub admin_connections_max: usize,
    /// Pipes to splice through.
    pub pipes_max: usize,
}

impl DescriptorLimits {
    /// Raises the process's soft limit on open files to its hard limit (the usual soft limit of 1,024 exists
    /// for programs that use `select`) and divides the result. Warns if it is small.
    pub fn of_process() -> Self {
        let mut limit = getrlimit(Resource::Nofile);
        if limit.current != limit.maximum {
            limit.current = limit.maximum;
            if setrlimit(Resource::Nofile, limit).is_err() {
                tracing::warn!("the limit on open files cannot be raised");
                limit = getrlimit(Resource::Nofile);
            }
        }
        let files_max = limit.current.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        let files = Self::of(files_max);
        if files.proxy_connections_max < CONNECTIONS_FEW {
            tracing::warn!(
                files_max,
                connections_max = files.proxy_connections_max,
                "the limit on open files allows few client connections: raise it to 65536 (LimitNOFILE= in systemd, \
                 --ulimit nofile= in Docker, ulimit -Hn in a shell)"
            );
        }
        files
    }

    /// Divides `files_max` descriptors: an eighth to the admin server; of the rest half to clients and a
    /// quarter to pipes, so that at least a quarter is left for connections to registries.
    fn of(files_max: usize) -> Self {
        let rest = files_max.saturating_sub(OWN);
        let admin = (rest / 8).max(1);
        let rest = rest.saturating_sub(admin);
        Self {
            proxy_connections_max: (rest / 2).max(1),
            admin_connections_max: admin,
            pipes_max: (rest / 8).min(PIPES_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_and_pipes_leave_descriptors_for_the_registrys_side() {
        for files_max in [100, 256, 1_024, 4_096, 65_536, 1 << 20] {
            let files = DescriptorLimits::of(files_max);
            let clients = files.proxy_connections_max + files.admin_connections_max;
            let left = files_max - OWN - clients - 2 * files.pipes_max;
            assert!(4 * left >= files.proxy_connections_max, "{files_max}: {files:?} leave {left}");
        }
        assert_eq!(DescriptorLimits::of(256).proxy_connections_max, 84);
        assert!(
            DescriptorLimits::of(usize::MAX).proxy_connections_max > 10_000
                && DescriptorLimits::of(0).proxy_connections_max == 1
        );
    }
}
