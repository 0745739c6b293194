//! Environments that a visitor pinned: names in a cookie of the browser, so that they are this visitor's alone and nothing of
//! them is logged.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::IntoResponse;
use http::{HeaderMap, header};

use super::login::next;
use super::page::{Page, to};
use super::visitor::Visitor;
use crate::admin::state::Settings;
use crate::log::Log;
use crate::model::former_names::FormerNames;
use crate::model::names::EnvironmentName;

const COOKIE: &str = "landfall_pins";
/// Pins at most: with names of 63 letters they fit into the 4 KB that browsers keep. The oldest gives way.
const PINS_MAX: usize = 48;
/// Browsers keep a cookie for 400 days at most.
const KEPT_DAYS: u64 = 365;

/// The names, in the order of their pinning.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pins(Vec<EnvironmentName>);

/// Pins an environment, or takes its pin away. Everybody who may look may do that.
pub(super) async fn pin(
    State(log): State<Log>,
    State(settings): State<Arc<Settings>>,
    visitor: Visitor,
    headers: HeaderMap,
    request: Request,
) -> Page {
    let fields = visitor.own_form(request, &["environment", "next"]).await?;
    let view = log.view();
    let named = fields.required_text("environment")?;
    let known = view.directory.environments().find(|one| one.name.as_str() == named);
    let mut pins = Pins::of(&headers, view.directory.former());
    // A page may show one that was deleted since.
    pins.0.retain(|name| view.directory.environments().any(|one| one.name == *name));
    if let Some(environment) = known {
        pins.turn(&environment.name);
    }
    Ok(([(header::SET_COOKIE, pins.cookie(settings.speaks_tls))], to(&next(&fields)?)).into_response())
}

impl Pins {
    /// The pins of a request's browser, by the names of today.
    pub(super) fn of(headers: &HeaderMap, former: &FormerNames) -> Self {
        let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = values.flat_map(|value| value.split("; "));
        let names = pairs.find_map(|pair| pair.strip_prefix(COOKIE)?.strip_prefix('='));
        let names = names.unwrap_or_default().split('.').filter_map(|name| name.parse().ok());
        Self(names.take(PINS_MAX).map(|name| former.today(&name).clone()).collect())
    }

    pub(super) fn has(&self, name: &EnvironmentName) -> bool {
        self.0.contains(name)
    }

    fn turn(&mut self, name: &EnvironmentName) {
        if self.has(name) {
            self.0.retain(|pinned| pinned != name);
        } else {
            self.0.push(name.clone());
            let excess = self.0.len().saturating_sub(PINS_MAX);
            self.0.drain(..excess);
        }
    }

    /// Their `Set-Cookie`. No name has a dot.
    fn cookie(&self, is_secure: bool) -> String {
        let names: Vec<&str> = self.0.iter().map(EnvironmentName::as_str).collect();
        let (names, seconds) = (names.join("."), KEPT_DAYS * 24 * 60 * 60);
        let secure = if is_secure { "; Secure" } else { "" };
        format!("{COOKIE}={names}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cookies: &str, former: &FormerNames) -> Pins {
        Pins::of(&HeaderMap::from_iter([(header::COOKIE, cookies.parse().unwrap())]), former)
    }

    #[test]
    fn pins_stay_with_the_browser_under_the_names_of_today() {
        let mut former = FormerNames::default();
        let [production, staging] = ["production", "staging"].map(|name| name.parse().unwrap());
        let mut pins = read("theme=dark; landfall_session=lfs_1", &former);
        assert_eq!(pins, Pins::default());
        pins.turn(&production);
        pins.turn(&staging);
        let set = pins.cookie(false);
        assert!(set.starts_with("landfall_pins=production.staging; ") && !set.contains("Secure"), "{set}");
        let pair = set.split(';').next().unwrap();
        assert_eq!(read(&format!("theme=dark; {pair}"), &former), pins);
        former.rename(&production, &"eu".parse().unwrap());
        assert!(read(pair, &former).has(&"eu".parse().unwrap()));
        pins.turn(&production);
        assert!(!pins.has(&production) && pins.has(&staging), "a second time takes it away");
        // Anything else that a browser sends is no name.
        assert_eq!(read("landfall_pins=<b>..UPPER.staging", &former), pins);
    }

    #[test]
    fn as_many_as_there_may_be_fit_a_cookie() {
        let mut pins = Pins::default();
        for place in 0..PINS_MAX + 3 {
            pins.turn(&format!("{place:0>63}").parse().unwrap());
        }
        assert_eq!(pins.0.len(), PINS_MAX);
        assert!(pins.has(&format!("{:0>63}", PINS_MAX + 2).parse().unwrap()), "the oldest gives way");
        assert!(pins.cookie(true).len() < 4_096);
    }
}
