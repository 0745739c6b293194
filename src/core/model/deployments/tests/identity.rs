//! The image that a manifest stands for: indexes that share it, indexes in indexes.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::story::{answer, at, digest, environment, folded, repository, request, standing};
use crate::model::deployments::State;
use crate::model::event::{Event, Facts, Method, Observation};
use crate::model::oci::{Digest, Reference};
use crate::model::questions;
use crate::model::releases::Registration;
use crate::wire::Standing;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A GET of `version` by its digest, which the proxy says is in `parent`.
fn get(seconds: i64, node: &str, version: &str, parent: Option<&str>) -> Observation {
    let asked = digest(version);
    let mut get = request(at(seconds), node, Method::Get, Reference::Digest(asked), asked);
    get.parent = parent.map(digest);
    get
}

/// A pull of an image of one index or more, the top first, as containerd makes it: HEAD of the tag, then each by GET.
fn pull(seconds: i64, node: &str, way: &[&str]) -> Vec<Observation> {
    // Tags that are versions of one line.
    let tag: Reference = format!("1.{}", way[0].as_bytes()[0]).parse().unwrap();
    let mut requests = vec![request(at(seconds), node, Method::Head, tag, digest(way[0]))];
    let parents = [None].into_iter().chain(way.iter().map(|version| Some(*version)));
    requests.extend(way.iter().zip(parents).map(|(version, parent)| get(seconds, node, version, parent)));
    let (_, indexes) = requests.split_last_mut().unwrap();
    indexes.iter_mut().for_each(|request| request.media_type = Some(INDEX.into()));
    requests
}

fn in_staging(observations: Vec<Observation>) -> Vec<Observation> {
    let staging = |it| Observation { environment: "staging".parse().unwrap(), ..it };
    observations.into_iter().map(staging).collect()
}

/// Images of production's deployments, and how many nodes came.
fn deployed(state: &State, seconds: i64) -> Vec<(Digest, u64)> {
    let answer = answer(state, at(seconds));
    let deployments = answer["services"]["docker/app"]["deployments"].as_array().cloned().unwrap_or_default();
    let one = |it: serde_json::Value| {
        (it["digest"].as_str().unwrap().parse().unwrap(), it["clients"].as_u64().unwrap())
    };
    deployments.into_iter().map(one).collect()
}

/// The place of the release of which this image is registered: `1.97` is the tag of `a`.
fn registered(state: &State, version: &str, image: &str) -> Standing {
    let release = Registration { digests: vec![digest(image)], ..Registration::named(repository(), version) };
    standing(state.clone(), release, at(9_000))
}

/// CI may know a platform's manifest where nodes ask for the index, or the other way round.
#[test]
fn a_release_is_known_by_its_index_and_by_its_platforms() {
    let both = folded(&[pull(0, "n1", &["a", "x"]), pull(5, "n2", &["a", "x"])].concat());
    assert_eq!(registered(&both, "1.97", "a"), Standing::Live);
    assert_eq!(registered(&both, "1.97", "x"), Standing::Live);
    // A digest that is not known to be in it may be another build.
    assert_eq!(registered(&both, "1.97", "y"), Standing::Unknown);
    // A tag that says another version is believed: a build that changed nothing for this platform.
    assert_eq!(registered(&both, "1.98", "x"), Standing::NotLive);
    // Pinned: no tag tells, and the index is only known from what was read.
    let pinned = |node| vec![get(0, node, "x", None)];
    let mut state = folded(&[pinned("n1"), pinned("n2")].concat());
    assert_eq!(registered(&state, "2.0", "a"), Standing::Unknown);
    let facts = Facts::Index { children: vec![digest("x")], labels: BTreeMap::new() };
    state.apply(&Event::Learned { at: at(60), repository: repository(), digest: digest("a"), facts });
    assert_eq!(registered(&state, "2.0", "a"), Standing::Live);
}

#[test]
fn an_index_that_another_environment_reads_changes_nothing() {
    let x_of_b = || get(7_300, "c", "x", Some("b"));
    let ways: [(&str, Vec<Observation>, u64); 4] = [
        ("nobody else", vec![], 2),
        ("a node with the index of its own", [pull(7_299, "c", &["a"]), vec![x_of_b()]].concat(), 3),
        ("a node that asks for the platform manifest alone", vec![x_of_b()], 3),
        ("a node that ran the image before", vec![get(7_300, "n1", "x", Some("b"))], 2),
    ];
    for (way, more, clients) in ways {
        let both = [pull(0, "n1", &["a", "x"]), pull(5, "n2", &["a", "x"])].concat();
        let other = in_staging(pull(7_200, "s", &["b", "x"]));
        let state = folded(&[both, other, more].concat());
        assert_eq!(deployed(&state, 9_000), [(digest("a"), clients)], "{way}");
    }
}

