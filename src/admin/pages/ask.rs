//! The Ask page: a conversation, each answer in words and as the part of the page that shows it.
//!
//! It is a plain form. A question is a link: `?q=` asks it, and with `conversation` and `turn` it stands at that place of a
//! conversation, so that reloading asks nothing again. The script only spares the page's loading, and shows words as they
//! come.

use std::sync::Arc;

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::State;
use axum::middleware::from_extractor_with_state;
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, StatusCode, Uri};

use super::page::{Page, page};
use super::parts::{When, link};
use super::regions::Pages;
use super::visitor::{Chrome, Visitor};
use crate::admin::ask::{Asking, Place, QUESTION_CHARS_MAX, Signature, Turn};
use crate::admin::http::fields::Fields;
use crate::admin::http::problem::Problem;
use crate::admin::state::App;
use crate::answer::Answers;
use crate::clock::now;
use crate::model::ask::Intent;

/// Longest identifier of a conversation, and highest number of a turn.
const ID_CHARS_MAX: usize = 64;
const TURN_MAX: usize = 1_000_000;

#[derive(Template)]
#[template(path = "ask.html")]
struct AskPage {
    chrome: Chrome,
    notice: Option<&'static str>,
    conversation: String,
    /// The turn that the form asks.
    next: usize,
    before: Vec<Said>,
    newest: Option<Newest>,
    examples: Vec<Offered>,
}

/// A question and its answer.
struct Said {
    question: String,
    text: String,
    link: Option<String>,
    when: When,
}

/// The latest of them, with all that belongs to it.
struct Newest {
    said: Said,
    written: Option<Signature>,
    card: Option<Markup>,
    wish: Option<Wish>,
    follow_ups: Vec<Offered>,
}

/// A question that can be asked next.
struct Offered {
    question: String,
    link: String,
}

/// Markup that a page made.
struct Markup(String);

impl HtmlSafe for Markup {}

impl std::fmt::Display for Markup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A change that a question asked for, as a button for those who may make it.
enum Wish {
    Environment { name: String },
    Token { environment: String },
    Deploy { environment: String, repository: String, version: String, commands: String },
}

/// The route of the page; `pages` are the others.
pub(super) fn router(app: &App, asking: Asking, pages: Router<App>) -> Router<App> {
    let pages = Pages(pages.with_state(app.clone()));
    Router::new()
        .route("/ask", get(show))
        .layer(Extension(asking))
        .layer(Extension(pages))
        .route_layer(from_extractor_with_state::<Visitor, App>(app.clone()))
}

async fn show(
    Extension(asking): Extension<Asking>,
    Extension(pages): Extension<Pages>,
    State(answers): State<Arc<Answers>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
) -> Page {
    let query = Fields::from_query(&uri, &["q", "conversation", "turn"])?;
    let question = query.one_line("q", QUESTION_CHARS_MAX)?.unwrap_or_default().trim().to_owned();
    let place = place(&query)?;
    let mut shown = AskPage {
        chrome: Chrome { query: question.clone(), ..visitor.chrome("ask") },
        notice: None,
        conversation: place.conversation.clone().unwrap_or_default(),
        next: 1,
        before: Vec::new(),
        newest: None,
        examples: Vec::new(),
    };
    let newest = if question.is_empty() {
        let (mut turns, _) = asking.recall(&Place { turn: None, ..place }, visitor.caller());
        let newest = turns.pop();
        shown.before = turns.iter().map(|turn| Said::new(turn, None)).collect();
        newest.map(|turn| (turn, None))
    } else {
        Some(shown.asked(&asking, &question, &place, &visitor).await?)
    };
    match newest {
        Some((turn, text)) => {
            shown.next = turn.number + 1;
            shown.newest = Some(shown.newest(&asking, &pages, &turn, text, &headers).await);
        }
        None => {
            shown.conversation.clear();
            shown.examples = shown.offered(examples(&answers));
        }
    }
    page(StatusCode::OK, &shown)
}

fn place(query: &Fields) -> Result<Place, Problem> {
    let conversation = query.one_line("conversation", ID_CHARS_MAX)?.filter(|id| !id.is_empty());
    Ok(Place { conversation: conversation.map(str::to_owned), turn: query.count("turn", TURN_MAX)? })
}

/// Questions for somebody who has none yet.
fn examples(answers: &Answers) -> Vec<String> {
    let today = answers.now();
    let mut names = today.directory().environments().map(|it| it.name.as_str());
    let Some(env) = names.next() else { return vec!["how do I create an environment?".to_owned()] };
    let mut examples = vec![
        format!("what is running in {env}?"),
        format!("is {env} up to date?"),
        format!("is the login fix live in {env}?"),
        format!("what changed in {env} this week?"),
        format!("what was rolled back in {env}?"),
    ];
    examples.extend(names.next().map(|other| format!("how do {env} and {other} differ?")));
    examples
}

