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

#[test]
fn a_release_that_another_one_interrupts_before_most_have_it_is_not_live_by_that() {
    let interrupted =
        format!("{TEN_ON_1_0}\n 5:00:00 a b c d e f pull 1.1 every 10s\n 5:01:30 a b c d pull 1.2 every 10s");
    check(
        &interrupted,
        "8:00:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n upgrade 1.2 settled\n now 1.2 settled",
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
