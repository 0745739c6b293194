//! One configured registry.

use http::Uri;
use url::Url;

use super::credentials::Credentials;
use super::error::{SetupError, UpstreamError};
use super::health::{Gauges, Health};
use super::limits::Timeouts;
use super::login::Login;
use super::pools::Pools;
use super::redirect;
use crate::config::{self, Redirects};

/// One registry: its address, the login to it and the connections to it.
pub(super) struct Upstream {
    pub(super) prefix: String,
    pub(super) url: Url,
    /// Scheme, host and port of `url`.
    pub(super) origin: Uri,
    /// Path of `url` without a final slash.
    pub(super) base_path: String,
    pub(super) redirects: Redirects,
    pub(super) login: Login,
    /// Origins outside the registry's domain that may be its token server.
    pub(super) token_servers: Vec<Url>,
    pub(super) pools: Pools,
    pub(super) timeouts: Timeouts,
    pub(super) health: Health,
}

impl Upstream {
    /// Prepares the registry of one setting.
    ///
    /// # Errors
    /// The URL or the credentials cannot be used.
    pub(super) fn new(
        setting: &config::UpstreamConfig,
        pools: Pools,
        timeouts: Timeouts,
        gauges: &Gauges,
    ) -> Result<Self, SetupError> {
        let (prefix, url) = (setting.prefix.trim_matches('/').to_owned(), setting.url.clone());
        if let Some(reason) = redirect::unfit_for_registry(&url) {
            let url = redirect::without_secrets(&url);
            return Err(SetupError::Url { prefix, url, reason });
        }
        let origin = redirect::uri(url.as_str()).map_err(|_| {
            let (prefix, url) = (prefix.clone(), redirect::without_secrets(&url));
            SetupError::Url { prefix, url, reason: "its host cannot be sent in a request" }
        })?;
        let credentials = Credentials::new(setting.credentials.as_ref(), &url)
            .map_err(|reason| SetupError::Credentials { prefix: prefix.clone(), reason })?;
        let host = origin.authority().map_or_else(String::new, ToString::to_string);
        let health = Health::new(&prefix, host, gauges);
        Ok(Self {
            prefix,
            origin,
            base_path: url.path().trim_end_matches('/').to_owned(),
            url,
            redirects: setting.redirects,
            login: Login::new(credentials),
            token_servers: setting.token_servers.clone(),
            pools,
            timeouts,
            health,
        })
    }

    /// URI of a path and query at this registry.
    pub(super) fn uri_of(&self, path: String) -> Result<Uri, UpstreamError> {
        let mut parts = self.origin.clone().into_parts();
        parts.path_and_query = Some(path.try_into().map_err(|_| redirect::bad_url())?);
        Uri::from_parts(parts).map_err(|_| redirect::bad_url())
    }
}
