//! `landfall mcp`: the Model Context Protocol over standard input and output, over the admin API.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use http::Extensions;
use parking_lot::Mutex;
use rmcp::ServiceExt;
use serde_json::Value;

use super::client::Client;
use super::error::CliError;
use crate::clock::now;
use crate::mcp::{Api, ApiReply, ApiRequest, Consents, Server, Unreachable};
use crate::model::act::TicketId;
use crate::model::directory::UsedTickets;
use crate::model::time::Time;

/// Answers a coding agent on standard input and output; it is started by the agent, not by hand
#[derive(Debug, Args)]
pub struct McpArgs {}

/// The API of another process.
#[derive(Clone)]
struct Remote {
    client: Arc<Client>,
    /// Agreements are asked for and given in this process alone.
    used: Arc<Mutex<UsedTickets>>,
}

impl Api for Remote {
    async fn ask(&self, ask: ApiRequest, _: &Extensions) -> Result<ApiReply, Unreachable> {
        let answer = self.client.exchange(ask.method, &ask.target, ask.body.as_ref()).await;
        let (status, bytes) = answer.map_err(|error| Unreachable(error.to_string()))?;
        let body = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        let body = body.map_err(|error| Unreachable(format!("the server's answer is no JSON: {error}")))?;
        Ok(ApiReply { status, body })
    }

    async fn use_up(&self, ticket: TicketId, ends_at: Time, _: &Extensions) -> Result<bool, Unreachable> {
        Ok(self.used.lock().add(ticket, ends_at, now()))
    }
}

impl McpArgs {
    /// Serves until the agent closes the standard input.
    pub async fn run(self, client: Client) -> Result<ExitCode, CliError> {
        let failed = |error: &dyn std::fmt::Display| CliError::Mcp(error.to_string());
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| failed(&error))?;
        let consents = Arc::new(Consents::new(key).map_err(|error| failed(&error))?);
        let remote = Remote { client: Arc::new(client.as_agent()), used: Arc::default() };
        let server = Server::new(remote, consents);
        let io = (tokio::io::stdin(), tokio::io::stdout());
        let running = server.serve(io).await.map_err(|error| failed(&error))?;
        running.waiting().await.map_err(|error| failed(&error))?;
        Ok(ExitCode::SUCCESS)
    }
}
