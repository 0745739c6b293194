//! `[[forge]]`: where the source of an image is, for links from its changes to their commits and requests.

use serde::Deserialize;
use url::Url;

use super::ConfigError;
use super::row::{Provider, Row};
use crate::model::oci::Repository;

/// Most forges.
const FORGES_MAX: usize = 1_024;

/// Places of the sources of images.
#[derive(Clone, Debug, Default)]
pub struct Forges(Vec<Forge>);

/// The place of one image's source.
#[derive(Clone, Debug)]
pub struct Forge {
    repository: Repository,
    provider: Provider,
    /// Without a slash at its end.
    url: String,
}

impl Forges {
    /// The place of the source of `repository`, if the configuration has it.
    pub fn of(&self, repository: &Repository) -> Option<&Forge> {
        self.0.iter().find(|forge| forge.repository == *repository)
    }
}

impl Forge {
    /// The page of a pull or merge request.
    pub fn request(&self, number: u64) -> String {
        match self.provider {
            Provider::Github => format!("{}/pull/{number}", self.url),
            Provider::Gitlab => format!("{}/-/merge_requests/{number}", self.url),
        }
    }

    /// The page of an issue.
    pub fn issue(&self, number: u64) -> String {
        match self.provider {
            Provider::Github => format!("{}/issues/{number}", self.url),
            Provider::Gitlab => format!("{}/-/issues/{number}", self.url),
        }
    }

    /// The page of a commit; none for what cannot be a commit's hash.
    pub fn commit(&self, revision: &str) -> Option<String> {
        let is_hash = revision.len() >= 7 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| match self.provider {
            Provider::Github => format!("{}/commit/{revision}", self.url),
            Provider::Gitlab => format!("{}/-/commit/{revision}", self.url),
        })
    }
}

/// `[[forge]]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ForgeTable {
    repository: Option<String>,
    provider: Option<String>,
    url: Option<String>,
}

pub(super) fn forges_of(tables: Vec<ForgeTable>) -> Result<Forges, ConfigError> {
    if tables.len() > FORGES_MAX {
        return Err(ConfigError::value("forge", format_args!("at most {FORGES_MAX} are allowed")));
    }
    let forges = tables.into_iter().enumerate().map(|(index, table)| forge(index, table));
    Ok(Forges(forges.collect::<Result<_, _>>()?))
}

fn forge(index: usize, table: ForgeTable) -> Result<Forge, ConfigError> {
    let row = Row { kind: "forge", index };
    let repository = row.repository(table.repository)?;
    let provider = row.provider(table.provider.as_deref())?;
    let url = table.url.ok_or_else(|| row.missing("url", "https://github.com/owner/name"))?;
    let is_page = |url: &Url| matches!(url.scheme(), "http" | "https") && url.query().is_none();
    let parsed = Url::parse(&url).ok().filter(is_page).ok_or_else(|| {
        let problem = "write the page of the source, e.g. https://github.com/owner/name";
        ConfigError::value(row.key("url"), format_args!("`{url}`: {problem}"))
    })?;
    Ok(Forge { repository, provider, url: parsed.as_str().trim_end_matches('/').to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Forges, ConfigError> {
        forges_of(vec![toml::from_str(text).unwrap()])
    }

    #[test]
    fn links_are_those_of_the_provider() {
        let of = |provider: &str| {
            let text = format!(
                "repository = 'shop/web'\nprovider = '{provider}'\nurl = 'https://forge.test/a/web/'"
            );
            load(&text).unwrap()
        };
        let web: Repository = "shop/web".parse().unwrap();
        let (github, gitlab) = (of("github"), of("gitlab"));
        let (github, gitlab) = (github.of(&web).unwrap(), gitlab.of(&web).unwrap());
        assert_eq!(github.request(7), "https://forge.test/a/web/pull/7");
        assert_eq!(gitlab.request(7), "https://forge.test/a/web/-/merge_requests/7");
        assert_eq!(gitlab.issue(8), "https://forge.test/a/web/-/issues/8");
        assert_eq!(github.commit("0123abc").unwrap(), "https://forge.test/a/web/commit/0123abc");
        assert_eq!(github.commit("../../evil"), None);
        assert!(of("github").of(&"shop/other".parse().unwrap()).is_none());
    }

    #[test]
    fn a_forge_that_is_wrong_names_the_key() {
        let (name, provider) = ("repository = 'shop/web'\n", "provider = 'github'\n");
        for (text, key) in [
            (format!("{provider}url = 'https://forge.test/a'"), "repository"),
            (format!("{name}url = 'https://forge.test/a'"), "provider"),
            (format!("{name}provider = 'gitea'\nurl = 'https://forge.test/a'"), "provider"),
            (format!("{name}{provider}"), "url"),
            (format!("{name}{provider}url = 'javascript:alert(1)'"), "url"),
            (format!("{name}{provider}url = 'a/web'"), "url"),
        ] {
            let error = load(&text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("forge[0].{key}: ")), "{text}: {error}");
        }
    }
}
