//! Half a rollout is a part: it is told as one, and its end is no rollback of the service.

use super::story::{at, check, digest, environment, folded, live, observations, repository};
use crate::model::questions;
use crate::model::releases::{Catalogue, Registration};
use crate::wire::Standing;

const TEN_ON_1_0: &str = "0:00 a b c d e f g h i j pull 1.0";

#[test]
fn a_part_that_is_taken_back_was_never_the_service() {
    let part = format!("{TEN_ON_1_0}\n 5:00:00 a b c d e pull 1.1 every 5s");
    check(&part, "8:00:00", "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.1 mixed");
    let back = format!("{part}\n 9:00:00 k l pull 1.0 every 20s");
    check(&back, "30:00:00", "initial 1.0 settled\n upgrade 1.1 aborted\n now 1.0 settled");
    // The service is as large as it was before the part.
    let again = format!("{back}\n 40:00:00 a b c d e pull 1.2 every 5s");
    check(
        &again,
        "45:00:00",
        "initial 1.0 settled\n upgrade 1.1 aborted\n upgrade 1.2 mixed\n now 1.2 mixed",
    );
    // More than half of it moved: the way back is a rollback.
    let most =
        format!("{TEN_ON_1_0}\n 5:00:00 a b c d e f pull 1.1 every 5s\n 9:00:00 k l pull 1.0 every 20s");
    check(
        &most,
        "30:00:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled",
    );
}

#[test]
fn a_part_of_a_small_service_is_its_pods_on_fewer_nodes() {
    let story = "0:00 a b c pull 1.0\n 5:00:00 a pull 1.1\n 9:00:00 b c pull 1.0 every 20s";
    check(
        story,
        "30:00:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled",
    );
}

