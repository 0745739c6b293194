//! Stories of witnesses that fall silent: what they saw last stands until something newer speaks against it.

use super::play::{check, folded_until, read, time};
use crate::model::deployments::tests::story::answer;

const BEFORE: &str = "initial 1.0 settled\n upgrade 1.1 settled\n";

#[test]
fn a_rollback_that_was_seen_stands_whatever_was_pulled_before_it() {
    for back in ["2:01:00", "2:05:00", "2:09:50"] {
        let story = format!(
            "0:00 looks 2:10:00
            1:00 a b c pull 1.0
            1:05 web runs 1.0*3
            2:00:00 a b c pull 1.1
            2:00:10 web runs 1.1*3
            {back} web runs 1.0*3"
        );
        let rolled_back = "rollback 1.0 settled without 1.1\n";
        for (now, confidence) in [("2:11:00", "confirmed"), ("2:13:00", "likely"), ("9:00:00", "likely")] {
            check(&story, now, &format!("{BEFORE} {rolled_back} now 1.0 settled {confidence}"));
        }
    }
}

#[test]
fn what_was_pulled_and_did_not_run_is_not_deployed_by_silence() {
    let story = "0:00 looks 4:05:00
        1:00 a b c pull 1.0
        1:05 web runs 1.0*3
        2:00:00 a b c pull 1.1
        2:00:10 web runs 1.1*3
        4:00:00 a b c pull 1.2";
    for now in ["4:08:00", "4:30:00", "9:00:00"] {
        check(story, now, &format!("{BEFORE} now 1.1 settled likely"));
    }
    // It may not have seen a pull that came right before its last word, or later.
    let story = story.replace("4:00:00", "4:04:55");
    check(&story, "4:30:00", &format!("{BEFORE} upgrade 1.2 settled\n now 1.2 settled likely"));
}

#[test]
fn a_canary_stays_one_until_something_newer_than_the_last_word_speaks_for_it() {
    let initial = "initial 1.0 settled\n";
    for (nodes, pods) in [("a b c", 3), ("a b c d e", 5), ("a b c d e f g h i j", 10)] {
        let story = format!(
            "0:00 looks 3:00:00
            1:00 {nodes} pull 1.0
            1:05 web runs 1.0*{pods}
            2:00:00 a pull 1.1
            2:00:05 canary runs 1.1*1"
        );
        for now in ["2:30:00", "3:03:00", "5:00:00", "23:00:00"] {
            let confidence = if now == "2:30:00" { "confirmed" } else { "tentative" };
            check(&story, now, &format!("{initial} upgrade 1.1 mixed\n now 1.0 mixed {confidence}"));
        }
        let promoted = format!("{story}\n 5:00:00 {nodes} pull 1.1 every 5s");
        check(&promoted, "6:00:00", &format!("{initial} upgrade 1.1 settled\n now 1.1 settled likely"));
    }
    // A pod of the canary that moves to another node makes it no larger than it was seen to be.
    let story = "0:00 looks 3:00:00
        1:00 a b c d e f g h i j pull 1.0
        1:05 web runs 1.0*10
        2:00:00 a b c pull 1.1
        2:00:05 canary runs 1.1*3
        5:00:00 k pull 1.1";
    check(story, "6:00:00", &format!("{initial} upgrade 1.1 mixed\n now 1.0 mixed tentative"));
}

#[test]
fn what_was_seen_last_is_never_seen_earlier_afterwards() {
    for end in
        ["", "4:30:00 web runs", "4:30:00 web gone", "4:30:00 web wants 3 runs", "4:30:00 canary runs 1.2*1"]
    {
        for pull in ["", "6:00:00 d pull 1.1", "4:59:55 d pull 1.1", "6:00:00 d check 1.1"] {
            let story = format!(
                "0:00 looks 5:00:00
                8:00:00 looks 9:00:00
                1:00 a b c pull 1.0
                1:05 web runs 1.0*3
                2:00:00 a b c pull 1.1
                2:00:10 web runs 1.1*3
                {end}
                {pull}"
            );
            let lines = read(&story);
            let mut last = String::new();
            for minutes in 121..560 {
                let now = time(&format!("{minutes}:30"));
                let answer = answer(&folded_until(&lines, now), now);
                let current = &answer["services"]["docker/app"]["current"];
                if current["version"] != "1.1" {
                    continue;
                }
                let seen = current["last_seen_at"].as_str().unwrap().to_owned();
                assert!(seen >= last, "{story}\n{seen} after {last}, at {minutes}");
                last = seen;
            }
        }
    }
}

#[test]
fn a_single_pull_does_not_make_a_service_settle_that_was_removed() {
    let removed = "0:00 looks 4:10:00
        1:00 a b c d e pull 1.0
        1:05 web runs 1.0*5
        2:00:00 a b c d e pull 1.1
        2:00:10 web runs 1.1*5
        4:00:00 web gone\n";
    check(removed, "6:30:00", &format!("{BEFORE} now 1.1 removed tentative"));
    let same = format!("{removed} 6:00:00 d pull 1.1");
    for now in ["6:00:30", "6:30:00", "23:00:00"] {
        check(&same, now, &format!("{BEFORE} now 1.1 rolling_out tentative"));
    }
    let other = format!("{removed} 6:00:00 d pull 1.2");
    for now in ["6:00:30", "6:05:00"] {
        check(&other, now, &format!("{BEFORE} upgrade 1.2 rolling_out\n now 1.2 rolling_out tentative"));
    }
    let more = format!("{removed} 6:00:00 d e pull 1.1 every 20s");
    check(&more, "6:05:00", &format!("{BEFORE} now 1.1 rolling_out tentative"));
    check(&more, "6:30:00", &format!("{BEFORE} now 1.1 settled likely"));
}
