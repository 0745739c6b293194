//! One repository is not one workload: what runs beside a service is a line of its own.

use super::story::check;

const UPGRADED: &str = "0:00 a b c pull 1.0\n2:00:00 d e f pull 1.1 every 20s";

#[test]
fn lone_pulls_of_an_older_image_at_a_fixed_period_are_a_job() {
    let expected = "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 mixed";
    let job = format!("{UPGRADED}\n 5:00:00 g pull 1.0\n 11:00:02 h pull 1.0");
    check(&job, "14:00:00", expected);
    // Whether a pod of the service started meanwhile, or another release came: neither makes the job the service.
    check(
        &format!("{UPGRADED}\n 5:00:00 g pull 1.0\n 10:52:00 k pull 1.1\n 11:00:02 h pull 1.0"),
        "14:00:00",
        expected,
    );
    check(
        &format!("{job}\n 17:00:01 i pull 1.0\n 17:20:00 x pull 1.1\n 23:00:00 j pull 1.0"),
        "26:00:00",
        expected,
    );
    let next =
        format!("{job}\n 12:00:00 d e f pull 1.2 every 20s\n 17:00:01 i pull 1.0\n 23:00:00 j pull 1.0");
    check(
        &next,
        "26:00:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n upgrade 1.2 settled\n now 1.2 mixed",
    );
    // At no period, they are what they look like.
    let back = format!("{UPGRADED}\n 5:00:00 g pull 1.0\n 11:07:00 h pull 1.0");
    check(
        &back,
        "14:00:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled",
    );
    // A job's image that the whole service goes back to is the service's again.
    let whole = format!("{job}\n 13:00:00 d e f pull 1.0 every 20s");
    check(
        &whole,
        "14:00:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled",
    );
}

#[test]
fn tags_of_another_line_are_no_change_of_the_service() {
    let two = "0:00 a b pull 1.0 as v1.0-web\n 3:00 c d pull 1.1 as v1.0-worker\n 2:00:00 a pull 1.0 as v1.0-web
        3:00:00 c pull 1.1 as v1.0-worker\n 9:00:00 c d pull 1.2 as v1.1-worker every 20s\n 12:00:00 a b pull 1.3 as v1.1-web every 20s";
    check(
        two,
        "14:00:00",
        "initial 1.0 settled\n initial 1.1 settled\n upgrade 1.2 settled\n upgrade 1.3 settled\n now 1.3 mixed",
    );
    let job = "0:00 a b c pull 1.0\n 2:00:00 d pull 1.1 as migrate-7\n 2:01:00 a b c pull 1.2 every 20s";
    check(job, "4:00:00", "initial 1.0 settled\n upgrade 1.2 settled\n now 1.2 settled");
}

#[test]
fn previews_are_lines_of_their_own_and_never_ways_back() {
    let story = "0:00 a b pull 1.0 as main-5f2c1e9
        3:00:00 c pull 1.5 as pr-7
        5:00:00 a check 1.0 as main-5f2c1e9
        6:00:00 d pull 1.4 as pr-9
        7:00:00 a b pull 1.1 as main-0aa91b2 every 20s
        8:00:00 c check 1.5 as pr-7
        9:00:00 c pull 1.6 as pr-7
        10:00:00 a check 1.1 as main-0aa91b2";
    check(
        story,
        "12:00:00",
        "initial 1.0 settled\n initial 1.5 settled\n upgrade 1.1 settled\n upgrade 1.6 settled\n now 1.1 mixed",
    );
}

#[test]
fn a_service_whose_tags_are_named_in_another_way_is_the_same_service() {
    let story = "0:00 a b c pull 1.0 as latest\n 9:00:00 a b c pull 1.1 every 20s";
    check(story, "11:00:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
}

#[test]
fn two_major_versions_that_take_turns_run_side_by_side() {
    let story = "0:00 a pull 1.9 as 16.2\n 1:00:00 b pull 1.0 as 13.14\n 24:00:00 a check 1.9 as 16.2\n 25:00:00 b check 1.0 as 13.14
        48:00:00 a check 1.9 as 16.2";
    check(story, "50:00:00", "initial 1.9 settled\n initial 1.0 settled\n now 1.9 mixed");
    // A rollback to the major version before, and another try, are what they are.
    let tried = "0:00 a b c pull 1.0 as v1.9.0\n 9:00:00 a b c pull 1.1 as v2.0.0 every 20s\n 12:00:00 a b c check 1.0 as v1.9.0 every 20s
        30:00:00 a b c pull 1.2 as v2.0.1 every 20s";
    check(
        tried,
        "32:00:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n upgrade 1.2 settled\n now 1.2 settled",
    );
}

/// A service of one node shows no second one that would tell a new name from another program; time does.
#[test]
fn a_service_of_one_node_may_change_the_words_of_its_tags() {
    let moved = "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled";
    for (one, other) in [("latest", "v1.1"), ("main", "develop"), ("1.0", "latest"), ("main-5f2c1e9", "1.1")]
    {
        let story = format!("0:00 a pull 1.0 as {one}\n 5:00:00 a pull 1.1 as {other}");
        check(&story, "8:00:00", moved);
        check(&format!("{story}\n 9:00:00 a check 1.1 as {other}"), "12:00:00", moved);
        let next = format!("{story}\n 9:00:00 a pull 1.2 as {other}");
        let later = "initial 1.0 settled\n upgrade 1.1 settled\n upgrade 1.2 settled\n now 1.2 settled";
        check(&next, "12:00:00", later);
        // What is asked for again runs still.
        let again = format!("{story}\n 9:00:00 a check 1.0 as {one}");
        check(&again, "12:00:00", "initial 1.0 settled\n now 1.0 settled");
    }
    // Two programs come together.
    let two = "0:00 a pull 1.0 as v1.0-web\n 3:00 a pull 1.1 as v1.0-worker";
    check(two, "8:00:00", "initial 1.0 settled\n now 1.0 settled");
    // A job runs once, and the service goes on under the words that it had.
    let job = "0:00 a pull 1.0\n 5:00:00 a pull 1.9 as migrate-7\n 5:01:00 a pull 1.1";
    check(job, "8:00:00", moved);
    // A job on another node says nothing of the service.
    check(
        "0:00 a pull 1.0\n 5:00:00 b pull 1.9 as migrate-7",
        "8:00:00",
        "initial 1.0 settled\n now 1.0 settled",
    );
}

/// Silence of the line says no more than that of the service, which was silent for longer.
#[test]
fn what_was_heard_of_last_is_not_forgotten_for_its_silence() {
    let renamed = "0:00 a b c d e f g h i j pull 1.0\n 5:00:10 a b c d e f g h pull 1.1 as 1.1-slim every 7s";
    check(renamed, "240:00:00", "initial 1.0 settled\n initial 1.1 settled\n now 1.0 mixed");
    let heard = format!("{renamed}\n 6:00:00 k pull 1.0");
    check(&heard, "240:00:00", "initial 1.0 settled\n initial 1.1 settled\n now 1.0 settled");
    let preview = renamed.replace("1.1-slim", "pr-7");
    check(&preview, "240:00:00", "initial 1.0 settled\n initial 1.1 settled\n now 1.0 settled");
}
