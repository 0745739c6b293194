//! Conversations, and what their last question is understood as.

use super::*;

/// The last question of those that `>` separates. `=`: what the answer before found.
pub(super) fn converse(questions: &str) -> Asked {
    in_the_shop(|world| converse_in(world, questions))
}

pub(super) fn converse_in(world: &World<'_>, questions: &str) -> Asked {
    let mut asked: Option<Asked> = None;
    for question in questions.split(" > ") {
        let (question, meant) = question.split_once(" = ").unwrap_or((question, ""));
        let mut next = match &asked {
            Some(before) => follow(before, question, world),
            None => parse(question, world),
        };
        if let Some((repository, version)) = meant.split_once(' ') {
            next.meant = Some(Meant { repository: repository.to_owned(), version: version.to_owned() });
        }
        asked = Some(next);
    }
    asked.unwrap()
}

#[track_caller]
fn check_last(cases: &[(&str, &str)]) {
    check_with(converse, cases);
}

#[test]
fn another_place_keeps_the_question() {
    check_last(&[
        ("is the drawer fix live in production? > and in staging?", "verify env=staging about=drawer fix"),
        ("is the drawer fix live in production? > what about dev", "verify env=dev about=drawer fix"),
        ("is #311 in staging > is it in prod?", "verify env=production about=#311"),
        ("is #311 in staging > has it reached prod yet?", "verify env=production about=#311"),
        ("till in staging > and production?", "running env=production repo=shop/till"),
        ("what changed in dev last week > and in staging?", "changes env=staging in=05-25T00:00/06-01T00:00"),
        ("what is missing in staging > production?", "missing env=production"),
        ("any rollbacks in dev? > same for staging", "rollbacks env=staging"),
        ("compare dev and staging > and with production?", "compare envs=dev+production"),
        ("deploy till v1.1.0 to staging > and to dev?", "deploy env=dev repo=shop/till version=v1.1.0"),
        ("which release fixed the drawer > is it in staging?", "verify env=staging about=drawer"),
        ("tokens in staging > and dev?", "tokens env=dev"),
    ]);
}

#[test]
fn another_service_or_change_keeps_the_place() {
    check_last(&[
        ("till in staging > what about stock-web?", "running env=staging repo=shop/stock-web"),
        ("when did till last go to staging > and stock-api?", "history env=staging repo=shop/stock-api"),
        ("is till v1.1.0 in dev > and v2.0.0?", "verify env=dev repo=shop/till version=v2.0.0"),
        ("is the drawer fix live in dev? > what about the printer fix?", "verify env=dev about=printer fix"),
        ("is the drawer fix live in dev? > and #311?", "verify env=dev about=#311"),
        ("what runs in dev > how about #311?", "verify env=dev about=#311"),
    ]);
}

#[test]
fn another_time_keeps_the_rest() {
    check_last(&[
        ("what changed in dev last week > and yesterday?", "changes env=dev in=06-02T00:00/06-03T00:00"),
        ("till in staging > and yesterday at 3pm?", "running env=staging repo=shop/till at=06-02T15:00"),
        ("what ran in dev yesterday at 3pm > and now?", "running env=dev"),
        (
            "what changed in dev last week > and the week before?",
            "changes env=dev in=05-18T00:00/05-25T00:00",
        ),
        (
            "what changed in dev yesterday > and the day before that?",
            "changes env=dev in=06-01T00:00/06-02T00:00",
        ),
    ]);
}

#[test]
fn since_when_and_what_was_before() {
    check_last(&[
        ("till in staging > since when?", "history env=staging repo=shop/till"),
        ("what's running in dev > since when?", "history env=dev"),
        ("is the drawer fix live in dev? > since when?", "verify env=dev about=drawer fix"),
        ("is the drawer fix live in dev? > when did that happen?", "verify env=dev about=drawer fix"),
        ("any rollbacks in dev > when was that?", "rollbacks env=dev"),
        ("till in staging > and the one before?", "history env=staging repo=shop/till focus=Before"),
        ("till in staging > what was before that?", "history env=staging repo=shop/till focus=Before"),
        ("till in staging > the previous version?", "history env=staging repo=shop/till focus=Before"),
        ("what is in till v2.0.0 > and the one before?", "search repo=shop/till version=v1.1.0"),
        (
            "which release fixed the drawer = shop/till v1.1.0 > and the one before?",
            "search repo=shop/till version=v1.0.0",
        ),
        ("deploy till v2.0.0 to dev > and the one before?", "deploy env=dev repo=shop/till version=v1.1.0"),
    ]);
}

