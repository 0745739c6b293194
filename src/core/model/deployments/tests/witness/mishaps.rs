//! Answers stay true whatever happens to a witness: its clock is set, it starts again or dies while it begins, its reports come
//! twice or late, it is away.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::agent::Agent;
use super::play::{Line, folded_until, with_pulls};
use crate::model::deployments::tests::properties::{played, scene};
use crate::model::deployments::tests::story::{answer, at, digest, observations};
use crate::model::oci::Digest;
use crate::model::time::{Span, Time};

/// A mishap of the witness, or a change of the cluster.
#[derive(Clone, Debug)]
enum Event {
    /// A workload runs so many containers of a release from now on; none of release 0.
    Runs(u8, u8, u64),
    /// The witness's clock is set by so many seconds.
    Clock(i64),
    /// It starts again.
    Restarts,
    /// It starts again, and dies before it told everything; the process before goes on, or not.
    DiesBeginning(bool),
    /// Nothing of it is heard for so many seconds; then it begins anew.
    Away(i64),
    /// Its latest report comes again.
    Twice,
}

fn event() -> impl Strategy<Value = Event> {
    let clock = prop_oneof![-119..119_i64, -4_000..4_000_i64];
    prop_oneof![
        6 => (0..3_u8, 0..4_u8, 1..6_u64).prop_map(|(workload, release, pods)| Event::Runs(workload, release, pods)),
        1 => clock.prop_map(Event::Clock),
        1 => Just(Event::Restarts),
        1 => any::<bool>().prop_map(Event::DiesBeginning),
        1 => (1..4_000_i64).prop_map(Event::Away),
        1 => Just(Event::Twice),
    ]
}

/// The images that run at a time, by workload, and whether the witness is expected to be wrong about them.
#[derive(Clone, Debug, Default)]
struct Truth {
    /// From then on this runs, by workload: the release, and its containers.
    runs: Vec<(Time, [(u8, u64); 3])>,
}

impl Truth {
    fn at(&self, now: Time) -> ([(u8, u64); 3], Time) {
        let latest = self.runs.iter().rev().find(|(at, _)| *at <= now);
        latest.map_or(([(0, 0); 3], at(0)), |(at, runs)| (*runs, *at))
    }

    fn running(&self, now: Time) -> Vec<Digest> {
        let (runs, _) = self.at(now);
        runs.iter().filter(|(release, _)| *release > 0).map(|(release, _)| version(*release)).collect()
    }
}

fn version(release: u8) -> Digest {
    digest(&format!("1.{release}"))
}

fn deed(workload: usize, (release, pods): (u8, u64)) -> String {
    match release {
        0 => format!("w{workload} runs"),
        _ => format!("w{workload} runs 1.{release}*{pods}"),
    }
}

/// The cluster and its witness, as they go on.
struct Play {
    now: Time,
    truth: Truth,
    agent: Agent,
    /// No process of the agent is left that is heard.
    is_dead: bool,
}

impl Play {
    fn begin(&mut self) {
        let (runs, _) = self.truth.at(self.now);
        let all: Vec<String> = (0..).zip(runs).map(|(workload, it)| deed(workload, it)).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        self.agent.begins(self.now, &all);
        self.now = self.now + Span::from_secs(4);
        self.is_dead = false;
    }

    /// Time passes, with a sign of life every half a minute.
    fn wait(&mut self, span: Span) {
        let until = self.now + span;
        while self.now + Span::from_secs(30) <= until {
            self.now = self.now + Span::from_secs(30);
            if !self.is_dead {
                self.agent.beat(self.now);
            }
        }
        self.now = until;
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Runs(workload, release, pods) => {
                let (mut runs, _) = self.truth.at(self.now);
                let workload = usize::from(*workload);
                runs[workload] = (*release, if *release == 0 { 0 } else { *pods });
                self.truth.runs.push((self.now, runs));
                self.now = self.now + Span::from_secs(2);
                if !self.is_dead {
                    let said = self.agent.statement(self.now, &deed(workload, runs[workload]));
                    self.agent.say(self.now, vec![said]);
                }
            }
            Event::Clock(by_s) => self.agent.ahead_s += by_s,
            Event::Restarts => self.begin(),
            Event::DiesBeginning(goes_on) => {
                let old = self.agent.clone();
                self.agent.starts(self.now);
                self.now = self.now + Span::from_secs(1);
                let told = std::mem::replace(&mut self.agent, old).told;
                self.agent.told = told;
                self.is_dead |= !goes_on;
            }
            Event::Away(seconds) => {
                self.now = self.now + Span::from_secs(*seconds);
                self.begin();
            }
            Event::Twice => {
                if let Some(Line::Report(report)) = self.agent.told.last().cloned() {
                    self.agent.say(self.now, report.statements);
                }
            }
        }
    }
}

