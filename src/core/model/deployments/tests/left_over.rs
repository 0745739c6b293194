//! A pod that nobody took away tries for days, and says nothing of what is deployed once its image comes.

use super::story::check;

/// A node that tries `version` every five minutes, from `start` to `end`, in hours.
fn tries(node: &str, version: &str, start: u32, end: u32) -> String {
    let minutes = (start * 60..end * 60).step_by(5);
    let lines =
        minutes.map(|minute| format!("{}:{:02}:00 {node} break {version}\n", minute / 60, minute % 60));
    lines.collect()
}

/// Nodes whose containers of `version` end three seconds after each start, which comes five minutes later, from `start` to
/// `end`, in hours.
fn ends(nodes: &str, version: &str, start: u32, end: u32) -> String {
    let starts = (start * 3_600 + 17..end * 3_600).step_by(303).skip(1);
    let again: String = starts.map(|second| format!("{second} {nodes} check {version}\n")).collect();
    format!("{start}:00:17 {nodes} pull {version}\n{again}")
}

const TWO_ROLLOUTS: &str = "0:00 a b c d pull 1.0\n 3:00:00 a b c d pull 1.2 every 5s\n";

#[test]
fn a_pod_that_tried_since_before_the_rollout_is_no_way_back() {
    let tried = format!("{TWO_ROLLOUTS} {}", tries("e", "1.1", 1, 5));
    let before = "initial 1.0 settled\n upgrade 1.2 settled\n";
    let expected = format!("{before} upgrade 1.3 settled\n now 1.3 settled");
    let during = "5:00:00 a b pull 1.3 every 5s\n 5:00:20 e pull 1.1\n 5:00:40 c d pull 1.3 every 5s";
    check(&format!("{tried} {during}"), "8:00:00", &expected);
    let after = "4:50:00 a b c pull 1.3 every 5s\n 5:02:00 e pull 1.1";
    check(&format!("{tried} {after}"), "8:00:00", &expected);
    // Several nodes get it: it is deployed, whatever the others had since.
    let several = format!("{tried} {} 4:50:00 a b c pull 1.3 every 5s\n", tries("f", "1.1", 1, 5));
    let back = "upgrade 1.3 settled\n rollback 1.1 settled without 1.2 1.3\n now 1.1 settled";
    check(&format!("{several} 5:02:00 e f pull 1.1 every 5s"), "8:00:00", &format!("{before} {back}"));
}

#[test]
fn what_is_tried_while_nothing_else_is_deployed_is_deployed_once_it_comes() {
    let mended = format!("0:00 a b c pull 1.0\n {} 5:00:00 a b pull 1.1 every 5s", tries("a", "1.1", 1, 5));
    check(&mended, "8:00:00", "initial 1.0 settled\n upgrade 1.1 settled\n now 1.1 settled");
}

/// The kubelet pauses for five minutes at most: what comes after hours is another pod.
#[test]
fn what_is_tried_again_after_a_pause_is_deployed() {
    let story = format!("{TWO_ROLLOUTS} {} 5:00:00 e a b pull 1.1 every 5s", tries("e", "1.1", 1, 2));
    let back = "rollback 1.1 settled without 1.2\n now 1.1 settled";
    check(&story, "8:00:00", &format!("initial 1.0 settled\n upgrade 1.2 settled\n {back}"));
}

/// Pods of three releases in turns, each of which asks again at its kubelet's pace: no release went back.
#[test]
fn containers_that_go_on_to_end_on_their_nodes_are_no_way_back() {
    let first = "0:00 a b c d pull 1.0\n 3:00:00 a b c d pull 1.1 every 5s\n";
    let second = "5:00:00 a b c d pull 1.2 every 5s\n 8:00:00 a b c d pull 1.3 every 5s\n";
    let loops =
        format!("{}{}{}", ends("e g", "1.1", 4, 12), ends("f", "1.2", 6, 12), ends("h", "1.0", 1, 12));
    let expected = "initial 1.0 settled\n upgrade 1.1 settled\n upgrade 1.2 settled\n upgrade 1.3 settled";
    check(&format!("{first}{second}{loops}"), "12:00:00", &format!("{expected}\n now 1.3 settled"));
    // It is one where nodes that had moved ask for it too.
    let back = format!("{first}{second}{loops} 10:01:00 a b c check 1.2 every 5s");
    check(&back, "12:00:00", &format!("{expected}\n rollback 1.2 settled without 1.3\n now 1.2 settled"));
}

/// The same after a part that was given up: its pods go on, and the service never moved.
#[test]
fn containers_of_a_part_that_was_given_up_are_told_no_more() {
    let whole = "0:00 a b c d i j pull 1.0\n 3:00:00 a b c d i j pull 1.2 every 5s\n";
    let part = format!("{whole} 9:00:00 a b pull 1.3 every 5s\n {}", ends("k", "1.3", 9, 15));
    let back = format!("{part} 11:02:00 a b c d check 1.2 every 5s");
    let told = "initial 1.0 settled\n upgrade 1.2 settled\n upgrade 1.3 aborted\n now 1.2 settled";
    check(&back, "14:00:00", told);
}

/// A container that starts again once, or that starts after hours, is as any other.
#[test]
fn what_is_asked_for_again_seldom_is_a_way_back() {
    let releases = "0:00 a pull 1.0\n 3:00:00 a check 1.0\n 3:05:00 a pull 1.1\n 3:15:00 a check 1.0";
    let back =
        "initial 1.0 settled\n upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n now 1.0 settled";
    check(releases, "6:00:00", back);
}
