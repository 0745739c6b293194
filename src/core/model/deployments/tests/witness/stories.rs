//! Stories of clusters before a witness, each with what is told of it.

use super::play::{Line, check, check_lines, folded_until, read, time};
use crate::model::deployments::tests::story::{answer, environment};
use crate::model::questions;

/// Two releases on every node, and a witness from the beginning on.
const TWO_RELEASES: &str = "0:00 looks 23:00:00
    1:00 a b c pull 1.0
    1:05 web runs 1.0*3
    2:00:00 a b c pull 1.1
    2:00:10 web runs 1.1*1/0 1.0*3
    2:00:40 web runs 1.1*3
";

#[test]
fn a_cached_rollback_is_told_with_its_first_pod_and_settles_with_its_last() {
    let story = format!(
        "{TWO_RELEASES}
        5:00:00 web runs 1.0*1/0 1.1*3
        5:00:30 web runs 1.0*3
        8:00:00 web runs 1.1*1/0 1.0*3
        8:00:30 web runs 1.1*3"
    );
    let before = "initial 1.0 settled
        upgrade 1.1 settled\n";
    check(&story, "4:00:00", &format!("{before} now 1.1 settled confirmed"));
    let rolling = "rollback 1.0 rolling_out without 1.1
        now 1.1 rolling_out confirmed";
    check(&story, "5:00:03", &format!("{before} {rolling}"));
    let rolled_back = "rollback 1.0 settled without 1.1\n";
    check(&story, "5:00:33", &format!("{before} {rolled_back} now 1.0 settled confirmed"));
    check(
        &story,
        "9:00:00",
        &format!("{before} {rolled_back} restore 1.1 settled\n now 1.1 settled confirmed"),
    );
}

