//! The page of insights: how often and how well services are shipped, everywhere or to one environment.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{StatusCode, Uri};

use super::charts::Chart;
use super::page::{Page, page};
use super::parts::{Choice, choices, count, length};
use super::visitor::{Chrome, Visitor};
use super::weeks::{bars, weeks};
use crate::admin::http::fields::Fields;
use crate::answer::Answers;
use crate::model::questions::Measure;
use crate::model::time::Span;

/// Weeks that are looked at, unless told.
const WEEKS_DEFAULT: usize = 12;
/// Weeks that are looked at, at most.
const WEEKS_MAX: usize = 52;

#[derive(Template)]
#[template(path = "insights.html")]
struct InsightsPage {
    chrome: Chrome,
    environments: Vec<Choice>,
    spans: Vec<Choice>,
    shown: Option<Shown>,
}

struct Shown {
    /// `production`, or all environments.
    environment: String,
    whole: Measured,
    chart: Chart,
    services: Vec<(String, Measured)>,
}

/// The four measures in words.
struct Measured {
    frequency: String,
    deployments: String,
    lead_time: String,
    rate: String,
    rollbacks: String,
    restore: String,
    plot: Chart,
}

pub(super) async fn show(State(answers): State<Arc<Answers>>, visitor: Visitor, uri: Uri) -> Page {
    let query = Fields::from_query(&uri, &["environment", "weeks"])?;
    let span = query.count("weeks", WEEKS_MAX)?.unwrap_or(WEEKS_DEFAULT);
    let moment = answers.now();
    let names: Vec<&str> = moment.directory().environments().map(|one| one.name.as_str()).collect();
    let asked = query.text("environment")?.unwrap_or_default();
    let shown = if names.is_empty() {
        None
    } else {
        let insights = moment.insights(Some(asked).filter(|name| !name.is_empty()), span)?;
        let services = insights.services.iter();
        Some(Shown {
            environment: if asked.is_empty() { "an environment" } else { asked }.to_owned(),
            chart: weeks(&insights.whole.weeks, insights.from),
            whole: Measured::new(&insights.whole),
            services: services.map(|it| (it.repository.to_string(), Measured::new(&it.measure))).collect(),
        })
    };
    let spans = choices([4_usize, 12, 26, 52], &span.to_string());
    let environments = choices(&names, asked);
    page(StatusCode::OK, &InsightsPage { chrome: visitor.chrome("insights"), environments, spans, shown })
}

impl Measured {
    fn new(measure: &Measure) -> Self {
        let time = |seconds: Option<i64>| {
            seconds.map_or_else(|| "–".to_owned(), |seconds| length(Span::from_secs(seconds)))
        };
        Self {
            frequency: format!("{:.1} a week", measure.per_week),
            deployments: count(measure.deployments, "deployment"),
            lead_time: time(measure.lead_time_s),
            rate: measure
                .rollback_rate
                .map_or_else(|| "–".to_owned(), |rate| format!("{:.0} %", rate * 100.0)),
            rollbacks: count(measure.rollbacks, "rollback"),
            restore: time(measure.time_to_restore_s),
            plot: bars(&measure.weeks),
        }
    }
}
