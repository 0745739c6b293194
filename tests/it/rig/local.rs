//! Places on this machine for a part: a folder, ports.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Ports that parts listen on. The system gives higher ones to clients (`ip_local_port_range`), so that between the look and
/// the part's start, or while it is away, no connection takes one.
const PORTS: std::ops::Range<u32> = 10_000..30_000;

/// A new empty directory. Unix sockets lie below it, and their paths end at 107 bytes: `TMPDIR` must be short.
pub fn directory() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("lf-").rand_bytes(5).tempdir().unwrap()
}

/// A port of the loopback device that nobody listens on. Each process begins to look elsewhere, and goes on from there.
pub fn free_port() -> u16 {
    static LOOKED_AT: AtomicU32 = AtomicU32::new(0);
    loop {
        let place = std::process::id() * 31 + LOOKED_AT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + place % (PORTS.end - PORTS.start);
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
