//! Ways to ask that people use and the grammar once did not know: a few rows for each.

use super::follow::converse;
use super::*;

#[test]
fn greetings_and_politeness_are_no_part_of_a_question() {
    check(&[
        ("Good morning! Could you please show me what runs in staging? Thanks a lot!", "running env=staging"),
        ("I was wondering if you might be able to compare dev with staging", "compare envs=dev+staging"),
        ("It would be nice if you could show me the rollbacks in dev.", "rollbacks env=dev"),
        ("Please be so kind as to deploy till v1.1.0 to dev", "deploy env=dev repo=shop/till version=v1.1.0"),
        ("ok, what's missing in dev?", "missing env=dev"),
        ("what runs in dev? it's urgent", "running env=dev"),
        ("is #311 live? I mean in dev.", "verify env=dev about=#311"),
    ]);
}

#[test]
fn what_is_told_belongs_to_the_question_behind_it() {
    check(&[
        (
            "The drawer sticks after a refund. Is that fixed in dev?",
            "verify env=dev about=drawer sticks after a refund",
        ),
        ("a customer says the drawer sticks, is the fix out in dev?", "verify env=dev about=drawer sticks"),
        ("find the drawer fix and tell me if it is in dev", "verify env=dev about=drawer fix"),
        ("We have trouble in dev. What changed today?", "changes env=dev in=06-03T00:00/06-03T12:00"),
        ("the drawer fix, is it already in dev?", "verify env=dev about=drawer fix"),
    ]);
}

#[test]
fn programs_ask_in_their_verbs() {
    check(&[
        ("Return the difference between dev and staging", "compare envs=dev+staging"),
        ("Get deployment history of till in dev", "history env=dev repo=shop/till"),
        ("Determine whether #311 is in dev", "verify env=dev about=#311"),
        ("For environment dev, report the running version of till", "running env=dev repo=shop/till"),
        ("get till v1.1.0 to dev", "deploy env=dev repo=shop/till version=v1.1.0"),
    ]);
}

#[test]
fn a_part_of_a_name_that_is_described_names_no_service() {
    check(&[
        ("is the loose stock fix in dev", "verify env=dev about=loose stock fix"),
        ("is the till on v1.1.0 in dev", "verify env=dev repo=shop/till version=v1.1.0"),
    ]);
}

#[test]
fn short_writings_and_bare_numbers_are_read() {
    check(&[
        ("311 live in dev?", "verify env=dev about=311"),
        ("rbs dev 7d", "rollbacks env=dev in=05-27T12:00/06-03T12:00"),
        ("dev > staging", "compare envs=dev+staging"),
        ("need till v1.1.0 on dev", "deploy env=dev repo=shop/till version=v1.1.0"),
        ("which env has the drawer fix", "verify about=drawer fix"),
    ]);
}

#[test]
fn settings_are_not_changed_by_a_question() {
    for question in [
        "set LOG_LEVEL=debug on till in dev",
        "increase memory of till in dev",
        "update the description of dev",
    ] {
        assert_eq!(ask(question).intent, Intent::Unknown, "{question}");
    }
}

#[test]
fn times_of_parts_of_a_day_are_read() {
    check(&[
        ("what ran in dev yesterday morning at 8", "running env=dev at=06-02T08:00"),
        ("what ran in dev yesterday evening at 8", "running env=dev at=06-02T20:00"),
        ("what changed in staging since lunch yesterday", "changes env=staging in=06-02T12:00/06-03T12:00"),
    ]);
}

#[test]
fn an_interruption_ends_no_conversation() {
    check_with(
        converse,
        &[
            ("is #311 in dev > which release is it? > and in staging", "verify env=staging about=#311"),
            ("till in dev > what's the latest? > how far behind is it?", "missing env=dev repo=shop/till"),
            ("is #311 in dev? > cool. and in staging?", "verify env=staging about=#311"),
            ("till in dev > is it the same as in staging?", "compare envs=dev+staging repo=shop/till"),
            (
                "is the drawer fix in dev? = shop/till v1.1.0 > bring it there",
                "deploy env=dev repo=shop/till version=v1.1.0",
            ),
            ("deploy till v1.1.0 to dev > no wait, the newest", "deploy env=dev repo=shop/till"),
            ("till in dev > update it", "deploy env=dev repo=shop/till"),
            ("create an environment called lab > and a token for it", "generate_token env=lab"),
        ],
    );
}

