//! Charts as inline SVG: numbers in, shapes out. Colours are the stylesheet's; each chart says in words what it shows.

use std::fmt::{self, Write as _};

use askama::filters::HtmlSafe;

use super::parts::{count, length};
use crate::model::questions::Curve;

/// A chart. It has numbers and words of our own only.
pub(super) struct Chart(String);

impl HtmlSafe for Chart {}

impl fmt::Display for Chart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A chart of this class and size, with what it says to who cannot see it.
pub(super) fn chart(class: &str, width: f64, height: f64, says: &str, shapes: &str) -> Chart {
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
