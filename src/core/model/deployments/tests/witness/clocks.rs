//! Stories of witnesses whose clocks are wrong: the order of the log wins.

use super::agent::{Agent, log};
use super::play::{check_lines, time};

const BEFORE: &str = "initial 1.0 settled\n";

#[test]
fn what_a_clock_that_stepped_back_stamps_is_still_the_later_word() {
    for back_s in [1, 30, 90, 119] {
        let mut agent = Agent::new("eu-1");
        agent.begins(time("0"), &["web runs 1.0*3"]);
        agent.beats("1:00", "9:30");
        agent.tells("10:00", "web runs 1.1*3");
        agent.beat(time("10:01"));
        agent.ahead_s = -back_s;
        agent.tells("10:05", "web runs 1.0*3");
        agent.beats("10:10", "19:00");
        let back = format!("{BEFORE} upgrade 1.1 settled\n rollback 1.0 settled without 1.1\n");
        check_lines(&log(&[agent.clone()], ""), "10:06", &format!("{back} now 1.0 settled confirmed"));
        agent.ahead_s -= back_s;
        agent.tells("19:05", "web gone");
        agent.beats("19:10", "29:00");
        check_lines(&log(&[agent.clone()], ""), "19:20", &format!("{back} now 1.0 removed confirmed"));
        check_lines(&log(&[agent.clone()], ""), "28:00", &format!("{back} now 1.0 removed confirmed"));
    }
}

#[test]
fn a_process_that_begins_with_a_clock_that_was_set_back_is_believed() {
    for back_s in [10, 100, 7_200] {
        let mut agent = Agent::new("eu-1");
        agent.begins(time("1:00:00"), &["web runs 1.0*3"]);
        agent.beats("1:01:00", "1:09:30");
        agent.ahead_s = -back_s;
        agent.begins(time("1:10:00"), &["web runs 1.1*3"]);
        agent.beats("1:11:00", "1:30:00");
        let told = format!("{BEFORE} upgrade 1.1 settled\n now 1.1 settled confirmed");
        check_lines(&log(&[agent], ""), "1:29:00", &told);
    }
}

#[test]
fn a_clock_that_is_off_breaks_no_liveness() {
    for ahead_s in [-86_400, -7_200, -300, -90, -59, 59, 90, 300, 7_200, 86_400] {
        let mut agent = Agent::with_clock("eu-1", ahead_s);
        agent.begins(time("0"), &["web runs 1.0*3"]);
        agent.beats("30", "20:00");
        agent.tells("20:10", "web runs 1.1*3");
        agent.beats("20:30", "40:00");
        let lines = log(&[agent], "");
        for now in ["5:00", "10:00", "19:00"] {
            check_lines(&lines, now, &format!("{BEFORE} now 1.0 settled confirmed"));
        }
        for now in ["20:20", "39:00"] {
            check_lines(&lines, now, &format!("{BEFORE} upgrade 1.1 settled\n now 1.1 settled confirmed"));
        }
        // It falls silent as others do.
        check_lines(&lines, "42:31", &format!("{BEFORE} upgrade 1.1 settled\n now 1.1 settled likely"));
    }
}

#[test]
fn reports_that_were_held_up_keep_their_times() {
    let mut agent = Agent::new("eu-1");
    agent.begins(time("0"), &["web runs 1.0*3"]);
    agent.beats("30", "10:00");
    // The hub was away for ten minutes, and takes at once what waited.
    let mut held: Vec<_> = Vec::new();
    for minutes in 11..20 {
        let at = time(&format!("{minutes}:00"));
        held.push(agent.statement(at, if minutes < 15 { "web runs 1.0*3" } else { "web runs 1.1*3" }));
    }
    for (second, statement) in held.into_iter().enumerate() {
        agent.say(time(&format!("20:0{second}")), vec![statement]);
    }
    agent.beats("20:10", "40:00");
    let lines = log(&[agent], "");
    check_lines(&lines, "20:15", &format!("{BEFORE} upgrade 1.1 settled\n now 1.1 settled confirmed"));
    let now = time("30:00");
    let answer =
        crate::model::deployments::tests::story::answer(&super::play::folded_until(&lines, now), now);
    let since = &answer["services"]["docker/app"]["current"]["since"];
    assert_eq!(since, &serde_json::to_value(time("15:00")).unwrap());
}