impl AskPage {
    /// The turn at this place, asked unless that very question stands there already; and its words, where they are new.
    async fn asked(
        &mut self,
        asking: &Asking,
        question: &str,
        place: &Place,
        visitor: &Visitor,
    ) -> Result<(Arc<Turn>, Option<String>), Problem> {
        let (turns, there) = asking.recall(place, visitor.caller());
        if let Some(there) = there.filter(|turn| turn.question == question) {
            self.before = turns.iter().map(|turn| Said::new(turn, None)).collect();
            return Ok((there, None));
        }
        let told = asking.ask(question, place, visitor.caller().clone(), None).await?;
        self.notice = told.notice;
        self.conversation = told.conversation;
        self.before = told.before.iter().map(|turn| Said::new(turn, None)).collect();
        Ok((told.turn, Some(told.text)))
    }

    async fn newest(
        &self,
        asking: &Asking,
        pages: &Pages,
        turn: &Turn,
        text: Option<String>,
        headers: &HeaderMap,
    ) -> Newest {
        let said = Said::new(turn, text);
        let card = match (&said.link, region_of(turn)) {
            (Some(link), Some(region)) if turn.written.is_none() => pages.region(link, region, headers).await,
            _ => None,
        };
        Newest {
            said,
            card: card.map(Markup),
            wish: Wish::of(asking, turn),
            written: turn.written.clone(),
            follow_ups: self.offered(asking.follow_ups(&turn.asked)),
        }
    }

    fn offered(&self, questions: Vec<String>) -> Vec<Offered> {
        let next = self.next.to_string();
        let conversation = Some(self.conversation.as_str()).filter(|id| !id.is_empty());
        let turn = conversation.map(|_| next.as_str());
        let offered = |question: String| Offered {
            link: link("/ask", &[("conversation", conversation), ("turn", turn), ("q", Some(&question))]),
            question,
        };
        questions.into_iter().map(offered).collect()
    }
}

/// The region of the answer's page that shows it.
fn region_of(turn: &Turn) -> Option<&'static str> {
    let is_of_one = turn.asked.environment.is_some();
    let is_of_service = turn.asked.repository().is_some();
    match turn.asked.intent {
        Intent::Running | Intent::Missing if is_of_service => Some("places"),
        Intent::Changes | Intent::History | Intent::Rollbacks if is_of_service => Some("history"),
        Intent::Running | Intent::Missing if is_of_one => Some("running"),
        Intent::Changes | Intent::History | Intent::Rollbacks if is_of_one => Some("timeline"),
        Intent::Running | Intent::Missing | Intent::Changes | Intent::History | Intent::Rollbacks => {
            Some("matrix-table")
        }
        Intent::Compare => Some("compared"),
        Intent::Verify | Intent::Search if turn.asked.description.is_some() => Some("answer"),
        Intent::Verify | Intent::Search => Some("releases"),
        Intent::Tokens => Some("tokens"),
        Intent::Deploy | Intent::CreateEnvironment | Intent::GenerateToken | Intent::Unknown => None,
    }
}

impl Said {
    /// A turn, with its words where more of them are at hand than are remembered.
    fn new(turn: &Turn, text: Option<String>) -> Self {
        Self {
            question: turn.question.clone(),
            text: text.unwrap_or_else(|| turn.text.clone()),
            link: turn.link(),
            when: When::new(turn.at, now()),
        }
    }
}

impl Wish {
    fn of(asking: &Asking, turn: &Turn) -> Option<Self> {
        let asked = &turn.asked;
        if asked.ask_back.is_some() || asked.is_declined {
            return None;
        }
        match asked.intent {
            Intent::CreateEnvironment => {
                Some(Self::Environment { name: asked.environment.clone().unwrap_or_default() })
            }
            Intent::GenerateToken => Some(Self::Token { environment: asked.environment.clone()? }),
            Intent::Deploy => Some(Self::Deploy {
                environment: asked.environment.clone()?,
                repository: asked.repository()?.to_owned(),
                version: asked.version.clone()?,
                commands: asking.plan(asked, now())?.commands.join("\n"),
            }),
            Intent::Running
            | Intent::Verify
            | Intent::Missing
            | Intent::Compare
            | Intent::Changes
            | Intent::History
            | Intent::Rollbacks
            | Intent::Search
            | Intent::Tokens
            | Intent::Unknown => None,
        }
    }
}
