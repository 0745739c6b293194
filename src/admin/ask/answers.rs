//! From an understood question to its answer: sentences, and the view behind them.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::several;
use crate::admin::http::problem::Problem;
use crate::admin::v1::{token_views, tokens};
use crate::answer::{Answers, CANDIDATES_MAX, Compare, Moment, Refused, Within};
use crate::model::ask::{Asked, CAN_ANSWER, Focus, Intent};
use crate::model::directory::Environment;
use crate::model::oci::Repository;
use crate::model::questions::Only;
use crate::model::releases::Release;
use crate::wire::{Changes, History, Missing, Running, Verified};
use crate::wording;

/// Changes of a service that an answer looks at.
const HISTORY_MAX: usize = 20;

/// Longest answer about many environments, in characters; a longer one is told in another way.
pub(super) const ANSWER_CHARS_MAX: usize = 600;

/// Name of a first token.
const TOKEN_NAME: &str = "cluster";

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
    let mut comparison =
        answers.compare(Compare { left, right, left_at: asked.at, right_at: asked.at }).await?;
    let only = Only { repositories: &asked.repositories, kind: None };
    only.comparison(&mut comparison);
    let text = wording::comparison_of(&comparison, only.repositories);
    Ok((wording::as_of(asked.at, text), json!(comparison)))
}

/// The moment that a question is about.
pub(super) struct Answering<'a> {
    pub(super) moment: Moment<'a>,
}

