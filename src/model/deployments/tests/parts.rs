//! Half a rollout is a part: it is told as one, and its end is no rollback of the service.

use super::story::{at, catalogue, check, digest, environment, folded, observations, repository};
use crate::model::questions::{self, Finder};
use crate::model::releases::{Change, ChangeKind, Registration};
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

/// Whether what 1.1 brought is live at `hour`.
fn live(story: &str, hour: i64) -> Standing {
    let mut state = folded(&observations(story));
    let mut catalogue = catalogue();
    let changes = vec![Change {
        kind: ChangeKind::Fix,
        title: "Mend the ledger".into(),
        pr: Some(7),
        issue: None,
        commit: None,
        author: None,
        rule: None,
    }];
    let release =
        Registration { digests: vec![digest("1.1")], changes, ..Registration::named(repository(), "1.1") };
    catalogue.add(&release, at(0));
    let mut finder = Finder::default();
    finder.follow(&catalogue);
    state.set_catalogue(catalogue);
    let found = finder.find("Mend the ledger", |_| true, 5);
    questions::verify(&state, &environment(), "Mend the ledger", &found, at(hour * 3600)).answer
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
