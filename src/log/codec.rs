//! Event ↔ bytes: one byte of version, then the event in postcard's wire format.
//!
//! Rules of change: a new variant of any enum in there (`Event`, `Action`, `Facts` …) goes at the end and keeps the
//! version; any other change of what they hold is a new version with a decoder of its own for the old one.
//! `tests/golden` holds bytes of every version ever written, and the tests below read them.

mod v1;

use serde::de::DeserializeOwned;

use crate::model::event::Event;

/// The version that is written.
pub(super) const VERSION: u8 = 3;
/// The version before: digests were by sha256. Its bytes are written the same way today.
const SHA256_ONLY: u8 = 2;

/// Bytes that are no event.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Written by a later release.
    #[error("the event has format {0}, this release reads up to {VERSION}: run the newer release")]
    Newer(u8),
    /// Not what was written.
    #[error("the bytes are not an event")]
    Damaged,
    /// An event that cannot be written.
    #[error("the event cannot be written")]
    Unwritable,
}

/// Appends the event's bytes to `buffer`.
pub(super) fn encode(event: &Event, buffer: &mut Vec<u8>) -> Result<(), CodecError> {
    buffer.push(VERSION);
    postcard::to_io(event, buffer).map_err(|_| CodecError::Unwritable)?;
    Ok(())
}

/// The event that `bytes` hold.
pub(super) fn decode(bytes: &[u8]) -> Result<Event, CodecError> {
    match bytes.split_first() {
        Some((&(VERSION | SHA256_ONLY), rest)) => whole(rest),
        Some((&v1::VERSION, rest)) => whole::<v1::EventV1>(rest).map(Event::from),
        Some((&newer, _)) if newer > VERSION => Err(CodecError::Newer(newer)),
        _ => Err(CodecError::Damaged),
    }
}

