//! Signatures, attestations and charts are kept beside images, and are no service's image.

use super::story::{answer, at, digest, folded, pull, request};
use crate::model::event::{Event, Method, Object, Observation};
use crate::model::oci::{Digest, Reference};

const CRIO: &str = "cri-o/1.31.0 go/go1.22 os/linux arch/amd64";
const HELM: &str = "application/vnd.cncf.helm.config.v1+json";

/// The tag of what is attached to an image.
fn attached(version: &str, ending: &str) -> Reference {
    format!("{}{ending}", digest(version).to_string().replace(':', "-")).parse().unwrap()
}

fn blob(seconds: i64, node: &str, name: &str, bytes: u64) -> Observation {
    let content = Digest::of(name.as_bytes());
    let mut blob = request(at(seconds), node, Method::Get, Reference::Digest(content), content);
    (blob.object, blob.bytes) = (Object::Blob, bytes);
    blob
}

/// A pull by CRI-O, which asks for the signature between the manifest and the layers; without layers where it holds them.
fn signed_pull(seconds: i64, node: &str, version: &str, ending: &str, is_held: bool) -> Vec<Observation> {
    let signature = Digest::of(format!("{version}{ending}").as_bytes());
    let mut requests = vec![
        request(at(seconds), node, Method::Get, version.parse().unwrap(), digest(version)),
        request(at(seconds), node, Method::Get, attached(version, ending), signature),
        blob(seconds, node, &format!("payload of {version}"), 250),
    ];
    if !is_held {
        requests.push(blob(seconds + 1, node, &format!("layer of {version}"), 3_000_000));
    }
    requests.iter_mut().for_each(|it| it.agent = CRIO.into());
    requests
}

fn refused(mut request: Observation) -> Observation {
    (request.status, request.digest) = (404, None);
    request
}

#[test]
fn signatures_that_nodes_check_are_no_deployments() {
    for ending in ["", ".sig", ".att", ".sbom"] {
        let mut all = Vec::new();
        for (start, version) in [(0, "1.0"), (7_200, "1.1"), (20_000, "1.0")] {
            for (place, node) in (0..).zip(["a", "b", "c", "d", "e"]) {
                all.extend(signed_pull(start + place * 20, node, version, ending, start == 20_000));
            }
        }
        let answer = answer(&folded(&all), at(24_000));
        let service = &answer["services"]["docker/app"];
        let kinds: Vec<_> = service["deployments"].as_array().unwrap().iter().map(|it| &it["kind"]).collect();
        assert_eq!(kinds, ["initial", "upgrade", "rollback"], "{ending}");
        assert_eq!(service["current"]["digest"], digest("1.0").to_string());
        assert_eq!(answer["services"].as_object().unwrap().len(), 1);
    }
}

/// The payload of a signature that comes twice is one node that starts two pods, and what comes with an image that is held
/// is no content of it.
#[test]
fn the_content_of_a_signature_is_no_transfer_of_the_image() {
    let twice = |start| {
        [signed_pull(start, "a", "1.0", ".sig", true), signed_pull(start + 5, "a", "1.0", ".sig", true)]
    };
    let all: Vec<_> =
        [signed_pull(0, "a", "1.0", ".sig", false)].into_iter().chain(twice(7_200)).flatten().collect();
    let answer = answer(&folded(&all), at(9_000));
    assert_eq!(answer["services"]["docker/app"]["deployments"][0]["clients"], 1);
    let state = folded(&all);
    let timeline =
        crate::model::questions::timeline(&state, &super::story::environment(), at(9_000), 1, None);
    let evidence = crate::model::questions::evidence(&state, &timeline.deployments[0].id, at(9_000)).unwrap();
    let evidence = serde_json::to_value(evidence).unwrap();
    let pulls = evidence["changes"][0]["pulls"].as_array().unwrap();
    let grades: Vec<_> = pulls.iter().map(|it| it["grade"].as_str().unwrap()).collect();
    assert_eq!(grades, ["transfer", "pull"]);
}

#[test]
fn an_image_without_a_signature_is_no_failing_deployment() {
    let image = request(at(0), "a", Method::Get, "1.0".parse().unwrap(), digest("1.0"));
    let missing = ["", ".sig", ".att", ".sbom"]
        .map(|ending| refused(request(at(1), "a", Method::Get, attached("1.0", ending), digest("none"))));
    let mut state = folded(&[vec![image], missing.to_vec()].concat());
    state.apply(&Event::Refused { last: missing[1].clone(), first_at: at(1), count: 9 });
    let answer = answer(&state, at(60));
    assert_eq!(answer["attempts"].as_array().unwrap().len(), 0, "{answer}");
    assert!(!answer["services"].as_object().unwrap().is_empty());
}

/// The content of the first HEAD is known to be a chart only once it is read.
#[test]
fn what_turns_out_to_be_no_image_makes_no_service() {
    let chart = || {
        let mut requests = pull(at(0), "a", "1.0.0", "chart", false);
        requests[1].media_type = Some(HELM.into());
        requests
    };
    let again = pull(at(3_600), "b", "1.0.0", "chart", true);
    let by_digest = request(at(3_700), "c", Method::Get, Reference::Digest(digest("chart")), digest("chart"));
    let gone =
        refused(request(at(3_800), "c", Method::Get, Reference::Digest(digest("chart")), digest("chart")));
    let mut laptop = chart();
    laptop.iter_mut().for_each(|it| it.agent = super::story::LAPTOP.into());
    let other = pull(at(0), "b", "1.0.0", "chart", true);
    for (case, requests) in [
        ("a node", chart()),
        ("a node that has it", [other, chart(), again].concat()),
        ("by digest", [chart(), vec![by_digest, gone]].concat()),
        ("a person", laptop),
    ] {
        let state = folded(&requests);
        for seconds in [3_900, 9_000] {
            let answer = answer(&state, at(seconds));
            assert!(answer["services"].as_object().unwrap().is_empty(), "{case}: {answer}");
            assert!(answer["local"].as_array().unwrap().is_empty(), "{case}: {answer}");
            assert!(answer["attempts"].as_array().unwrap().is_empty(), "{case}: {answer}");
        }
    }
}

#[test]
fn a_tag_alone_says_nothing_of_the_digest_that_it_names() {
    let copied = request(at(0), "a", Method::Get, attached("1.0", ""), digest("1.0"));
    let all =
        [vec![copied], pull(at(600), "a", "1.0", "1.0", false), pull(at(700), "b", "1.0", "1.0", false)];
    let answer = answer(&folded(&all.concat()), at(9_000));
    assert_eq!(answer["services"]["docker/app"]["deployments"][0]["clients"], 2);
}