#[test]
fn a_list_of_services_is_one_subject() {
    check(&[
        ("are till and stock-api up to date in dev?", "missing env=dev repo=shop/till+shop/stock-api"),
        (
            "compare till, stock-api & stock-web in dev and staging",
            "compare envs=dev+staging repo=shop/till+shop/stock-api+shop/stock-web",
        ),
        (
            "is the drawer fix live for till or stock-web",
            "verify repo=shop/till+shop/stock-web about=drawer fix",
        ),
        ("till/stock-api in dev", "running env=dev repo=shop/till+shop/stock-api"),
        ("dev/till", "running env=dev repo=shop/till"),
        ("deploy till and stock-web to dev", "deploy env=dev repo=shop/till+shop/stock-web"),
        // A name that nobody knows is never left out, nor a version given to another service.
        ("are till and foo up to date in dev", "missing env=dev repo=shop/till ?=Repository:3"),
        ("are foo and till up to date in dev", "missing env=dev repo=shop/till ?=Repository:3"),
        (
            "deploy till v1.1.0 and stock-web v5.1.0 to dev",
            "deploy env=dev repo=shop/till+shop/stock-web version=v5.1.0 ?=Release:2",
        ),
        // Further words behind a name describe a change.
        ("is the till and drawer fix in dev", "verify env=dev repo=shop/till about=drawer fix"),
    ]);
    check_with(
        converse,
        &[
            (
                "till in dev > and stock-web? > both in staging",
                "running env=staging repo=shop/till+shop/stock-web",
            ),
            ("till in dev > is it up to date in dev and staging", "missing envs=dev+staging repo=shop/till"),
            ("are till and stock-api up to date in dev > and what runs in staging", "running env=staging"),
        ],
    );
}

#[test]
fn a_known_word_is_no_slip_of_a_cue() {
    check(&[
        ("has the drawer jam been taken care of in dev?", "verify env=dev about=drawer jam been taken care"),
        ("is the stale badge gone in dev", "verify env=dev about=stale badge"),
    ]);
}

#[test]
fn chatter_describes_no_change() {
    check_with(
        converse,
        &[
            ("is the drawer fix in dev > staging neither, i guess?", "verify env=staging about=drawer fix"),
            ("what is dev missing > nothing for staging either?", "missing env=staging"),
            ("what changed in dev > hold on, anything on staging at the same time?", "changes env=staging"),
            ("compare dev and staging > swap dev for production", "compare envs=production+staging"),
            ("compare dev and staging > which has the newer till", "compare envs=dev+staging repo=shop/till"),
            ("till history in dev > what is it now", "running env=dev repo=shop/till"),
            ("what changed in dev > and the rollbacks?", "rollbacks env=dev"),
            ("what runs in dev > and the east one?", "running env=prod-us-east"),
        ],
    );
}

#[test]
fn slips_in_the_words_of_questions_are_mended() {
    check(&[
        ("whats deployd on staging", "running env=staging"),
        ("waht is runing in dev", "running env=dev"),
        ("whens till last updatd in dev", "history env=dev repo=shop/till"),
        ("depoly till v1.1.0 to dev", "deploy env=dev repo=shop/till version=v1.1.0"),
        ("wich servies are outdatd in dev", "missing env=dev"),
        ("comapre dev and staging", "compare envs=dev+staging"),
        ("rolbacks in dev", "rollbacks env=dev"),
    ]);
}

#[test]
fn a_description_says_nothing_about_what_is_asked() {
    check(&[
        ("find the change about stale counts", "search about=stale counts"),
        ("find the pr about token expiry", "search about=token expiry"),
        ("search for missing rollbacks pages", "search about=missing rollbacks pages"),
        ("list commits regarding the rollback dialog", "search about=rollback dialog"),
        ("which commit broke the token refresh", "search about=token refresh"),
        ("is the stale token bug fixed in dev", "verify env=dev about=stale token bug"),
        ("is the fix for outdated versions live in dev", "verify env=dev about=fix for outdated versions"),
        // The thing that is asked for, and no description.
        ("find unused tokens", "tokens"),
        ("print the secret of anna-laptop", "unknown env=staging token=anna-laptop"),
    ]);
}

#[test]
fn a_release_is_looked_for_in_every_place() {
    for question in [
        "which envs run till v1.1.0",
        "where does till v1.1.0 run",
        "what environments are on till v1.1.0",
        "which clusters use till v1.1.0",
        "who still runs till v1.1.0",
    ] {
        assert_eq!(told(&ask(question)), "verify repo=shop/till version=v1.1.0", "{question}");
    }
}

#[test]
fn what_other_tools_know_is_declined() {
    for question in [
        "how many errors did till throw",
        "how many visitors does till have in production",
        "number of exceptions in till",
        "cpu usage of till in production",
        "till latency in production",
        "avg response time of till",
        "whats the memory footprint of till in production",
        "what is the revenue of till in production",
        "show the queue length of till",
        "show me the logs from till",
        "is anyone on call right now",
        "when is the next deploy to production",
    ] {
        assert_eq!(ask(question).intent, Intent::Unknown, "{question}");
    }
    check(&[
        ("how many changes is dev behind", "missing env=dev"),
        ("how many rollbacks were there in dev", "rollbacks env=dev"),
        ("is the latency fix live in dev", "verify env=dev about=latency fix"),
    ]);
}
