//! Weeks as bars: deployments above the line, rollbacks below it, small in a table or as wide as the page.

use std::fmt::Write as _;

use super::charts::{Chart, chart};
use super::parts::count;
use crate::model::questions::Week;
use crate::model::time::{Span, Time};

/// Weeks whose bars have a number each; of more they would run into each other.
const NUMBERED_MAX: usize = 26;
/// Dates below the bars.
const DATES_MAX: usize = 8;

/// The weeks without numbers.
pub(super) fn bars(weeks: &[Week]) -> Chart {
    const STEP: f64 = 14.0;
    const UP: f64 = 40.0;
    const DOWN: f64 = 14.0;
    // One scale for both, unless rollbacks outnumber deployments.
    let up = UP / f64::from(most(weeks, |week| week.deployments));
    let scale = up.min(DOWN / f64::from(most(weeks, |week| week.rollbacks))).min(8.0);
    let mut shapes = String::new();
    for (place, week) in weeks.iter().enumerate() {
        let x = place as f64 * STEP + 2.0;
        let (up, down) = (f64::from(week.deployments) * scale, f64::from(week.rollbacks) * scale);
        bar(&mut shapes, "bar", [x, UP - up, 10.0, up], "");
        bar(&mut shapes, "back", [x, UP + 1.0, 10.0, down], "");
    }
    let width = weeks.len() as f64 * STEP;
    let _ = write!(shapes, r#"<path class="axis" d="M0 {y}H{width}"/>"#, y = UP + 0.5);
    chart("bars", width, UP + DOWN + 2.0, &in_words(weeks), &shapes)
}

/// The weeks with numbers and dates; `from` is when the first one begins.
pub(super) fn weeks(weeks: &[Week], from: Time) -> Chart {
    let plot = Plot::of(weeks);
    let mut shapes = plot.lines();
    for (place, week) in weeks.iter().enumerate() {
        plot.week(&mut shapes, place, *week, &date(from, place));
    }
    chart("weeks", Plot::WIDTH, plot.base + Plot::DOWN + 20.0, &in_words(weeks), &shapes)
}

/// The measures of a chart of weeks.
struct Plot {
    highest: u32,
    lowest: u32,
    scale: f64,
    base: f64,
    step: f64,
    weeks: usize,
}

impl Plot {
    const WIDTH: f64 = 960.0;
    const LEFT: f64 = 44.0;
    const TOP: f64 = 14.0;
    const UP: f64 = 120.0;
    const DOWN: f64 = 40.0;

    fn of(weeks: &[Week]) -> Self {
        let (highest, lowest) = (most(weeks, |week| week.deployments), most(weeks, |week| week.rollbacks));
        Self {
            highest,
            lowest,
            scale: (Self::UP / f64::from(highest)).min(Self::DOWN / f64::from(lowest)),
            base: Self::TOP + Self::UP,
            step: (Self::WIDTH - Self::LEFT) / weeks.len().max(1) as f64,
            weeks: weeks.len(),
        }
    }

    /// Lines at nothing, at half of the highest value where that is a whole number, at the highest and at the lowest one.
    fn lines(&self) -> String {
        let half = (self.highest.is_multiple_of(2) && self.highest > 2).then_some(self.highest / 2);
        let above = [0].into_iter().chain(half).chain([self.highest]).map(|value| (value, -1.0));
        let mut shapes = String::new();
        for (value, sign) in above.chain([(self.lowest, 1.0)]) {
            let y = self.base + sign * f64::from(value) * self.scale;
            let (left, right, x, text) = (Self::LEFT, Self::WIDTH, Self::LEFT - 6.0, y + 4.0);
            let _ = write!(
                shapes,
                r#"<path class="axis" d="M{left} {y:.1}H{right}"/><text x="{x}" y="{text:.1}" text-anchor="end">{value}</text>"#
            );
        }
        shapes
    }

    fn week(&self, shapes: &mut String, place: usize, week: Week, begins: &str) {
        let x = Self::LEFT + (place as f64 + 0.15) * self.step;
        let wide = self.step * 0.7;
        let (up, down) = (f64::from(week.deployments) * self.scale, f64::from(week.rollbacks) * self.scale);
        let (landed, back) = (count(week.deployments, "deployment"), count(week.rollbacks, "rollback"));
        let says = format!("Week from {begins} UTC: {landed}, {back}");
        bar(shapes, "bar", [x, self.base - up, wide, up], &says);
        bar(shapes, "back", [x, self.base + 1.0, wide, down], &says);
        if week.deployments > 0 && self.weeks <= NUMBERED_MAX {
            let (middle, y, number) = (x + wide / 2.0, self.base - up - 3.0, week.deployments);
            let _ =
                write!(shapes, r#"<text x="{middle:.1}" y="{y:.1}" text-anchor="middle">{number}</text>"#);
        }
        let step = self.weeks.div_ceil(DATES_MAX).max(1);
        if place.is_multiple_of(step) {
            let y = self.base + Self::DOWN + 16.0;
            // A phone has room for every other one.
            let class = if (place / step).is_multiple_of(2) { "" } else { r#" class="other""# };
            let _ = write!(shapes, r#"<text{class} x="{x:.1}" y="{y}">{begins}</text>"#);
        }
    }
}

/// The date on which a week begins, in UTC.
fn date(from: Time, place: usize) -> String {
    const WEEK: Span = Span::from_mins(7 * 24 * 60);
    let at = from + Span::from_ms(WEEK.ms() * i64::try_from(place).unwrap_or_default());
    at.to_string().chars().take("2026-03-02".len()).collect()
}

fn most(weeks: &[Week], of: fn(&Week) -> u32) -> u32 {
    weeks.iter().map(of).max().unwrap_or_default().max(1)
}

/// A bar by its place and size; one of no height is none.
fn bar(shapes: &mut String, class: &str, [x, y, width, height]: [f64; 4], says: &str) {
    if height > 0.0 {
        let says = if says.is_empty() { String::new() } else { format!("<title>{says}</title>") };
        let _ = write!(
            shapes,
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="1">{says}</rect>"#
        );
    }
}

fn in_words(weeks: &[Week]) -> String {
    let deployments: u32 = weeks.iter().map(|week| week.deployments).sum();
    let rollbacks: u32 = weeks.iter().map(|week| week.rollbacks).sum();
    let (deployments, rollbacks) = (count(deployments, "deployment"), count(rollbacks, "rollback"));
    format!("{deployments} and {rollbacks} in {}", count(weeks.len() as u64, "week"))
}
