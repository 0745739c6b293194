//! Event ↔ bytes: one byte of version, then the event in postcard's wire format.
//!
//! Rules of change: a new variant of `Event` or `Facts` goes at the end and keeps the version; any other change of
//! what they hold is a new version with a decoder of its own for the old one. `tests/golden` holds bytes of every
//! version ever written, and the test below reads them.

use crate::model::event::Event;

/// The version that is written.
pub(super) const VERSION: u8 = 1;

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
        Some((&VERSION, rest)) => match postcard::take_from_bytes(rest) {
            Ok((event, [])) => Ok(event),
            _ => Err(CodecError::Damaged),
        },
        Some((&newer, _)) if newer > VERSION => Err(CodecError::Newer(newer)),
        _ => Err(CodecError::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::event::{Facts, Method, Object, Observation, TokenId, TokenKind};
    use crate::model::oci::Digest;
    use crate::model::time::Time;

    /// One event of each kind, named as in the golden file.
    fn samples() -> Vec<(&'static str, Event)> {
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
        let name = || "production".parse().unwrap();
        let id = || TokenId::new("tok_f147a6a9931f");
        let learned = |facts| Event::Learned { at, repository: "docker/app".parse().unwrap(), digest, facts };
        vec![
            ("observed", Event::Observed(observation)),
            ("observed-refused", Event::Observed(refused)),
            ("learned-index", learned(Facts::Index { children: vec![digest], labels: BTreeMap::new() })),
            ("learned-manifest", learned(Facts::Manifest { config: digest, labels: labels.clone() })),
            ("learned-config", learned(Facts::Config { labels })),
            (
                "environment-created",
                Event::EnvironmentCreated {
                    at,
                    name: name(),
                    description: "what customers use".into(),
                    color: "#cc3344".into(),
                },
            ),
            (
                "environment-updated",
                Event::EnvironmentUpdated {
                    at,
                    name: name(),
                    description: None,
                    color: Some("#3344cc".into()),
                },
            ),
            ("environment-deleted", Event::EnvironmentDeleted { at, name: name() }),
            (
                "token-created",
                Event::TokenCreated {
                    at,
                    environment: name(),
                    id: id(),
                    name: "nodes".into(),
                    kind: TokenKind::Prepull,
                    secret_sha256: [9; 32],
                    expires_at: Some(at),
                },
            ),
            ("token-revoked", Event::TokenRevoked { at, environment: name(), id: id() }),
            ("gap", Event::Gap { from: at, until: at, lost: 17 }),
        ]
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn every_version_ever_written_is_read() {
        let golden = include_str!("../../tests/golden/events-v1.txt");
        let mut buffer = Vec::new();
        let written: String = samples()
            .iter()
            .map(|(name, event)| {
                buffer.clear();
                encode(event, &mut buffer).unwrap();
                assert_eq!(&decode(&buffer).unwrap(), event, "{name} does not come back");
                format!("{name} {}\n", hex(&buffer))
            })
            .collect();
        assert_eq!(
            written, golden,
            "the bytes changed: that is a new version, with a golden file of its own"
        );
    }

    #[test]
    fn what_is_not_an_event_is_refused() {
        let mut buffer = Vec::new();
        encode(&samples()[0].1, &mut buffer).unwrap();
        assert!(matches!(decode(&[]), Err(CodecError::Damaged)));
        assert!(matches!(decode(&buffer[..buffer.len() - 1]), Err(CodecError::Damaged)));
        buffer.push(0);
        assert!(matches!(decode(&buffer), Err(CodecError::Damaged)));
        buffer[0] = VERSION + 1;
        assert!(matches!(decode(&buffer), Err(CodecError::Newer(newer)) if newer == VERSION + 1));
    }
}
