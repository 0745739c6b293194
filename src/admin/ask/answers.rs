//! What each kind of question is answered from, and the sentences that say it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ROLLBACKS_SPAN;
use crate::admin::App;
use crate::admin::problem::Problem;
use crate::admin::questions::state_at;
use crate::admin::tokens::TokenView;
use crate::log::View;
use crate::model::ask::{AskBack, Asked, CAN_ANSWER, Intent, Open, Range};
use crate::model::directory::Environment;
use crate::model::event::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::questions::{self, Side, spoken};
use crate::model::releases::Release;
use crate::model::search::Band;
use crate::model::time::{Span, Time};

/// Changes of a service that an answer looks at.
const HISTORY_MAX: usize = 20;
/// Candidates that an answer names.
const CANDIDATES: usize = 5;
/// Another change with this share of the best one's score may as well be meant.
const RIVAL: f32 = 0.9;
/// The stretch that "what changed" means, unless a question says otherwise.
const CHANGES_SPAN: Span = Span::from_mins(7 * 24 * 60);

/// What must be known first, as a question back.
fn asked_back(open: &AskBack) -> String {
    let what = match open.what {
        Open::Environment => "environment",
        Open::Repository => "service",
        Open::Release => "release or change",
    };
    let said = match &open.said {
        Some(said) => format!("Nothing here is called “{said}” for certain."),
        None => format!("It is not said which {what} is meant."),
    };
    match &open.choices[..] {
        [] => said,
        choices => format!("{said} Which {what}: {}?", choices.join(", ")),
    }
}

/// What an answer is made from.
pub(super) struct Room<'a> {
    pub(super) app: &'a App,
    pub(super) view: &'a View,
    pub(super) now: Time,
}

/// Sentences, and the view behind them.
pub(super) type Told = (String, Value);

