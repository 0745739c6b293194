//! From an understood question to its answer: sentences, and the view behind them.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::admin::http::problem::Problem;
use crate::admin::v1::token_views;
use crate::answer::{Answers, CANDIDATES_MAX, Compare, Moment, Refused, Within};
use crate::model::ask::{Asked, CAN_ANSWER, Intent};
use crate::model::directory::Environment;
use crate::model::oci::Repository;
use crate::model::questions;
use crate::model::releases::Release;
use crate::model::search::Band;
use crate::wording;

/// Changes of a service that an answer looks at.
const HISTORY_MAX: usize = 20;

/// A reply: sentences, and the view behind them.
pub(super) type Reply = (String, Value);

/// The answer, and the question with what the answer found out: the release that a description means.
pub(super) async fn answer(answers: &Answers, asked: Asked) -> Result<(Asked, Reply), Problem> {
    if let Some(open) = &asked.ask_back {
        let reply = (wording::asked_back(open), json!({ "ask_back": open.what, "choices": open.choices }));
        return Ok((asked, reply));
    }
    if asked.intent == Intent::Compare {
        let reply = compare(answers, &asked).await?;
        return Ok((asked, reply));
    }
    let moment = match asked.intent {
        Intent::Verify => answers.searchable_as_of(None, asked.at).await?,
        _ => answers.as_of(None, asked.at).await?,
    };
    Ok(Answering { moment }.answer(asked)?)
}

async fn compare(answers: &Answers, asked: &Asked) -> Result<Reply, Refused> {
    let [left, right, ..] = &asked.environments[..] else {
        return Ok(("Two environments are compared; name both.".into(), Value::Null));
    };
    let comparison = answers.compare(Compare { left, right, left_at: asked.at, right_at: asked.at }).await?;
    Ok((wording::as_of(asked.at, wording::comparison(&comparison)), json!(comparison)))
}

/// The moment that a question is about.
struct Answering<'a> {
    moment: Moment<'a>,
}

