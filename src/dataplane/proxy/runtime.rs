//! The data plane's own runtime, so that no question of the control plane delays a pull.

use std::io;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};

/// Runtime for the listener and its requests, and for their wake-ups when the log is durable.
pub struct ProxyRuntime(Option<Runtime>);

impl ProxyRuntime {
    /// Starts one thread for every two cores. The other cores are for the log's threads, the kernel's part of
    /// transfers, and a registry on the same machine. More threads would cost wake-ups to look for work.
    ///
    /// # Errors
    /// The operating system refuses threads or an event queue.
    pub fn start() -> io::Result<Self> {
        let threads = available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        let runtime =
            Builder::new_multi_thread().worker_threads(threads).thread_name("proxy").enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    /// Handle to spawn on.
    pub fn handle(&self) -> Handle {
        // The runtime is present until the drop.
        self.0.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for ProxyRuntime {
    /// Does not block, so that it can be dropped in another runtime.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
