//! `[[webhook]]`: forges that may report releases.

use std::path::PathBuf;

use serde::Deserialize;

use super::row::{Provider, Row};
use super::values::read;
use super::{ConfigError, Secret};
use crate::model::oci::Repository;

/// Most webhooks: a delivery is checked against every secret of its provider.
const WEBHOOKS_MAX: usize = 256;
/// Shortest secret, in bytes.
const SECRET_BYTES_MIN: usize = 16;

/// A source repository at a forge, whose releases are those of an image.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Name of the webhook, shown in the audit trail.
    pub name: String,
    /// Forge of the source repository.
    pub provider: Provider,
    /// Secret that signs the deliveries.
    pub secret: Secret,
    /// Full name of the source repository at the provider: `owner/name`, `group/subgroup/name`.
    pub source: String,
    /// The image's repository.
    pub repository: Repository,
}

/// `[[webhook]]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WebhookTable {
    name: Option<String>,
    provider: Option<String>,
    secret_file: Option<PathBuf>,
    source: Option<String>,
    repository: Option<String>,
}

pub(super) fn webhooks_of(tables: Vec<WebhookTable>) -> Result<Vec<Webhook>, ConfigError> {
    if tables.len() > WEBHOOKS_MAX {
        return Err(ConfigError::value("webhook", format_args!("at most {WEBHOOKS_MAX} are allowed")));
    }
    let mut webhooks: Vec<Webhook> = Vec::with_capacity(tables.len());
    for (index, table) in tables.into_iter().enumerate() {
        let webhook = webhook(index, table)?;
        if webhooks.iter().any(|other| other.name == webhook.name) {
            let problem = format_args!("`{}` is used twice; each webhook needs its own", webhook.name);
            return Err(ConfigError::value(format!("webhook[{index}].name"), problem));
        }
        webhooks.push(webhook);
    }
    Ok(webhooks)
}

fn webhook(index: usize, table: WebhookTable) -> Result<Webhook, ConfigError> {
    let row = Row { kind: "webhook", index };
    let provider = row.provider(table.provider.as_deref())?;
    let repository = row.repository(table.repository)?;
    let source = table.source.ok_or_else(|| row.missing("source", "owner/name"))?;
    if !source.contains('/') || source.contains("://") || source.contains(char::is_whitespace) {
        let problem = format_args!("`{source}`: write the full name at the provider, e.g. owner/name");
        return Err(ConfigError::value(row.key("source"), problem));
    }
    let file = table.secret_file.ok_or_else(|| row.missing("secret_file", "/etc/landfall/webhook-secret"))?;
    let secret = read(&row.key("secret_file"), &file)?.trim().to_owned();
    if secret.len() < SECRET_BYTES_MIN {
        let problem = format_args!(
            "holds fewer than {SECRET_BYTES_MIN} characters; a secret that short can be guessed"
        );
        return Err(ConfigError::value(row.key("secret_file"), problem));
    }
    let name = table.name.ok_or_else(|| row.missing("name", "app"))?;
    Ok(Webhook { name, provider, secret: Secret::new(secret), source, repository })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_that_is_wrong_names_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let (long, short) = (folder.path().join("long"), folder.path().join("short"));
        std::fs::write(&long, "0123456789abcdef\n").unwrap();
        std::fs::write(&short, "0123456789abcde\n").unwrap();
        let good = [
            ("name", "app".to_owned()),
            ("provider", "github".to_owned()),
            ("secret_file", long.display().to_string()),
            ("source", "owner/app".to_owned()),
            ("repository", "docker/app".to_owned()),
        ];
        let load = |key: &str, value: Option<&str>| {
            let lines = good
                .iter()
                .filter(|(name, _)| *name != key)
                .map(|(name, value)| format!("{name} = {value:?}\n"));
            let text: String = lines.chain(value.map(|value| format!("{key} = {value:?}\n"))).collect();
            webhooks_of(vec![toml::from_str(&text).unwrap()])
        };
        let webhooks = load("provider", Some("gitlab")).unwrap();
        assert_eq!(
            (webhooks[0].provider, webhooks[0].secret.reveal()),
            (Provider::Gitlab, "0123456789abcdef")
        );
        for (key, value) in [
            ("name", None),
            ("provider", None),
            ("provider", Some("gitea")),
            ("secret_file", None),
            ("secret_file", Some(short.to_str().unwrap())),
            ("secret_file", Some("/nonexistent")),
            ("source", None),
            ("source", Some("app")),
            ("source", Some("https://github.com/owner/app")),
            ("repository", None),
            ("repository", Some("Docker/App")),
        ] {
            let error = load(key, value).unwrap_err().to_string();
            assert!(error.starts_with(&format!("webhook[0].{key}: ")), "{error}");
            assert!(!error.contains("0123456789abcde"), "{error}");
        }
    }
}