/// One value that takes all of the bytes.
fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(CodecError::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::act::{Action, Actor, Role, Through, Who};
    use crate::model::deploy::{
        Aim, DeployKind, Origin, Planned, Target, Warning, WarningKind, WorkloadKind,
    };
    use crate::model::event::{Excess, Facts, LeftOut, Method, Object, Observation, TokenId, TokenKind};
    use crate::model::oci::Digest;
    use crate::model::releases::{Change, ChangeKind, Registration, Rule};
    use crate::model::time::Time;

    /// One event of each kind, named as in the golden file.
    fn samples(by: &Actor) -> Vec<(&'static str, Event)> {
        let at = Time::from_ms(1_772_431_248_032);
        let digest = Digest::from_bytes([0x24; 32]);
        let labels: BTreeMap<_, _> = [("version".to_owned(), "v2.3.1".to_owned())].into();
        let observation = Observation {
            at,
            environment: "production".parse().unwrap(),
            token: TokenId::new("tok_f147a6a9931f"),
            token_kind: TokenKind::Cluster,
            client: "10.10.0.7".into(),
            agent: "containerd/v1.7.22".into(),
            method: Method::Get,
            repository: "docker/app".parse().unwrap(),
            reference: "v2.3.1".parse().unwrap(),
            digest: Some(digest),
            object: Object::Manifest,
            media_type: Some("application/vnd.oci.image.manifest.v1+json".into()),
            status: 200,
            bytes: 1234,
            parent: Some(Digest::from_bytes([0x42; 32])),
        };
        let refused = Observation {
            token_kind: TokenKind::Local,
            method: Method::Head,
            reference: crate::model::oci::Reference::Digest(digest),
            digest: None,
            media_type: None,
            status: 404,
            bytes: 0,
            parent: None,
            ..observation.clone()
        };
        let sha512: Digest = format!("sha512:{}", "51".repeat(64)).parse().unwrap();
        let by_sha512 = Observation {
            reference: crate::model::oci::Reference::Digest(sha512),
            digest: Some(sha512),
            ..observation.clone()
        };
        let left_out = |what| LeftOut {
            environment: "production".parse().unwrap(),
            token: TokenId::new("tok_f147a6a9931f"),
            from: at,
            until: at,
            count: 42,
            what,
        };
        let learned = |facts| Event::Learned { at, repository: "docker/app".parse().unwrap(), digest, facts };
        let mut events = vec![
            ("observed", Event::Observed(observation)),
            ("observed-refused", Event::Observed(refused.clone())),
            ("observed-sha512", Event::Observed(by_sha512)),
            ("learned-index", learned(Facts::Index { children: vec![digest], labels: BTreeMap::new() })),
            ("learned-manifest", learned(Facts::Manifest { config: digest, labels: labels.clone() })),
            ("learned-config", learned(Facts::Config { labels })),
            ("gap", Event::Gap { from: at, until: at, lost: 17 }),
            ("refused", Event::Refused { last: refused, first_at: at, count: 23 }),
            ("left-out", Event::LeftOut(left_out(Excess::Observations))),
            ("left-out-refusals", Event::LeftOut(left_out(Excess::Refusals))),
            ("clock-stepped", Event::ClockStepped { at, by_ms: -7_200_000 }),
        ];
        events.extend(actions(at).into_iter().map(|(name, action)| (name, action.by(by.clone(), at))));
        events
    }

    fn actions(at: Time) -> Vec<(&'static str, Action)> {
        let name = || "production".parse().unwrap();
        let id = || TokenId::new("tok_f147a6a9931f");
        let (description, color) = ("what customers use".into(), "#cc3344".into());
        vec![
            ("environment-created", Action::EnvironmentCreated { name: name(), description, color }),
            (
                "environment-updated",
                Action::EnvironmentUpdated { name: name(), description: None, color: Some("#3344cc".into()) },
            ),
            ("environment-deleted", Action::EnvironmentDeleted { name: name() }),
            (
                "token-created",
                Action::TokenCreated {
                    environment: name(),
                    id: id(),
                    name: "nodes".into(),
                    kind: TokenKind::Prepull,
                    secret_sha256: [9; 32],
                    expires_at: Some(at),
                },
            ),
            ("token-revoked", Action::TokenRevoked { environment: name(), id: id() }),
            (
                "token-rotated",
                Action::TokenRotated {
                    environment: name(),
                    id: id(),
                    ends_at: at,
                    successor: TokenId::new("tok_0123456789ab"),
                    secret_sha256: [8; 32],
                    expires_at: None,
                },
            ),
            (
                "admin-token-created",
                Action::AdminTokenCreated {
                    id: TokenId::new("adm_f147a6a9931f"),
                    name: "ada".into(),
                    role: Role::Viewer,
                    secret_sha256: [7; 32],
                    expires_at: Some(at),
                },
            ),
            ("admin-token-revoked", Action::AdminTokenRevoked { id: TokenId::new("adm_f147a6a9931f") }),
            ("release-added", Action::ReleaseAdded(Box::new(registration(at)))),
            ("deploy-planned", Action::DeployPlanned(Box::new(planned()))),
            (
                "deploy-applied",
                Action::DeployApplied {
                    id: "dpl_f147a6a9931f".into(),
                    environment: name(),
                    workloads: vec!["deployment/app in shop".into()],
                },
            ),
            ("deploy-aimed", Action::DeployAimed { planned: Box::new(planned()), aim: aim() }),
            (
                "deploy-interrupted",
                Action::DeployInterrupted {
                    id: "dpl_f147a6a9931f".into(),
                    environment: name(),
                    applied: vec!["deployment/app in shop".into()],
                    not_applied: vec!["cronjob/cleanup in shop".into()],
                    why: "the cluster does not answer".into(),
                },
            ),
            ("backup-taken", Action::BackupTaken),
        ]
    }

    fn registration(at: Time) -> Registration {
        let change = Change {
            kind: ChangeKind::Fix,
            title: "Login times out".into(),
            pr: Some(4511),
            issue: None,
            commit: Some("0123456".into()),
            author: Some("ada".into()),
            rule: Some(Rule::Given),
        };
        Registration {
            digests: vec![Digest::from_bytes([0x24; 32])],
            revision: Some("0123456789abcdef".into()),
            created_at: Some(at),
            parents: vec!["v2.3.0".into()],
            changes: vec![change],
            ..Registration::named("docker/app".parse().unwrap(), "v2.3.1")
        }
    }

    fn planned() -> Planned {
        Planned {
            id: "dpl_f147a6a9931f".into(),
            environment: "production".parse().unwrap(),
            repository: "docker/app".parse().unwrap(),
            version: "v2.3.0".into(),
            digest: Some(Digest::from_bytes([0x24; 32])),
            image: "registry.test/docker/app@sha256:2424".into(),
            kind: DeployKind::Rollback,
            from: Some(Origin { digest: Digest::from_bytes([0x42; 32]), version: Some("v2.3.1".into()) }),
            gained: Vec::new(),
            lost: vec!["v2.3.1".into()],
            commands: vec!["kubectl set image deployment/app app=registry.test/docker/app".into()],
            warnings: vec![Warning { kind: WarningKind::PullPolicy, text: "nodes hold it".into() }],
            text: "This is a rollback.".into(),
        }
    }

    fn aim() -> Aim {
        let target = Target {
            kind: WorkloadKind::CronJob,
            name: "cleanup".into(),
            containers: vec!["app".into()],
            init_containers: vec!["migrate".into()],
        };
        Aim { namespace: "shop".into(), targets: vec![target] }
    }

    fn ada() -> Actor {
        let who = Who::AdminToken { id: TokenId::new("adm_f147a6a9931f"), name: "ada".into() };
        Actor { who, through: Through::Cli, from: Some("10.10.0.9".into()) }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digits).collect()
    }

    #[test]
    fn every_version_ever_written_is_read() {
        let versions = [
            (include_str!("../../tests/golden/events-v1.txt"), Actor::default(), 11),
            (include_str!("../../tests/golden/events-v2.txt"), ada(), 20),
            (include_str!("../../tests/golden/events-v3.txt"), ada(), 25),
        ];
        for (golden, by, count) in versions {
            let samples: BTreeMap<_, _> = samples(&by).into_iter().collect();
            for line in golden.lines() {
                let (name, hex) = line.split_once(' ').unwrap();
                assert_eq!(decode(&bytes(hex)).unwrap(), samples[name], "{line}");
            }
            assert!(golden.lines().count() >= count);
        }
    }

    #[test]
    fn what_is_written_is_pinned() {
        let mut buffer = Vec::new();
        let written: String = samples(&ada())
            .iter()
            .map(|(name, event)| {
                buffer.clear();
                encode(event, &mut buffer).unwrap();
                assert_eq!(&decode(&buffer).unwrap(), event, "{name} does not come back");
                format!("{name} {}\n", hex(&buffer))
            })
            .collect();
        assert_eq!(
            written,
            include_str!("../../tests/golden/events-v3.txt"),
            "the bytes changed: that is a new version, with a golden file of its own"
        );
    }

    #[test]
    fn what_is_not_an_event_is_refused() {
        let mut buffer = Vec::new();
        encode(&samples(&ada())[0].1, &mut buffer).unwrap();
        assert!(matches!(decode(&[]), Err(CodecError::Damaged)));
        assert!(matches!(decode(&buffer[..buffer.len() - 1]), Err(CodecError::Damaged)));
        buffer.push(0);
        assert!(matches!(decode(&buffer), Err(CodecError::Damaged)));
        buffer[0] = VERSION + 1;
        assert!(matches!(decode(&buffer), Err(CodecError::Newer(newer)) if newer == VERSION + 1));
    }
}
