//! A question that goes on says what is new, and means what it would mean with all the rest said again.

use super::follow::converse;
use super::*;

const PLACES: [&str; 3] = ["production", "staging", "prod-us-east"];
const SERVICES: [&str; 5] =
    ["till", "stock-web", "till and stock-api", "stock-web, stock-api and till", "shop/till"];
const TIMES: [&str; 4] = ["last week", "since Monday", "yesterday", "in the last 3 days"];
const CHANGES: [&str; 3] = ["drawer fix", "printer timeout fix", "#311"];

/// The questions, whole: `P` a place, `S` services, `T` a time, `C` a change.
const OF_SERVICES: [&str; 9] = [
    "which version of S runs in P",
    "are S up to date in P",
    "what does S lack in P",
    "what changed for S in P",
    "show the deployment history of S in P",
    "any rollbacks of S in P",
    "compare S between dev and P",
    "deploy S to P",
    "S in P",
];
const OF_TIMES: [&str; 3] =
    ["what changed in P T", "were there any rollbacks in P T", "what changed for till in P T"];
const OF_CHANGES: [&str; 3] = ["is C live in P", "has C reached P", "was C shipped to P"];
const OF_PLACES: [&str; 3] = ["what runs in P", "which tokens does P have", "is P up to date"];

const ANOTHER_PLACE: [&str; 10] = [
    "P",
    "P?",
    "in P?",
    "and in P?",
    "and P",
    "what about P?",
    "how about P",
    "same for P",
    "and what about P",
    "ok, and in P?",
];
const OTHER_SERVICES: [&str; 7] =
    ["S", "and S?", "what about S?", "only S", "just S please", "same for S", "and for S"];
const ANOTHER_TIME: [&str; 4] = ["T", "and T?", "what about T", "T instead"];
const ANOTHER_CHANGE: [&str; 4] = ["and C?", "what about C?", "C?", "how about C"];

/// Each question with `new` in place of `old`, said whole and in each short way.
#[track_caller]
fn means_the_same(questions: &[&str], slot: char, values: &[&str], short: &[&str], around: &[(char, &str)]) {
    let put = |text: &str, slot: char, value: &str| {
        let whole = |word: &str| word.trim_matches(|c: char| ",?".contains(c)) == slot.to_string();
        text.split(' ')
            .map(|word| if whole(word) { word.replace(slot, value) } else { word.to_owned() })
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut wrong = Vec::new();
    for question in questions {
        let question =
            around.iter().fold((*question).to_owned(), |text, (slot, value)| put(&text, *slot, value));
        for (old, new) in values.iter().zip(values.iter().cycle().skip(1)) {
            {
                let whole = told(&ask(&put(&question, slot, new)));
                for short in short {
                    let said = format!("{} > {}", put(&question, slot, old), put(short, slot, new));
                    let short = told(&converse(&said));
                    if short != whole {
                        wrong.push(format!("{said}\n   short {short}\n   whole {whole}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn another_place_is_as_good_as_the_whole_question() {
    let around = [('S', "till"), ('C', "the drawer fix"), ('T', "last week")];
    for questions in [&OF_SERVICES[..], &OF_TIMES, &OF_CHANGES, &OF_PLACES] {
        means_the_same(questions, 'P', &PLACES, &ANOTHER_PLACE, &around);
    }
    means_the_same(&OF_SERVICES, 'P', &PLACES, &ANOTHER_PLACE, &[('S', "till and stock-web")]);
}

#[test]
fn other_services_are_as_good_as_the_whole_question() {
    means_the_same(&OF_SERVICES, 'S', &SERVICES, &OTHER_SERVICES, &[('P', "production")]);
}

#[test]
fn another_time_is_as_good_as_the_whole_question() {
    means_the_same(&OF_TIMES, 'T', &TIMES, &ANOTHER_TIME, &[('P', "staging")]);
}

#[test]
fn another_change_is_as_good_as_the_whole_question() {
    means_the_same(&OF_CHANGES, 'C', &CHANGES, &ANOTHER_CHANGE, &[('P', "staging")]);
}

/// The order in which the parts are named decides nothing.
#[test]
fn two_steps_are_as_good_as_one() {
    let last = |text: &str| told(&converse(text));
    for (place, service) in PLACES.iter().flat_map(|place| SERVICES.map(|service| (place, service))) {
        let first = "which version of stock-api runs in dev";
        let whole = told(&ask(&format!("which version of {service} runs in {place}")));
        assert_eq!(last(&format!("{first} > and in {place}? > what about {service}?")), whole);
        assert_eq!(last(&format!("{first} > what about {service}? > and in {place}?")), whole);
        assert_eq!(last(&format!("{first} > and {service} in {place}?")), whole);
    }
}

/// An intent alone is asked of the same place, and of the same time.
#[test]
fn another_intent_is_as_good_as_the_whole_question() {
    let mut wrong = Vec::new();
    for (place, time) in PLACES.iter().flat_map(|place| TIMES.map(|time| (place, time))) {
        let whole = told(&ask(&format!("rollbacks in {place} {time}")));
        for short in
            ["rollbacks?", "and the rollbacks?", "any rollbacks?", "what about rollbacks", "and rollbacks"]
        {
            let said = format!("what changed in {place} {time} > {short}");
            let short = told(&converse(&said));
            if short != whole {
                wrong.push(format!("{said}\n   short {short}\n   whole {whole}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}
