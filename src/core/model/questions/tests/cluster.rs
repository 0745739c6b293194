//! Environments before witnesses, told workload by workload.

use std::sync::Arc;

use super::{START, after, digest, env, repository};
use crate::model::deployments::{Rules, State};
use crate::model::questions::{Finder, verify};
use crate::model::releases::{Catalogue, Change, Registration};
use crate::model::report::{Reason, RunningImage, Runs, Source, Statement, StatementLine, Trouble};
use crate::model::time::{Span, Time};
use crate::wire::{Standing, Verified};
use crate::wording;

/// The changes in each version of every service.
pub(super) const TITLES: [&str; 3] = [
    "feat: the first gallery (#10)",
    "fix: login hangs behind a proxy (#11)",
    "feat: dark mode of the basket (#12)",
];

/// Environments, each before a witness that has watched from the start on.
pub(super) struct Clusters {
    pub(super) state: State,
    pub(super) finder: Finder,
}

impl Clusters {
    /// With the versions 1.0 to 1.2 of these services, of which each changes what [`TITLES`] says.
    pub(super) fn of(services: &[&str]) -> Self {
        let mut catalogue = Catalogue::default();
        for service in services {
            for (version, title) in (0..).zip(TITLES) {
                let told = Registration {
                    digests: vec![digest(service, version)],
                    changes: Change::parse(title, None).into_iter().collect(),
                    ..Registration::named(repository(service), format!("v1.{version}"))
                };
                catalogue.add(&told, START);
            }
        }
        let mut state = State::new(Rules::default());
        state.set_catalogue(catalogue);
        let mut finder = Finder::default();
        finder.follow(state.catalogue());
        Self { state, finder }
    }

    fn say(&mut self, environment: &str, statement: Statement) {
        let (environment, witness) = (env(environment), "eu-1".into());
        self.state.report(&StatementLine { environment, witness, statement }.into_report());
    }

    /// The witness has seen everything until `minutes` after the start.
    pub(super) fn is_alive(&mut self, environment: &str, minutes: i64) {
        self.say(environment, Statement::Alive { at: after(minutes), since: START });
    }

    /// From then on a workload of `service` runs these versions: how many containers of each, and how many of them are ready.
    pub(super) fn runs(&mut self, environment: &str, service: &str, minutes: i64, images: &[(u8, u64, u64)]) {
        self.tell(environment, service, minutes, images, false);
    }

    /// From then on containers of a workload of `service`, of the five that it wants, do not run, for these reasons.
    pub(super) fn fails(
        &mut self,
        environment: &str,
        service: &str,
        minutes: i64,
        images: &[(u8, u64, u64)],
        troubles: &[(&str, u8, u64)],
    ) {
        let trouble = |&(reason, version, count): &(&str, u8, u64)| Trouble {
            reason: Reason::try_from(Arc::from(reason)).unwrap(),
            reference: format!("v1.{version}").parse().ok(),
            count,
        };
        let troubles = troubles.iter().map(trouble).collect();
        self.is_alive(environment, minutes);
        let at = after(minutes) + Span::from_secs(1);
        self.say(
            environment,
            Statement::Running(Runs { desired: Some(5), troubles, ..runs(service, at, images) }),
        );
        self.say(environment, Statement::Alive { at: at + Span::from_secs(1), since: START });
    }

    /// From then on the workload of `service` does not exist.
    pub(super) fn is_gone(&mut self, environment: &str, service: &str, minutes: i64) {
        self.tell(environment, service, minutes, &[], true);
    }

    fn tell(
        &mut self,
        environment: &str,
        service: &str,
        minutes: i64,
        images: &[(u8, u64, u64)],
        gone: bool,
    ) {
        self.is_alive(environment, minutes);
        let at = after(minutes) + Span::from_secs(1);
        self.say(environment, Statement::Running(Runs { gone, ..runs(service, at, images) }));
        self.say(environment, Statement::Alive { at: at + Span::from_secs(1), since: START });
    }

    /// The answer to "is it live?", in words too.
    pub(super) fn verify(&self, environment: &str, query: &str, now: Time) -> Verified {
        let found = self.finder.find(query, |_| true, 5);
        let mut verified = verify(&self.state, &env(environment), query, &found, now);
        verified.text = wording::verified(&verified);
        verified
    }

    /// The standing of `query` `minutes` after the start.
    pub(super) fn stands(&self, environment: &str, query: &str, minutes: i64) -> Standing {
        self.verify(environment, query, after(minutes)).answer
    }
}

/// A workload of `service` that runs these versions.
fn runs(service: &str, at: Time, images: &[(u8, u64, u64)]) -> Runs {
    let image = |&(version, running, ready): &(u8, u64, u64)| RunningImage {
        digest: digest(service, version),
        reference: format!("v1.{version}").parse().ok(),
        running,
        ready,
        nodes: running,
    };
    Runs {
        at,
        source: Source::Kubernetes,
        namespace: "shop".into(),
        workload: format!("deployment/{service}").into(),
        container: "app".into(),
        repository: repository(service),
        images: images.iter().map(image).collect(),
        gone: false,
        desired: None,
        host: None,
        troubles: Vec::new(),
    }
}
