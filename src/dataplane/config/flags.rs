//! The flags of `serve`.

use std::path::PathBuf;

/// The flags of `serve`, each with its environment variable.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// Configuration file (TOML)
    #[arg(long, env = "LANDFALL_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address that clients pull from [default: 0.0.0.0:8080]
    #[arg(long, env = "LANDFALL_LISTEN", value_name = "ADDR")]
    pub listen: Option<String>,
    /// Address of the admin server [default: 127.0.0.1:8081]
    #[arg(long, env = "LANDFALL_ADMIN_LISTEN", value_name = "ADDR")]
    pub admin_listen: Option<String>,
    #[allow(rustdoc::bare_urls, reason = "this is the help text, too")]
    /// Registry behind the proxy, e.g. https://registry.internal:5000
    #[arg(long, env = "LANDFALL_UPSTREAM", value_name = "URL")]
    pub upstream: Option<String>,
    /// Folder for the log [default: ./landfall-data]
    #[arg(long, env = "LANDFALL_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Certificate chain of the proxy (PEM); read again when it changes
    #[arg(long, env = "LANDFALL_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the proxy (PEM)
    #[arg(long, env = "LANDFALL_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Certificate chain of the admin server (PEM); read again when it changes
    #[arg(long, env = "LANDFALL_ADMIN_TLS_CERT", value_name = "FILE")]
    pub admin_tls_cert: Option<PathBuf>,
    /// Private key of the admin server (PEM)
    #[arg(long, env = "LANDFALL_ADMIN_TLS_KEY", value_name = "FILE")]
    pub admin_tls_key: Option<PathBuf>,
    /// File with the admin token [default: made in the data folder on first start]
    #[arg(long, env = "LANDFALL_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// Host that requests to the admin server may name besides loopback and its address; may be given several times
    #[arg(long, env = "LANDFALL_ADMIN_HOST", value_name = "HOST", value_delimiter = ',')]
    pub admin_host: Vec<String>,
    /// Host that pull secrets and commands name [default: the listen address]
    #[arg(long, env = "LANDFALL_PUBLIC_HOST", value_name = "HOST[:PORT]")]
    pub public_host: Option<String>,
    /// Blob transfers whose digest is verified: first or always [default: first]
    #[arg(long, env = "LANDFALL_VERIFY", value_name = "WHICH")]
    pub verify: Option<String>,
    /// Tells whether the kernel moves verified blobs from socket to socket, if both sides are plain HTTP [default: true]
    #[arg(long, env = "LANDFALL_SPLICE", value_name = "BOOL")]
    pub splice: Option<bool>,
    /// Load balancer or reverse proxy that may state its clients' addresses; may be given several times
    #[arg(long, env = "LANDFALL_TRUSTED_PROXY", value_name = "NETWORK", value_delimiter = ',')]
    pub trusted_proxy: Vec<String>,
    /// Tells whether trusted proxies start each connection with a PROXY protocol header [default: false]
    #[arg(long, env = "LANDFALL_PROXY_PROTOCOL", value_name = "BOOL")]
    pub proxy_protocol: Option<bool>,
    /// Longest time that an answer waits for its observation to be durable [default: 25ms]
    #[arg(long, env = "LANDFALL_MAX_WAIT", value_name = "DURATION")]
    pub max_wait: Option<String>,
    /// Time that observations stay in the log; what they proved stays [default: 400d]
    #[arg(long, env = "LANDFALL_KEEP", value_name = "DURATION")]
    pub keep: Option<String>,
    /// Quiet time after which a rollout counts as settled [default: 10m]
    #[arg(long, env = "LANDFALL_SETTLE", value_name = "DURATION")]
    pub settle: Option<String>,
    /// Base URL, to /v1, of an OpenAI-compatible endpoint for questions that `ask` does not understand
    #[arg(long, env = "LANDFALL_ASK_MODEL_URL", value_name = "URL")]
    pub ask_model_url: Option<String>,
    /// The model's name at that endpoint
    #[arg(long, env = "LANDFALL_ASK_MODEL", value_name = "NAME")]
    pub ask_model: Option<String>,
    /// File with the endpoint's API key [default: none is sent]
    #[arg(long, env = "LANDFALL_ASK_API_KEY_FILE", value_name = "FILE")]
    pub ask_api_key_file: Option<PathBuf>,
    /// Longest time that the model may take for an answer [default: 30s]
    #[arg(long, env = "LANDFALL_ASK_TIMEOUT", value_name = "DURATION")]
    pub ask_timeout: Option<String>,
}