#[test]
fn the_index_that_this_node_read_last_decides() {
    let shared = [pull(0, "n1", &["a", "x"]), in_staging(pull(60, "s", &["b", "x"]))].concat();
    let moved = [shared.clone(), pull(7_200, "n1", &["b", "x"])].concat();
    assert_eq!(deployed(&folded(&moved), 9_000), [(digest("a"), 1), (digest("b"), 1)]);
    // The proxy need not say so, nor know the index at all.
    let mut unsaid = moved.clone();
    unsaid.iter_mut().for_each(|it| it.parent = None);
    assert_eq!(deployed(&folded(&unsaid), 9_000), [(digest("a"), 1), (digest("b"), 1)]);
    let unread = [shared, pull(7_200, "n2", &["c"]), vec![get(7_200, "n2", "x", None)]].concat();
    assert_eq!(deployed(&folded(&unread), 9_000), [(digest("a"), 1), (digest("c"), 1)]);
}

#[test]
fn a_node_goes_on_with_the_image_that_it_showed_last() {
    let five = (0..)
        .zip(["n1", "n2", "n3", "n4", "n5"])
        .flat_map(|(place, node)| pull(place * 5, node, &["a", "x"]));
    let canary = pull(7_200, "n5", &["b", "x"]);
    let again = get(9_000, "n5", "x", Some("a"));
    let state = folded(&five.chain(canary).chain([again]).collect::<Vec<_>>());
    let told = answer(&state, at(9_200));
    assert_eq!(told["services"]["docker/app"]["deployments"][1]["state"], "mixed", "{told}");
}

#[test]
fn a_manifest_of_several_images_that_nothing_tells_apart_stands_for_itself() {
    let of_two = [in_staging(pull(0, "s", &["a", "x"])), in_staging(pull(60, "s", &["b", "x"]))].concat();
    let alone = [of_two.clone(), vec![get(7_200, "n1", "x", None)]].concat();
    assert_eq!(deployed(&folded(&alone), 9_000), [(digest("x"), 1)]);
    // An image that ran as itself goes on as itself, and a manifest in one image alone stands for that.
    let again = [alone, pull(7_800, "n2", &["c", "y"]), vec![get(8_000, "n1", "x", Some("a"))]].concat();
    assert_eq!(deployed(&folded(&again), 9_000)[0], (digest("x"), 1));
    let of_one = [in_staging(pull(0, "s", &["a", "x"])), vec![get(7_200, "n1", "x", None)]].concat();
    assert_eq!(deployed(&folded(&of_one), 9_000), [(digest("a"), 1)]);
}

/// Now and then the proxy does not know the index around a manifest; what a node reads right after an index is in it.
#[test]
fn an_index_that_is_read_right_after_another_is_in_it() {
    let way = ["a", "i", "x"];
    let mut unsaid = pull(0, "n1", &way);
    unsaid[2].parent = None;
    let expected = [(digest("a"), 2)];
    let state = folded(&[unsaid.clone(), pull(8, "n2", &way)].concat());
    assert_eq!(deployed(&state, 9_000), expected);
    unsaid.iter_mut().for_each(|it| it.parent = None);
    assert_eq!(deployed(&folded(&[unsaid, pull(8, "n2", &way)].concat()), 9_000), expected);
    // CRI-O asks for each pinned index by GET alone: one that comes after another's manifest is an image of its own.
    let crio = |it: Observation| Observation { agent: "cri-o/1.31.0".into(), ..it };
    let pinned =
        |seconds, way: &[&str]| pull(seconds, "n1", way).into_iter().skip(1).map(crio).collect::<Vec<_>>();
    let two = [pinned(0, &["a", "x"]), pinned(4, &["b", "y"])].concat();
    assert_eq!(deployed(&folded(&two), 9_000), [(digest("a"), 1), (digest("b"), 1)]);
}

/// The log's order is not that of the requests to within two seconds.
#[test]
fn a_manifest_that_is_logged_before_its_index_is_part_of_it() {
    let shared = [
        pull(0, "n1", &["c"]),
        in_staging(pull(60, "s", &["b", "x"])),
        in_staging(pull(70, "s", &["a", "x"])),
    ];
    for before in [&shared[..1], &shared[..]] {
        let mut all = before.concat();
        for (place, node) in (0..).zip(["n1", "n2"]) {
            let mut late = pull(7_200 + place * 30, node, &["a", "x"]);
            late.rotate_right(1);
            all.extend(late);
        }
        assert_eq!(deployed(&folded(&all), 9_000), [(digest("c"), 1), (digest("a"), 2)]);
    }
    // The image that the service runs contains the manifest too, but is not what the node asks for.
    let mut back = pull(7_200, "n1", &["b", "x"]);
    back.rotate_right(1);
    let all = [pull(0, "n1", &["a", "x"]), in_staging(pull(60, "s", &["b", "x"])), back].concat();
    assert_eq!(deployed(&folded(&all), 9_000), [(digest("a"), 1), (digest("b"), 1)]);
}

