//! Stories of names: two witnesses of one name, one of two names, workloads of one name.

use super::agent::{Agent, log};
use super::play::{check, check_lines, folded_until, read, time};
use crate::model::deployments::tests::story::{answer, environment, observations};
use crate::model::deployments::tests::{story, witness::play::Line};
use crate::model::names::TokenId;
use crate::model::questions;
use crate::wire::WitnessPhase;

const BEFORE: &str = "initial 1.0 settled\n";

#[test]
fn of_two_witnesses_of_one_name_the_one_that_is_alive_is_heard() {
    let mut first = Agent::with_token("prod", "tok_1");
    first.begins(time("0"), &["web runs 1.0*3"]);
    first.beats("1:00", "1:00:00");
    let mut second = Agent::with_token("prod", "tok_2");
    second.begins(time("10:10"), &["api runs 1.1*5"]);
    second.beats("11:00", "1:01:30");
    second.begins(time("1:30:10"), &["api runs 1.1*5"]);
    second.beats("1:31:00", "3:00:00");
    let lines = log(&[first.clone(), second.clone()], "");
    for now in ["10:14", "30:00", "1:00:20"] {
        check_lines(&lines, now, &format!("{BEFORE} now 1.0 settled confirmed"));
    }
    // The first is silent: the name is free, and what it told is gone with the full set of the other.
    check_lines(&lines, "1:10:00", &format!("{BEFORE} now 1.0 settled likely"));
    check_lines(&lines, "1:31:00", &format!("{BEFORE} upgrade 1.1 settled\n now 1.1 settled confirmed"));
    let state = folded_until(&lines, time("30:00"));
    let witnesses = state.environment(&environment()).unwrap().witnesses();
    for (name, token, is_refused) in
        [("prod", "tok_2", true), ("prod", "tok_1", false), ("eu", "tok_2", false)]
    {
        let token = TokenId::new(token);
        assert_eq!(witnesses.refuses(name, &token, time("30:00")), is_refused, "{name} {token:?}");
        assert!(!witnesses.refuses(name, &token, time("1:30:00")), "{name} {token:?}");
    }
}

#[test]
fn a_witness_is_alive_begins_or_is_silent() {
    let mut agent = Agent::with_token("prod", "tok_1");
    agent.begins(time("0"), &["web runs 1.0*3"]);
    agent.beats("30", "10:00");
    let mut lines = log(&[agent.clone()], "");
    agent.told.clear();
    agent.begins(time("1:00:00"), &["web runs 1.0*3"]);
    let beginning = log(&[agent], "").into_iter().next();
    lines.extend(beginning);
    for (now, expected) in [
        ("5:00", Some((WitnessPhase::Alive, "5:00"))),
        ("11:59", Some((WitnessPhase::Alive, "10:00"))),
        ("12:30", Some((WitnessPhase::Silent, "10:00"))),
        ("1:01:00", Some((WitnessPhase::Beginning, "10:00"))),
        ("200:00:00", None),
    ] {
        let told = questions::running(&folded_until(&lines, time(now)), &environment(), time(now)).witnesses;
        let told = told.first().map(|it| (it.state.clone(), it.seen_until.unwrap()));
        assert_eq!(told, expected.map(|(state, until)| (state, time(until))), "{now}");
    }
}

#[test]
fn a_token_that_was_replaced_goes_on_once_the_one_before_is_silent() {
    let mut before = Agent::with_token("prod", "tok_1");
    before.begins(time("0"), &["web runs 1.0*3"]);
    before.beats("30", "10:00");
    let mut after = before.clone();
    after.told.clear();
    after.set_token("tok_2");
    after.beats("10:30", "30:00");
    let lines = log(&[before, after], "");
    check_lines(&lines, "20:00", &format!("{BEFORE} now 1.0 settled confirmed"));
}

/// The deployments by kind and version.
fn deployments(lines: &[Line], now: &str) -> Vec<String> {
    let answer = answer(&folded_until(lines, time(now)), time(now));
    let all = answer["services"]["docker/app"]["deployments"].as_array().cloned().unwrap_or_default();
    all.iter().map(|it| format!("{} {}", it["kind"], it["version"])).collect()
}