#[test]
fn what_comes_after_a_pause_belongs_to_the_size_of_the_service() {
    let paused =
        format!("{TEN_ON_1_0}\n 5:00:00 a b c d e pull 1.1 every 5s\n 9:00:00 f g h i j k pull 1.1 every 5s");
    check(&paused, "12:00:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
    let next = format!("{paused}\n 20:00:00 a b c d e pull 1.2 every 5s");
    check(&next, "24:00:00", "initial 1.0 settled\n upgrade 1.1 settled\n upgrade 1.2 mixed\n now 1.2 mixed");
}

#[test]
fn a_way_back_that_caches_hide_shows_nothing_of_the_size_of_the_service() {
    let story = format!(
        "{TEN_ON_1_0}\n 5:00:00 a b c d e f pull 1.1 every 5s\n 9:00:00 k pull 1.0\n 30:00:00 a b c d e pull 1.2 every 5s"
    );
    check(
        &story,
        "34:00:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n upgrade 1.2 mixed\n now 1.2 mixed",
    );
}

#[test]
fn what_a_part_brought_is_partly_live() {
    let after = |nodes: &str| live(&format!("{TEN_ON_1_0}\n 5:00:00 {nodes} pull 1.1 every 5s"), 8);
    assert_eq!(after("a b c d e"), Standing::PartlyLive);
    assert_eq!(after("a b c d e f g"), Standing::PartlyLive);
    assert_eq!(after("a b c d e f g h"), Standing::Live);
}

/// A part may be given up unheard behind caches, so a part after it is no whole, and the rest may lack what both have.
#[test]
fn a_part_after_a_part_shows_nothing_of_the_size_of_the_service() {
    let parts = |second: &str| {
        let story = format!(
            "{TEN_ON_1_0}\n 5:00:00 a b c d e pull 1.1 every 5s\n 9:00:00 {second} pull 1.2 every 5s"
        );
        live(&story, 12)
    };
    assert_eq!(parts("d e f g h"), Standing::PartlyLive);
    assert_eq!(parts("c d e f g h i j"), Standing::Live);
    let third = "9:00:00 a b c d e pull 1.2 every 5s\n 13:00:00 a b c d e pull 1.3 every 5s";
    let story = format!("{TEN_ON_1_0}\n 5:00:00 a b c d e pull 1.1 every 5s\n {third}");
    assert_eq!(live(&story, 16), Standing::PartlyLive);
    // A whole rollout between them: only what came with the last part is in doubt.
    let whole = "9:00:00 a b c d e f g h i j pull 1.2 every 5s\n 13:00:00 a b c d e pull 1.3 every 5s";
    let story = format!("{TEN_ON_1_0}\n 5:00:00 a b c d e pull 1.1 every 5s\n {whole}");
    assert_eq!(live(&story, 16), Standing::Live);
}

/// More than half of the service, but less than most of it, is no whole for the next one either. A part is left standing for
/// a week at most.
#[test]
fn few_nodes_in_a_row_leave_the_size_of_the_service_as_it_was() {
    let eleven = "0:00 a b c d e f g h i j k pull 1.0\n 5:00:00 a b c d e f pull 1.1 every 5s";
    let after = |start: &str, hour| live(&format!("{eleven}\n {start} c e g h j k pull 1.2 every 5s"), hour);
    assert_eq!(after("9:00:00", 12), Standing::PartlyLive);
    let again = "9:00:00 c e g h j k pull 1.2 every 5s\n 13:00:00 a b d e f i";
    let third = live(&format!("{eleven}\n {again} pull 1.3 every 5s"), 16);
    assert_eq!(third, Standing::PartlyLive);
    assert_eq!(after("180:00:00", 183), Standing::Live);
}

/// Ten nodes, a way back that caches hide from all but one, a part that is given up, and another part: nothing shows that the
/// service is smaller.
#[test]
fn a_part_that_is_given_up_after_a_way_back_behind_caches_leaves_the_size_as_it_was() {
    let back = format!("{TEN_ON_1_0}\n 5:00:00 a b c d e f g h i j pull 1.1 every 5s\n 9:00:00 k pull 1.0");
    let given_up = format!("{back}\n 20:00:00 a b c d e pull 1.2 every 5s\n 20:40:00 l pull 1.0");
    let again = format!("{given_up}\n 30:00:00 a b c d pull 1.3 every 5s");
    let told =
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n upgrade 1.2 aborted
        upgrade 1.3 mixed\n now 1.3 mixed";
    check(&again, "34:00:00", told);
    assert_eq!(live(&again, 34), Standing::PartlyLive);
}

/// An image that only a part ran is no whole when the service goes back to it, however many nodes hold what the others ran.
#[test]
fn a_way_back_to_a_part_is_a_part() {
    let parts = format!("{TEN_ON_1_0}\n 5:00:00 a b c d pull 1.1 every 5s\n 9:00:00 a b c pull 1.2 every 5s");
    assert_eq!(live(&format!("{parts}\n 13:00:00 k pull 1.1"), 16), Standing::PartlyLive);
}

/// A rollout that was complete beside a part before it, and then came to the rest, shows the size of the service.
#[test]
fn what_comes_in_steps_after_a_part_shows_the_size_of_the_service() {
    let part = format!("{TEN_ON_1_0}\n 5:00:00 a b c d e pull 1.1 every 5s");
    let steps = "9:00:00 a b c d e pull 1.2 every 5s\n 14:00:00 f g h i j pull 1.2 every 5s";
    let next = format!("{part}\n {steps}\n 24:00:00 a b c d pull 1.3 every 5s");
    let told =
        "initial 1.0 settled\n upgrade 1.1 mixed\n upgrade 1.2 settled\n upgrade 1.3 mixed\n now 1.3 mixed";
    check(&next, "28:00:00", told);
}

#[test]
fn a_release_that_another_one_interrupts_before_most_have_it_is_not_live_by_that() {
    let interrupted =
        format!("{TEN_ON_1_0}\n 5:00:00 a b c d e f pull 1.1 every 10s\n 5:01:30 a b c d pull 1.2 every 10s");
    check(
        &interrupted,
        "8:00:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n upgrade 1.2 mixed\n now 1.2 mixed",
    );
    assert_eq!(live(&interrupted, 8), Standing::PartlyLive);
    let small = "0:00 a b c pull 1.0\n 5:00:00 a pull 1.1\n 9:00:00 a pull 1.2";
    assert_eq!(live(small, 12), Standing::PartlyLive);
    let whole = format!("{interrupted}\n 5:03:00 e f g h i j pull 1.2 every 10s");
    assert_eq!(live(&whole, 8), Standing::Live);
}

/// An environment lacks what a part of it lacks.
#[test]
fn a_service_is_up_to_date_when_most_of_it_is() {
    let lacks = |story: &str| {
        let mut state = folded(&observations(story));
        let mut catalogue = Catalogue::default();
        for version in ["1.0", "1.1"] {
            let release =
                Registration { digests: vec![digest(version)], ..Registration::named(repository(), version) };
            catalogue.add(&release, at(0));
        }
        state.set_catalogue(catalogue);
        let missing = questions::missing(&state, &environment(), at(8 * 3600));
        assert_eq!(missing.up_to_date, missing.services[0].missing.is_empty());
        (missing.services[0].running.version.clone().unwrap(), !missing.up_to_date)
    };
    let upgraded = |nodes: &str| lacks(&format!("{TEN_ON_1_0}\n 5:00:00 {nodes} pull 1.1 every 5s"));
    assert_eq!(upgraded("a b c d e f g h"), ("1.1".to_owned(), false));
    for part in ["a", "a b c d e", "a b c d e f g"] {
        assert_eq!(upgraded(part), ("1.0".to_owned(), true), "{part}");
    }
    let canary_of_1_0 =
        "0:00 a b c d e f g h i j pull 1.1\n 1:00:00 a check 1.1\n 5:00:00 a b pull 1.0 every 5s";
    assert_eq!(lacks(canary_of_1_0), ("1.0".to_owned(), true));
}

#[test]
fn a_small_rollout_after_which_only_the_old_image_is_heard_of_is_mixed() {
    let story = |last: &str| format!("0:00 a b c pull 1.0\n 5:00:00 d pull 1.1\n {last}");
    assert_eq!(live(&story("5:06:00 e pull 1.0"), 8), Standing::PartlyLive);
    check(&story("5:06:00 e pull 1.0"), "8:00:00", "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.1 mixed");
    // Most of the service came: what was heard of last was an old pod.
    let most = "0:00 a b c d e pull 1.0\n 5:00:00 a b c d pull 1.1 every 5s\n 5:00:30 f pull 1.0";
    assert_eq!(live(most, 8), Standing::Live);
}

#[test]
fn a_job_is_told_where_the_service_fits_on_one_node() {
    let story = "0:00 a b c pull 1.0\n 5:00:00 d pull 1.1\n 9:00:00 e pull 1.0\n 15:00:01 f pull 1.0";
    check(story, "18:00:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 mixed");
}

/// Pods are counted beside nodes where every start asks: few of them may touch most nodes.
#[test]
fn half_of_the_pods_is_a_part_though_they_touch_most_nodes() {
    let rollout = |start: &str, version: &str| {
        format!(
            "{start}:00:00 a b c d e f g pull {version} every 2s\n {start}:02:00 a b c d e check {version} every 2s\n"
        )
    };
    let whole = format!("{}{}", rollout("0", "1.0"), rollout("2", "1.1"));
    let part = format!("{whole} 5:00:00 a b c d e pull 1.2 every 2s");
    let before = "initial 1.0 settled\n upgrade 1.1 settled\n";
    check(&part, "6:00:00", &format!("{before} upgrade 1.2 mixed\n now 1.2 mixed"));
    let back = format!("{part}\n{}", rollout("9", "1.1"));
    check(&back, "12:00:00", &format!("{before} upgrade 1.2 aborted\n now 1.1 settled"));
    // Another part after that is one of as many pods.
    let again = format!("{back} 15:00:00 a b c d e pull 1.3 every 2s");
    check(&again, "17:00:00", &format!("{before} upgrade 1.2 aborted\n upgrade 1.3 mixed\n now 1.3 mixed"));
    let goes_on = format!("{part}\n 9:00:00 a b c d e f g check 1.2 every 2s");
    check(&goes_on, "12:00:00", &format!("{before} upgrade 1.2 settled\n now 1.2 settled"));
}

/// A rollout that crashes on its first node leaves the others where they are.
#[test]
fn an_old_pod_that_starts_beside_a_rollout_of_one_node_is_no_way_back() {
    let crashing = "0:00 a b c pull 1.0\n 0:30:00 a check 1.0\n 5:00:00 d pull 1.1\n 5:02:00 d check 1.1\n 5:12:00 d check 1.1";
    let expected = "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.1 mixed";
    check(&format!("{crashing}\n 5:14:00 e pull 1.0"), "5:20:00", expected);
    let back = format!("{crashing}\n 5:20:00 a b c check 1.0 every 20s");
    check(
        &back,
        "8:00:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled",
    );
}

/// Nothing that came to the small rollout says how many pods there are; those that were added at once do.
#[test]
fn pods_that_were_added_belong_to_the_size_of_the_service() {
    let many = "d e f g h i j k l m n o p q r s t u v w x y z";
    let story = |added: &str, last: &str| {
        format!("0:00 a b c pull 1.0\n 5:00:00 {added} pull 1.0 every 3s\n 9:00:00 {last} pull 1.1 every 5s")
    };
    let upgraded = |state: &str| format!("initial 1.0 settled\n upgrade 1.1 {state}\n now 1.1 {state}");
    check(&story(many, "a b c"), "12:00:00", &upgraded("mixed"));
    assert_eq!(live(&story(many, "a b c"), 12), Standing::PartlyLive);
    check(&story(many, &format!("a b {many}")), "12:00:00", &upgraded("settled"));
    // Nodes were replaced, and each pod came to a new one.
    check(&story("d e f", "a b c"), "12:00:00", &upgraded("settled"));
    assert_eq!(live(&story("d e f", "a b c"), 12), Standing::Live);
}
