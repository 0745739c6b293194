//! Content that comes late, or fails late: a pull lasts as long as its content arrives.

use super::story::{CONTAINERD, answer, at, check, digest, folded, observations, request, summary};
use crate::model::event::{Method, Observation};
use crate::model::oci::Reference;

const DOCKERD: &str = "docker/27.3.1 go/go1.22.7 kernel/6.1.0";
const TWO_ON_1_0: &str = "0:00 a b pull 1.0";
const ONLY_1_0: &str = "initial 1.0 settled\n now 1.0 settled";

/// Retries as the kubelet makes them, each of which ends after `layer`.
fn retries(layer: &str) -> String {
    let minutes = [0, 6, 12, 18, 24, 30, 36, 42];
    minutes.map(|minute| format!("2:{minute:02}:00 a b break 1.1 every 18s layer {layer}\n")).concat()
}

#[test]
fn a_layer_that_fails_late_takes_back_what_its_manifest_counted_for() {
    for layer in ["30s", "59s", "61s", "72s", "240s", "600s", "840s"] {
        let story = format!("{TWO_ON_1_0}\n2:00:00 a b break 1.1 every 18s layer {layer}");
        check(&story, "3:00:00", ONLY_1_0);
        let attempts = &answer(&folded(&observations(&story)), at(3 * 3600))["attempts"][0];
        assert_eq!((&attempts["reference"], &attempts["count"]), (&"1.1".into(), &2.into()), "{layer}");
    }
}

#[test]
fn a_retry_of_what_broke_is_no_rollout_before_what_broke_has_come() {
    let story = format!("{TWO_ON_1_0}\n{}", retries("72s"));
    for now in ["2:03:00", "2:06:30", "2:07:05", "2:12:20", "2:30:30", "3:30:00"] {
        check(&story, now, ONLY_1_0);
    }
    let works = format!("{story}2:48:00 a b pull 1.1 every 18s layer 90s");
    check(&works, "2:49:00", ONLY_1_0);
    let expected = "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled";
    check(&works, "3:30:00", expected);
    // The runtime itself may ask for the layer again.
    let again = format!("{TWO_ON_1_0}\n2:00:00 a b break 1.1 layer 72s");
    let mut requests = observations(&again);
    let refused: Vec<_> = requests.iter().filter(|it| it.status == 503).cloned().collect();
    for mut blob in refused {
        let digest = observations("0:00 a pull 1.1").pop().and_then(|it| it.digest);
        (blob.at, blob.status, blob.digest) = (at(2 * 3600 + 240), 200, digest);
        requests.push(blob);
    }
    let now =
        answer(&folded(&requests), at(3 * 3600))["services"]["docker/app"]["current"]["version"].clone();
    assert_eq!(now, "1.1");
}

