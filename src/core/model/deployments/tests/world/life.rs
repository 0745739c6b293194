//! Noise of any cluster beside its releases.

use super::deeds::MAIN;
use super::dice::Dice;
use super::image::Shape;
use super::play::Play;
use super::script;
use crate::model::time::Span;

/// A way of naming versions.
#[derive(Clone, Copy, Debug)]
pub(super) enum Style {
    Semantic,
    Candidate,
    Distribution,
    Describe,
    Revision,
    Build,
}

impl Style {
    pub(super) fn any(dice: &mut Dice) -> Self {
        dice.pick(&[
            Self::Semantic,
            Self::Candidate,
            Self::Distribution,
            Self::Describe,
            Self::Revision,
            Self::Build,
        ])
    }

    /// The version number `number` of a line.
    pub(super) fn version(self, number: usize) -> String {
        let later = number + 8;
        match self {
            Self::Semantic => format!("v1.{}.{}", later + number / 3, number % 3),
            Self::Candidate => format!("1.1.1-rc{later}"),
            Self::Distribution => format!("16.3.0-debian-12-r{later}"),
            Self::Describe => format!("v1.2.3-{later}-g{:07x}", number * 7_654_321 % 0x0fff_ffff),
            Self::Revision if number == 0 => "1.2.3".to_owned(),
            Self::Revision => format!("1.2.3-{number}"),
            Self::Build => format!("build{later}"),
        }
    }
}

/// Builds the next version of the service.
pub(super) fn build(play: &mut Play) -> usize {
    let number = play.images.len();
    let version = play.style.version(number);
    // Every second build of a history with shared manifests changed nothing but its index.
    if play.shares_children && number % 2 == 1 && play.setup.shape == Shape::Index {
        let image = script::rebuilt(play, number - 1, &version);
        return play.publish(image);
    }
    play.build(&version)
}

/// Builds the latest version again, on a newer base: the same version, another digest.
pub(super) fn rebuild(play: &mut Play) -> usize {
    let number = play.images.len();
    let version = play.images[number - 1].version.clone();
    let image = play.build(&format!("{version}-again-{number}"));
    play.images[image].version = version;
    image
}

/// Does `deed` again and again, with `low` to `high` seconds between.
pub(super) fn every(play: &mut Play, low: usize, high: usize, deed: fn(&mut Play)) {
    let wait = play.dice.seconds(low, high);
    play.after(wait, move |play| {
        if !play.images.is_empty() {
            deed(play);
        }
        every(play, low, high, deed);
    });
}

/// Containers that restart, pods that move: so many a day.
pub(super) fn noise(play: &mut Play, per_day: usize) {
    every(play, 3600, 2 * 86_400 / per_day, |play| {
        if play.dice.chance(60) { play.evict_any() } else { play.restart() }
    });
}

/// A scheduled job at a fixed period, with the image of the service, or with the one that ran `behind` changes ago.
pub(super) fn cron(play: &mut Play, behind: usize) {
    let period = Span::from_mins(play.dice.pick(&[30, 60, 180, 360]));
    // A job that lags keeps the image with which it was written; one that does not goes along with the service.
    fn run(play: &mut Play, period: Span, behind: usize) {
        if let Some(current) = play.workloads[MAIN].image {
            let image = if behind > 0 { 0 } else { current };
            if behind == 0 || current > 0 {
                play.run_job(image, None);
            }
        }
        play.after(period, move |play| run(play, period, behind));
    }
    let wait = play.dice.hours(1, 3);
    play.after(wait, move |play| run(play, period, behind));
}

/// A job or an init container with an image of its own, once.
pub(super) fn job(play: &mut Play) {
    let number = play.images.len();
    let version = format!("migrate-{number}");
    let image = play.build(&version);
    play.images[image].is_released = false;
    play.run_job(image, None);
}

/// As many pods as the load wants.
pub(super) fn autoscale(play: &mut Play) {
    let most = play.setup.replicas * 2;
    let replicas = play.dice.from(play.setup.replicas.div_ceil(2), most);
    if replicas > play.nodes.len() && play.dice.chance(40) {
        play.add_node(0);
    }
    play.scale(MAIN, replicas);
}

pub(super) fn replace_any(play: &mut Play) {
    let node = play.dice.roll(play.nodes.len());
    play.replace_node(node);
}

/// The next version of one of the lines that run side by side.
pub(super) fn upgrade_line(play: &mut Play, line: usize) {
    let image = build_line(play, line);
    play.run_beside(image, line);
}

/// The next version of a line: `13.4` beside `16.4`, or `v1.4.0-web` beside `v1.4.0-worker`.
pub(super) fn build_line(play: &mut Play, line: usize) -> usize {
    let number = play.images.len();
    let version = match play.style {
        Style::Distribution | Style::Build | Style::Revision => format!("{}.{number}", [13, 16][line]),
        Style::Semantic | Style::Candidate | Style::Describe => {
            format!("v1.{number}.0-{}", ["web", "worker"][line])
        }
    };
    play.build(&version)
}

/// A pull request gets a deployment of its own, for some hours; or the main one moves on.
pub(super) fn preview(play: &mut Play) {
    if play.dice.chance(25) {
        let image = build(play);
        return play.run_beside(image, MAIN);
    }
    let number = play.images.len();
    let image = play.build(&format!("pr-{}", 100 + number * 37 % 89));
    play.images[image].is_released = false;
    let workload = play.add_workload(1, None);
    play.run_beside(image, workload);
    let wait = play.dice.hours(2, 30);
    play.after(wait, move |play| play.end_beside(workload));
}
