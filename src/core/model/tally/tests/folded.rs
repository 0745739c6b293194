//! A witness and the hub's fold of its reports: both halves together.

use super::build::{HOST, at, digest, key, owner, pod, running};
use crate::model::deployments::{Rules, State};
use crate::model::names::TokenId;
use crate::model::questions;
use crate::model::releases::{Catalogue, Registration};
use crate::model::report::{Report, Source, Statement};
use crate::model::tally::{Change, Heard, Queue, Witness};
use crate::model::time::{Span, Time};

/// A witness with its hub.
struct Hub {
    witness: Witness,
    queue: Queue,
    state: State,
}

impl Hub {
    fn new() -> Self {
        let mut state = State::new(Rules::default());
        let mut catalogue = Catalogue::default();
        for version in ["v1", "v2", "v3"] {
            let named = Registration::named("shop/web".parse().unwrap(), version);
            catalogue.add(&Registration { digests: vec![digest(version)], ..named }, at(0));
        }
        state.set_catalogue(catalogue);
        Self { witness: Witness::new(Source::Kubernetes, 1), queue: Queue::new(1), state }
    }

    /// Changes come, the watch is heard a little later, and everything that is told then is taken.
    fn hear(&mut self, changes: Vec<Change>, now: Time) {
        changes.into_iter().for_each(|change| self.witness.hear(Heard::Change(change)));
        self.witness.hear(Heard::Until(0, now - Span::from_secs(15)));
        self.say(now);
    }

    fn say(&mut self, now: Time) {
        let said = self.witness.say(now);
        assert!(self.queue.push(said));
        while let Some(batch) = self.queue.send().cloned() {
            // As the hub makes of it: the host is the proxy's own.
            let here = |statement| match statement {
                Statement::Running(mut runs) => {
                    assert_eq!(runs.host.take().as_deref(), Some(HOST));
                    Statement::Running(runs)
                }
                other => other,
            };
            let report = Report {
                at: now,
                environment: "production".parse().unwrap(),
                token: TokenId::new("tok_1"),
                witness: "eu-1".into(),
                sequence: batch.sequence,
                statements: batch.statements.into_iter().map(here).collect(),
            };
            self.state.report(&report);
            // The answer was lost, and it comes again.
            self.state.report(&report);
            self.queue.accepted(batch.sequence);
        }
    }

    /// Version, state and confidence of the service; and the kinds of the deployments so far.
    fn answer(&self, now: Time) -> String {
        let environment = "production".parse().unwrap();
        let running = serde_json::to_value(questions::running(&self.state, &environment, now)).unwrap();
        let current = &running["services"][0];
        let word = |name: &str| current[name].as_str().unwrap_or("-").to_owned();
        let timeline = questions::timeline(&self.state, &environment, now, 100, None);
        let timeline = serde_json::to_value(timeline).unwrap();
        let kinds =
            timeline["deployments"].as_array().unwrap().iter().rev().map(|it| it["kind"].as_str().unwrap());
        let kinds: Vec<&str> = kinds.collect();
        format!("{} {} {}; {}", word("version"), word("state"), word("confidence"), kinds.join(" "))
    }
}

fn roll(from: &str, to: &str) -> Vec<Change> {
    let set = |version: &str, desired| {
        let number = version[1..].parse().unwrap();
        Change::Owner(owner(&format!("ReplicaSet/web-{version}"), "Deployment/web", desired, version, number))
    };
    let pods = (0..3).map(|number| pod(&format!("{to}-{number}"), &format!("web-{to}"), vec![running(to)]));
    let gone = (0..3).map(|number| Change::PodGone(key(&format!("{from}-{number}"))));
    pods.chain(gone).chain([set(from, 0), set(to, 3)]).collect()
}

#[test]
fn a_cached_rollback_is_told_and_answered() {
    let mut hub = Hub::new();
    roll("v0", "v1").into_iter().for_each(|change| hub.witness.hear(Heard::Change(change)));
    hub.witness.hear(Heard::Whole(0, at(0), at(1)));
    hub.say(at(1));
    assert_eq!(hub.answer(at(2)), "v1 settled confirmed; initial");
    for (second, from, to, expected) in [
        (3_600, "v1", "v2", "v2 settled confirmed; initial upgrade"),
        (7_200, "v2", "v1", "v1 settled confirmed; initial upgrade rollback"),
    ] {
        (60..second % 3_601).step_by(30).for_each(|gone| hub.hear(vec![], at(second - 3_600 + gone)));
        hub.hear(roll(from, to), at(second));
        hub.hear(vec![], at(second + 10));
        assert_eq!(hub.answer(at(second + 10)), expected, "{from} to {to}");
    }
    // The agent ends, and nothing confirms it any more; then it begins again, and nothing new has happened.
    assert!(!hub.answer(at(7_200 + 300)).contains("confirmed"));
    hub.witness.begin_anew();
    hub.hear(vec![], at(7_600));
    hub.hear(vec![], at(7_640));
    assert_eq!(hub.answer(at(7_641)), "v1 settled confirmed; initial upgrade rollback");
}
