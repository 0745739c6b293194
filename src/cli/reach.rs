//! The way to the admin server: its address, the token for it, the certificates that are trusted.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use url::Url;

use super::error::CliError;
use super::options::Options;
use crate::tls;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The server of a client command, and how it is reached.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Server")]
pub struct ClientArgs {
    /// Address of the admin server
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "LANDFALL_ADMIN",
        default_value = "http://127.0.0.1:8081",
        value_parser = admin_url
    )]
    pub admin: Url,
    /// File with the admin token; else LANDFALL_ADMIN_TOKEN, else admin.token in a local server's data directory
    #[arg(long, global = true, value_name = "FILE", env = "LANDFALL_ADMIN_TOKEN_FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// Certificates (PEM) to trust besides the system's: of the admin server's CA, or its own
    #[arg(long, global = true, value_name = "FILE", env = "LANDFALL_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// Send the token to another machine over plain HTTP, where everybody on the way can read it
    #[arg(
        long,
        global = true,
        env = "LANDFALL_PLAIN_HTTP",
        value_parser = clap::builder::FalseyValueParser::new()
    )]
    pub plain_http: bool,
    /// Print the server's answer as it is
    #[arg(long, global = true)]
    pub json: bool,
    /// The options' own names.
    #[arg(skip = Options::COMMAND)]
    pub options: Options,
}

impl ClientArgs {
    /// The server at this address, asked with this file's token; the rest as it is without flags.
    pub fn of(admin: Url, admin_token_file: Option<PathBuf>) -> Self {
        let options = Options::COMMAND;
        Self { admin, admin_token_file, ca_file: None, plain_http: false, json: false, options }
    }
}

pub(super) fn admin_url(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("{error}; write it as http://127.0.0.1:8081"))?;
    match (url.scheme(), url.has_host()) {
        ("http" | "https", true) => Ok(url),
        _ => Err("must be an address like https://landfall.example.com or http://127.0.0.1:8081".into()),
    }
}

/// An admin token, and where it is from.
pub(super) struct Token {
    pub(super) header: http::HeaderValue,
    pub(super) origin: String,
}

/// The token for the server, where there is one.
///
/// # Errors
/// It cannot be read, or anybody on the way there could read it.
pub(super) fn token(args: &ClientArgs) -> Result<Option<Token>, CliError> {
    let token = find(args)?;
    if token.is_some() && args.admin.scheme() == "http" && !is_local(&args.admin) && !args.plain_http {
        return Err(CliError::InClear { address: address(&args.admin) });
    }
    Ok(token)
}

/// The server, as it was named.
pub(super) fn address(base: &Url) -> String {
    base.as_str().trim_end_matches('/').to_owned()
}

/// Plain or TLS, as the address says.
pub(super) fn connector(ca_file: Option<&Path>) -> Result<HttpsConnector<HttpConnector>, CliError> {
    let trusted = tls::client_config(ca_file)
        .map_err(|error| CliError::Trust { path: ca_file.map(Path::to_owned), reason: error.to_string() })?;
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let tls = HttpsConnectorBuilder::new().with_tls_config(trusted);
    Ok(tls.https_or_http().enable_http1().wrap_connector(tcp))
}

/// The innermost cause in words; for TLS they say what to do.
pub(super) fn root_cause(error: &legacy::Error, options: Options) -> String {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    loop {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return tls::describe(tls, tls::Settings { url: options.address, ..tls::Settings::COMMAND });
        }
        // The source of an I/O error is not what it wraps, but the source of that.
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = match (wrapped, cause.source()) {
            (Some(wrapped), _) => wrapped,
            (None, Some(source)) => source,
            (None, None) => return cause.to_string(),
        };
    }
}

/// The named file, else the variable, else what a server on this machine wrote for itself.
fn find(args: &ClientArgs) -> Result<Option<Token>, CliError> {
    if let Some(path) = &args.admin_token_file {
        let option = args.options.token_file;
        let failed = |reason: String| CliError::TokenFile { option, path: path.clone(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let header =
            bearer(&text).ok_or_else(|| failed("it holds no token of printable characters".into()))?;
        return Ok(Some(Token { header, origin: format!("that of {}", path.display()) }));
    }
    if let Ok(text) = std::env::var("LANDFALL_ADMIN_TOKEN")
        && let Some(header) = bearer(&text)
    {
        return Ok(Some(Token { header, origin: "that of LANDFALL_ADMIN_TOKEN".into() }));
    }
    if !is_local(&args.admin) {
        return Ok(None);
    }
    let data =
        std::env::var_os("LANDFALL_DATA").map_or_else(|| PathBuf::from("landfall-data"), PathBuf::from);
    let path = data.join("admin.token");
    let header = read_own(&path).and_then(|text| bearer(&text));
    Ok(header.map(|header| Token { header, origin: format!("that of {}", path.display()) }))
}

/// A server's own token is there for users who may read it; for others it is as if there were none.
fn read_own(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn bearer(token: &str) -> Option<http::HeaderValue> {
    let token = token.trim();
    let mut header =
        http::HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| !token.is_empty())?;
    header.set_sensitive(true);
    Some(header)
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_address_is_http_or_https_with_a_host() {
        for good in [
            "http://127.0.0.1:8081",
            "https://a.example",
            "http://localhost:1/behind/a/path/",
            "http://[::1]:8081",
        ] {
            assert!(admin_url(good).is_ok(), "{good}");
        }
        for bad in ["127.0.0.1:8081", "https://", "ftp://a.example", "", "unix:///run/x"] {
            assert!(admin_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_by_the_option_that_names_it() {
        let missing = || Some(PathBuf::from("/nowhere/token"));
        let of_command = ClientArgs::of(admin_url("http://127.0.0.1:1").unwrap(), missing());
        let of_agent = ClientArgs { options: Options::AGENT, ..of_command.clone() };
        for (args, option) in [(of_command, "--admin-token-file: "), (of_agent, "--token-file: ")] {
            let told = token(&args).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(told.starts_with(option), "{told}");
        }
    }

    #[test]
    fn a_token_goes_to_another_machine_over_tls_or_on_demand() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "lfa_x").unwrap();
        let made = |admin: &str, plain_http| {
            let args = ClientArgs::of(admin_url(admin).unwrap(), Some(file.clone()));
            token(&ClientArgs { plain_http, ..args }).err().map(|error| error.to_string())
        };
        for safe in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://a.example"] {
            assert_eq!(made(safe, false), None, "{safe}");
        }
        for open in
            ["http://a.example", "http://10.0.0.7:8081", "http://localhost.a.example", "http://0.0.0.0:1"]
        {
            let refused = made(open, false).expect(open);
            assert!(refused.contains("https://") && refused.contains("--plain-http"), "{refused}");
            assert_eq!(made(open, true), None, "{open}");
        }
    }
}
