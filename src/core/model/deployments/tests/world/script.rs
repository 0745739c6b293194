//! The script of a history of each kind.

use super::ask::Fault;
use super::deeds::MAIN;
use super::dice::Dice;
use super::family::Family;
use super::image::Image;
use super::life;
use super::play::Play;
use super::record::Intent;
use crate::model::time::{Span, Time};

/// Writes the agenda of a service: what is brought out at each of `times`.
pub(super) fn write(play: &mut Play, family: Family, times: &[Time]) {
    let replicas = play.setup.replicas;
    let by_region = replicas.div_ceil(play.setup.regions);
    play.add_workload(by_region, (play.setup.regions > 1).then_some(0));
    let second = (play.setup.regions > 1).then_some(1);
    play.add_workload(if second.is_some() { by_region } else { 0 }, second);
    // Two clusters have twice the noise.
    life::noise(play, 4 * play.setup.regions);
    for (place, at) in times.iter().enumerate() {
        play.at(*at, move |play| change(play, family, place));
    }
    around(play, family);
}

fn next(play: &mut Play) -> usize {
    if play.dice.chance(15) && !play.images.is_empty() {
        life::build(play);
    }
    life::build(play)
}

/// Either the next release or, where `percent` says so, the one before.
fn choose(play: &mut Play, percent: usize) -> usize {
    let back = play.before();
    let goes_back = play.record.opened.len() > 1 && play.dice.chance(percent);
    back.filter(|_| goes_back).unwrap_or_else(|| next(play))
}

fn up_or_back(play: &mut Play, percent: usize) {
    let image = choose(play, percent);
    play.deploy(image);
}

/// The change number `place` of a history.
fn change(play: &mut Play, family: Family, place: usize) {
    use Family::*;
    if place == 0 {
        return first(play, family);
    }
    match family {
        RollbackSoon => {
            up_or_back(play, 0);
            if play.dice.chance(60) {
                let wait = play.dice.seconds(90, 1500);
                play.after(wait, Play::undo);
            }
        }
        // Between them, plain releases: what a canary is compared with.
        CanaryAborted | CanaryPromoted | CanarySteps | Half if play.dice.chance(35) => up_or_back(play, 20),
        CanaryAborted | CanaryPromoted | CanarySteps => canary(play, family),
        Half => half(play),
        BlueGreen => {
            let image = choose(play, 25);
            play.switch_fleet(image);
        }
        Crashing if play.dice.chance(50) => crashing(play),
        FailedPulls | LateContent if play.dice.chance(35) => up_or_back(play, 20),
        FailedPulls | LateContent => failing(play, family),
        Prepull => {
            let image = next(play);
            play.prepull(image);
            let wait = play.dice.seconds(300, 3600);
            play.after(wait, move |play| play.deploy(image));
        }
        SideBySide => {
            let line = play.dice.roll(2);
            life::upgrade_line(play, line);
        }
        Previews => life::preview(play),
        Regions => {
            let image = next(play);
            play.open(Intent::Whole, image, &[0, 1]);
            let wait = play.dice.hours(2, 7);
            play.after(wait, |play| play.follow(1));
        }
        ScaledDown => {
            if place % 2 == 1 {
                let replicas = play.dice.from(3, 5);
                play.scale(MAIN, replicas);
            } else {
                play.scale(MAIN, play.setup.replicas);
            }
            let wait = play.dice.hours(1, 3);
            play.after(wait, |play| up_or_back(play, 0));
        }
        ScaledToZero => {
            play.scale_to_zero();
            let wait = play.dice.hours(1, 4);
            play.after(wait, |play| {
                play.workloads[MAIN].replicas = play.setup.replicas;
                if play.dice.chance(50) { up_or_back(play, 30) } else { play.reconcile(MAIN) }
            });
        }
        SharedChild => {
            let image = next(play);
            play.deploy(image);
        }
        TokenRotation => {
            play.rotate_token(place);
            up_or_back(play, 15);
        }
        RollbackLate | RollbackCached => up_or_back(play, 45),
        MovedTag if play.dice.chance(25) => {
            let image = life::rebuild(play);
            play.deploy(image);
        }
        MovedTag => up_or_back(play, 35),
        Kitchen => kitchen(play),
        AlwaysAsks | Crio | Dockerd | Podman | Pinned | OneByOne | Crashing | Nested | Signatures
        | OddVersions | Together => {
            up_or_back(play, 35);
        }
        Plain | Scanners | Laptops | Runners | SlowLinks | CronSame | CronOlder | Jobs | SharedAddress
        | Mirror | Autoscaled | NodesReplaced | SlowRollout => up_or_back(play, 20),
    }
}

fn first(play: &mut Play, family: Family) {
    let image = if family == Family::SideBySide { life::build_line(play, 0) } else { life::build(play) };
    match family {
        Family::Regions => play.open(Intent::Whole, image, &[0, 1]),
        Family::SideBySide | Family::Previews => play.run_beside(image, MAIN),
        _ => return play.deploy(image),
    }
    match family {
        Family::Regions => play.set_image(1, image),
        Family::SideBySide => {
            let image = life::build_line(play, 1);
            let replicas = play.dice.from(1, 4);
            play.workloads[1].replicas = replicas;
            play.run_beside(image, 1);
        }
        _ => {}
    }
}

