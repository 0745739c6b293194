//! Settled is not whole, silence is not always news, and a tag may go back.

use super::story::{answer, at, check, folded, live, observations, until};
use crate::wire::Standing;

const TEN_ON_1_0: &str = "0:00 a b c d e f g h i j pull 1.0";

fn confidence(story: &str, seconds: i64) -> String {
    let seen = until(&observations(story), at(seconds));
    let current = answer(&folded(&seen), at(seconds))["services"]["docker/app"]["current"].clone();
    [&current["version"], &current["state"], &current["confidence"]].map(|it| it.as_str().unwrap()).join(" ")
}

#[test]
fn likely_is_said_of_the_whole_service_alone() {
    for (nodes, expected) in [
        ("a b c d", "1.1 mixed tentative"),
        ("a b c d e f", "1.1 settled tentative"),
        ("a b c d e f g h", "1.1 settled likely"),
        ("a b c d e f g h i j", "1.1 settled likely"),
    ] {
        let story = format!("{TEN_ON_1_0}\n 5:00:00 {nodes} pull 1.1 every 10s");
        assert_eq!(confidence(&story, 6 * 3600), expected, "{nodes}");
    }
    // Caches explain those that did not ask.
    let back = format!(
        "{TEN_ON_1_0}\n 5:00:00 a b c d e f g k l m pull 1.1 every 10s\n 9:00:00 k l m pull 1.0 every 10s"
    );
    assert_eq!(confidence(&back, 10 * 3600), "1.0 settled likely");
}

/// More evidence for another image makes what runs no surer.
#[test]
fn what_another_image_claims_to_follow_is_tentative() {
    let claim = format!("{TEN_ON_1_0}\n 5:00:00 a pull 1.1\n 6:00:00 b pull 1.1\n 7:00:00 c pull 1.0");
    for (seconds, expected) in [
        (4 * 3_600, "1.0 settled likely"),
        (5 * 3_600 + 120, "1.0 settled tentative"),
        (5 * 3_600 + 1_800, "1.0 mixed tentative"),
        (6 * 3_600 + 120, "1.0 mixed tentative"),
        (8 * 3_600, "1.0 mixed tentative"),
    ] {
        assert_eq!(confidence(&claim, seconds), expected, "{seconds}");
    }
}

