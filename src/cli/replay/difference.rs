//! Differences between two replays of one log: the deployments that appear, vanish or change.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The printed answer of a replay, as far as it is compared.
#[derive(Debug, Deserialize)]
pub(super) struct Saved {
    environments: BTreeMap<String, Environment>,
}

#[derive(Debug, Deserialize)]
struct Environment {
    services: BTreeMap<String, Service>,
}

#[derive(Debug, Deserialize)]
struct Service {
    current: Option<Current>,
    deployments: Vec<Deployment>,
}

#[derive(Debug, Deserialize)]
struct Current {
    digest: String,
}

#[derive(Debug, Deserialize)]
struct Deployment {
    digest: String,
    version: Option<String>,
    kind: String,
    state: String,
    started_at: String,
}

impl Deployment {
    fn label(&self) -> &str {
        self.version.as_deref().unwrap_or(&self.digest)
    }
}

/// A deployment is the same where environment, service, digest and first evidence are.
type Key<'a> = (&'a str, &'a str, &'a str, &'a str);

/// The differences, one a line: `+` appears, `-` vanishes, `~` changes; none where both say the same.
pub(super) fn lines(before: &Saved, after: &Saved) -> Vec<String> {
    let (old, new) = (deployments(before), deployments(after));
    let mut lines: Vec<(Key<'_>, String)> = Vec::new();
    for (key, was) in &old {
        match new.get(key) {
            None => lines.push((*key, told('-', key, was, &format!("{} {}", was.kind, was.state)))),
            Some(is) if (&is.kind, &is.state) != (&was.kind, &was.state) => {
                let change = format!("{} {} → {} {}", was.kind, was.state, is.kind, is.state);
                lines.push((*key, told('~', key, is, &change)));
            }
            Some(_) => {}
        }
    }
    let appears = new.iter().filter(|(key, _)| !old.contains_key(*key));
    lines.extend(appears.map(|(key, is)| (*key, told('+', key, is, &format!("{} {}", is.kind, is.state)))));
    lines.sort();
    let mut lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    let (old, new) = (currents(before), currents(after));
    for service in old.keys().chain(new.keys().filter(|service| !old.contains_key(*service))) {
        let of =
            |all: &BTreeMap<(&str, &str), &str>| all.get(service).copied().unwrap_or("nothing").to_owned();
        if of(&old) != of(&new) {
            lines.push(format!("~ {} {} runs {} → {}", service.0, service.1, of(&old), of(&new)));
        }
    }
    lines
}

fn told(sign: char, (env, service, _, at): &Key<'_>, deployment: &Deployment, what: &str) -> String {
    format!("{sign} {env} {service} {at} {} {what}", deployment.label())
}

fn services(saved: &Saved) -> impl Iterator<Item = (&str, &str, &Service)> {
    saved.environments.iter().flat_map(|(env, all)| {
        all.services.iter().map(move |(name, service)| (env.as_str(), name.as_str(), service))
    })
}

fn deployments(saved: &Saved) -> BTreeMap<Key<'_>, &Deployment> {
    let of = |(env, name, service)| {
        let service: &Service = service;
        service
            .deployments
            .iter()
            .map(move |it| ((env, name, it.digest.as_str(), it.started_at.as_str()), it))
    };
    services(saved).flat_map(of).collect()
}

fn currents(saved: &Saved) -> BTreeMap<(&str, &str), &str> {
    services(saved)
        .filter_map(|(env, name, service)| Some(((env, name), service.current.as_ref()?.digest.as_str())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(deployments: &str, current: &str) -> Saved {
        let text = format!(
            r#"{{"environments":{{"production":{{"services":{{"app":{{"current":{{"digest":"{current}"}},"deployments":[{deployments}]}}}}}}}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn one(digest: &str, kind: &str, at: &str) -> String {
        format!(
            r#"{{"digest":"{digest}","version":null,"kind":"{kind}","state":"settled","started_at":"{at}"}}"#
        )
    }

    #[test]
    fn what_appears_vanishes_and_changes_is_said() {
        let a = one("a", "initial", "1");
        let before = saved(&format!("{a},{},{}", one("b", "upgrade", "2"), one("c", "upgrade", "3")), "c");
        assert_eq!(lines(&before, &before), [""; 0]);
        let after = saved(&format!("{a},{},{}", one("b", "rollback", "2"), one("c", "upgrade", "4")), "b");
        assert_eq!(
            lines(&before, &after),
            [
                "~ production app 2 b upgrade settled → rollback settled",
                "- production app 3 c upgrade settled",
                "+ production app 4 c upgrade settled",
                "~ production app runs c → b",
            ]
        );
    }
}
