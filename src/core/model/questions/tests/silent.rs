//! Every answer says as of when it is, and none is confirmed, once a witness has fallen silent.

use super::cluster::Clusters;
use super::{DAY, after, env, repository};
use crate::model::deploy::{self, Cluster, Place, Wish};
use crate::model::directory::Directory;
use crate::model::questions::{
    Side, across, compare, missing, overview, release, running, search, timeline, trace,
};
use crate::model::registries::Registries;
use crate::model::time::Time;
use crate::wire::{Confidence, Seen, Standing};
use crate::wording::{self, agent};

/// The last word of the witness, in minutes after the start.
const LAST: i64 = DAY;

fn told() -> Clusters {
    let mut told = Clusters::of(&["web"]);
    for environment in ["production", "staging"] {
        told.runs(environment, "web", 1, &[(1, 3, 3)]);
        told.is_alive(environment, LAST);
    }
    told
}

/// The answer of a question about production: the age of what it rests on, and its sentences.
type Answered = (Seen, Vec<String>);

/// Every question about what runs.
fn answers(told: &Clusters, now: Time) -> Vec<(&'static str, Answered)> {
    let (state, name) = (&told.state, env("production"));
    let mut all = Vec::new();
    let seen = running(state, &name, now);
    let service = seen.services[0].clone();
    let texts = vec![wording::running(&seen, None), agent::running(&seen)];
    all.push(("running", (service.seen.clone(), texts)));

    let verified = told.verify("production", "login hangs behind a proxy", now);
    assert_eq!(verified.answer, Standing::Live);
    let rests_on = verified.matches[0].services[0].seen.clone();
    assert_eq!(verified.as_of, Some(rests_on.last_seen_at));
    assert_eq!(verified.unconfirmed_since, rests_on.unconfirmed_since);
    let is_sure = verified.confidence == Some(Confidence::Confirmed);
    assert_eq!(is_sure, rests_on.unconfirmed_since.is_none());
    assert_eq!(verified.matches[0].services[0].pods.is_some(), is_sure);
    all.push(("verify", (rests_on, vec![verified.text.clone(), agent::verified(&verified)])));

    let lacks = missing(state, &name, now);
    let texts = vec![wording::missing(&lacks), agent::missing(&lacks)];
    all.push(("missing", (lacks.services[0].seen.clone(), texts)));

    let other = env("staging");
    let side = |environment| Side { state, environment, at: now };
    let compared = compare(side(&name), side(&other));
    let texts = vec![wording::comparison(&compared), agent::comparison(&compared)];
    all.push(("compare", (compared.services[0].left_seen.clone().unwrap(), texts)));

    let found = told.finder.find("login hangs behind a proxy", |_| true, 5);
    let searched = search(state, "login hangs behind a proxy", &found, now);
    let texts = vec![wording::searched(&searched), agent::searched(&searched)];
    all.push(("search", (searched.matches[0].environments[0].seen.clone(), texts)));

    let known = state.catalogue().of(&repository("web"))[1].clone();
    let shown = release(state, &known, now);
    let texts =
        vec![wording::release(&shown), agent::release(&shown), wording::release_there(&shown, "production")];
    all.push(("release", (shown.environments.unwrap()[0].seen.clone(), texts)));

    let page = |seen: &Seen| vec![wording::as_last_seen([("production".to_owned(), seen)])];
    let stay = trace(state, &known, now).stays[0].seen.clone();
    all.push(("trace", (stay.clone(), page(&stay))));
    let place = across(state, [&name], &repository("web"), None, now, 9).places[0].running.seen.clone();
    all.push(("across", (place.clone(), page(&place))));

    let (directory, registries) = (Directory::default(), Registries::default());
    let registry_host = "registry.test";
    let world = deploy::World { state, directory: &directory, now, registry_host, registries: &registries };
    let wish = Wish { query: Some("web v1.1".to_owned()), ..Wish::default() };
    let (place, id) = (Place::default(), "dpl_1".to_owned());
    let planned = deploy::plan(&world, &name, &wish, None, &place, Cluster::Closed, id).unwrap();
    let followed =
        deploy::Followed { planned: planned.into(), planned_at: now, applied_at: None, interrupted: None };
    let followed = deploy::follow(&world, &followed);
    let seen = Seen {
        last_seen_at: followed.last_seen_at.unwrap(),
        age_s: followed.age_s.unwrap(),
        unconfirmed_since: service.seen.unconfirmed_since,
        caveat: followed.caveat.clone(),
    };
    all.push(("deploy", (seen, vec![wording::deploy_seen(&followed), agent::deploy(&followed)])));
    all
}

#[test]
fn every_answer_is_as_old_as_the_last_word_of_the_witness() {
    let told = told();
    for (question, (seen, texts)) in answers(&told, after(LAST + 1)) {
        assert_eq!((seen.unconfirmed_since, seen.caveat), (None, None), "{question}");
        assert_eq!(seen.last_seen_at, after(LAST), "{question}");
        for text in texts {
            assert!(!text.contains("s last seen 1 min"), "{question}: {text}");
        }
    }
    for minutes in [3, DAY] {
        for (question, (seen, texts)) in answers(&told, after(LAST + minutes)) {
            assert_eq!(seen.last_seen_at, after(LAST), "{question}");
            assert_eq!(seen.unconfirmed_since, Some(after(LAST)), "{question}");
            assert_eq!(seen.age_s, 60 * minutes, "{question}");
            assert!(seen.caveat.is_some(), "{question}");
            for text in texts {
                let is_dated = text.contains("s last seen ") && text.contains("would not show");
                assert!(is_dated && !text.contains("confirmed"), "{question}: {text}");
            }
        }
        let all = running(&told.state, &env("production"), after(LAST + minutes));
        assert_eq!((&all.services[0].confidence, all.services[0].confirmed_at), (&Confidence::Likely, None));
    }
}

#[test]
fn a_card_is_confirmed_as_long_as_its_witnesses_are_alive() {
    let told = told();
    let card =
        |minutes| overview(&told.state, [&env("production")], after(LAST + minutes)).environments.remove(0);
    assert_eq!((card(1).last_seen_at, card(1).unconfirmed_since), (Some(after(LAST)), None));
    assert_eq!((card(3).last_seen_at, card(3).unconfirmed_since), (Some(after(LAST)), Some(after(LAST))));
    let cell = overview(&told.state, [&env("production")], after(LAST + 1)).rows[0].cells[0].clone();
    assert_eq!(cell.unwrap().last_seen_at, after(LAST));
    // Past events stay as they are.
    let change = timeline(&told.state, &env("production"), after(LAST + 3), 1, None).deployments.remove(0);
    assert_eq!(change.changes.len(), 1);
}
