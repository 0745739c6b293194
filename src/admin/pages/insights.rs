//! The page of insights: how often and how well services are shipped, everywhere or to one environment.

use std::ops::Range;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::{StatusCode, Uri};

use super::charts::Chart;
use super::page::{Page, page};
use super::parts::{Choice, choices, count, length, link};
use super::visitor::{Chrome, Visitor};
use super::weeks::{bars, weeks};
use crate::admin::http::fields::Fields;
use crate::admin::http::problem::Problem;
use crate::answer::{Answers, Moment};
use crate::model::questions::{Beginning, LeadTime, Measure, WEEK, WEEKS_MAX};
use crate::model::time::{Span, Time};

/// Weeks that are looked at, unless told.
const WEEKS_DEFAULT: usize = 12;
/// Stretches to choose from, in weeks up to now.
const STRETCHES: [usize; 4] = [4, 12, 26, 52];

#[derive(Template)]
#[template(path = "insights.html")]
struct InsightsPage {
    chrome: Chrome,
    environments: Vec<Choice>,
    stretches: Vec<Stretch>,
    /// The weeks up to now; none where days were chosen.
    weeks: Option<usize>,
    /// The first and the last day that were chosen.
    from: String,
    to: String,
    /// The reason why nothing can be shown for what was chosen.
    wrong: Option<&'static str>,
    shown: Option<Shown>,
}

/// A stretch of weeks up to now.
struct Stretch {
    weeks: usize,
    link: String,
    is_shown: bool,
}

struct Shown {
    /// `production`, or an environment.
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
    /// Its start, and the number that it counts.
    lead_time_from: String,
    /// Things that it lacks.
    left_out: Option<String>,
    rate: String,
    rollbacks: String,
    restore: String,
    plot: Chart,
}

/// The stretch of time that a visitor chose.
struct Chosen {
    weeks: Option<usize>,
    has_from: bool,
    has_to: bool,
    during: Range<Time>,
}

pub(super) async fn show(State(answers): State<Arc<Answers>>, visitor: Visitor, uri: Uri) -> Page {
    let query = Fields::from_query(&uri, &["environment", "weeks", "from", "to"])?;
    let moment = answers.now();
    let chosen = Chosen::of(&query, moment.at())?;
    let asked = query.text("environment")?.unwrap_or_default();
    let names: Vec<&str> = moment.directory().environments().map(|one| one.name.as_str()).collect();
    let (environments, is_empty) = (choices(&names, asked), names.is_empty());
    let wrong = chosen.wrong();
    let shown = if is_empty || wrong.is_some() { None } else { Some(Shown::new(&moment, asked, &chosen)?) };
    let stretch = |weeks: usize| Stretch {
        weeks,
        link: link(
            "/insights",
            &[
                ("environment", Some(asked).filter(|name| !name.is_empty())),
                ("weeks", Some(&weeks.to_string())),
            ],
        ),
        is_shown: chosen.weeks == Some(weeks),
    };
    page(
        StatusCode::OK,
        &InsightsPage {
            chrome: visitor.chrome("insights"),
            environments,
            stretches: STRETCHES.map(stretch).into(),
            weeks: chosen.weeks,
            from: chosen.first_day(),
            to: chosen.last_day(),
            wrong,
            shown,
        },
    )
}

impl Chosen {
    /// Days that are named go before a number of weeks; with one of them alone, the other end is now, or so many weeks before.
    fn of(query: &Fields, now: Time) -> Result<Self, Problem> {
        let is_given = |field| Ok::<_, Problem>(query.text(field)?.is_some_and(|text| !text.is_empty()));
        let (has_from, has_to) = (is_given("from")?, is_given("to")?);
        let weeks = query.count("weeks", WEEKS_MAX)?.unwrap_or(WEEKS_DEFAULT);
        let until = if has_to { query.time("to")?.map_or(now, |to| to.min(now)) } else { now };
        let from = if has_from { query.beginning("from")? } else { None };
        let from = from.unwrap_or_else(|| until - Span::from_ms(WEEK.ms() * weeks as i64));
        let weeks = (!has_from && !has_to).then_some(weeks);
        Ok(Self { weeks, has_from, has_to, during: from..until })
    }

    fn first_day(&self) -> String {
        if self.has_from { day(self.during.start) } else { String::new() }
    }

    fn last_day(&self) -> String {
        if self.has_to { day(self.during.end) } else { String::new() }
    }

    fn wrong(&self) -> Option<&'static str> {
        let length = self.during.end.since(self.during.start).ms();
        match length {
            ..=0 => Some("The first day comes after the last one, or after today."),
            _ if length > WEEK.ms() * WEEKS_MAX as i64 => Some("A stretch of time may be a year long."),
            _ => None,
        }
    }
}

impl Shown {
    fn new(moment: &Moment<'_>, asked: &str, chosen: &Chosen) -> Result<Self, Problem> {
        let insights = moment.insights(Some(asked).filter(|name| !name.is_empty()), chosen.during.clone())?;
        let environment = if asked.is_empty() { "an environment" } else { asked };
        let services = insights.services.iter();
        Ok(Self {
            environment: environment.to_owned(),
            chart: weeks(&insights.whole.weeks, insights.from),
            whole: Measured::new(&insights.whole),
            services: services.map(|it| (it.repository.to_string(), Measured::new(&it.measure))).collect(),
        })
    }
}

impl Measured {
    fn new(measure: &Measure) -> Self {
        let time = |seconds: Option<i64>| {
            seconds.map_or_else(|| "–".to_owned(), |seconds| length(Span::from_secs(seconds)))
        };
        let lead_time = measure.lead_time.as_ref();
        Self {
            frequency: format!("{:.1} a week", measure.per_week),
            deployments: count(measure.deployments, "deployment"),
            lead_time: time(lead_time.map(|it| it.median_s)),
            lead_time_from: lead_time.map(counted_from).unwrap_or_default(),
            left_out: lead_time.and_then(left_out),
            rate: measure
                .rollback_rate
                .map_or_else(|| "–".to_owned(), |rate| format!("{:.0} %", rate * 100.0)),
            rollbacks: count(measure.rollbacks, "rollback"),
            restore: time(measure.time_to_restore_s),
            plot: bars(&measure.weeks),
        }
    }
}

/// The value of a browser's field for a day: `2026-03-02`, in UTC.
fn day(at: Time) -> String {
    at.to_string().chars().take("2026-03-02".len()).collect()
}

/// `from 12 commits`
fn counted_from(lead_time: &LeadTime) -> String {
    let one = match lead_time.counts_from {
        Beginning::Commit => "commit",
        Beginning::Release => "release",
    };
    format!("from {}", count(lead_time.count as u64, one))
}

fn left_out(lead_time: &LeadTime) -> Option<String> {
    let releases = (lead_time.left_out > 0).then(|| count(lead_time.left_out as u64, "release"))?;
    Some(match lead_time.counts_from {
        Beginning::Commit => format!("{releases} without times of commits left out"),
        Beginning::Release => format!("{releases} without a time left out"),
    })
}