#[test]
fn a_whole_question_points_back() {
    check_last(&[
        ("what runs in dev > what changed there last week?", "changes env=dev in=05-25T00:00/06-01T00:00"),
        ("what runs in dev > what changed last week?", "changes env=dev in=05-25T00:00/06-01T00:00"),
        ("till in staging > is it up to date?", "missing env=staging repo=shop/till"),
        (
            "is the drawer fix live in dev? = shop/till v1.1.0 > deploy it to production",
            "deploy env=production repo=shop/till version=v1.1.0",
        ),
        ("is the drawer fix live in dev? > which release is it in?", "search about=drawer fix"),
        ("till in staging > promote it to production", "deploy env=production from=staging repo=shop/till"),
        ("what runs in dev > compare it with staging", "compare envs=dev+staging"),
        ("till in staging > who deployed it?", "history env=staging repo=shop/till focus=Who"),
        ("till in staging > who?", "history env=staging repo=shop/till focus=Who"),
        // Nothing points back: a question of its own.
        ("till in staging > which release fixed the printer", "search about=printer"),
        ("till in staging > what runs in dev", "running env=dev"),
        ("tell me a joke > what runs in dev", "running env=dev"),
    ]);
}

#[test]
fn a_change_is_looked_for_in_what_it_points_at() {
    check_last(&[
        ("who deployed stock-web in dev? > is #20 in it?", "verify env=dev repo=shop/stock-web about=#20"),
        (
            "stock-web in dev > does it have the drawer fix?",
            "verify env=dev repo=shop/stock-web about=drawer fix",
        ),
        ("deploy till v2.0.0 to dev > does it contain #10?", "verify env=dev repo=shop/till about=#10"),
        ("deploy till v2.0.0 to dev > is #10 in that?", "verify env=dev repo=shop/till about=#10"),
        (
            "which release fixed the drawer = shop/till v1.1.0 > does it contain #10?",
            "verify repo=shop/till about=#10",
        ),
        // It names another service, or points at none.
        ("stock-web in dev > is #20 in till?", "verify env=dev repo=shop/till about=#20"),
        ("stock-web in dev > is #20 live in production?", "verify env=production about=#20"),
        ("stock-web in dev > is that drawer fix live in staging?", "verify env=staging about=drawer fix"),
    ]);
}

#[test]
fn an_answer_to_what_was_asked_back() {
    check_last(&[
        ("deploy till v1.1.0 > staging", "deploy env=staging repo=shop/till version=v1.1.0"),
        ("deploy v2.0.0 to dev > stock-api", "deploy env=dev repo=shop/stock-api version=v2.0.0"),
        ("what runs in the lab > dev", "running env=dev"),
        ("compare staging > production", "compare envs=staging+production"),
        ("deploy to staging > till v1.1.0", "deploy env=staging repo=shop/till version=v1.1.0"),
    ]);
}

#[test]
fn an_answer_keeps_what_was_described() {
    check_last(&[
        ("is the drawer fix live in prod-mars? > dev", "verify env=dev about=drawer fix"),
        ("is the drawer fix live in prod-mars? > the second", "verify env=staging about=drawer fix"),
        ("deploy the drawer fix > dev please", "deploy env=dev about=drawer fix"),
        ("what did foo run? > till", "running repo=shop/till"),
        ("what changed in dev since the offsite > yesterday", "changes env=dev in=06-02T00:00/06-03T00:00"),
    ]);
}

#[test]
fn one_of_several_changes_is_chosen_by_its_place_or_its_number() {
    let chosen = |text: &str| {
        in_the_shop(|world| {
            let candidate = |description: &str| Candidate {
                description: description.to_owned(),
                repository: "shop/till".to_owned(),
            };
            let before = parse("is the drawer fix live in dev?", world);
            let candidates = vec![candidate("#10"), candidate("#20"), candidate("drawer sticks")];
            told(&follow(&Asked { candidates, ..before }, text, world))
        })
    };
    for (text, wanted) in [
        ("#20", "verify env=dev about=#20"),
        ("the second", "verify env=dev repo=shop/till about=#20"),
        ("the second one please", "verify env=dev repo=shop/till about=#20"),
        ("2", "verify env=dev repo=shop/till about=#20"),
        ("I mean the last one", "verify env=dev repo=shop/till about=drawer sticks"),
        ("the fourth", "verify env=dev about=fourth"),
    ] {
        assert_eq!(chosen(text), wanted, "{text}");
    }
}

#[test]
fn what_is_not_known_takes_the_place_of_what_was() {
    check_last(&[
        ("what runs in dev > and in mars?", "running ?=Environment:5"),
        ("what runs in dev > and qa?", "running ?=Environment:5"),
        ("till in dev > what about foo?", "running env=dev ?=Repository:3"),
        ("is the drawer fix live in dev > and in mars?", "verify about=drawer fix ?=Environment:5"),
        ("compare dev and staging > and mars?", "compare envs=dev ?=Environment:4"),
    ]);
}

