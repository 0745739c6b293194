//! The sentences of the design, as histories: given these pulls, asked then, this is the answer.

use super::story::{answer, at, check, environment, folded, observations};
use crate::model::questions;

const FIVE_ON_1_0: &str = "0:00 a b c d e pull 1.0";

#[test]
fn a_rollout_settles_when_no_new_node_came_for_the_settle_time() {
    let story = format!("{FIVE_ON_1_0}\n2:00:00 a b c d e pull 1.1 every 60s");
    check(&story, "2:05:00", "initial 1.0 settled\n upgrade 1.1 rolling_out\n now 1.1 rolling_out");
    check(&story, "2:14:01", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
}

#[test]
fn a_pull_of_the_old_image_during_a_rollout_is_a_straggler() {
    let story = format!(
        "{FIVE_ON_1_0}
        2:00:00 a b pull 1.1 every 60s
        2:02:00 f pull 1.0
        2:02:30 c d pull 1.1 every 60s
        2:04:00 a check 1.0
        2:04:30 e pull 1.1"
    );
    check(&story, "3:00:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
}

#[test]
fn a_rollback_in_the_middle_of_a_rollout_is_seen_when_the_rollout_stops() {
    let story = format!(
        "{FIVE_ON_1_0}
        2:00:00 a b c d pull 1.1 every 20s
        2:01:20 a b c d check 1.0 every 20s"
    );
    let expected =
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled";
    check(&story, "3:00:00", expected);
}

#[test]
fn a_node_that_comes_back_is_shown_at_once_and_taken_back_when_it_was_a_straggler() {
    let begun = format!("{FIVE_ON_1_0}\n2:00:00 a b c pull 1.1 every 30s\n2:01:30 a check 1.0");
    check(
        &begun,
        "2:01:40",
        "initial 1.0 settled\n upgrade 1.1 rolling_out\n rollback 1.0 rolling_out without 1.1\n now 1.1 rolling_out",
    );
    let story = format!("{begun}\n2:02:00 d e pull 1.1 every 30s");
    check(&story, "2:20:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
}

#[test]
fn a_rollback_to_what_the_nodes_hold_is_one_head_each() {
    let story = format!(
        "{FIVE_ON_1_0}
        2:00:00 a b c d e pull 1.1 every 20s
        9:00:00 a b c d e check 1.0 every 20s"
    );
    let expected =
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled";
    check(&story, "10:00:00", expected);
}

#[test]
fn in_a_service_that_starts_slowly_a_pause_longer_than_the_settle_time_is_no_end() {
    let story = "0:00 a b c d e f g h pull 1.0
        2:00:00 a b c d e f g h pull 1.1 every 840s
        9:00:00 a b c pull 1.2 every 840s
        9:30:00 x pull 1.1
        9:42:00 d e f g h pull 1.2 every 840s";
    let expected = "initial 1.0 settled\n upgrade 1.1 settled\n upgrade 1.2 settled\n now 1.2 settled";
    check(story, "13:00:00", expected);
}

#[test]
fn a_single_pull_of_the_old_image_is_a_straggler_when_the_rollout_goes_on_hours_later() {
    let stuck = "0:00 a b c d e f g h pull 1.0
        2:00:00 a b c d e pull 1.1 every 20s
        3:00:00 x pull 1.0";
    let back =
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled";
    check(stuck, "4:00:00", back);
    let goes_on = format!("{stuck}\n 5:00:00 f g h pull 1.1 every 20s");
    check(&goes_on, "6:00:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
    // Nobody was left who could come: two pods more, after a rollback that caches hid.
    let whole = "0:00 a b c d e pull 1.0
        2:00:00 a b c d e pull 1.1 every 20s
        3:00:00 x pull 1.0
        5:00:00 f g pull 1.1 every 20s";
    let restored = "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n restore 1.1 settled\n now 1.1 settled";
    check(whole, "6:00:00", restored);
}

#[test]
fn once_every_pod_is_replaced_nobody_is_left_to_straggle() {
    let story = "0:00 a b pull 1.0\n 2:00:00 c d pull 1.1 every 20s\n 2:00:50 e pull 1.0";
    let expected =
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled";
    check(story, "3:00:00", expected);
}

#[test]
fn where_nodes_ask_always_one_old_pod_that_starts_again_is_no_rollback() {
    let stuck = "0:00 a b c d e pull 1.0
        1:00:00 a e check 1.0 every 600s
        2:00:00 a b c d pull 1.1 every 20s
        3:00:00 e check 1.0";
    check(stuck, "4:00:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
    let back = format!("{stuck}\n 5:00:00 a b c d e check 1.0 every 20s");
    let expected =
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled";
    check(&back, "6:00:00", expected);
}

#[test]
fn a_pod_that_moves_while_the_service_goes_back_does_not_hide_it() {
    let story = "0:00 a b c d e f pull 1.0
        2:00:00 g h i j k l pull 1.1 every 120s
        2:10:20 m n o p pull 1.0 every 40s
        2:18:00 q pull 1.1
        2:20:00 r pull 1.0";
    let expected =
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled";
    check(story, "4:00:00", expected);
}

#[test]
fn where_caches_hide_a_rollback_the_one_node_that_lacks_the_image_shows_it() {
    let story = format!(
        "{FIVE_ON_1_0}
        2:00:00 a b c f g pull 1.1 every 20s
        9:00:00 f pull 1.0"
    );
    check(
        &story,
        "9:30:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled",
    );
}

#[test]
fn up_again_is_a_restore_and_down_two_releases_reverts_both() {
    let story = format!(
        "{FIVE_ON_1_0}
        2:00:00 a b c d e pull 1.1
        4:00:00 a b c d e pull 1.2
        6:00:00 a b c d e check 1.0
        8:00:00 a b c d e check 1.2"
    );
    check(
        &story,
        "9:00:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n upgrade 1.2 settled
        rollback 1.0 settled without 1.1 1.2\n restore 1.2 settled\n now 1.2 settled",
    );
}

#[test]
fn an_earlier_release_is_a_rollback_although_it_never_ran_here() {
    let story = "0:00 a b c pull 1.4\n 2:00:00 a b c pull 1.2";
    check(story, "3:00:00", "initial 1.4 settled\n rollback 1.2 settled without 1.3 1.4\n now 1.2 settled");
}

#[test]
fn the_same_version_under_another_digest_is_a_rebuild() {
    let story = "0:00 a b c pull 1.1\n 2:00:00 a b c pull 1.1+b as 1.1";
    check(story, "3:00:00", "initial 1.1 settled\n rebuild 1.1 settled\n now 1.1 settled");
}

#[test]
fn a_canary_is_not_the_service_until_it_is_promoted() {
    let canary = "0:00 a b c d e f g h i j pull 1.0\n 5:00:00 a pull 1.1";
    check(canary, "5:05:00", "initial 1.0 settled\n upgrade 1.1 rolling_out\n now 1.0 settled");
    check(canary, "5:30:00", "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.0 mixed");
    let promoted = format!("{canary}\n 5:40:00 b c d e f g h i j pull 1.1 every 20s");
    check(&promoted, "7:00:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
}

#[test]
fn a_canary_that_touches_every_node_of_a_dense_service_is_still_a_canary() {
    let rollout = |start: &str, version: &str| {
        let more = |minute: u8| format!("{start}:0{minute}:20 a b c d check {version} every 2s");
        format!("{start}:00:00 a b c d pull {version}\n{}\n{}\n{}\n", more(1), more(3), more(5))
    };
    let whole = format!("{}{}", rollout("0", "1.0"), rollout("2", "1.1"));
    let before = "initial 1.0 settled\n upgrade 1.1 settled\n";
    check(&whole, "5:00:00", &format!("{before} now 1.1 settled"));
    let canary = format!("{whole}5:00:00 a b c d pull 1.2 every 20s");
    check(&canary, "5:30:00", &format!("{before} upgrade 1.2 mixed\n now 1.1 mixed"));
    let promoted = format!("{canary}\n5:40:00 a b c d check 1.2 every 20s");
    check(&promoted, "6:30:00", &format!("{before} upgrade 1.2 settled\n now 1.2 settled"));
    // Pods that crash are heard again and again: one such rollout says nothing of how many there are.
    let crashed = format!("0:00 a b c d pull 1.0\n{}5:00:00 a b c d pull 1.2 every 20s", rollout("2", "1.1"));
    check(&crashed, "5:30:00", &format!("{before} upgrade 1.2 settled\n now 1.2 settled"));
}

#[test]
fn a_canary_that_its_node_left_was_given_up() {
    let story = "0:00 a b c d e f g h i j pull 1.0\n 5:00:00 a pull 1.1\n 5:40:00 a check 1.0";
    check(story, "6:30:00", "initial 1.0 settled\n upgrade 1.1 aborted\n now 1.0 settled");
}

#[test]
fn a_candidate_that_is_heard_alone_was_no_canary_but_a_service_scaled_down() {
    let heard = "0:00 a b c d e f g h i j k l pull 1.0\n 1:00:00 m pull 1.0\n 3:00:00 n pull 1.0\n 4:30:00 o pull 1.0";
    let small = format!("{heard}\n 5:00:00 a b pull 1.1 every 10s");
    check(&small, "5:30:00", "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.0 mixed");
    let heard_once = format!("{small}\n 6:00:00 y pull 1.1");
    check(&heard_once, "6:30:00", "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.0 mixed");
    let beside_the_old = format!("{heard_once}\n 8:40:00 x pull 1.0\n 9:00:00 z pull 1.1");
    check(&beside_the_old, "9:30:00", "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.0 mixed");
    let alone = format!("{heard_once}\n 9:00:00 z pull 1.1");
    check(&alone, "9:30:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
}

#[test]
fn nobody_canaries_the_way_down() {
    let up = "0:00 a b c d e f g h i j pull 1.0
        2:00:00 k l m n o p q r s t pull 1.1";
    // A third of the fleet asks for the old image again: caches hide the others.
    let down = format!("{up}\n 9:00:00 u v pull 1.0 every 20s");
    check(
        &down,
        "9:30:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled",
    );
}

#[test]
fn a_rollout_that_pauses_for_hours_is_one_rollout_and_a_canary_of_yesterday_is_another() {
    let canary = "0:00 a b c d e f g h i j pull 1.0\n 5:00:00 a pull 1.1";
    let expected = "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled";
    check(&format!("{canary}\n 8:00:00 b c d e f g h i j pull 1.1 every 20s"), "9:00:00", expected);
    let expected = "initial 1.0 settled\n upgrade 1.1 mixed\n upgrade 1.1 settled\n now 1.1 settled";
    check(&format!("{canary}\n 29:00:00 b c d e f g h i j pull 1.1 every 20s"), "30:00:00", expected);
}

/// `was finding rule` of each correction of the deployment to `version`, as it looks at `now`.
fn corrected(story: &str, version: &str, now: i64) -> Vec<String> {
    let timeline = questions::timeline(&folded(&observations(story)), &environment(), at(now), 100, None);
    let timeline = serde_json::to_value(timeline).unwrap();
    let all = timeline["deployments"].as_array().unwrap();
    let to = |deployment: &&serde_json::Value| deployment["changes"][0]["to"]["version"] == version;
    let corrections =
        all.iter().filter(to).filter_map(|it| it["changes"][0]["corrections"].as_array()).flatten();
    let line = |it: &serde_json::Value| {
        let word = |key: &str| it[key].as_str().unwrap().to_owned();
        format!(
            "{} {} {} {}",
            it["version"].as_str().unwrap(),
            word("was"),
            word("now"),
            it["rule"]["number"]
        )
    };
    corrections.map(line).collect()
}

#[test]
fn what_is_taken_back_is_said() {
    let straggler = format!(
        "{FIVE_ON_1_0}\n2:00:00 a b c pull 1.1 every 30s\n2:01:30 a check 1.0\n2:02:00 d e pull 1.1 every 30s"
    );
    assert_eq!(corrected(&straggler, "1.1", 9000), ["1.0 way_back straggler 8"]);
    let held = format!(
        "{FIVE_ON_1_0}\n2:00:00 a b c d e pull 1.1 every 30s\n2:08:00 f pull 1.0\n2:10:00 g pull 1.1"
    );
    assert_eq!(corrected(&held, "1.1", 9000), ["1.0 way_back straggler 9"]);
    let canary = "0:00 a b c d e f g h i j pull 1.0\n 5:00:00 a pull 1.1";
    let promoted = format!("{canary}\n 5:40:00 b c d e f g h i j pull 1.1 every 20s");
    assert_eq!(corrected(&promoted, "1.1", 7 * 3600), ["1.1 minority deployed 4"]);
    let given_up = format!("{canary}\n 5:40:00 a check 1.0");
    assert_eq!(corrected(&given_up, "1.1", 7 * 3600), ["1.1 minority given_up 4"]);
    let job = "0:00 a b c pull 1.0\n 2:00:00 d e f pull 1.1 every 20s\n 5:00:00 g pull 1.0
        8:00:00 x pull 1.1\n 11:00:02 h pull 1.0";
    assert_eq!(corrected(job, "1.1", 14 * 3600), ["1.0 way_back beside 16"]);
    let hidden = format!("{FIVE_ON_1_0}\n2:00:00 a b c f g pull 1.1 every 20s\n9:00:00 f pull 1.0");
    assert_eq!(corrected(&hidden, "1.0", 10 * 3600), ["1.0 replaced deployed 9"]);
}

#[test]
fn many_nodes_behind_one_address_are_counted_by_what_they_fetch() {
    let story = "0:00 nat nat nat nat nat nat pull 1.0\n 5:00:00 nat pull 1.1";
    check(story, "5:30:00", "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.0 mixed");
    let whole = "0:00 nat nat nat nat nat nat pull 1.0\n 5:00:00 nat nat nat nat pull 1.1";
    check(whole, "5:30:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
}

#[test]
fn a_way_back_by_every_node_that_had_gone_along_is_no_straggler() {
    let story = "0:00 a pull 1.0
        0:05 a pull 1.1
        0:10 a check 1.0";
    let expected = "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 rolling_out without 1.1\n now 1.0 rolling_out";
    check(story, "0:20", expected);
    check(story, "0:30:00", &expected.replace("rolling_out", "settled"));
}

#[test]
fn a_tag_that_was_moved_back_is_no_straggler() {
    let story = "0:00 a b c d pull 1.0 as latest
        2:00:00 a b c pull 1.1 as latest every 20s
        2:01:00 a b c d check 1.0 as latest every 5s";
    let now = |state: &str| {
        format!(
            "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 {state} without 1.1\n now 1.0 {state}"
        )
    };
    check(story, "2:01:20", &now("rolling_out"));
    check(story, "2:20:00", &now("settled"));
}

#[test]
fn presence_changes_nothing() {
    let story = format!(
        "{FIVE_ON_1_0}
        1:00:00 x pull 1.0
        1:10:00 a b check 1.0
        1:20:00 s scan 1.3
        1:30:00 l laptop 1.2
        1:40:00 a b c prepull 1.1"
    );
    check(&story, "3:00:00", "initial 1.0 settled\n now 1.0 settled");
    let local = questions::local(&folded(&observations(&story)), &environment());
    let local: Vec<_> =
        local.iter().map(|pull| (pull.version.as_deref(), &*pull.client, &*pull.reason)).collect();
    assert_eq!(local, [(Some("1.2"), "l", "the docker command")]);
}

#[test]
fn what_could_not_be_pulled_is_an_attempt_until_it_works() {
    for verb in ["fail", "break"] {
        let story = format!("{FIVE_ON_1_0}\n 2:00:00 a b {verb} 1.1\n 2:05:00 a b {verb} 1.1");
        let state = folded(&observations(&story));
        check(&story, "3:00:00", "initial 1.0 settled\n now 1.0 settled");
        let attempts = &answer(&state, at(3 * 3600))["attempts"][0];
        assert_eq!((&attempts["reference"], &attempts["count"]), (&"1.1".into(), &4.into()), "{verb}");
        assert!(attempts.get("cleared_at").is_none());

        let story = format!("{story}\n 2:10:00 a b c d e pull 1.1");
        check(&story, "3:00:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
        let attempts = &answer(&folded(&observations(&story)), at(3 * 3600))["attempts"][0];
        assert!(attempts.get("cleared_at").is_some(), "{verb}");
    }
}

#[test]
fn a_head_alone_counts_when_no_get_followed() {
    let story = format!("{FIVE_ON_1_0}\n 2:00:00 x check 1.0");
    check(&story, "2:00:01", "initial 1.0 settled\n now 1.0 settled");
    check("0:00 a check 1.0", "0:02", "now - -");
    check("0:00 a check 1.0", "0:06", "initial 1.0 rolling_out\n now 1.0 rolling_out");
}