fn play(events: &[(i64, Event)]) -> Play {
    let agent = Agent::new("eu-1");
    let mut play = Play { now: at(200), truth: Truth::default(), agent, is_dead: false };
    play.truth.runs.push((at(0), [(1, 3), (0, 0), (0, 0)]));
    play.begin();
    for (wait, event) in events {
        play.wait(Span::from_secs(*wait));
        play.event(event);
    }
    play.wait(Span::from_secs(600));
    play.begin();
    play.wait(Span::from_secs(900));
    play
}

fn is_absent(current: &Value) -> bool {
    ["removed", "scaled_to_zero"].iter().any(|state| current["state"] == *state)
}

/// Tells whether an answer names something that runs, or that nothing does.
fn is_right(current: &Value, running: &[Digest]) -> bool {
    let is_running = running.iter().any(|digest| current["digest"] == digest.to_string());
    if running.is_empty() { is_absent(current) } else { is_running && !is_absent(current) }
}

fn events() -> impl Strategy<Value = Vec<(i64, Event)>> {
    vec((prop_oneof![0..60_i64, 60..1_500_i64], event()), 1..14)
}

proptest! {
    /// Nothing is confirmed that the cluster does not run, whatever happens to the witness; and a quarter of an hour after the
    /// last mishap what runs is known again.
    #[test]
    fn whatever_happens_to_a_witness_nothing_is_confirmed_that_does_not_run(
        events in events(),
        scenes in vec(scene(), 0..5),
    ) {
        let play = play(&events);
        let lines = with_pulls(play.agent.told.clone(), played(&scenes).0);
        let mut asked: Vec<Time> = play.truth.runs.iter().map(|(at, _)| *at + Span::from_secs(11)).collect();
        asked.extend((0..24).map(|part| at(200) + Span::from_ms(play.now.since(at(200)).ms() * part / 24)));
        for now in asked.into_iter().filter(|now| *now <= play.now).chain([play.now]) {
            let (runs, changed_at) = play.truth.at(now);
            // A change is told after two seconds; a witness that is dead is silent after two minutes.
            let is_old = now.since(changed_at) > Span::from_secs(150);
            let is_told = now.since(changed_at) > Span::from_secs(10);
            let answer = answer(&folded_until(&lines, now), now);
            let current = &answer["services"]["docker/app"]["current"];
            let is_right = is_right(current, &play.truth.running(now));
            if current["confidence"] == "confirmed" && is_old {
                prop_assert!(is_right, "{} at {}, where {:?} runs", current, now, runs);
            }
            if now == play.now && is_told {
                prop_assert!(is_right, "{} in the end, where {:?} runs", current, runs);
                prop_assert_eq!(&current["confidence"], "confirmed");
            }
        }
    }

    /// A witness that fell silent makes the answers no worse than pulls alone: what it saw stands, and a rollout that is pulled
    /// to every node since is told as pulls alone tell it.
    #[test]
    fn a_witness_that_fell_silent_is_no_worse_than_pulls_alone(
        events in events(),
        rollout in prop::option::of((1..5_u8, 1..9_i64)),
        wait in 130..20_000_i64,
    ) {
        let play = play(&events);
        let silent_s = play.now.since(at(0)).ms() / 1_000 + wait;
        let nodes: Vec<String> = (0..16).map(|node| format!("n{node}")).collect();
        let pulls = rollout.map_or_else(String::new, |(release, every)| {
            format!("{silent_s} {} pull 1.{release} every {every}s", nodes.join(" "))
        });
        let now = at(silent_s) + Span::from_secs(1_200);
        let lines = with_pulls(play.agent.told.clone(), observations(&pulls));
        let current = answer(&folded_until(&lines, now), now)["services"]["docker/app"]["current"].clone();
        prop_assert_ne!(&current["confidence"], "confirmed");
        match rollout {
            Some((release, _)) => {
                prop_assert_eq!(&current["digest"], &version(release).to_string(), "{}", current);
                prop_assert!(!is_absent(&current), "{}", current);
            }
            None => prop_assert!(is_right(&current, &play.truth.running(play.now)), "{}", current),
        }
    }
}