fn canary(play: &mut Play, family: Family) {
    let image = next(play);
    let pods = (play.setup.replicas / 10).max(1);
    play.canary(image, pods);
    let mut wait = play.dice.hours(1, 3);
    if family == Family::CanarySteps {
        for pods in [2, 4] {
            play.after(wait, move |play| play.scale(super::deeds::CANARY, pods));
            wait = wait + play.dice.seconds(1200, 5400);
        }
    }
    let promotes = match family {
        Family::CanaryAborted => false,
        Family::CanaryPromoted => true,
        _ => play.dice.chance(50),
    };
    play.after(wait, move |play| if promotes { play.promote() } else { play.abort_canary() });
}

fn half(play: &mut Play) {
    let image = next(play);
    let pods = play.setup.replicas * 2 / 5;
    play.deploy_part(image, pods);
    let wait = play.dice.hours(2, 6);
    let goes_on = play.dice.chance(50);
    play.after(wait, move |play| if goes_on { play.resume() } else { play.take_back() });
}

fn failing(play: &mut Play, family: Family) {
    let image = next(play);
    let fault = if family == Family::LateContent {
        Fault::Layer(play.dice.pick(&[502, 503, 504]), play.dice.seconds(20, 150))
    } else {
        play.dice.pick(&[Fault::Missing, Fault::Manifest(503), Fault::Layer(503, Span::from_secs(1))])
    };
    play.faults.push((image, fault));
    play.deploy(image);
    let is_mended = play.dice.chance(40);
    let wait = play.dice.seconds(240, 5400);
    play.after(wait, move |play| {
        if is_mended {
            play.faults.clear();
        } else {
            play.undo();
        }
    });
}

/// A release that is taken back because its containers do not stay up.
fn crashing(play: &mut Play) {
    let image = next(play);
    play.crashing.insert(image);
    play.deploy(image);
    let wait = play.dice.seconds(300, 5400);
    play.after(wait, Play::undo);
}

fn kitchen(play: &mut Play) {
    match play.dice.roll(10) {
        0 if play.setup.replicas >= 10 && play.setup.nodes >= 9 => canary(play, Family::CanarySteps),
        1 => failing(play, Family::LateContent),
        2 => failing(play, Family::FailedPulls),
        3 => {
            up_or_back(play, 0);
            let wait = play.dice.seconds(90, 1500);
            play.after(wait, Play::undo);
        }
        4 => crashing(play),
        _ => up_or_back(play, 25),
    }
}

/// Noise beside the changes.
fn around(play: &mut Play, family: Family) {
    use Family::*;
    match family {
        Scanners => life::every(play, 1200, 7200, Play::scan),
        Laptops => life::every(play, 7200, 28_800, Play::laptop),
        Runners => life::every(play, 5400, 21_600, Play::runner),
        CronSame => life::cron(play, 0),
        CronOlder => life::cron(play, 1),
        Jobs => life::every(play, 14_400, 57_600, life::job),
        Autoscaled => life::every(play, 3600, 10_800, life::autoscale),
        NodesReplaced => life::every(play, 10_800, 43_200, life::replace_any),
        RollbackCached | Pinned => life::every(play, 43_200, 86_400, life::replace_any),
        Kitchen => {
            life::every(play, 5400, 14_400, Play::scan);
            life::every(play, 21_600, 57_600, Play::laptop);
            life::every(play, 21_600, 57_600, Play::runner);
            life::every(play, 43_200, 86_400, life::replace_any);
            if play.dice.chance(30) {
                life::cron(play, 0);
            }
        }
        Plain | OneByOne | BlueGreen | Crashing | AlwaysAsks | Crio | Dockerd | Podman | RollbackSoon
        | RollbackLate | CanaryAborted | CanaryPromoted | CanarySteps | Half | FailedPulls | LateContent
        | SlowLinks | Prepull | SideBySide | Previews | Regions | SharedAddress | Mirror | ScaledDown
        | ScaledToZero | SlowRollout | MovedTag | Nested | SharedChild | Signatures | Together
        | TokenRotation | OddVersions => {}
    }
}

/// The times of the changes of a history, from `start` on.
pub(super) fn times(family: Family, start: Time, dice: &mut Dice) -> Vec<Time> {
    let count = match family {
        Family::Previews => dice.from(10, 16),
        Family::SideBySide => dice.from(5, 8),
        _ => dice.from(5, 8),
    };
    let mut at = start + dice.seconds(5, 60);
    let mut times = vec![at];
    for _ in 1..count {
        at = at + if family == Family::Previews { dice.hours(2, 8) } else { dice.hours(7, 22) };
        times.push(at);
    }
    times
}

/// The image that a history with shared manifests builds after `before`.
pub(super) fn rebuilt(play: &Play, before: usize, version: &str) -> Image {
    play.images[before].rebuilt(play.setup.repository, version, play.setup.naming)
}