#[test]
fn a_witness_that_begins_invents_no_deployment_of_what_pulls_told_of() {
    let beside = "1:00 a b c pull 1.0 as 1.0-web
        1:30 d e f pull 1.2 as 1.2-worker
        1:00:00 d e f pull 1.3 as 1.3-worker";
    let behind = "1:00 a b c d e pull 1.0
        1:00:00 a b c d pull 1.1";
    for (pulls, all) in [
        (beside, &["web runs 1.0*3", "worker runs 1.3*2"][..]),
        (beside, &["web runs 1.0*3", "worker runs 1.3*7"]),
        (behind, &["web runs 1.1*4", "old runs 1.0*1"]),
        (behind, &["old runs 1.0*1", "web runs 1.1*4"]),
        (behind, &["web runs 1.1*4"]),
    ] {
        let mut agent = Agent::new("eu-1");
        agent.begins(time("3:00:00"), all);
        agent.beats("3:00:30", "5:00:00");
        let lines = log(&[agent], pulls);
        let before = story::folded(&observations(pulls));
        let known = answer(&before, time("2:59:00"))["services"]["docker/app"]["current"]["version"].clone();
        for now in ["3:00:10", "4:00:00"] {
            let state = folded_until(&lines, time(now));
            let current = &answer(&state, time(now))["services"]["docker/app"]["current"];
            assert_eq!(
                (&current["version"], &current["confidence"]),
                (&known, &"confirmed".into()),
                "{pulls} {all:?}"
            );
            let told = deployments(&lines, now);
            let pulled = deployments(&lines, "2:59:00");
            assert!(told.iter().all(|it| pulled.contains(it)), "{pulls} {all:?}: {told:?} of {pulled:?}");
        }
    }
}

#[test]
fn a_witness_that_was_renamed_leaves_nothing_behind_that_the_other_name_tells() {
    let mut old = Agent::new("eu-1");
    old.begins(time("0"), &["web runs 1.0*3", "worker runs 1.0*2"]);
    old.beats("30", "10:00");
    let mut new = Agent::new("europe");
    new.begins(time("10:20"), &["web runs 1.0*3", "worker runs 1.0*2"]);
    new.beats("10:50", "1:00:00");
    new.tells("20:00", "web runs 1.1*3");
    new.tells("20:30", "worker runs 1.1*2");
    new.tells("40:00", "web runs");
    new.tells("40:10", "worker runs");
    let lines = log(&[old, new], "");
    check_lines(&lines, "13:00", &format!("{BEFORE} now 1.0 settled confirmed"));
    let upgraded = format!("{BEFORE} upgrade 1.1 settled\n");
    check_lines(&lines, "21:00", &format!("{upgraded} now 1.1 settled confirmed"));
    check_lines(&lines, "41:00", &format!("{upgraded} now 1.1 scaled_to_zero confirmed"));
    let running = questions::running(&folded_until(&lines, time("30:00")), &environment(), time("30:00"));
    assert_eq!(running.services[0].workloads.len(), 2);
}

#[test]
fn two_clusters_that_live_at_once_are_two() {
    let story = "0:00 eu-1 looks 23:00:00
        30:00 us-1 looks 8:00:00
        1:00 eu-1 web runs 1.0*3
        40:00 us-1 web runs 1.0*3";
    check(story, "7:00:00", &format!("{BEFORE} now 1.0 settled confirmed"));
    check(story, "12:00:00", &format!("{BEFORE} now 1.0 settled likely"));
}

#[test]
fn workloads_of_one_name_are_told_apart_by_their_witnesses() {
    let story = "0:00 eu-1 looks 23:00:00
        0:00 us-1 looks 23:00:00
        1:00 eu-1 web runs 1.0*3
        1:05 us-1 web runs 1.0*3";
    let state = folded_until(&read(story), time("3:00:00"));
    let timeline = questions::timeline(&state, &environment(), time("3:00:00"), 1, None);
    let evidence = questions::evidence(&state, &timeline.deployments[0].id, time("3:00:00")).unwrap();
    let places: Vec<&str> = evidence.changes[0].pulls.iter().map(|item| &*item.client).collect();
    assert_eq!(places, ["eu-1/shop/deployment/web", "us-1/shop/deployment/web"]);
}