impl Room<'_> {
    /// The answer, and the question with what the answer found out: the release that a description means.
    pub(super) async fn answer(&self, mut asked: Asked) -> Result<(Asked, Told), Problem> {
        if let Some(open) = &asked.ask_back {
            let told = (asked_back(open), json!({ "ask_back": open.what, "choices": open.choices }));
            return Ok((asked, told));
        }
        let told = match asked.intent {
            Intent::Running => self.running(&asked).await?,
            Intent::Verify => self.verify(&asked),
            Intent::Missing => self.each(&asked, |env| {
                let missing = questions::missing(&self.view.state, env, self.now);
                (spoken::missing(&missing), json!(missing))
            }),
            Intent::Compare => self.compare(&asked),
            Intent::Changes => {
                let range = asked.range.unwrap_or(self.last(CHANGES_SPAN));
                self.each(&asked, |env| {
                    let changes = questions::changes(&self.view.state, env, range.from, range.to, self.now);
                    (spoken::changes(&changes), json!(changes))
                })
            }
            Intent::Rollbacks => {
                let range = asked.range.unwrap_or(self.last(ROLLBACKS_SPAN));
                self.each(&asked, |env| {
                    let changes = questions::changes(&self.view.state, env, range.from, range.to, self.now);
                    (spoken::rollbacks(&changes), json!(changes))
                })
            }
            Intent::History => self.history(&asked),
            Intent::Search => self.search(&asked),
            Intent::Deploy => self.deploy(&mut asked),
            Intent::Tokens => self.tokens(&asked),
            Intent::CreateEnvironment => {
                let name = asked.environment.as_deref().unwrap_or("NAME");
                (format!("Nothing was made. This makes it: landfall env create {name}"), Value::Null)
            }
            Intent::GenerateToken => {
                let name = asked.environment.as_deref().unwrap_or("ENV");
                let text = format!(
                    "Nothing was made. This makes a token of {name} and shows its secret once, with the kubectl \
                     command that puts it into a namespace: landfall token create {name} --name cluster"
                );
                (text, Value::Null)
            }
            Intent::Unknown => {
                let text = format!(
                    "That is not a question that can be answered here. What can be asked: {}.",
                    CAN_ANSWER.join("; ")
                );
                (text, json!({ "can_answer": CAN_ANSWER }))
            }
        };
        Ok((asked, told))
    }

    fn last(&self, span: Span) -> Range {
        Range { from: self.now - span, to: self.now }
    }

    /// The environments that a question is about: the one it names, or all.
    fn environments(&self, asked: &Asked) -> Vec<&EnvironmentName> {
        let all = self.view.directory.environments().map(|it| &it.name);
        all.filter(|name| asked.environment.as_deref().is_none_or(|wanted| name.as_str() == wanted)).collect()
    }

    /// One answer for each environment that the question is about.
    fn each(&self, asked: &Asked, tell: impl Fn(&EnvironmentName) -> Told) -> Told {
        let told: Vec<Told> = self.environments(asked).into_iter().map(tell).collect();
        match <[Told; 1]>::try_from(told) {
            Ok([one]) => one,
            Err(told) if told.is_empty() => (
                "There is no environment yet. This makes one: landfall env create production".into(),
                Value::Null,
            ),
            Err(told) => {
                let (texts, data): (Vec<String>, Vec<Value>) = told.into_iter().unzip();
                (texts.join(" "), Value::from(data))
            }
        }
    }

    async fn running(&self, asked: &Asked) -> Result<Told, Problem> {
        let at = asked.at.unwrap_or(self.now);
        let past = match asked.at.filter(|at| *at < self.now) {
            Some(at) => Some(state_at(self.app, at).await?),
            None => None,
        };
        let state = past.as_ref().unwrap_or(&self.view.state);
        Ok(self.each(asked, |env| {
            let mut running = questions::running(state, env, at);
            let text = spoken::running(&running, asked.repository.as_deref());
            if let Some(wanted) = &asked.repository {
                running.services.retain(|service| service.repository.as_str() == wanted);
            }
            let text = if past.is_some() { format!("As of {at}: {text}") } else { text };
            (text, json!(running))
        }))
    }

    /// What is searched for: the description, in the repository and version that the question names.
    fn wanted(asked: &Asked) -> String {
        let parts = [asked.description.as_deref(), asked.version.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn is_within(asked: &Asked, repository: &Repository) -> bool {
        asked.repository.as_deref().is_none_or(|wanted| repository.as_str() == wanted)
    }

    fn verify(&self, asked: &Asked) -> Told {
        if let (None, Some(told)) = (&asked.description, self.verify_release(asked)) {
            return told;
        }
        let wanted = Self::wanted(asked);
        let found = self.app.find(&self.view.state, &wanted, CANDIDATES, |it| Self::is_within(asked, it));
        self.each(asked, |env| {
            let verified = questions::verify(&self.view.state, env, &wanted, &found, self.now);
            (verified.text.clone(), json!(verified))
        })
    }

    /// "Is v2.4.1 of identity in production?" asks for a release and no change.
    fn verify_release(&self, asked: &Asked) -> Option<Told> {
        let release = self.named_release(asked)?;
        let shown = questions::release(&self.view.state, release, self.now);
        let name = asked.environment.as_deref()?;
        let place = shown.environments.iter().flatten().find(|place| place.name.as_str() == name);
        let text = match place {
            Some(place) => {
                format!("{} {} runs in {name} since {}.", shown.repository, shown.version, place.since)
            }
            None => format!(
                "{} {} does not run in {name}. {}",
                shown.repository,
                shown.version,
                spoken::release(&shown)
            ),
        };
        Some((text, json!(shown)))
    }

    fn compare(&self, asked: &Asked) -> Told {
        let name = |place: usize| {
            let name = asked.environments.get(place)?;
            self.view.directory.environment(name).map(|environment| &environment.name)
        };
        let (Some(left), Some(right)) = (name(0), name(1)) else {
            return ("Two environments are compared; name both.".into(), Value::Null);
        };
        let side = |environment| Side { state: &self.view.state, environment, at: self.now };
        let comparison = questions::compare(side(left), side(right));
        (spoken::comparison(&comparison), json!(comparison))
    }

    fn history(&self, asked: &Asked) -> Told {
        let repository: Option<Repository> = asked.repository.as_deref().and_then(|name| name.parse().ok());
        self.each(asked, |env| match &repository {
            Some(repository) => {
                match questions::history(&self.view.state, env, repository, self.now, HISTORY_MAX) {
                    Some(history) => (spoken::history(&history), json!(history)),
                    None => (format!("{env} was never seen to pull {repository}."), Value::Null),
                }
            }
            None => {
                let range = asked.range.unwrap_or(self.last(ROLLBACKS_SPAN));
                let changes = questions::changes(&self.view.state, env, range.from, range.to, self.now);
                (spoken::changes(&changes), json!(changes))
            }
        })
    }

    /// The release that the question names by repository and version.
    fn named_release(&self, asked: &Asked) -> Option<&Arc<Release>> {
        let repository: Repository = asked.repository.as_deref()?.parse().ok()?;
        self.view.state.catalogue().line(&repository)?.with_version(asked.version.as_deref()?)
    }

    fn search(&self, asked: &Asked) -> Told {
        if let (None, Some(release)) = (&asked.description, self.named_release(asked)) {
            let shown = questions::release(&self.view.state, release, self.now);
            return (spoken::release(&shown), json!(shown));
        }
        let wanted = Self::wanted(asked);
        let state = &self.view.state;
        let found = self.app.find(state, &wanted, CANDIDATES, |it| Self::is_within(asked, it));
        let searched = questions::search(state, &wanted, &found, self.now);
        let text = match (found.band, searched.matches.first()) {
            (_, None) => {
                "No known change fits. `landfall release list` shows which releases are known.".to_owned()
            }
            (band, Some(best)) => {
                let number = best.change.pr.map(|pr| format!(" (#{pr})")).unwrap_or_default();
                let places: Vec<String> = best
                    .environments
                    .iter()
                    .map(|place| {
                        format!(
                            "{}: {}",
                            place.name,
                            json!(place.state).as_str().unwrap_or_default().replace('_', " ")
                        )
                    })
                    .collect();
                let places =
                    if places.is_empty() { String::new() } else { format!(" {}.", places.join(", ")) };
                let found = format!(
                    "“{}”{number} came with {} {}.{places}",
                    best.change.title, best.release.repository, best.release.version
                );
                match band {
                    Band::Sure => found,
                    Band::Perhaps => format!("It is not certain which change is meant. The nearest: {found}"),
                    Band::No => {
                        format!("No known change fits. The nearest, which is something else: {found}")
                    }
                }
            }
        };
        (text, json!(searched))
    }

    /// Names the release that would go there, and how. Nothing is ever deployed by a question.
    fn deploy(&self, asked: &mut Asked) -> Told {
        let state = &self.view.state;
        let env = asked.environment.clone().unwrap_or_default();
        if asked.version.is_none() && asked.description.is_none() {
            asked.version = self.running_version(asked);
        }
        let named = self.named_release(asked).cloned();
        let release = match (named, asked.description.is_some()) {
            (Some(release), _) => Some(release),
            (None, false) => None,
            (None, true) => {
                let wanted = Self::wanted(asked);
                let found = self.app.find(state, &wanted, CANDIDATES, |it| Self::is_within(asked, it));
                let best =
                    found.hits.first().and_then(|hit| questions::releases_of(state, hit).next()).cloned();
                // A plan is no deed: one change that answers every word of the wish, and no other like it, is enough.
                let stands_out = match &found.hits[..] {
                    [best, rest @ ..] => {
                        best.missing.is_empty()
                            && rest.first().is_none_or(|next| next.score < RIVAL * best.score)
                    }
                    [] => false,
                };
                match (found.band, best) {
                    (Band::Sure, Some(release)) => Some(release),
                    (Band::Perhaps, Some(release)) if stands_out => Some(release),
                    _ => {
                        let searched = questions::search(state, &wanted, &found, self.now);
                        let text = format!(
                            "Nothing was deployed: it is not certain which release “{wanted}” means. Ask again with its \
                             repository and version, or with the number of a pull request."
                        );
                        return (text, json!(searched));
                    }
                }
            }
        };
        let Some(release) = release else {
            let what = asked.repository.as_deref().unwrap_or("that");
            let version = asked.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
            return (format!("Nothing was deployed: no release {what}{version} is known."), Value::Null);
        };
        asked.repository = Some(release.repository.to_string());
        asked.version = Some(release.version.clone());
        let shown = questions::release(state, &release, self.now);
        let image = match release.digest() {
            Some(digest) => format!("its image is {}@{digest}", release.repository),
            None => "its image is not known yet".to_owned(),
        };
        let text = format!(
            "{} {} would go to {env}; {image}. Nothing was deployed. {}.",
            release.repository, release.version, shown.summary
        );
        (text, json!({ "environment": env, "release": shown }))
    }

    /// Of a promotion: what the other environment runs.
    fn running_version(&self, asked: &Asked) -> Option<String> {
        let from = self.view.directory.environment(asked.from.as_deref()?)?;
        let running = questions::running(&self.view.state, &from.name, self.now);
        let wanted = asked.repository.as_deref()?;
        running.services.into_iter().find(|service| service.repository.as_str() == wanted)?.version
    }

    fn tokens(&self, asked: &Asked) -> Told {
        self.each(asked, |env| {
            let tokens =
                self.view.directory.environment(env.as_str()).into_iter().flat_map(Environment::tokens);
            let tokens = tokens.filter(|token| asked.token.as_ref().is_none_or(|name| token.name == *name));
            let tokens: Vec<_> = tokens.collect();
            let told = tokens.iter().map(|token| {
                let use_of = match token.last_used_at {
                    Some(at) => format!("last used {at}"),
                    None => "never used".to_owned(),
                };
                let state = if token.is_active(self.now) { "" } else { "no longer accepted, " };
                format!("{} ({}, {state}{use_of})", token.name, token.kind.as_str())
            });
            let told = told.collect::<Vec<_>>().join("; ");
            let text = match tokens.len() {
                0 => {
                    format!("{env} has no token. This makes one: landfall token create {env} --name cluster")
                }
                1 => format!("{env} has the token {told}."),
                count => format!("{env} has {count} tokens: {told}."),
            };
            (text, json!(tokens.into_iter().map(|token| TokenView::new(token, self.now)).collect::<Vec<_>>()))
        })
    }
}