#[test]
fn a_claim_that_grows_in_steps_is_a_canary() {
    let twenty = "0:00 a b c d e f g h i j k l m n o p q r s t pull 1.0 every 2s";
    let steps = format!(
        "{twenty}\n 5:00:00 a pull 1.1\n 6:00:00 b c pull 1.1\n 7:30:00 d e f g pull 1.1 every 5s\n 9:00:00 h i pull 1.1"
    );
    check(&steps, "8:00:00", "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.0 mixed");
    check(&steps, "10:00:00", "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.0 mixed");
    let promoted = format!("{steps}\n 11:00:00 j k l m n o p q r s t pull 1.1 every 5s");
    check(&promoted, "12:00:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
}

#[test]
fn silence_is_evidence_where_noise_was_due() {
    let heard = "0:00 a b c d e f g h i j k l pull 1.0\n 1:00:00 m pull 1.0\n 2:30:00 n pull 1.0\n 4:00:00 o pull 1.0";
    let few = "5:00:00 a b pull 1.1 every 10s\n 6:00:00 y pull 1.1\n 9:00:00 z pull 1.1";
    check(
        &format!("{heard}\n {few}"),
        "9:30:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled",
    );
    let unheard = "0:00 a b c d e f g h i j k l pull 1.0";
    check(
        &format!("{unheard}\n {few}"),
        "9:30:00",
        "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.0 mixed",
    );
}

#[test]
fn a_restore_after_a_rollback_that_caches_hid_is_seen_in_one_pull() {
    let story = format!(
        "{TEN_ON_1_0}\n 3:00:00 a b c d e f g h i j pull 1.1 every 6s\n 20:00:00 k pull 1.0\n 40:00:00 k pull 1.1"
    );
    check(
        &story,
        "42:00:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n restore 1.1 settled\n now 1.1 settled",
    );
}

#[test]
fn a_tag_that_is_moved_back_to_an_earlier_build_is_a_rollback() {
    let story = "0:00 a b c pull 1.1 as 1.1\n 2:00:00 a b c pull 1.1+b as 1.1 every 6s\n 4:00:00 a b c check 1.1 as 1.1 every 6s
        6:00:00 a b c check 1.1+b as 1.1 every 6s";
    check(
        story,
        "8:00:00",
        "initial 1.1 settled\n rebuild 1.1 settled\n rollback 1.1 settled\n restore 1.1 settled\n now 1.1 settled",
    );
}

#[test]
fn an_image_that_was_brought_to_the_nodes_makes_what_ran_before_uncertain() {
    let story = format!("{TEN_ON_1_0}\n 5:00:00 a b c d e f g h i j prepull 1.1");
    assert_eq!(confidence(&story, 4 * 3600), "1.0 settled likely");
    assert_eq!(confidence(&story, 6 * 3600), "1.0 settled tentative");
}

#[test]
fn a_cluster_in_a_network_of_its_own_that_has_not_moved_yet_is_no_way_back() {
    let both = "0:00 10.1.0.1 10.1.0.2 10.1.0.3 10.2.0.1 10.2.0.2 10.2.0.3 pull 1.0
        5:00:00 10.1.0.1 10.1.0.2 10.1.0.3 pull 1.1 every 10s";
    let pod = format!("{both}\n 7:00:00 10.2.0.4 pull 1.0\n 8:07:00 10.2.0.5 pull 1.0");
    check(&pod, "8:30:00", "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.1 mixed");
    let follows = format!("{pod}\n 9:00:00 10.2.0.1 10.2.0.2 10.2.0.3 pull 1.1 every 10s");
    check(&follows, "10:00:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
    // In the network that had moved, it is one, of the part that had.
    let back = format!("{pod}\n 9:00:00 10.1.0.4 10.1.0.1 pull 1.0 every 10s");
    check(&back, "10:00:00", "initial 1.0 settled\n upgrade 1.1 aborted\n now 1.0 settled");
}

/// Most of the service moved, and what has not was heard of since.
#[test]
fn what_another_cluster_does_not_run_is_partly_live() {
    let story = |last: &str| {
        let nodes: Vec<String> = (1..9).map(|node| format!("10.1.0.{node}")).collect();
        let nodes = nodes.join(" ");
        format!("0:00 {nodes} 10.2.0.1 10.2.0.2 pull 1.0\n 5:00:00 {nodes} pull 1.1 every 10s\n {last}")
    };
    let standing = |last: &str| live(&story(last), 10);
    assert_eq!(standing(""), Standing::Live);
    assert_eq!(standing("7:00:00 10.2.0.3 pull 1.0"), Standing::PartlyLive);
    assert_eq!(standing("7:00:00 10.2.0.3 pull 1.0\n 8:07:00 10.2.0.3 pull 1.1"), Standing::Live);
}

/// Under `Always`, a node that runs both shows both.
#[test]
fn what_is_asked_for_again_after_it_was_given_up_was_not() {
    let given_up = format!(
        "{TEN_ON_1_0}\n 3:00:00 a check 1.0\n 5:00:00 a b c pull 1.1 every 5s\n 5:33:00 a b check 1.0 every 5s"
    );
    check(&given_up, "6:00:00", "initial 1.0 settled\n upgrade 1.1 aborted\n now 1.0 settled");
    let again = format!("{given_up}\n 8:03:20 a b c check 1.1 every 5s");
    let mixed = "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.0 mixed";
    check(&again, "8:30:00", mixed);
    check(&format!("{again}\n 9:04:00 a check 1.0"), "9:30:00", mixed);
    // Its last pods start again while it is taken away.
    let last = format!("{given_up}\n 5:34:00 b check 1.1");
    check(&last, "6:00:00", "initial 1.0 settled\n upgrade 1.1 aborted\n now 1.0 settled");
}

/// A pod that starts again on a canary's node need not be the canary's.
#[test]
fn a_restart_beside_a_canary_does_not_end_it() {
    let noise = "1:00:00 c check 1.0\n 2:00:00 f check 1.0";
    let canary =
        |noise: &str, last: &str| format!("{TEN_ON_1_0}\n {noise}\n 5:00:00 a b pull 1.1 every 5s\n {last}");
    let mixed = "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.0 mixed";
    check(&canary(noise, "7:00:00 a check 1.0"), "8:00:00", mixed);
    check(&canary(noise, "7:00:00 a check 1.0\n 7:30:00 b check 1.0"), "8:00:00", mixed);
    // Those that replace it start together, and where none started again before it is what replaces it, too.
    let aborted = "initial 1.0 settled\n upgrade 1.1 aborted\n now 1.0 settled";
    check(&canary(noise, "7:00:00 a b check 1.0 every 20s"), "8:00:00", aborted);
    check(&canary("", "7:00:00 a check 1.0"), "8:00:00", aborted);
}

/// The mirror of what is partly live: who did not go back may have it still.
#[test]
fn what_a_part_of_the_service_went_back_from_is_partly_live() {
    let back = |nodes: &str| {
        live(
            &format!(
                "0:00 a b c pull 1.0\n 3:00:00 a b c pull 1.1 every 10s\n 9:00:00 {nodes} check 1.0 every 10s"
            ),
            10,
        )
    };
    for (nodes, standing) in
        [("a", Standing::PartlyLive), ("a b", Standing::PartlyLive), ("a b c", Standing::RolledBack)]
    {
        assert_eq!(back(nodes), standing, "{nodes}");
    }
    // Caches explain who did not ask.
    let cached = "0:00 a b c d pull 1.0\n 3:00:00 a b c e pull 1.1 every 10s\n 9:00:00 e pull 1.0";
    assert_eq!(live(cached, 10), Standing::RolledBack);
    let unknown = "0:00 a b c d pull 1.0\n 3:00:00 e f g h pull 1.1 every 10s\n 9:00:00 e pull 1.0";
    assert_eq!(live(unknown, 10), Standing::PartlyLive);
}

/// A rollout that goes on has not shown yet how many nodes ask: one of them is few of the service.
#[test]
fn a_single_pull_of_a_third_image_during_a_rollout_is_not_the_service() {
    let story =
        "0:00 a b c d pull 1.0\n 5:00:00 a b pull 1.2 every 5s\n 5:00:20 e pull 1.1\n 5:00:40 c d pull 1.2";
    let told = "initial 1.0 settled\n upgrade 1.2 settled\n changed 1.1 mixed\n now 1.2 mixed";
    check(story, "8:00:00", told);
    // The next release ends a rollout that had only begun.
    let next = "0:00 a b c d pull 1.0\n 5:00:00 a b pull 1.1 every 5s\n 5:00:20 c d a b pull 1.2 every 5s";
    check(next, "8:00:00", "initial 1.0 settled\n upgrade 1.1 mixed\n upgrade 1.2 settled\n now 1.2 settled");
}
