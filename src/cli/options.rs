//! The options that say how a server is reached, by name.

/// Names of the options that say how a server is reached: errors name what can be mended.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// That of its address.
    pub address: &'static str,
    /// The variable that stands for it.
    pub address_variable: &'static str,
    /// That of the token's file.
    pub token_file: &'static str,
}

impl Options {
    /// Those of commands that ask a server.
    pub const COMMAND: Self =
        Self { address: "--admin", address_variable: "LANDFALL_ADMIN", token_file: "--admin-token-file" };
    /// Those of a witness.
    pub const AGENT: Self =
        Self { address: "--hub", address_variable: "LANDFALL_HUB", token_file: "--token-file" };
}
