//! Stories of witnesses that see too little, or tell too much: nothing is confirmed that they do not know.

use super::agent::{Agent, log};
use super::play::{check, check_lines, folded_until, read, time};
use crate::model::deployments::tests::story::{answer, digest};
use crate::model::report::{RunningImage, Runs, Statement};

const BEFORE: &str = "initial 1.0 settled\n";

#[test]
fn a_beginning_that_does_not_end_confirms_nothing_though_an_old_process_lives_on() {
    let mut old = Agent::new("eu-1");
    old.begins(time("0"), &["web runs 1.0*3"]);
    old.beats("1:00", "2:00:00");
    let mut new = old.clone();
    new.told.clear();
    new.starts(time("30:10"));
    old.tells("31:00", "web runs 1.1*3");
    let lines = log(&[old.clone(), new.clone()], "");
    check_lines(&lines, "30:00", &format!("{BEFORE} now 1.0 settled confirmed"));
    for now in ["32:30", "40:00", "1:30:00"] {
        check_lines(&lines, now, &format!("{BEFORE} now 1.0 settled likely"));
    }
    // The next one tells everything.
    new.begins(time("50:00"), &["web runs 1.1*3"]);
    new.beats("51:00", "2:00:00");
    let lines = log(&[old, new], "");
    for now in ["50:04", "1:30:00"] {
        check_lines(&lines, now, &format!("{BEFORE} upgrade 1.1 settled\n now 1.1 settled confirmed"));
    }
}

#[test]
fn absurd_counts_are_sums_that_end() {
    let mut agent = Agent::new("eu-1");
    let absurd = |workload: &str, agent: &Agent| {
        let Statement::Running(mut runs) = agent.statement(time("1"), &format!("{workload} runs")) else {
            panic!()
        };
        let image = |version: &str| RunningImage {
            digest: digest(version),
            reference: version.parse().ok(),
            running: u64::MAX,
            ready: u64::MAX,
            nodes: u64::MAX,
        };
        runs.images = vec![image("1.0"), image("1.1"), image("1.0")];
        runs.desired = Some(u64::MAX);
        Statement::Running(runs)
    };
    agent.starts(time("0"));
    let both = ["web", "worker"].map(|workload| absurd(workload, &agent)).to_vec();
    agent.say(time("1"), both);
    agent.beats("3", "10:00");
    let now = time("5:00");
    let answer = answer(&folded_until(&log(&[agent], ""), now), now);
    assert_eq!(answer["services"]["docker/app"]["current"]["confidence"], "confirmed");
}

#[test]
fn a_full_set_that_is_too_long_is_believed_in_nothing() {
    let mut agent = Agent::new("eu-1");
    agent.begins(time("0"), &["web runs 1.0*3"]);
    agent.beats("1:00", "10:00");
    agent.starts(time("20:00"));
    let other = |number: u32, agent: &Agent| {
        let Statement::Running(runs) = agent.statement(time("20:01"), "web runs 1.1*1") else { panic!() };
        let repository = format!("docker/other{}", number % 64).parse().unwrap();
        Statement::Running(Runs { repository, workload: format!("deployment/{number}").into(), ..runs })
    };
    let others: Vec<Statement> = (0..=32_768).map(|number| other(number, &agent)).collect();
    agent.say(time("20:01"), others);
    let web = agent.statement(time("20:02"), "web runs 1.1*3");
    agent.say(time("20:02"), vec![web]);
    agent.beats("20:03", "40:00");
    for now in ["20:10", "21:00", "30:00"] {
        check_lines(&log(&[agent.clone()], ""), now, &format!("{BEFORE} now 1.0 settled likely"));
    }
    agent.begins(time("50:00"), &["web runs 1.1*3"]);
    let settled = format!("{BEFORE} upgrade 1.1 settled\n now 1.1 settled confirmed");
    check_lines(&log(&[agent], ""), "50:10", &settled);
}

