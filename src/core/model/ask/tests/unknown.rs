//! Names and times that nobody knows are asked back, and never left out.

use super::*;

#[test]
fn a_name_that_nobody_knows_is_asked_back() {
    check(&[
        ("what did foo run?", "running ?=Name:8"),
        ("is foo up to date?", "missing ?=Name:8"),
        ("what changed in foo yesterday", "changes about=foo in=06-02T00:00/06-03T00:00 ?=Environment:5"),
        ("history of foo in staging", "history env=staging about=foo ?=Repository:3"),
        ("which version of foo is in staging", "running env=staging ?=Repository:3"),
        ("what version has foo in staging", "running env=staging ?=Repository:3"),
        ("rollbacks of foo in dev", "rollbacks env=dev ?=Repository:3"),
        ("compare foo with dev", "compare envs=dev ?=Environment:4"),
        ("who deployed foo?", "history about=foo focus=Who ?=Name:8"),
        ("roll back foo in dev", "deploy env=dev focus=Rollback ?=Repository:3"),
        ("deploy foo v9.1.0 to dev", "deploy env=dev version=v9.1.0 about=foo ?=Repository:3"),
        ("qa?", "running ?=Environment:5"),
        ("does uat have till v1.0.0", "verify repo=shop/till version=v1.0.0 ?=Environment:5"),
        // Near names are proposed.
        ("what did staging2 run?", "running ?=Name:1"),
        ("is tillx behind in dev?", "missing env=dev ?=Repository:1"),
    ]);
}

#[test]
fn words_of_this_trade_are_no_names() {
    check(&[
        ("what is missing in dev", "missing env=dev"),
        ("which fixes were delivered to dev", "changes env=dev about=delivered kind=Fix"),
        ("list all services of dev with their versions", "running env=dev"),
        ("what is left to deploy in dev", "missing env=dev"),
        ("is anything stuck in dev", "running env=dev focus=Broken"),
        ("which version of till fixed the crash on startup", "search repo=shop/till about=crash on startup"),
    ]);
}

#[test]
fn a_time_that_cannot_be_read_is_asked_back() {
    check(&[
        ("what changed in dev since the offsite", "changes env=dev ?=Time:4"),
        ("what ran in dev before the offsite", "running env=dev ?=Time:4"),
        ("what changed in dev on February 30", "changes env=dev ?=Time:4"),
        ("what ran in dev at 25:99", "running env=dev ?=Time:4"),
        ("what changed in dev since 2026-13-45", "changes env=dev ?=Time:4"),
        ("what ran in staging before Tuesday's rollback", "running env=staging ?=Time:4"),
        // A change may be of anything.
        ("is the crash after a login fixed in dev", "verify env=dev about=crash after a login"),
        ("which release fixed the hang before a reload", "search about=hang before a reload"),
    ]);
}

#[test]
fn a_renamed_environment_is_known_by_its_former_names() {
    check(&[
        ("what runs in workbench", "running env=dev"),
        ("is #311 live in the lab old?", "verify env=dev about=#311"),
        ("deploy till v1.1.0 to lab-old", "deploy env=dev repo=shop/till version=v1.1.0"),
        ("compare workbench and staging", "compare envs=dev+staging"),
    ]);
}

#[test]
fn more_times() {
    check(&[
        ("what ran in dev as of last Tuesday", "running env=dev at=06-02T23:59:59.999Z"),
        ("what ran in dev at the end of May", "running env=dev at=05-31T23:59:59.999Z"),
        (
            "what changed in dev since the beginning of the month",
            "changes env=dev in=06-01T00:00/06-03T12:00",
        ),
        ("what changed in dev over the last fortnight", "changes env=dev in=05-20T12:00/06-03T12:00"),
        ("what changed in dev this quarter", "changes env=dev in=04-01T00:00/06-03T12:00"),
        ("what changed in dev yesterday afternoon", "changes env=dev in=06-02T12:00/06-02T18:00"),
        ("what changed in dev between 9:00 and 11:00", "changes env=dev in=06-03T09:00/06-03T11:00"),
        ("what changed in dev in the last couple of hours", "changes env=dev in=06-03T10:00/06-03T12:00"),
        ("changes dev 24h", "changes env=dev in=06-02T12:00/06-03T12:00"),
        ("what changed in dev on 25/05/2026", "changes env=dev in=05-25T00:00/05-26T00:00"),
        ("what ran in dev on the 1st of June at 9am", "running env=dev at=06-01T09:00"),
        (
            "what changed in staging since the last deployment",
            "changes env=staging in=05-28T17:20/06-03T12:00",
        ),
        (
            "what changed in staging since Thursday's rollback",
            "changes env=staging in=05-28T16:20/06-03T12:00",
        ),
        (
            "what changed in dev since I left on Friday",
            "changes env=dev about=left in=05-29T00:00/06-03T12:00",
        ),
        ("what changed in dev yesteday", "changes env=dev in=06-02T00:00/06-03T00:00"),
    ]);
}
