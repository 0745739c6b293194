//! Charts as inline SVG: numbers in, shapes out. Colours are the stylesheet's; each chart says in words what it shows.

use std::fmt::{self, Write as _};

use askama::filters::HtmlSafe;

use super::parts::{count, length};
use crate::model::questions::{Curve, Week};

/// A chart. It has numbers and words of our own only.
pub(super) struct Chart(String);

impl HtmlSafe for Chart {}

impl fmt::Display for Chart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn chart(class: &str, width: f64, height: f64, says: &str, shapes: &str) -> Chart {
    Chart(format!(
        r#"<svg class="plot {class}" viewBox="0 0 {width} {height}" preserveAspectRatio="xMinYMid" role="img" aria-label="{says}"><title>{says}</title>{shapes}</svg>"#
    ))
}

/// Bars for each of the last days.
pub(super) fn spark(days: &[u32]) -> Chart {
    const STEP: f64 = 6.0;
    const HEIGHT: f64 = 20.0;
    let most = f64::from(days.iter().copied().max().unwrap_or_default().max(1));
    let mut shapes = String::new();
    for (place, &day) in days.iter().enumerate() {
        let height = if day == 0 { 1.0 } else { (f64::from(day) / most * HEIGHT).max(3.0) };
        let class = if day == 0 { "none" } else { "bar" };
        let (x, y) = (place as f64 * STEP, HEIGHT - height);
        let _ = write!(
            shapes,
            r#"<rect class="{class}" x="{x}" y="{y:.1}" width="4" height="{height:.1}" rx="1"/>"#
        );
    }
    let total: u32 = days.iter().sum();
    let says = format!("{} of services in the last {} days", count(total, "change"), days.len());
    chart("spark", days.len() as f64 * STEP, HEIGHT, &says, &shapes)
}

/// Nodes that had come, as time went by.
pub(super) fn rollout(curve: &Curve) -> Chart {
    const WIDTH: f64 = 220.0;
    const HEIGHT: f64 = 56.0;
    const TOP: f64 = 6.0;
    let expected = f64::from(curve.expected.max(1));
    let start = curve.points.first().map_or(0, |(at, _)| at.ms());
    let took = curve.took.ms().max(1) as f64;
    let x = |ms: i64| ((ms - start) as f64 / took).clamp(0.0, 1.0) * (WIDTH - 8.0) + 4.0;
    let y = |nodes: u32| HEIGHT - 4.0 - f64::from(nodes) / expected * (HEIGHT - 4.0 - TOP);
    let mut line = format!("M4 {:.1}", y(0));
    for (at, nodes) in &curve.points {
        // A node comes at an instant: a step, not a slope.
        let _ = write!(line, "H{:.1}V{:.1}", x(at.ms()), y(*nodes));
    }
    let nodes = curve.points.last().map_or(0, |(_, nodes)| *nodes);
    let end = WIDTH - 4.0;
    let _ = write!(line, "H{end}");
    let shapes = format!(
        r#"<path class="goal" d="M4 {TOP}H{end}"/><path class="area" d="{line}V{base}H4Z"/><path class="line" d="{line}"/>"#,
        base = HEIGHT - 4.0,
    );
    let of = if curve.expected > nodes { format!(" of about {}", curve.expected) } else { String::new() };
    let says = format!("{}{of} within {}", count(nodes, "node"), length(curve.took));
    chart("rollout", WIDTH, HEIGHT, &says, &shapes)
}

/// Deployments and rollbacks, week by week: deployments above the line, rollbacks below.
pub(super) fn weeks(weeks: &[Week]) -> Chart {
    const STEP: f64 = 14.0;
    const UP: f64 = 40.0;
    const DOWN: f64 = 14.0;
    let most = |of: fn(&Week) -> u32| f64::from(weeks.iter().map(of).max().unwrap_or_default().max(1));
    // One scale for both, unless rollbacks outnumber deployments.
    let scale = (UP / most(|week| week.deployments)).min(DOWN / most(|week| week.rollbacks)).min(8.0);
    let mut shapes = String::new();
    for (place, week) in weeks.iter().enumerate() {
        let x = place as f64 * STEP + 2.0;
        let (up, down) = (f64::from(week.deployments) * scale, f64::from(week.rollbacks) * scale);
        let y = UP - up;
        let _ =
            write!(shapes, r#"<rect class="bar" x="{x}" y="{y:.1}" width="10" height="{up:.1}" rx="1"/>"#);
        let _ = write!(
            shapes,
            r#"<rect class="back" x="{x}" y="{}" width="10" height="{down:.1}" rx="1"/>"#,
            UP + 1.0
        );
    }
    let width = weeks.len() as f64 * STEP;
    let _ = write!(shapes, r#"<path class="axis" d="M0 {y}H{width}"/>"#, y = UP + 0.5);
    let deployments: u32 = weeks.iter().map(|week| week.deployments).sum();
    let rollbacks: u32 = weeks.iter().map(|week| week.rollbacks).sum();
    let (deployments, rollbacks) = (count(deployments, "deployment"), count(rollbacks, "rollback"));
    let says = format!("{deployments} and {rollbacks} in {} weeks", weeks.len());
    chart("weeks", width, UP + DOWN + 2.0, &says, &shapes)
}
