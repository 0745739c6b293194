//! Pods and owners in few words.

use std::collections::BTreeMap;

use crate::model::oci::Digest;
use crate::model::report::{Runs, Source, Statement};
use crate::model::tally::{
    Change, Container, ContainerState, Heard, ImageName, Owner, OwnerKey, Pod, PodKey, Role, Template,
    Witness, trouble,
};
use crate::model::time::Time;

pub(super) const HOST: &str = "hub.example";

pub(super) fn at(seconds: i64) -> Time {
    Time::from_ms(1_800_000_000_000 + seconds * 1_000)
}

/// The digest of a version.
pub(super) fn digest(version: &str) -> Digest {
    Digest::of(version.as_bytes())
}

pub(super) fn image(version: &str) -> ImageName {
    ImageName::parse(&format!("{HOST}/shop/web:{version}")).unwrap()
}

/// A container `app` that runs a version, and is ready.
pub(super) fn running(version: &str) -> Container {
    Container {
        name: "app".into(),
        role: Role::Main,
        image: Some(image(version)),
        digest: Some(digest(version)),
        state: ContainerState::Running { is_ready: true },
    }
}

pub(super) fn unready(version: &str) -> Container {
    Container { state: ContainerState::Running { is_ready: false }, ..running(version) }
}

pub(super) fn waiting(version: &str, reason: &str) -> Container {
    Container { digest: None, state: ContainerState::Waiting(trouble(reason)), ..running(version) }
}

pub(super) fn ended(version: &str) -> Container {
    Container { state: ContainerState::Ended(None), ..running(version) }
}

/// A pod of a ReplicaSet `web-HASH`, or of whatever `KIND/NAME` says.
pub(super) fn pod(name: &str, owner: &str, containers: Vec<Container>) -> Change {
    let (kind, owner) = owner.split_once('/').unwrap_or(("ReplicaSet", owner));
    Change::Pod(Pod {
        key: key(name),
        owner: (!owner.is_empty()).then(|| OwnerKey::new(kind, owner)),
        hash: owner.rsplit_once('-').filter(|_| kind == "ReplicaSet").map(|(_, hash)| hash.into()),
        node: format!("node-{name}").into(),
        containers,
    })
}

pub(super) fn key(name: &str) -> PodKey {
    PodKey { namespace: "shop".into(), name: name.into() }
}

pub(super) fn owner(own: &str, parent: &str, desired: u64, version: &str, revision: u64) -> Owner {
    let key = |text: &str| text.split_once('/').map(|(kind, name)| OwnerKey::new(kind, name));
    Owner {
        namespace: "shop".into(),
        key: key(own).unwrap(),
        parent: key(parent),
        desired: Some(desired),
        made: (at(revision as i64), revision),
        templates: vec![Template { container: "app".into(), image: image(version) }],
    }
}

/// A witness that was told everything, and has begun.
pub(super) fn begun(changes: Vec<Change>) -> Witness {
    let mut witness = Witness::new(Source::Kubernetes, 1);
    changes.into_iter().for_each(|change| witness.hear(Heard::Change(change)));
    witness.hear(Heard::Whole(0, at(-1), at(0)));
    witness.say(at(0));
    witness
}

/// Containers that run and were told, as `workload: digest running/ready, …`, by version.
pub(super) fn told(said: &[Statement]) -> Vec<String> {
    said.iter()
        .filter_map(|it| if let Statement::Running(runs) = it { Some(short(runs)) } else { None })
        .collect()
}

pub(super) fn short(runs: &Runs) -> String {
    let version = |digest: &Digest| {
        let known =
            ["v1", "v2", "v3", "job", "side"].into_iter().find(|version| self::digest(version) == *digest);
        known.map_or_else(|| digest.short(), str::to_owned)
    };
    let images = runs.images.iter();
    let mut images: Vec<String> = images
        .map(|it| format!("{} {}/{} on {}", version(&it.digest), it.ready, it.running, it.nodes))
        .collect();
    images.sort();
    let desired = runs.desired.map(|desired| format!(" of {desired}")).unwrap_or_default();
    let gone = if runs.gone { " gone" } else { "" };
    let troubles = runs.troubles.iter().map(|it| {
        let reference = it.reference.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("; {reference} {} ×{}", it.reason.as_str(), it.count)
    });
    let troubles: String = troubles.collect();
    format!("{} {}: {}{desired}{gone}{troubles}", runs.workload, runs.container, images.join(", "))
}

/// The last word on each place.
pub(super) fn last(said: &[Statement]) -> BTreeMap<String, String> {
    let mut last = BTreeMap::new();
    for statement in said {
        if let Statement::Running(runs) = statement {
            let place = format!("{} {} {}", runs.workload, runs.container, runs.repository.as_str());
            last.insert(place.clone(), short(runs));
            if runs.images.is_empty() {
                last.remove(&place);
            }
        }
    }
    last
}
