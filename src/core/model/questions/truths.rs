//! No answer lies: over random catalogues and histories, whose truth is known, nothing is said to be live that no running
//! image contains, and nothing to be up to date that is behind.
//!
//! The truth is a git history of its own: a main line and branches of it. Each release is made of a commit of it, so what it
//! contains is known. What Landfall is told is less: versions of some family, in some order, with or without parents.

mod world;

use proptest::prelude::*;

use self::world::{FAMILIES, START, Step, Telling, World, environment};
use super::{Finder, missing, verify};
use crate::model::time::Span;
use crate::wire;

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize).prop_map(Step::Main),
        3 => (0..9_usize).prop_map(Step::Revert),
        4 => (0..9_usize, 0..3_usize, prop::option::of((0..9_usize, 0..4_usize)))
            .prop_map(|(of, title, pick)| Step::Branch { of, title, pick }),
    ]
}

fn any_telling() -> impl Strategy<Value = Telling> {
    let bools = (any::<bool>(), any::<bool>(), any::<bool>());
    (prop::sample::select(FAMILIES.to_vec()), bools, 0..3_usize).prop_map(|(family, bools, left_out)| {
        let (has_parents, has_digests, is_reversed) = bools;
        Telling { family, has_parents, has_digests, is_reversed, left_out }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn nothing_is_live_or_up_to_date_that_is_not(
        telling in any_telling(),
        steps in prop::collection::vec(any_step(), 0..9),
        runs in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
    ) {
        let world = World::new(telling, &steps);
        let runs: Vec<usize> = runs.iter().map(|run| run.index(world.made.len())).collect();
        let state = world.folded(&runs);
        let now = START + Span::from_mins(24 * 60 * i64::try_from(runs.len()).unwrap());
        let running = &world.made[*runs.last().unwrap()];
        let mut finder = Finder::default();
        finder.follow(state.catalogue());
        let told = world.told();
        let listed: Vec<_> = told.iter().flat_map(|&place| &world.made[place].listed).collect();
        for (title, number, change) in &listed {
            for query in [format!("#{number}"), title.clone(), format!("{title} #{number}")] {
                let found = finder.find(&query, |_| true, 10);
                let answer = verify(&state, &environment(), &query, &found, now);
                // The person who asked has to say what words mean that fit several changes.
                let is_named = query.contains(&format!("#{number}"));
                let mut others = listed.iter().filter(|(other, ..)| other == title);
                let all_in = others.all(|(.., change)| running.content.contains(change));
                let is_live = if is_named { running.content.contains(change) } else { all_in };
                prop_assert!(answer.answer != wire::Standing::Live || is_live, "{query} with {running:?}: {answer:?}");
            }
        }
        let latest = *world.mains().iter().rfind(|place| told.contains(place)).unwrap();
        let answer = missing(&state, &environment(), now);
        let is_behind = !world.goes_on_from(*runs.last().unwrap(), latest);
        prop_assert!(!answer.up_to_date || !is_behind, "{running:?} is behind {:?}", world.made[latest]);
    }
}

/// The property would hold, too, if nothing were ever said.
#[test]
fn what_is_certain_is_said() {
    let (mut live, mut asked, mut up_to_date) = (0, 0, 0);
    for (family, has_parents) in FAMILIES.into_iter().flat_map(|family| [(family, false), (family, true)]) {
        let steps = [Step::Main(2), Step::Branch { of: 0, title: 1, pick: Some((1, 0)) }, Step::Main(0)];
        let world = World::new(
            Telling { family, has_parents, has_digests: true, is_reversed: false, left_out: 0 },
            &steps,
        );
        let newest = *world.mains().last().unwrap();
        let state = world.folded(&[0, newest]);
        let now = START + Span::from_mins(2 * 24 * 60);
        let mut finder = Finder::default();
        finder.follow(state.catalogue());
        for number in &world.made[newest].content {
            let query = format!("#{number}");
            let found = finder.find(&query, |_| true, 10);
            asked += 1;
            live +=
                i32::from(verify(&state, &environment(), &query, &found, now).answer == wire::Standing::Live);
        }
        up_to_date += i32::from(missing(&state, &environment(), now).up_to_date);
    }
    // Commits without parents tell of nothing but themselves.
    // Of commits on two branches nobody knows which goes on.
    assert_eq!((asked, live, up_to_date), (72, 69, 17));
}
