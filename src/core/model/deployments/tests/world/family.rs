//! The kinds of histories.

use super::dice::Dice;
use super::image::{Naming, Shape};
use super::node::Runtime;
use super::play::Setup;

macro_rules! families {
    ($($name:ident $doc:literal)*) => {
        /// A kind of history.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Family { $(#[doc = $doc] $name),* }

        impl Family {
            pub(super) const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

families! {
    Plain "Upgrades, now and then a rollback; nodes ask for what they lack."
    AlwaysAsks "The same where every start of a container asks."
    Crio "The same under CRI-O."
    Dockerd "The same under a Docker daemon that an orchestrator drives."
    Podman "The same under podman on servers, with the token of the environment."
    Pinned "Pods name digests."
    RollbackSoon "Releases that are taken back within minutes."
    RollbackLate "Releases that are taken back hours later."
    RollbackCached "The same where nearly every node holds what ran before."
    CanaryAborted "One pod in ten gets the next release, and loses it."
    CanaryPromoted "One pod in ten gets it, and the others follow."
    CanarySteps "One, then two, then four of twenty get it."
    BlueGreen "A second fleet gets the next release, and the first one goes."
    OneByOne "A DaemonSet or a StatefulSet: each pod keeps its node."
    Crashing "Releases whose containers end soon after their start."
    Half "A rollout stops at two fifths, for hours."
    Scanners "Scanners, bots and admission checks look at versions, old and new."
    Laptops "People pull on their own machines."
    Runners "Builds and tests pull with the environment's token."
    FailedPulls "References that do not exist, registries that are down."
    LateContent "Manifests that come, and a layer that fails a minute later."
    SlowLinks "Layers that take minutes."
    Prepull "A DaemonSet brings images to the nodes before they run."
    CronSame "A scheduled job runs the image of the service."
    CronOlder "A scheduled job runs an older image of the repository."
    Jobs "Migrations and init containers that run once, with images of their own."
    SideBySide "Two versions run beside each other for ever, each with its own upgrades."
    Previews "A deployment for each pull request, beside the main one."
    Regions "Two clusters on one token, which move hours apart."
    SharedAddress "All nodes come from one address."
    Mirror "Nodes hand images to each other, so that one of them asks."
    ScaledDown "Fewer pods at the next release than at the last."
    ScaledToZero "No pods for a night."
    Autoscaled "Pods and nodes come and go with the load."
    NodesReplaced "Nodes are drained one after the other."
    SlowRollout "Pods that take minutes to become ready."
    MovedTag "One tag that is moved to each build, and back."
    Nested "An index within an index."
    SharedChild "Indexes that share a platform's manifest, in two environments."
    Signatures "The runtime asks for a signature before each image."
    Together "Several services that ship at once."
    TokenRotation "The environment gets another token."
    OddVersions "Release candidates, distributions' revisions, commits after a tag; no catalogue."
    Kitchen "All of it at once, in two environments."
}

impl Family {
    pub(super) fn name(self) -> String {
        format!("{self:?}")
    }

    /// A service as this kind has it.
    pub(super) fn setup(self, dice: &mut Dice) -> Setup {
        let nodes = dice.from(5, 16);
        let mut setup = Setup {
            environment: "production",
            repository: "docker/shop",
            runtime: Runtime::Containerd,
            asks_always: false,
            replicas: dice.from(2, 10),
            nodes,
            regions: 1,
            shape: dice.pick(&[Shape::Manifest, Shape::Index, Shape::Index]),
            naming: Naming::Version,
            has_mirror: false,
            one_address: false,
            is_signed: false,
            one_by_one: false,
            layer_s: (0, 2),
            ready_s: (4, 30),
            first_node: 0,
        };
        match self {
            Self::AlwaysAsks => setup.asks_always = true,
            Self::Crio | Self::Signatures => {
                (setup.runtime, setup.asks_always) = (Runtime::Crio, dice.chance(50));
                setup.is_signed = self == Self::Signatures;
            }
            Self::Dockerd => setup.runtime = Runtime::Dockerd,
            Self::Podman => setup.runtime = Runtime::Podman,
            Self::BlueGreen | Self::Crashing => setup.asks_always = dice.chance(50),
            Self::OneByOne => {
                (setup.one_by_one, setup.replicas) = (true, setup.nodes);
                setup.asks_always = dice.chance(50);
            }
            Self::Pinned => setup.naming = Naming::Pinned,
            Self::RollbackCached => (setup.nodes, setup.replicas) = (dice.from(4, 7), dice.from(6, 12)),
            Self::CanaryAborted | Self::CanaryPromoted | Self::Half => {
                (setup.nodes, setup.replicas) = (dice.from(10, 18), dice.from(10, 20));
                setup.asks_always = dice.chance(30);
            }
            Self::CanarySteps => (setup.nodes, setup.replicas) = (dice.from(20, 26), 20),
            Self::SlowLinks => setup.layer_s = (30, 240),
            Self::LateContent | Self::FailedPulls => {
                setup.asks_always = dice.chance(30);
                setup.runtime = dice.pick(&[Runtime::Containerd, Runtime::Crio]);
            }
            Self::SideBySide | Self::Previews => {
                setup.asks_always = dice.chance(50);
                setup.replicas = dice.from(1, 4);
            }
            Self::Regions => (setup.regions, setup.nodes) = (2, dice.from(10, 16)),
            Self::SharedAddress => setup.one_address = true,
            Self::Mirror => {
                (setup.has_mirror, setup.nodes) = (true, 20);
                (setup.replicas, setup.asks_always) = (dice.from(8, 16), dice.chance(30));
            }
            Self::ScaledDown => setup.replicas = dice.from(10, 16),
            Self::SlowRollout => setup.ready_s = (60, 420),
            Self::MovedTag => {
                (setup.naming, setup.asks_always) = (Naming::Moved(dice.pick(&["latest", "main"])), true);
            }
            Self::Prepull => setup.asks_always = dice.chance(50),
            Self::Nested => setup.shape = Shape::Nested,
            Self::SharedChild => setup.shape = Shape::Index,
            Self::CronSame | Self::CronOlder | Self::Jobs => setup.replicas = dice.from(3, 8),
            Self::Kitchen => {
                setup.runtime = dice.pick(&[Runtime::Containerd, Runtime::Containerd, Runtime::Crio]);
                setup.asks_always = dice.chance(35);
                setup.naming = dice.pick(&[Naming::Version, Naming::Version, Naming::Pinned, Naming::Commit]);
            }
            Self::Plain
            | Self::RollbackSoon
            | Self::RollbackLate
            | Self::Scanners
            | Self::Laptops
            | Self::Runners
            | Self::ScaledToZero
            | Self::Autoscaled
            | Self::NodesReplaced
            | Self::Together
            | Self::TokenRotation
            | Self::OddVersions => {}
        }
        setup
    }
}