#[test]
fn a_service_of_too_many_workloads_is_not_confirmed_and_never_removed() {
    let mut agent = Agent::new("eu-1");
    let all: Vec<String> = (0..=8_192).map(|number| format!("w{number} runs 1.0*1")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    agent.begins(time("0"), &all);
    agent.beats("30", "1:00:00");
    let now = time("20:00");
    let current = |agent: &Agent, now| {
        let answer = answer(&folded_until(&log(std::slice::from_ref(agent), ""), now), now);
        answer["services"]["docker/app"]["current"].clone()
    };
    assert_ne!(current(&agent, now)["confidence"], "confirmed");
    let gone: Vec<Statement> =
        (0..=8_191).map(|number| agent.statement(time("30:00"), &format!("w{number} gone"))).collect();
    agent.say(time("30:00"), gone);
    agent.beat(time("30:01"));
    let left = current(&agent, time("40:00"));
    assert!(left["state"] != "removed" && left["confidence"] != "confirmed", "{left}");
    agent.begins(time("1:00:00"), &["w1 runs 1.0*1"]);
    assert_eq!(current(&agent, time("1:00:10"))["confidence"], "confirmed");
}

#[test]
fn what_is_not_ready_has_not_settled_and_what_settled_stays_so() {
    let story = "0:00 looks 9:00:00
        1:00 web runs 1.0*3
        2:00:00 web runs 1.1*3/0
        2:40:00 web runs 1.1*3/1
        3:00:00 web runs 1.1*3/0
        4:00:00 web runs 1.1*3";
    for now in ["2:00:05", "2:09:00", "2:30:00"] {
        check(story, now, &format!("{BEFORE} upgrade 1.1 rolling_out\n now 1.1 rolling_out confirmed"));
    }
    for now in ["2:40:05", "3:00:05", "3:30:00", "4:30:00"] {
        check(story, now, &format!("{BEFORE} upgrade 1.1 settled\n now 1.1 settled confirmed"));
    }
    // Nothing was ready when the witness was heard last.
    let story = story.replace("9:00:00", "2:20:00");
    check(&story, "2:39:00", &format!("{BEFORE} upgrade 1.1 rolling_out\n now 1.1 rolling_out tentative"));
}

#[test]
fn what_is_wanted_has_to_be_ready_or_the_rest_is_waited_for_no_longer() {
    let story = "0:00 looks 9:00:00
        1:00 web wants 3 runs 1.0*3
        2:00:00 web wants 3 runs 1.1*2/1\n";
    let rolling = format!("{BEFORE} upgrade 1.1 rolling_out\n now 1.1 rolling_out confirmed");
    let settled = format!("{BEFORE} upgrade 1.1 settled\n now 1.1 settled confirmed");
    check(story, "2:00:05", &rolling);
    check(&format!("{story} 2:02:00 web wants 3 runs 1.1*3"), "2:02:05", &settled);
    check(&format!("{story} 2:02:00 web wants 3 runs 1.1*3/2"), "2:02:05", &rolling);
    check(story, "2:30:00", &settled);
    check(&format!("{story} 2:40:00 web wants 5 runs 1.1*2"), "2:40:05", &settled);
}

#[test]
fn a_gap_is_neither_a_removal_nor_a_scaling_to_zero() {
    let story = "0:00 looks 9:00:00
        1:00 web wants 3 runs 1.0*3
        2:00:00 web wants 3 runs 1.1*3\n";
    let before = "initial 1.0 settled\n upgrade 1.1 settled\n";
    for (deed, told) in [
        ("web wants 3 runs", "rolling_out tentative"),
        ("web wants 0 runs", "scaled_to_zero confirmed"),
        ("web runs", "scaled_to_zero confirmed"),
        ("web gone", "removed confirmed"),
    ] {
        let story = format!("{story} 4:00:00 {deed}");
        check(&story, "4:00:05", &format!("{before} now 1.1 {told}"));
        check(
            &format!("{story}\n 4:10:00 web wants 3 runs 1.1*3"),
            "5:00:00",
            &format!("{before} now 1.1 settled confirmed"),
        );
    }
    let again = format!("{story} 4:00:00 web wants 3 runs\n 4:00:40 web wants 3 runs 1.2*3");
    check(&again, "4:01:00", &format!("{before} upgrade 1.2 settled\n now 1.2 settled confirmed"));
}

#[test]
fn what_was_never_ready_did_not_settle_whoever_replaces_it() {
    for (ready, replaced, is_settled) in [
        ("1.1*3/0", "2:40:00 web runs 1.2*3", false),
        ("1.1*3/0", "5:00:00 a b c pull 1.2 every 20s", false),
        ("1.1*3", "2:40:00 web runs 1.2*3", true),
        ("1.1*3", "5:00:00 a b c pull 1.2 every 20s", true),
    ] {
        let story =
            format!("0:00 looks 3:00:00\n 1:00 web runs 1.0*3\n 2:00:00 web runs {ready}\n {replaced}");
        let now = time("6:00:00");
        let answer = answer(&folded_until(&read(&story), now), now);
        let deployments = answer["services"]["docker/app"]["deployments"].as_array().unwrap();
        let of = |version: &str| {
            let digest = digest(version).to_string();
            deployments.iter().find(|it| it["digest"] == digest.as_str()).unwrap_or_else(|| panic!("{story}"))
        };
        assert_eq!(of("1.1")["settled_at"].is_string(), is_settled, "{story}: {deployments:#?}");
        assert!(of("1.2").is_object());
    }
}
