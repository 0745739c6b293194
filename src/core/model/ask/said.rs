//! Names and times outside questions, as people say them: `prod`, `web`, `yesterday`. A command, a request and a call of a
//! tool name one thing in one argument, so less is guessed here than in a question: a slip is never taken for a name.

use super::names::{SHORT_FORMS, plain};
use super::times;
use super::words::is_slip;
use crate::model::time::{Span, Time};

/// Names that are proposed at most.
const NEAR_MAX: usize = 5;

/// The thing that a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// This one.
    One(&'a str),
    /// Several have that short name.
    Several(Vec<&'a str>),
    /// None; these have names that are near.
    None(Vec<&'a str>),
}

/// The side of a stretch of time that is meant: of `yesterday`, its beginning or its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The first moment.
    Start,
    /// The last moment, or the present one where that is still to come.
    End,
}

/// A text that names no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a time; write 2026-03-02T06:00:48Z, 2026-03-02, yesterday, Monday 9:30, or how long ago: 90m, 24h, 7d"
)]
pub struct NoTime;

/// The environment that `said` means: by its name, or by a short form of it that fits no other (`prod`, `stg`).
pub fn environment<'a>(said: &str, names: &[&'a str]) -> Said<'a> {
    let wanted = plain(said);
    let rows = SHORT_FORMS.iter().filter(|forms| forms.iter().any(|form| plain(form) == wanted));
    let forms: Vec<String> = rows.flat_map(|forms| forms.iter().map(|form| plain(form))).collect();
    let is_form = |text: &str| forms.contains(&plain(text));
    meant(
        names,
        &[&|name| name == said, &|name| plain(name) == wanted, &|name| is_form(name), &|name| {
            name.split(['-', '_', '.']).any(is_form)
        }],
        &|name| is_near(&wanted, &plain(name)),
    )
}

/// The repository that `said` means: by its whole name, or by the end of it that fits no other (`web` of `shop/web`).
pub fn repository<'a>(said: &str, names: &[&'a str]) -> Said<'a> {
    let wanted = plain(said);
    let last = |name: &'a str| name.rsplit('/').next().unwrap_or(name);
    let bare = |name: &'a str| plain(last(name).trim_end_matches("-service").trim_end_matches("-svc"));
    meant(
        names,
        &[
            &|name| name == said,
            &|name| name.strip_suffix(said).is_some_and(|before| before.ends_with('/')),
            &|name| plain(last(name)) == wanted,
            &|name| bare(name) == wanted,
        ],
        &|name| [plain(name), plain(last(name)), bare(name)].iter().any(|name| is_near(&wanted, name)),
    )
}

/// The same of a name or of the end of its path.
pub(super) fn is_near_any(said: &str, name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    [name, last].iter().any(|name| is_near(&plain(said), &plain(name)))
}

/// Tells whether a name is what somebody may have meant to write.
fn is_near(wanted: &str, name: &str) -> bool {
    let has = |long: &str, part: &str| part.len() >= 3 && long.contains(part);
    is_slip(wanted, name) || has(name, wanted) || has(wanted, name)
}