#[test]
fn a_slow_layer_that_comes_is_a_pull_from_its_beginning_on() {
    for layer in ["59s", "72s", "240s", "840s"] {
        let story = format!("{TWO_ON_1_0}\n2:00:00 a b pull 1.1 every 18s layer {layer}");
        check(&story, "2:00:30", "initial 1.0 settled\n upgrade 1.1 rolling_out\n now 1.1 rolling_out");
        check(&story, "3:00:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
    }
}

#[test]
fn a_layer_that_fails_is_not_that_of_another_image_that_the_node_asks_for_meanwhile() {
    let story = "0:00 a b c d e pull 1.0
        2:00:00 a b break 1.1 layer 72s
        2:00:30 a b check 1.0";
    check(story, "3:00:00", ONLY_1_0);
    let seen = answer(&folded(&observations(story)), at(3 * 3600))["services"]["docker/app"]["current"]["last_seen_at"].clone();
    assert_eq!(seen, serde_json::to_value(at(2 * 3600 + 31)).unwrap());
}

/// A pod that nobody took away tries for days: its node asks for the tag, and for the layer that it lacks, and for nothing else.
#[test]
fn a_node_that_lacks_a_layer_tries_for_days_and_deploys_nothing() {
    let mut requests = observations(&format!("{TWO_ON_1_0}\n2:00:00 a break 1.1 layer 128s"));
    for retry in 1..200 {
        let again = format!("{} a break 1.1 layer 128s", 7200 + retry * 428);
        requests.extend(
            observations(&again).into_iter().filter(|it| it.reference != Reference::Digest(digest("1.1"))),
        );
    }
    requests.sort_by_key(|it| it.at);
    let state = folded(&requests);
    for seconds in [7_200 + 428 * 20 + 3, 7_200 + 428 * 100 + 90, 7_200 + 428 * 199 + 200, 200_000] {
        let seen: Vec<_> = requests.iter().filter(|it| it.at <= at(seconds)).cloned().collect();
        assert_eq!(
            summary(&folded(&seen), at(seconds)),
            ["initial 1.0 settled", "now 1.0 settled"],
            "{seconds}"
        );
    }
    // The lacking content may come in another way; then its name is all that it asks for.
    let mut later = state;
    observations("30:00:00 a b check 1.1").iter().for_each(|it| later.observe(it));
    let seen = ["initial 1.0 settled", "upgrade 1.1 settled", "now 1.1 settled"];
    assert_eq!(summary(&later, at(31 * 3_600)), seen);
}

/// Requests of one pull: seconds after its beginning, by which reference, of which manifest, answered how.
type Requests<'a> = &'a [(i64, Method, &'a str, &'a str, u16)];

fn requests(start: i64, node: &str, agent: &str, all: Requests<'_>) -> Vec<Observation> {
    let one = |(seconds, method, by, of, status): &(i64, Method, &str, &str, u16)| {
        let reference = if *by == "digest" { Reference::Digest(digest(of)) } else { by.parse().unwrap() };
        let mut request = request(at(start + seconds), node, *method, reference, digest(of));
        request.status = *status;
        request.parent = (*of == "x").then(|| digest("1.1"));
        request.agent = agent.into();
        request.digest = request.digest.filter(|_| *status == 200);
        request
    };
    all.iter().map(one).collect()
}

/// A gateway gives up on a manifest after a minute or more, and clients ask for it by its tag or by its digest.
#[test]
fn a_manifest_that_is_refused_late_or_by_its_tag_deploys_nothing() {
    use Method::{Get, Head};
    let ways: [(&str, &str, Requests<'_>); 6] = [
        ("at once", CONTAINERD, &[(0, Head, "1.1", "1.1", 200), (1, Get, "digest", "1.1", 504)]),
        ("late", CONTAINERD, &[(0, Head, "1.1", "1.1", 200), (76, Get, "digest", "1.1", 504)]),
        ("after minutes", CONTAINERD, &[(0, Head, "1.1", "1.1", 200), (301, Get, "digest", "1.1", 504)]),
        (
            "a platform, late",
            CONTAINERD,
            &[(0, Head, "1.1", "1.1", 200), (1, Get, "digest", "1.1", 200), (77, Get, "digest", "x", 504)],
        ),
        ("by its tag", DOCKERD, &[(0, Head, "1.1", "1.1", 200), (1, Get, "1.1", "1.1", 429)]),
        ("by its tag, late", DOCKERD, &[(0, Head, "1.1", "1.1", 200), (90, Get, "1.1", "1.1", 429)]),
    ];
    for (way, agent, all) in ways {
        let before = observations(TWO_ON_1_0).into_iter().map(|it| Observation { agent: agent.into(), ..it });
        let mut seen: Vec<_> = before.collect();
        for retry in 0..4 {
            for (place, node) in (0..).zip(["a", "b"]) {
                seen.extend(requests(7_200 + retry * 400 + place * 18, node, agent, all));
            }
        }
        seen.sort_by_key(|it| it.at);
        for retry in [1, 2, 3] {
            let now = at(7_200 + retry * 400 - 1);
            let until: Vec<_> = seen.iter().filter(|it| it.at <= now).cloned().collect();
            assert_eq!(summary(&folded(&until), now), ["initial 1.0 settled", "now 1.0 settled"], "{way}");
        }
        // A retry is no rollout before what was refused has come.
        let again = at(7_200 + 2 * 400 + 40);
        let until: Vec<_> = seen.iter().filter(|it| it.at <= again).cloned().collect();
        assert_eq!(summary(&folded(&until), again), ["initial 1.0 settled", "now 1.0 settled"], "{way}");
        let (_, _, _, of, _) = all[all.len() - 1];
        for (place, node) in (0..).zip(["a", "b"]) {
            let works = [(0, Head, "1.1", "1.1", 200), (90, Get, "digest", of, 200)];
            seen.extend(requests(9_000 + place * 18, node, agent, &works));
        }
        seen.sort_by_key(|it| it.at);
        let came = ["initial 1.0 settled", "upgrade 1.1 settled", "now 1.1 settled"];
        assert_eq!(summary(&folded(&seen), at(4 * 3600)), came, "{way}");
    }
}

/// A node runs pods of several images, and one that cannot be had says nothing of another.
#[test]
fn what_is_refused_of_another_image_takes_nothing_back() {
    for (after, reference) in [
        (30, Reference::Digest(digest("1.5"))),
        (150, Reference::Digest(digest("1.5"))),
        (150, "1.5".parse().unwrap()),
    ] {
        let mut seen = observations(&format!("{TWO_ON_1_0}\n2:00:00 a b pull 1.1"));
        for node in ["a", "b"] {
            let refused = request(at(7_200 + after), node, Method::Head, reference.clone(), digest("1.5"));
            seen.push(Observation { status: 404, digest: None, ..refused });
        }
        let told = summary(&folded(&seen), at(3 * 3600));
        assert_eq!(
            told,
            ["initial 1.0 settled", "upgrade 1.1 settled", "now 1.1 settled"],
            "{after} {reference:?}"
        );
    }
}