#[test]
fn an_index_in_an_index_is_one_image() {
    let ways: [&[&str]; 4] =
        [&["top"], &["top", "x"], &["top", "inner", "x"], &["top", "inner", "innermost", "x"]];
    for way in ways {
        let pulls = (0..).zip(["n1", "n2", "n3"]).map(|(place, node)| pull(place * 5, node, way));
        assert_eq!(deployed(&folded(&pulls.flatten().collect::<Vec<_>>()), 900), [(digest("top"), 3)]);
    }
}

/// Facts that the proxy read say the same as the parents that observations state.
#[test]
fn facts_that_were_read_say_what_contains_what() {
    let learned = |digest_of: &str, children: &[&str]| Event::Learned {
        at: at(0),
        repository: super::story::repository(),
        digest: digest(digest_of),
        facts: Facts::Index {
            children: children.iter().map(|child| digest(child)).collect(),
            labels: [("version".to_owned(), format!("labelled {digest_of}"))].into(),
        },
    };
    let mut state = folded(&[]);
    for event in [learned("inner", &["x", "y"]), learned("a", &["inner"]), learned("b", &["inner"])] {
        state.apply(&event);
    }
    let mut requests = pull(10, "n1", &["a", "inner", "x"]);
    requests.iter_mut().for_each(|it| it.parent = None);
    requests.extend(in_staging(pull(20, "s", &["b", "inner", "y"])));
    requests.push(get(4_000, "n2", "y", None));
    requests.iter().for_each(|it| state.observe(it));
    assert_eq!(deployed(&state, 9_000), [(digest("a"), 2)]);
    let running = serde_json::to_value(questions::replayed(&state, &environment(), at(9_000))).unwrap();
    assert_eq!(running["services"]["docker/app"]["current"]["digest"], digest("a").to_string());
}

#[test]
fn the_way_up_is_bounded_whatever_contains_what() {
    let mut state = folded(&[]);
    // Each of 40 levels contains each of the levels below; the lowest contains the highest.
    for level in 0_i64..40 {
        for below in 0..level {
            state.observe(&get(level, "n1", &format!("level {below}"), Some(&format!("level {level}"))));
        }
    }
    state.observe(&get(50, "n1", "level 39", Some("level 0")));
    state.observe(&get(60, "n1", "level 0", Some("level 0")));
    assert!(!deployed(&state, 900).is_empty());
}

#[derive(Clone, Debug)]
struct Pulled {
    is_ours: bool,
    node: u8,
    image: u8,
    pause: i64,
}

fn pulled() -> impl Strategy<Value = Pulled> {
    (any::<bool>(), 0..5_u8, 0..4_u8, 0..1_500_i64).prop_map(|(is_ours, node, image, pause)| Pulled {
        is_ours,
        node,
        image,
        pause,
    })
}

/// Images of one to three levels that share what is below; the lowest is the same for all.
const IMAGES: [&[&str]; 4] =
    [&["1.0", "x"], &["1.1", "x"], &["1.2", "inner", "x"], &["1.3", "other", "inner", "x"]];

proptest! {
    /// Pulls of another environment change nothing here, and only an image that was asked for by its tag is deployed,
    /// even where the proxy states the index that anybody read last.
    #[test]
    fn what_another_environment_pulls_changes_no_answer(pulls in vec(pulled(), 1..40)) {
        let (mut now, mut all) = (0, Vec::new());
        let mut read_last = std::collections::BTreeMap::new();
        for Pulled { is_ours, node, image, pause } in pulls {
            now += pause;
            let mut requests = pull(now, &super::story::node(node), IMAGES[usize::from(image)]);
            for request in &mut requests {
                if let Some(parent) = request.parent {
                    read_last.insert(request.digest, parent);
                }
            }
            // The next one is told what this one read.
            requests.iter_mut().for_each(|it| it.parent = read_last.get(&it.digest).copied());
            all.extend(if is_ours { requests } else { in_staging(requests) });
        }
        let ours: Vec<_> = all.iter().filter(|it| it.environment == environment()).cloned().collect();
        let end = now + 9_000;
        let (with, without) = (folded(&all), folded(&ours));
        prop_assert_eq!(answer(&with, at(end)), answer(&without, at(end)));
        let tops: Vec<Digest> = IMAGES.iter().map(|way| digest(way[0])).collect();
        for (deployed, _) in deployed(&with, end) {
            prop_assert!(tops.contains(&deployed));
        }
    }
}
