//! Conversions of tokens, acts and intents into the types of the wire.

use super::act::{Act, Role, Through, Who};
use super::ask::Intent;
use super::directory::WarningKind;
use super::names::TokenKind;
use crate::wire::{AuditActor, AuditEntry, in_words};

in_words! {
    Through => Through { Unknown, Api, Cli, Dashboard, Mcp, Webhook }
    Role => Role { Viewer, Admin, Publisher }
    TokenKind => TokenKind { Cluster, Local, Prepull, Scanner, Host, Agent }
    WarningKind => TokenWarningKind { NewNetwork, NewAgent, TwoEnvironments }
    Intent => Intent {
        Running, Verify, Missing, Compare, Changes, History, Rollbacks, Search, Deploy, Tokens, CreateEnvironment,
        GenerateToken, Unknown,
    }
}

impl From<Who> for AuditActor {
    fn from(who: Who) -> Self {
        match who {
            Who::Unknown => Self { kind: "unknown".into(), id: None, name: None },
            Who::TokenFile => Self { kind: "token_file".into(), id: None, name: None },
            Who::Webhook { name } => Self { kind: "webhook".into(), id: None, name: Some(name) },
            Who::AdminToken { id, name } => {
                Self { kind: "admin_token".into(), id: Some(id), name: Some(name) }
            }
        }
    }
}

impl From<(u64, Act)> for AuditEntry {
    fn from((id, act): (u64, Act)) -> Self {
        Self {
            id,
            at: act.at,
            through: act.by.through.into(),
            from: act.by.from,
            by: act.by.who.into(),
            action: act.action.kind().into(),
            environment: act.action.environment().cloned(),
            summary: act.action.to_string(),
        }
    }
}
