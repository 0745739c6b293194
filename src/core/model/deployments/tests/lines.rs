//! One repository is not one workload: what runs beside a service is a line of its own.

use super::story::{at, check, folded, observations, summary};

const UPGRADED: &str = "0:00 a b c pull 1.0\n2:00:00 d e f pull 1.1 every 20s";

#[test]
fn lone_pulls_of_an_older_image_at_a_fixed_period_are_a_job() {
    let expected = "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 mixed";
    let job = format!("{UPGRADED}\n 5:00:00 g pull 1.0\n 11:00:02 h pull 1.0");
    check(&job, "14:00:00", expected);
    // A pod of the service that started meanwhile, or another release that came, does not make the job the service.
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
        // An image that is asked for again runs still.
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
    let renamed = "0:00 a b c d e f g h i j pull 1.0\n 5:00:10 a b c d e f g pull 1.1 as 1.1-slim every 7s";
    check(renamed, "240:00:00", "initial 1.0 settled\n initial 1.1 settled\n now 1.0 mixed");
    let heard = format!("{renamed}\n 6:00:00 k pull 1.0");
    check(&heard, "240:00:00", "initial 1.0 settled\n initial 1.1 settled\n now 1.0 settled");
    let preview = renamed.replace("1.1-slim", "pr-7");
    check(&preview, "240:00:00", "initial 1.0 settled\n initial 1.1 settled\n now 1.0 settled");
}

/// Of two programs that come together the larger one is the service, whichever is heard of first.
#[test]
fn what_comes_together_replaces_nothing() {
    for (first, then) in
        [("1.0 as v1.0-web", "1.1 as v1.1-worker"), ("1.1 as v1.1-worker", "1.0 as v1.0-web")]
    {
        let story = format!("0:00 a pull {first}\n 0:01 b c d pull {then}");
        let larger = &then[..3];
        check(&story, "5:00:00", &format!("initial {larger} settled\n now {larger} settled"));
    }
    // After the settle time, people began to name their images in another way.
    let renamed = "0:00 a pull 1.0 as latest\n 11:00 b c d pull 1.1";
    check(renamed, "5:00:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
}

/// `13.14` on a node beside `16.2` is none, for the service never ran it.
#[test]
fn an_earlier_version_that_a_part_asks_for_is_no_rollback() {
    let beside = "0:00 a b c d e f pull 1.4\n 0:10 g pull 1.2";
    check(
        beside,
        "0:05:00",
        "initial 1.4 rolling_out\n rollback 1.2 rolling_out without 1.3 1.4\n now 1.4 rolling_out",
    );
    check(beside, "5:00:00", "initial 1.4 settled\n changed 1.2 mixed\n now 1.4 mixed");
    let left = format!("{beside}\n 6:00:00 g pull 1.4");
    check(&left, "9:00:00", "initial 1.4 settled\n changed 1.2 aborted\n now 1.4 settled");
}

/// A schedule starts pods at full minutes, each of them on any node; a rollout does not look at the clock.
#[test]
fn lone_pulls_at_full_minutes_are_a_job() {
    let story = |pulls: &str| format!("0:00 a b c d pull 1.0\n 2:00:00 a b c e pull 1.1 every 20s\n {pulls}");
    let job = "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 mixed";
    let each = "5:01:01 e pull 1.0\n 5:12:00 f pull 1.0\n 5:23:01 g pull 1.0";
    check(&story(each), "5:24:30", job);
    check(&story(each), "8:00:00", job);
    check(
        &story(&format!("{each}\n 5:34:00 h pull 1.0\n 5:45:00 i pull 1.0\n 5:56:01 j pull 1.0")),
        "8:00:00",
        job,
    );
    check(&story("5:01:01 e pull 1.0\n 5:12:00 f pull 1.0\n 6:33:01 g pull 1.0"), "8:00:00", job);
    // Another release comes between.
    let next = story(
        "5:01:01 e pull 1.0\n 5:01:50 a b c e pull 1.2 every 2s\n 5:20:00 f pull 1.0\n 5:38:01 g pull 1.0",
    );
    check(
        &next,
        "8:00:00",
        "initial 1.0 settled\n upgrade 1.1 settled\n upgrade 1.2 settled\n now 1.2 mixed",
    );
    // At any time of the minute, it is a way back, pod by pod; so it is where a pod comes up each minute, by chance at its start.
    let back =
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled";
    for times in [["5:01:41", "5:02:41", "5:03:42"], ["5:01:01", "5:02:00", "5:03:01"]] {
        let [first, second, third] = times;
        check(
            &story(&format!("{first} e pull 1.0\n {second} f pull 1.0\n {third} g pull 1.0")),
            "8:00:00",
            back,
        );
    }
}

/// People name their images in another way, and pods of the next rollout share nodes.
#[test]
fn a_service_that_most_nodes_follow_under_another_name_is_the_same_service() {
    for (nodes, is_it) in [("a b c d e f g h i j", true), ("a b c d e f g h", true), ("a b c d e f g", false)]
    {
        let story =
            format!("0:00 a b c d e f g h i j pull 1.0\n 5:00:00 {nodes} pull 1.1 as 1.1-slim every 7s");
        let expected = if is_it {
            "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled"
        } else {
            "initial 1.0 settled\n initial 1.1 settled\n now 1.0 mixed"
        };
        check(&story, "8:00:00", expected);
    }
}

/// Old pods that nobody took away crash on nodes of their own, and so do those of a release that does not come up.
#[test]
fn images_that_take_turns_on_nodes_of_their_own_run_side_by_side() {
    let turn = |hour: usize| {
        let minute = |minute: usize, nodes: &str, version: &str| {
            format!("{hour}:{minute:02}:00 {nodes} check {version} every 7s\n")
        };
        [
            minute(0, "a b", "1.0"),
            minute(15, "c d", "1.1"),
            minute(30, "a b", "1.0"),
            minute(45, "c d", "1.1"),
        ]
        .concat()
    };
    let story =
        format!("0:00 a b pull 1.0\n 0:20:00 c d pull 1.1\n{}", (1..12).map(turn).collect::<String>());
    let told = summary(&folded(&observations(&story)), at(20 * 3600));
    assert!(told.len() < 10, "{told:#?}");
}