#[test]
fn pulls_and_pods_of_a_rollout_are_one_deployment_with_both_kinds_of_evidence() {
    let state = folded_until(&read(TWO_RELEASES), time("3:00:00"));
    let timeline = questions::timeline(&state, &environment(), time("3:00:00"), 1, None);
    let evidence = questions::evidence(&state, &timeline.deployments[0].id, time("3:00:00")).unwrap();
    let evidence = serde_json::to_value(evidence).unwrap();
    let sources: Vec<&str> = evidence["changes"][0]["pulls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["source"].as_str().unwrap())
        .collect();
    assert_eq!(sources, ["pull", "pull", "pull", "sighting"]);
    let items = evidence["changes"][0]["pulls"].as_array().unwrap();
    assert!(items.iter().all(|item| item.get("agent").is_some() == (item["source"] == "pull")), "{items:?}");
}

#[test]
fn nothing_runs_where_a_service_is_scaled_to_zero_or_removed() {
    let zero = format!("{TWO_RELEASES} 4:00:00 web runs");
    let deployments = "initial 1.0 settled
        upgrade 1.1 settled\n";
    check(&zero, "4:00:05", &format!("{deployments} now 1.1 scaled_to_zero confirmed"));
    let back = format!("{zero}\n 6:00:00 web runs 1.1*3");
    check(&back, "6:00:05", &format!("{deployments} now 1.1 settled confirmed"));
    let gone = format!("{TWO_RELEASES} 4:00:00 web gone");
    check(&gone, "4:00:05", &format!("{deployments} now 1.1 removed confirmed"));
    let again = format!("{gone}\n 6:00:00 web runs 1.2*3");
    check(&again, "6:00:05", &format!("{deployments} upgrade 1.2 settled\n now 1.2 settled confirmed"));
}

#[test]
fn a_pull_without_a_pod_is_no_deployment() {
    let story = format!("{TWO_RELEASES} 4:00:00 a b c pull 1.2");
    let deployments = "initial 1.0 settled
        upgrade 1.1 settled
        now 1.1 settled confirmed";
    check(&story, "9:00:00", deployments);
    let state = folded_until(&read(&story), time("9:00:00"));
    let pulled = &answer(&state, time("9:00:00"))["services"]["docker/app"]["pulled"];
    assert_eq!((&pulled[0]["version"], &pulled[0]["clients"]), (&"1.2".into(), &3.into()));
    let runs_nowhere = |now: &str| {
        let running = questions::running(&folded_until(&read(&story), time(now)), &environment(), time(now));
        running.services[0].pulled.iter().map(|image| image.runs_nowhere).collect::<Vec<_>>()
    };
    assert_eq!(runs_nowhere("4:02:00"), [false], "it may be on its way");
    assert_eq!(runs_nowhere("5:00:00"), [true]);
    assert_eq!(runs_nowhere("23:30:00"), [false], "a witness that is away sees nothing");
}

#[test]
fn a_job_and_what_crashes_before_it_runs_are_no_deployment() {
    let story = format!(
        "{TWO_RELEASES}
        4:00:00 a pull 1.2
        4:00:05 job/migrate runs 1.2*1
        4:10:00 job/migrate runs
        4:15:00 job/migrate gone
        5:00:00 cronjob/report runs 1.0*1
        5:01:00 cronjob/report runs"
    );
    let deployments = "initial 1.0 settled
        upgrade 1.1 settled
        now 1.1 settled confirmed";
    for now in ["4:05:00", "4:12:00", "5:00:30", "9:00:00"] {
        check(&story, now, deployments);
    }
}

#[test]
fn a_canary_is_exact_whether_one_workload_runs_it_or_two_do() {
    let before = "0:00 looks 23:00:00
        1:00 web runs 1.0*18\n";
    let one = "2:00:00 web runs 1.0*18 1.1*2\n";
    let two = "2:00:00 canary runs 1.1*2\n";
    for (canary, given_up, promoted) in [
        (one, "4:00:00 web runs 1.0*18", "4:00:00 web runs 1.1*18"),
        (two, "4:00:00 canary gone", "4:00:00 web runs 1.1*18"),
    ] {
        let story = format!("{before}{canary}");
        let initial = "initial 1.0 settled\n";
        check(&story, "3:00:00", &format!("{initial} upgrade 1.1 mixed\n now 1.0 mixed confirmed"));
        let aborted = format!("{initial} upgrade 1.1 aborted without 9\n now 1.0 settled confirmed");
        check(&format!("{story}{given_up}"), "5:00:00", &aborted.replace(" without 9", ""));
        let settled = format!("{initial} upgrade 1.1 settled\n now 1.1 settled confirmed");
        check(&format!("{story}{promoted}"), "5:00:00", &settled);
    }
}

#[test]
fn a_colour_that_takes_over_is_the_service_also_on_the_way_back() {
    let story = "0:00 looks 23:00:00
        1:00 green runs 1.0*3
        2:00:00 blue runs 1.1*3
        3:00:00 green gone
        5:00:00 green runs 1.0*3
        6:00:00 blue gone";
    let upgraded = "initial 1.0 settled
        upgrade 1.1 settled\n";
    check(story, "4:00:00", &format!("{upgraded} now 1.1 settled confirmed"));
    check(
        story,
        "7:00:00",
        &format!("{upgraded} rollback 1.0 settled without 1.1\n now 1.0 settled confirmed"),
    );
}

#[test]
fn workloads_of_a_service_change_together_and_one_that_lags_behind_is_no_way_back() {
    let story = "0:00 looks 23:00:00
        1:00 web runs 1.0*6
        1:02 worker runs 1.0*2
        2:00:00 web runs 1.1*6
        4:00:00 web runs 1.2*6
        6:00:00 worker runs 1.1*2
        8:00:00 worker runs 1.2*2";
    let upgraded = "initial 1.0 settled
        upgrade 1.1 settled\n";
    let first = "initial 1.0 settled\n";
    check(story, "3:00:00", &format!("{first} upgrade 1.1 mixed\n now 1.1 mixed confirmed"));
    check(story, "7:00:00", &format!("{upgraded} upgrade 1.2 mixed\n now 1.2 mixed confirmed"));
    check(story, "9:00:00", &format!("{upgraded} upgrade 1.2 settled\n now 1.2 settled confirmed"));
}

#[test]
fn two_clusters_add_up_and_a_silent_one_confirms_nothing() {
    let story = "0:00 eu-1 looks 23:00:00
        0:00 us-1 looks 8:00:00
        1:00 eu-1 web runs 1.0*3
        1:00 us-1 web runs 1.0*3
        2:00:00 eu-1 web runs 1.1*3
        4:00:00 us-1 web runs 1.1*3";
    check(story, "3:00:00", "initial 1.0 settled\n upgrade 1.1 mixed\n now 1.0 mixed confirmed");
    let settled = "initial 1.0 settled\n upgrade 1.1 settled\n";
    check(story, "7:00:00", &format!("{settled} now 1.1 settled confirmed"));
    check(story, "8:03:00", &format!("{settled} now 1.1 settled likely"));
}

#[test]
fn pulls_decide_where_the_witness_is_silent_and_go_on_from_its_word() {
    let story = "0:00 looks 4:00:00
        1:00 a b c pull 1.0
        1:05 web runs 1.0*3
        2:00:00 a b c pull 1.1
        2:00:10 web runs 1.1*3
        3:00:00 web runs 1.0*3
        6:00:00 a b c pull 1.2
        6:00:10 web runs 1.2*3
        7:00:00 web runs 1.0*3
        8:00:00 looks 23:00:00";
    let before = "initial 1.0 settled
        upgrade 1.1 settled
        rollback 1.0 settled without 1.1\n";
    check(story, "5:00:00", &format!("{before} now 1.0 settled likely"));
    check(story, "6:30:00", &format!("{before} upgrade 1.2 settled\n now 1.2 settled likely"));
    let found = "upgrade 1.2 settled
        rollback 1.0 settled without 1.1 1.2
        now 1.0 settled confirmed";
    check(story, "8:00:05", &format!("{before} {found}"));
}

#[test]
fn a_node_that_is_replaced_and_a_service_that_scales_are_no_deployment() {
    let story = format!(
        "{TWO_RELEASES}
        4:00:00 d pull 1.1
        4:00:20 web runs 1.1*4
        4:00:40 web runs 1.1*3
        6:00:00 web runs 1.1*1/0
        6:05:00 web runs 1.1*12"
    );
    let deployments = "initial 1.0 settled
        upgrade 1.1 settled
        now 1.1 settled confirmed";
    check(&story, "9:00:00", deployments);
}

/// The story, where the workloads name their images by another host.
fn by_another_host(story: &str) -> Vec<Line> {
    let mut lines = read(story);
    for line in &mut lines {
        if let Line::Word(line) = line
            && let crate::model::report::Statement::Running(runs) = &mut line.statement
        {
            runs.host = Some("quay.io".into());
        }
    }
    lines
}

#[test]
fn what_comes_from_another_registry_is_told_apart() {
    let lines = by_another_host("0:00 looks 1:30:00\n 1:00 a b c pull 1.0\n 1:05 web runs 1.1*3");
    let state = folded_until(&lines, time("1:30:00"));
    let bypass: Vec<_> = questions::running(&state, &environment(), time("1:30:00")).bypass;
    assert_eq!((bypass.len(), &*bypass[0].image), (1, "quay.io/docker/app"));
    assert_eq!(&*bypass[0].workloads[0], "shop/deployment/web");
    let silent = questions::running(&state, &environment(), time("1:40:00")).bypass;
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn what_another_environment_pulled_goes_around_the_proxy_here() {
    let mut lines = by_another_host(TWO_RELEASES);
    for line in &mut lines {
        if let Line::Pull(pull) = line {
            pull.environment = "staging".parse().unwrap();
        }
    }
    let state = folded_until(&lines, time("3:00:00"));
    let running = questions::running(&state, &environment(), time("3:00:00"));
    assert_eq!((running.services.len(), running.bypass.len()), (0, 1), "{running:#?}");
}

#[test]
fn what_was_pulled_through_the_proxy_is_its_own_by_whatever_host_nodes_name_it() {
    let early = "0:00 looks 23:00:00
        0:50 web runs 1.0*3
        1:00 a b c pull 1.0";
    for (story, settled) in [(TWO_RELEASES, "upgrade 1.1 settled\n now 1.1"), (early, "now 1.0")] {
        let lines = by_another_host(story);
        let state = folded_until(&lines, time("3:00:00"));
        let bypass = questions::running(&state, &environment(), time("3:00:00")).bypass;
        assert!(bypass.is_empty(), "{bypass:?}");
        let told = format!("initial 1.0 settled\n {settled} settled confirmed");
        check_lines(&lines, "3:00:00", &told);
    }
    let lines = by_another_host(&format!("{TWO_RELEASES} 4:00:00 web runs 1.0*3\n 5:00:00 web gone"));
    let told = "initial 1.0 settled
        upgrade 1.1 settled
        rollback 1.0 settled without 1.1
        now 1.0 removed confirmed";
    check_lines(&lines, "5:01:00", told);
}

#[test]
fn pulls_promote_a_canary_whose_witness_went_away() {
    let story = "0:00 looks 2:30:00
        1:00 a b c d e f g h i j pull 1.0
        1:05 web runs 1.0*10
        2:00:00 a pull 1.1
        2:00:05 canary runs 1.1*1
        5:00:00 b c d e f g h i j pull 1.1 every 20s";
    let initial = "initial 1.0 settled\n";
    check(story, "4:00:00", &format!("{initial} upgrade 1.1 mixed\n now 1.0 mixed tentative"));
    check(story, "6:00:00", &format!("{initial} upgrade 1.1 settled\n now 1.1 settled likely"));
    // The witness goes while the rollout begins.
    let story = story.replace("2:30:00\n", "5:00:10\n");
    check(&story, "6:00:00", &format!("{initial} upgrade 1.1 settled\n now 1.1 settled likely"));
}

#[test]
fn what_a_witness_saw_a_job_run_is_the_jobs_also_once_it_is_away() {
    let story = format!(
        "{}
        2:30:00 cronjob/report runs 1.0*1
        2:31:00 cronjob/report runs
        6:00:07 d pull 1.0",
        TWO_RELEASES.replace("23:00:00", "4:00:00")
    );
    let deployments = "initial 1.0 settled
        upgrade 1.1 settled
        now 1.1 settled likely";
    check(&story, "9:00:00", deployments);
}