#[test]
fn reasons_and_contents() {
    check_last(&[
        ("any rollbacks in dev? > why?", "rollbacks env=dev focus=Why"),
        ("is #311 in dev? > why not?", "verify env=dev about=#311"),
        (
            "till in dev = shop/till v1.1.0 > show me the pull requests",
            "search repo=shop/till version=v1.1.0",
        ),
        ("till in dev = shop/till v1.1.0 > what's in it?", "search repo=shop/till version=v1.1.0"),
        ("what changed in dev today > show the pull requests", "changes env=dev in=06-03T00:00/06-03T12:00"),
        ("tokens in staging > when were they last used?", "tokens env=staging"),
        ("compare dev and staging > production instead of dev", "compare envs=production+staging"),
    ]);
}

#[test]
fn nothing_is_destroyed_by_going_on() {
    check_last(&[
        ("tokens in staging > revoke them", "unknown"),
        ("what runs in dev > delete it", "unknown"),
        ("tokens in staging > show me the secret", "unknown"),
    ]);
}

#[test]
fn no_conversation_panics() {
    use proptest::prelude::*;
    let words = "(and|in|staging|since|when|the|one|before|what|about|till|v2\\.0\\.0|it|there|deploy|compare|last|week|who|is|live| ){0,12}";
    proptest!(|(first in words, second in words, third in "(?s).{0,60}")| {
        converse(&format!("{first} > {second} > {third}"));
    });
}

#[test]
fn a_service_that_nobody_knows_is_asked_back_after_any_question() {
    let befores = [
        ("is the drawer fix live in dev", "verify env=dev about=drawer fix"),
        ("is till v1.1.0 in dev", "verify env=dev version=v1.1.0"),
        ("which release fixed the drawer = shop/till v1.1.0", "search about=drawer"),
        ("deploy till v1.1.0 to dev", "deploy env=dev version=v1.1.0"),
        ("till in dev", "running env=dev"),
        ("is till up to date in dev", "missing env=dev"),
    ];
    let asks = [
        "what about shop/nothing?",
        "and shop/nothing?",
        "and in shop/nothing?",
        "shop/nothing",
        "what about acme/foo?",
        "and the ledger service?",
        "how about the shop/nothing service?",
    ];
    for (before, kept) in befores {
        for next in asks {
            let asked = converse(&format!("{before} > {next}"));
            assert_eq!(told(&asked), format!("{kept} ?=Repository:3"), "{before} > {next}");
            let back = asked.ask_back.unwrap();
            let said = back.said.as_deref().unwrap();
            assert!(next.contains(said), "{next}: {said}");
            let text = crate::wording::asked_back(&back);
            let known = "is known; known: shop/till, shop/stock-api, shop/stock-web.";
            assert!(text.starts_with(&format!("No service “{said}” {known}")), "{text}");
        }
        // An answer to it goes on with the question.
        let answered = told(&converse(&format!("{before} > what about shop/nothing? > stock-web")));
        assert!(
            answered.contains("env=dev repo=shop/stock-web") || answered.starts_with("search"),
            "{answered}"
        );
    }
    check_last(&[
        (
            "is till v1.1.0 in dev > what about shop/nothing v1.0.0?",
            "verify env=dev version=v1.0.0 ?=Repository:3",
        ),
        (
            "is the drawer fix live in dev > is it in shop/nothing?",
            "verify env=dev about=drawer fix ?=Repository:3",
        ),
        // It describes a change.
        ("is the drawer fix live in dev > what about the ci/cd fix?", "verify env=dev about=ci/cd fix"),
        ("is the drawer fix live in dev > and the printer fix?", "verify env=dev about=printer fix"),
    ]);
}

#[test]
fn a_service_that_nobody_knows_is_asked_back_of_a_question_of_its_own() {
    check_with(
        ask,
        &[
            (
                "is the drawer fix of shop/nothing live in dev?",
                "verify env=dev about=drawer fix ?=Repository:3",
            ),
            ("is shop/nothing v1.0.0 live in dev?", "verify env=dev version=v1.0.0 ?=Repository:3"),
            ("deploy shop/nothing to dev", "deploy env=dev ?=Repository:3"),
            // A project has a number, and may be of no image's name.
            ("is #20 of shop/mono live in dev?", "verify env=dev about=#20 of shop/mono"),
            ("is the ci/cd fix live in dev?", "verify env=dev about=ci/cd fix"),
        ],
    );
}