impl Answering<'_> {
    pub(super) fn answer(&self, mut asked: Asked) -> Result<(Asked, Reply), Refused> {
        let each = self.each_of(&asked);
        if !each.is_empty() {
            return Ok((asked, self.in_turn(&each)?));
        }
        let services = asked.repositories.clone();
        let only = Only { repositories: &services, kind: asked.kind };
        let reply = match asked.intent {
            Intent::Running => self.running(&asked, only),
            Intent::Verify => self.verify(&asked).map(|reply| told_what_is_not(&asked, reply)),
            Intent::Missing => self.missing(&asked, only),
            Intent::Changes => self.changes(&asked, only).map(|reply| told_what_is_not(&asked, reply)),
            Intent::Rollbacks => self.rollbacks(&asked, only).map(|reply| told_what_is_not(&asked, reply)),
            Intent::History => self.history(&asked).map(|reply| told_what_is_not(&asked, reply)),
            Intent::Search => Ok(self.search(&asked)),
            Intent::Deploy if asked.focus == Some(Focus::Rollback) => Ok(self.way_back(&mut asked)),
            Intent::Deploy => Ok(self.deploy(&mut asked)),
            Intent::Tokens => self.tokens(&asked),
            Intent::CreateEnvironment => {
                Ok((wording::new_environment(asked.environment.as_deref()), Value::Null))
            }
            Intent::GenerateToken => {
                let named = asked.environment.as_deref();
                let env = named.and_then(|env| self.moment.environment(env).ok());
                let free = env.map(|env| tokens::free_name(env, TOKEN_NAME, self.moment.at()));
                let token = free.unwrap_or_else(|| TOKEN_NAME.to_owned());
                Ok((wording::new_token(named, &token), Value::Null))
            }
            Intent::Compare | Intent::Unknown => {
                Ok((wording::cannot_answer(), json!({ "can_answer": CAN_ANSWER })))
            }
        };
        Ok((asked, reply?))
    }

    /// The sentences, with the time where the moment is past, and the view behind them.
    pub(super) fn reply(&self, text: String, view: &impl Serialize) -> Reply {
        (wording::as_of(self.moment.past(), text), json!(view))
    }

    fn running(&self, asked: &Asked, only: Only<'_>) -> Result<Reply, Refused> {
        let view = |env: &str| {
            let mut running = self.moment.running(env)?;
            only.running(&mut running);
            Ok(running)
        };
        match asked.focus {
            Some(Focus::Environments) => {
                let all = self.views(asked, view)?;
                Ok(self.reply(wording::environments(&all), &all))
            }
            Some(Focus::Broken) => {
                let text = |running: &Running| wording::troubles(std::slice::from_ref(running));
                self.each(asked, view, text, |_, all| wording::troubles(all))
            }
            _ => {
                let text = |running: &Running| wording::running_of(running, only.repositories);
                self.each(asked, view, text, |_, all| several::running_everywhere(all, only.repositories))
            }
        }
    }

    fn changes(&self, asked: &Asked, only: Only<'_>) -> Result<Reply, Refused> {
        let (from, until) = (asked.range.map(|range| range.from), asked.range.map(|range| range.to));
        let view = |env: &str| {
            let mut changes = self.moment.changes(env, from, until)?;
            only.changes(&mut changes);
            Ok(changes)
        };
        let text = |changes: &Changes| match asked.kind {
            Some(kind) => wording::changes_of_kind(changes, kind),
            None => wording::changes_of(changes, only.repositories),
        };
        self.each(asked, view, text, |_, all| wording::changes_everywhere(all))
    }

    fn rollbacks(&self, asked: &Asked, only: Only<'_>) -> Result<Reply, Refused> {
        let (from, until) = (asked.range.map(|range| range.from), asked.range.map(|range| range.to));
        let view = |env: &str| {
            let mut changes = self.moment.rollbacks(env, from, until)?;
            only.changes(&mut changes);
            Ok(changes)
        };
        let text = |changes: &Changes| wording::rollbacks_of(changes, only.repositories);
        self.each(asked, view, text, |_, all| wording::rollbacks_everywhere(all))
    }

    fn missing(&self, asked: &Asked, only: Only<'_>) -> Result<Reply, Refused> {
        let view = |env: &str| {
            let mut missing = self.moment.missing(env)?;
            only.missing(&mut missing);
            Ok(missing)
        };
        let text = |missing: &Missing| match only.kind {
            Some(kind) if !(missing.services.is_empty() && missing.absent.is_empty()) => {
                wording::missing_of_kind(missing, kind)
            }
            _ => wording::missing_of(missing, only.repositories),
        };
        self.each(asked, view, text, |_, all| wording::missing_everywhere(all, only.kind))
    }

    /// The text to search for: the description, in the repository and version that the question names.
    pub(super) fn wanted(asked: &Asked) -> String {
        let parts = [asked.description.as_deref(), asked.version.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    pub(super) fn within(asked: &Asked) -> Within<'_> {
        Within(asked.repository())
    }

    fn verify(&self, asked: &Asked) -> Result<Reply, Refused> {
        if let (None, Some(release)) = (&asked.description, self.named_release(asked)) {
            // "Is v2.4.1 of identity in production?" asks for a release and no change.
            let shown = self.moment.release(release);
            return Ok(match &asked.environment {
                Some(env) => self.reply(wording::release_there(&shown, env), &shown),
                None => self.reply(wording::release(&shown), &shown),
            });
        }
        let wanted = Self::wanted(asked);
        let view = |env: &str| self.moment.verify(env, &wanted, Self::within(asked));
        let said = |verified: &Verified| verified.text.clone();
        self.each_as_is(asked, view, said, |_, all| wording::verified_everywhere(all))
    }

    fn history(&self, asked: &Asked) -> Result<Reply, Refused> {
        let repository: Option<Repository> = asked.repository().and_then(|name| name.parse().ok());
        let Some(repository) = repository else {
            let (from, until) = (asked.range.map(|range| range.from), asked.range.map(|range| range.to));
            let view = |env: &str| self.moment.rollbacks(env, from, until);
            return self.each(asked, view, wording::changes, |_, all| wording::changes_everywhere(all));
        };
        let view = |env: &str| match self.moment.history(env, repository.as_str(), HISTORY_MAX) {
            Ok(history) => Ok(Some(history)),
            Err(Refused::NeverPulled { .. }) => Ok(None),
            Err(refused) => Err(refused),
        };
        let seen = |env: &str, history: &Option<History>| match (history, asked.focus) {
            (None, _) => never_seen(env, repository.as_str()),
            (Some(history), Some(Focus::Before)) => wording::before(history),
            (Some(history), _) => wording::history(history),
        };
        let named: Vec<&str> = self.meant(asked).collect();
        if let [env] = named[..] {
            let history = view(env)?;
            return Ok(self.reply(seen(env, &history), &history));
        }
        let all =
            named.iter().filter_map(|env| view(env).transpose()).collect::<Result<Vec<History>, _>>()?;
        Ok(self.reply(wording::history_everywhere(named.len(), &all), &all))
    }

    /// The release that the question names by repository and version.
    pub(super) fn named_release(&self, asked: &Asked) -> Option<&Arc<Release>> {
        let repository: Repository = asked.repository()?.parse().ok()?;
        self.moment.state().catalogue().line(&repository)?.with_version(asked.version.as_deref()?)
    }

    fn search(&self, asked: &Asked) -> Reply {
        if let (None, Some(release)) = (&asked.description, self.named_release(asked)) {
            let shown = self.moment.release(release);
            return (wording::release(&shown), json!(shown));
        }
        if asked.focus == Some(Focus::Latest) {
            return self.latest(asked);
        }
        let wanted = Self::wanted(asked);
        let searched = self.moment.search(&wanted, CANDIDATES_MAX, Self::within(asked));
        (wording::searched(&searched), json!(searched))
    }

    fn latest(&self, asked: &Asked) -> Reply {
        let repository: Option<Repository> = asked.repository().and_then(|name| name.parse().ok());
        let line = repository.and_then(|name| self.moment.state().catalogue().line(&name));
        let Some(release) = line.and_then(|line| line.latest(false)) else {
            return (wording::unknown_release(asked.repository(), None), Value::Null);
        };
        let shown = self.moment.release(release);
        self.reply(wording::latest(&shown, &wording::release(&shown)), &shown)
    }

    fn tokens(&self, asked: &Asked) -> Result<Reply, Refused> {
        let now = self.moment.at();
        let view = |env: &str| {
            let tokens = self.moment.environment(env).into_iter().flat_map(Environment::tokens);
            let tokens = tokens.filter(|token| asked.token.as_ref().is_none_or(|name| token.name == *name));
            Ok((env.to_owned(), tokens.map(|token| token_views::shown(token, now)).collect::<Vec<_>>()))
        };
        let all = self.views(asked, view)?;
        let texts: Vec<String> = all.iter().map(|(env, tokens)| wording::tokens(env, tokens, now)).collect();
        let data: Vec<Value> = all.iter().map(|(_, tokens)| json!(tokens)).collect();
        let whole = texts.join(" ");
        let count = |(env, tokens): &(String, Vec<_>)| (env.clone(), tokens.len());
        let text = if whole.chars().count() > ANSWER_CHARS_MAX && all.len() > 1 {
            wording::tokens_everywhere(&all.iter().map(count).collect::<Vec<_>>())
        } else {
            whole
        };
        Ok((text, <[Value; 1]>::try_from(data).map_or_else(Value::from, |[one]| one)))
    }
}

fn never_seen(env: &str, repository: &str) -> String {
    format!("{env} was never seen to run {repository}.")
}

/// Characters of an answer beside what it cannot tell.
pub(super) fn room(asked: &Asked) -> usize {
    let (untold, _) = told_what_is_not(asked, Reply::default());
    ANSWER_CHARS_MAX.saturating_sub(untold.chars().count())
}

/// Asked for the person or the reason, it says that pulls do not tell.
fn told_what_is_not(asked: &Asked, (text, data): Reply) -> Reply {
    match asked.focus {
        Some(Focus::Who) => (wording::nobody_is_known(&text), data),
        Some(Focus::Why) => (wording::no_reason_is_known(&text), data),
        _ => (text, data),
    }
}
