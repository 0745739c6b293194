//! Questions that an answer leads to: whole ones, which mean the same to somebody who was sent one of them.

use crate::model::ask::{Asked, Intent};

/// Questions that are offered.
const OFFERED_MAX: usize = 4;

/// Questions that lead on from this one, among these environments.
pub(super) fn after(asked: &Asked, environments: &[&str]) -> Vec<String> {
    if let Some(open) = &asked.ask_back {
        // One of the names answers what was asked back.
        return open.choices.iter().take(OFFERED_MAX).cloned().collect();
    }
    let here = asked.environment.as_deref();
    let Some(env) = here.filter(|name| environments.contains(name)).or(environments.first().copied()) else {
        return vec!["how do I create an environment?".to_owned()];
    };
    let other = environments.iter().copied().find(|name| *name != env);
    let service = asked.repository();
    let of_service = service.map(|name| format!(" of {name}")).unwrap_or_default();
    let mut offered = match asked.intent {
        Intent::Running => {
            vec![format!("is {env} up to date?"), format!("what changed in {env} this week?")]
        }
        Intent::Verify | Intent::Search => {
            let version = asked.version.as_ref().map(|version| format!("{version}{of_service}"));
            let change = asked.description.clone().or(version);
            let whether = |name: &str| change.as_ref().map(|change| format!("is {change} live in {name}?"));
            let elsewhere = if asked.intent == Intent::Verify { other } else { Some(env) };
            let mut offered: Vec<String> = elsewhere.and_then(whether).into_iter().collect();
            offered.push(format!("what changed in {env} this week?"));
            offered
        }
        Intent::Missing => {
            vec![format!("what changed in {env} this week?"), format!("what is running in {env}?")]
        }
        Intent::Compare => environments.iter().take(2).map(|name| format!("is {name} up to date?")).collect(),
        Intent::Changes | Intent::History => {
            vec![format!("what was rolled back in {env}?"), format!("what is running in {env}?")]
        }
        Intent::Rollbacks => {
            vec![format!("what changed in {env} this week?"), format!("is {env} up to date?")]
        }
        Intent::Deploy => {
            vec![format!("deployment history{of_service} in {env}?"), format!("what is running in {env}?")]
        }
        Intent::Tokens => {
            vec![format!("what is running in {env}?"), format!("what changed in {env} this week?")]
        }
        Intent::CreateEnvironment | Intent::GenerateToken => {
            vec![format!("what is running in {env}?"), format!("which tokens has {env}?")]
        }
        Intent::Unknown => vec![
            format!("what is running in {env}?"),
            format!("is {env} up to date?"),
            format!("what was rolled back in {env}?"),
        ],
    };
    if let Some(other) = other {
        let compares = matches!(asked.intent, Intent::Running | Intent::Missing | Intent::Unknown);
        offered.extend(compares.then(|| format!("how do {env} and {other} differ?")));
    }
    if let (Some(service), Intent::Running) = (service, asked.intent) {
        offered.push(format!("deployment history of {service} in {env}?"));
    }
    offered.truncate(OFFERED_MAX);
    offered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ask::{Environment, Repository, World, parse};
    use crate::model::time::Time;

    fn world() -> World<'static> {
        World {
            environments: ["production", "staging"]
                .map(|name| Environment { name, ..Environment::default() })
                .to_vec(),
            repositories: vec![Repository { name: "shop/web", versions: vec!["v1.5.0"] }],
            tokens: Vec::new(),
            now: Time::from_ms(1_780_000_000_000),
            latest_rollback: &|_| None,
            latest_deployment: &|_| None,
        }
    }

    /// Each question of each answer is understood, and leads on in turn.
    #[test]
    fn whatever_is_offered_is_understood() {
        let world = world();
        let names = ["production", "staging"];
        let mut open: Vec<String> = [
            "what is running in production?",
            "is the login fix live in production?",
            "is staging up to date?",
            "how do staging and production differ?",
            "what changed in production?",
            "deployment history of shop/web in production?",
            "what was rolled back in staging?",
            "which release has the login fix?",
            "deploy shop/web v1.5.0 to staging",
            "which tokens has production?",
            "create an environment called qa",
            "generate a token for staging",
            "how is the weather?",
        ]
        .map(str::to_owned)
        .to_vec();
        let mut seen = std::collections::BTreeSet::new();
        while let Some(question) = open.pop() {
            if !seen.insert(question.clone()) || seen.len() > 200 {
                continue;
            }
            let asked = parse(&question, &world);
            let offered = after(&asked, &names);
            assert!(!offered.is_empty() && offered.len() <= OFFERED_MAX, "{question}");
            for next in &offered {
                let understood = parse(next, &world);
                assert!(understood.intent != Intent::Unknown, "{question} → {next}");
                assert_eq!(understood.ask_back, None, "{question} → {next}");
            }
            open.extend(offered);
        }
        assert!(seen.len() < 200, "it comes to an end: {seen:?}");
    }

    #[test]
    fn what_was_asked_back_is_answered_with_a_name() {
        let asked = parse("deploy shop/web v1.5.0", &world());
        assert_eq!(after(&asked, &["production", "staging"]), ["production", "staging"]);
    }
}
