//! TLS of every side: the certificate that a listener shows, and the certificates that a client trusts.
//!
//! Both listeners, the registries behind the proxy, the admin server that commands ask and the endpoint of a model use it.
//! There is one library and one set of defaults: rustls with ring, TLS 1.2 and 1.3, the system's roots.

mod certificate;
mod explain;
mod pinned;
mod roots;
mod trust;

pub use certificate::{Certificate, Keys, TlsError};
pub use explain::{Settings, describe};
pub use roots::system_roots;
pub use trust::{TrustError, client_config};
