//! The data plane's own threads: no question that people ask, however large, makes a pull wait.

use std::io;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime for the listener, the requests, and what wakes them when the log is durable.
pub struct ProxyRuntime(Option<Runtime>);

impl ProxyRuntime {
    /// One thread for every two cores. The rest have the log's threads, the kernel's part of each transfer, and the
    /// registry beside to do; and threads that have nothing to do cost others: they are woken to look for work.
    ///
    /// # Errors
    /// The operating system refuses threads or what they wait on.
    pub fn start() -> io::Result<Self> {
        let threads = available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        let runtime =
            Builder::new_multi_thread().worker_threads(threads).thread_name("proxy").enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    /// Where to spawn.
    pub fn handle(&self) -> Handle {
        // It is there until the drop.
        self.0.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for ProxyRuntime {
    /// Waits for nothing, so that it can be dropped in another runtime.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
