//! The page of the dashboard that shows what an answer rests on.

use url::form_urlencoded;

use crate::model::ask::{Asked, Intent};

/// Path and query; nothing where no page shows more than the answer does.
pub(super) fn page(asked: &Asked) -> Option<String> {
    if asked.ask_back.is_some() {
        return None;
    }
    let of_environment = |below: &str, query: &[(&str, Option<String>)]| match &asked.environment {
        Some(name) => with_query(format!("/environments/{name}{below}"), query),
        None => "/".to_owned(),
    };
    let at = asked.at.map(|at| at.to_string());
    let text = [asked.description.as_deref(), asked.version.as_deref()];
    let text = text.into_iter().flatten().collect::<Vec<_>>().join(" ");
    if let (true, Some(repository)) = (is_of_services(asked.intent), asked.repository()) {
        let query = [("environment", asked.environment.clone()), ("at", at)];
        return Some(with_query(format!("/services/{repository}"), &query));
    }
    Some(match (asked.intent, &asked.environments[..]) {
        (intent, _) if is_of_services(intent) => of_environment("", &[("at", at)]),
        (Intent::Tokens, _) if asked.environment.is_some() => of_environment("/tokens", &[]),
        (Intent::Compare, [left, right]) => {
            let sides = [
                ("left", Some(left.clone())),
                ("left_at", at.clone()),
                ("right", Some(right.clone())),
                ("right_at", at),
            ];
            with_query("/compare".to_owned(), &sides)
        }
        (Intent::Verify | Intent::Search, _) if asked.description.is_some() => {
            let query = [("q", Some(text)), ("environment", asked.environment.clone()), ("at", at)];
            with_query("/search".to_owned(), &query)
        }
        (Intent::Verify | Intent::Search | Intent::Deploy, _) if asked.repository().is_some() => {
            with_query("/releases".to_owned(), &[("repository", asked.repository().map(str::to_owned))])
        }
        _ => return None,
    })
}

/// Tells whether an answer is about what services run or ran: of one of them, its own page shows it.
fn is_of_services(intent: Intent) -> bool {
    match intent {
        Intent::Running | Intent::Missing | Intent::Changes | Intent::History | Intent::Rollbacks => true,
        Intent::Verify
        | Intent::Compare
        | Intent::Search
        | Intent::Deploy
        | Intent::Tokens
        | Intent::CreateEnvironment
        | Intent::GenerateToken
        | Intent::Unknown => false,
    }
}

fn with_query(path: String, query: &[(&str, Option<String>)]) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    pairs.extend_pairs(query.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))));
    let pairs = pairs.finish();
    if pairs.is_empty() { path } else { format!("{path}?{pairs}") }
}