/// The names that fit the first rule that fits any; where none does, those that are near.
fn meant<'a>(
    names: &[&'a str],
    rules: &[&dyn Fn(&'a str) -> bool],
    is_near: &dyn Fn(&'a str) -> bool,
) -> Said<'a> {
    for fits in rules {
        let found: Vec<&'a str> = names.iter().copied().filter(|&name| fits(name)).collect();
        match found[..] {
            [] => {}
            [one] => return Said::One(one),
            _ => return Said::Several(found),
        }
    }
    Said::None(names.iter().copied().filter(|&name| is_near(name)).take(NEAR_MAX).collect())
}

/// The time that `text` names: RFC 3339, a date, a day or stretch in words, or how long ago it is.
///
/// # Errors
/// It names none.
pub fn time(text: &str, now: Time, edge: Edge) -> Result<Time, NoTime> {
    let text = text.trim();
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let lower = text.to_lowercase();
    if lower == "now" {
        return Ok(now);
    }
    if let Ok(ago) = lower.trim_end_matches("ago").trim_end().parse::<Span>() {
        return if ago < Span::from_ms(0) { Err(NoTime) } else { Ok(now - ago) };
    }
    let words: Vec<&str> =
        lower.split([' ', ',']).filter(|word| !word.is_empty() && *word != "the").collect();
    times::whole_range(&words, now)
        .map(|range| match edge {
            Edge::Start => range.from,
            Edge::End if range.from == range.to => range.to,
            Edge::End if range.to >= now => now,
            Edge::End => times::just_before(range.to),
        })
        .ok_or(NoTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_enough_where_it_fits_one() {
        let names = ["production", "staging", "prod-eu", "qa-eu", "qa-us", "load-test"];
        let one = |said: &str| environment(said, &names);
        for (said, name) in [
            ("production", "production"),
            ("prod", "production"),
            ("PROD", "production"),
            ("prod-eu", "prod-eu"),
            ("prod_eu", "prod-eu"),
            ("stg", "staging"),
            ("loadtest", "load-test"),
        ] {
            assert_eq!(one(said), Said::One(name), "{said}");
        }
        assert_eq!(one("qa"), Said::Several(vec!["qa-eu", "qa-us"]));
        assert_eq!(one("prodution"), Said::None(vec!["production"]), "a slip is proposed, never taken");
        assert_eq!(one("moon"), Said::None(vec![]));
        assert_eq!(environment("prod", &["prod-us", "lab"]), Said::One("prod-us"));
        assert_eq!(environment("", &names), Said::None(vec![]));
    }

    #[test]
    fn the_end_of_a_repository_is_enough_where_it_fits_one() {
        let names = ["shop/web", "docker/payment-service", "a/api", "b/api", "x/shop/web-admin"];
        for (said, name) in [
            ("shop/web", "shop/web"),
            ("web", "shop/web"),
            ("shop/web-admin", "x/shop/web-admin"),
            ("payment-service", "docker/payment-service"),
            ("payment", "docker/payment-service"),
            ("a/api", "a/api"),
        ] {
            assert_eq!(repository(said, &names), Said::One(name), "{said}");
        }
        assert_eq!(repository("api", &names), Said::Several(vec!["a/api", "b/api"]));
        for slip in ["paymnet", "payment-servise"] {
            assert_eq!(repository(slip, &names), Said::None(vec!["docker/payment-service"]), "{slip}");
        }
        assert_eq!(repository("moon", &names), Said::None(vec![]));
    }

    #[test]
    fn a_time_is_said_as_people_say_it() {
        // A Wednesday.
        let now: Time = "2026-05-13T12:00:00Z".parse().unwrap();
        for (text, start, end) in [
            ("2026-03-02T06:00:48Z", "2026-03-02T06:00:48Z", "2026-03-02T06:00:48Z"),
            ("now", "2026-05-13T12:00:00Z", "2026-05-13T12:00:00Z"),
            ("1h", "2026-05-13T11:00:00Z", "2026-05-13T11:00:00Z"),
            ("90m ago", "2026-05-13T10:30:00Z", "2026-05-13T10:30:00Z"),
            ("3 days ago", "2026-05-10T12:00:00Z", "2026-05-10T12:00:00Z"),
            ("yesterday", "2026-05-12T00:00:00Z", "2026-05-12T23:59:59.999Z"),
            ("Yesterday at 15:00", "2026-05-12T15:00:00Z", "2026-05-12T15:00:00Z"),
            ("2026-05-02", "2026-05-02T00:00:00Z", "2026-05-02T23:59:59.999Z"),
            ("May 2", "2026-05-02T00:00:00Z", "2026-05-02T23:59:59.999Z"),
            ("today", "2026-05-13T00:00:00Z", "2026-05-13T12:00:00Z"),
            ("2026-05-13", "2026-05-13T00:00:00Z", "2026-05-13T12:00:00Z"),
            ("Monday", "2026-05-11T00:00:00Z", "2026-05-11T23:59:59.999Z"),
            ("last week", "2026-05-04T00:00:00Z", "2026-05-10T23:59:59.999Z"),
        ] {
            let of = |edge| time(text, now, edge).unwrap_or_else(|error| panic!("{text} {error}"));
            assert_eq!(of(Edge::Start), start.parse().unwrap(), "{text}");
            assert_eq!(of(Edge::End), end.parse().unwrap(), "{text}");
        }
        for none in
            ["", "soon", "20", "the rollback", "yesterday or so", "-1h", "2026-13-01", "99999999999999d"]
        {
            assert_eq!(time(none, now, Edge::End), Err(NoTime), "{none}");
        }
    }
}