impl Answering<'_> {
    fn answer(&self, mut asked: Asked) -> Result<(Asked, Reply), Refused> {
        let moment = &self.moment;
        let (from, until) = (asked.range.map(|range| range.from), asked.range.map(|range| range.to));
        let reply = match asked.intent {
            Intent::Running => self.each(&asked, |env| {
                let mut running = moment.running(env)?;
                let text = wording::running(&running, asked.repository.as_deref());
                if let Some(wanted) = &asked.repository {
                    running.services.retain(|service| service.repository.as_str() == wanted);
                }
                Ok(self.reply(text, &running))
            }),
            Intent::Verify => self.verify(&asked),
            Intent::Missing => self.each(&asked, |env| {
                let missing = moment.missing(env)?;
                Ok(self.reply(wording::missing(&missing), &missing))
            }),
            Intent::Changes => self.each(&asked, |env| {
                let changes = moment.changes(env, from, until)?;
                Ok(self.reply(wording::changes(&changes), &changes))
            }),
            Intent::Rollbacks => self.each(&asked, |env| {
                let changes = moment.rollbacks(env, from, until)?;
                Ok(self.reply(wording::rollbacks(&changes), &changes))
            }),
            Intent::History => self.history(&asked),
            Intent::Search => Ok(self.search(&asked)),
            Intent::Deploy => Ok(self.deploy(&mut asked)),
            Intent::Tokens => self.tokens(&asked),
            Intent::CreateEnvironment => {
                Ok((wording::new_environment(asked.environment.as_deref()), Value::Null))
            }
            Intent::GenerateToken => Ok((wording::new_token(asked.environment.as_deref()), Value::Null)),
            Intent::Compare | Intent::Unknown => {
                Ok((wording::cannot_answer(), json!({ "can_answer": CAN_ANSWER })))
            }
        };
        Ok((asked, reply?))
    }

    /// The sentences, with the time where the moment is past, and the view behind them.
    fn reply(&self, text: String, view: &impl Serialize) -> Reply {
        (wording::as_of(self.moment.past(), text), json!(view))
    }

    /// One answer for each environment that the question is about: the one it names, or all.
    fn each(&self, asked: &Asked, answer: impl Fn(&str) -> Result<Reply, Refused>) -> Result<Reply, Refused> {
        let all = self.moment.directory().environments().map(|it| it.name.as_str());
        let meant = all.filter(|name| asked.environment.as_deref().is_none_or(|wanted| *name == wanted));
        let replies = meant.map(answer).collect::<Result<Vec<Reply>, Refused>>()?;
        Ok(match <[Reply; 1]>::try_from(replies) {
            Ok([one]) => one,
            Err(replies) if replies.is_empty() => (
                "There is no environment yet. This makes one: landfall env create production".into(),
                Value::Null,
            ),
            Err(replies) => {
                let (texts, data): (Vec<String>, Vec<Value>) = replies.into_iter().unzip();
                // The time is said once, before all of them.
                let heading = wording::as_of(self.moment.past(), String::new());
                let texts = texts.iter().map(|text| text.strip_prefix(&heading).unwrap_or(text));
                (heading.clone() + &texts.collect::<Vec<_>>().join(" "), Value::from(data))
            }
        })
    }

    /// The text to search for: the description, in the repository and version that the question names.
    fn wanted(asked: &Asked) -> String {
        let parts = [asked.description.as_deref(), asked.version.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn within(asked: &Asked) -> Within<'_> {
        Within(asked.repository.as_deref())
    }

    fn verify(&self, asked: &Asked) -> Result<Reply, Refused> {
        if let (None, Some(reply)) = (&asked.description, self.verify_release(asked)) {
            return Ok(reply);
        }
        let wanted = Self::wanted(asked);
        self.each(asked, |env| {
            let verified = self.moment.verify(env, &wanted, Self::within(asked))?;
            Ok((verified.text.clone(), json!(verified)))
        })
    }

    /// "Is v2.4.1 of identity in production?" asks for a release and no change.
    fn verify_release(&self, asked: &Asked) -> Option<Reply> {
        let shown = self.moment.release(self.named_release(asked)?);
        let text = wording::release_there(&shown, asked.environment.as_deref()?);
        Some(self.reply(text, &shown))
    }

    fn history(&self, asked: &Asked) -> Result<Reply, Refused> {
        let repository: Option<Repository> = asked.repository.as_deref().and_then(|name| name.parse().ok());
        self.each(asked, |env| match &repository {
            Some(repository) => {
                match self.moment.history(env, repository.as_str(), HISTORY_MAX) {
                    Ok(history) => Ok(self.reply(wording::history(&history), &history)),
                    Err(Refused::NeverPulled { environment, repository }) => Ok(self
                        .reply(format!("{environment} was never seen to pull {repository}."), &Value::Null)),
                    Err(refused) => Err(refused),
                }
            }
            None => {
                let (from, until) = (asked.range.map(|range| range.from), asked.range.map(|range| range.to));
                let changes = self.moment.rollbacks(env, from, until)?;
                Ok(self.reply(wording::changes(&changes), &changes))
            }
        })
    }

    /// The release that the question names by repository and version.
    fn named_release(&self, asked: &Asked) -> Option<&Arc<Release>> {
        let repository: Repository = asked.repository.as_deref()?.parse().ok()?;
        self.moment.state().catalogue().line(&repository)?.with_version(asked.version.as_deref()?)
    }

    fn search(&self, asked: &Asked) -> Reply {
        if let (None, Some(release)) = (&asked.description, self.named_release(asked)) {
            let shown = self.moment.release(release);
            return (wording::release(&shown), json!(shown));
        }
        let wanted = Self::wanted(asked);
        let searched = self.moment.search(&wanted, CANDIDATES_MAX, Self::within(asked));
        (wording::searched(&searched), json!(searched))
    }

    /// Names the release that would go there, and how. Nothing is ever deployed by a question.
    fn deploy(&self, asked: &mut Asked) -> Reply {
        let state = self.moment.state();
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
                let found = self.moment.find(&wanted, CANDIDATES_MAX, Self::within(asked));
                let best =
                    found.hits.first().and_then(|hit| questions::releases_of(state, hit).next()).cloned();
                // A plan is no deed: one change that answers every word of the wish, and no other like it, is enough.
                let stands_out =
                    found.stands_out() && found.hits.first().is_some_and(|best| best.missing.is_empty());
                match (found.band, best) {
                    (Band::Sure, Some(release)) => Some(release),
                    (Band::Perhaps, Some(release)) if stands_out => Some(release),
                    _ => {
                        let searched = self.moment.search(&wanted, CANDIDATES_MAX, Self::within(asked));
                        return (wording::not_certain(&wanted), json!(searched));
                    }
                }
            }
        };
        let Some(release) = release else {
            let (repository, version) = (asked.repository.as_deref(), asked.version.as_deref());
            return (wording::unknown_release(repository, version), Value::Null);
        };
        asked.repository = Some(release.repository.to_string());
        asked.version = Some(release.version.clone());
        let shown = self.moment.release(&release);
        let text = wording::named_release(&shown, &env);
        (text, json!({ "environment": env, "release": shown }))
    }

    /// Of a promotion: what the other environment runs.
    fn running_version(&self, asked: &Asked) -> Option<String> {
        let running = self.moment.running(asked.from.as_deref()?).ok()?;
        let wanted = asked.repository.as_deref()?;
        running.services.into_iter().find(|service| service.repository.as_str() == wanted)?.version
    }

    fn tokens(&self, asked: &Asked) -> Result<Reply, Refused> {
        let now = self.moment.at();
        self.each(asked, |env| {
            let tokens = self.moment.environment(env).into_iter().flat_map(Environment::tokens);
            let tokens = tokens.filter(|token| asked.token.as_ref().is_none_or(|name| token.name == *name));
            let tokens: Vec<_> = tokens.map(|token| token_views::shown(token, now)).collect();
            let text = wording::tokens(env, &tokens, now);
            Ok((text, json!(tokens)))
        })
    }
}
