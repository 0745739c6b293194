//! A language model's endpoint that says what a test wrote down for it, and keeps every request.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The answer to a request.
pub enum Line {
    /// The model says this, and the conversation is over.
    Says(&'static str),
    /// The model wants tools called: name and arguments of each.
    Calls(Vec<(&'static str, Value)>),
    /// A status with a body of any kind.
    Answers(u16, String),
    /// No answer ever comes.
    Stalls,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Heard {
    pub target: String,
    pub headers: HeaderMap,
    pub body: Value,
}

/// The endpoint; it ends with this value.
pub struct Model {
    /// The value for `ask.model_url`.
    pub url: String,
    script: Arc<Mutex<Script>>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Script {
    lines: VecDeque<Line>,
    heard: Vec<Heard>,
}

impl Model {
    /// An endpoint without anything to say yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let script = Arc::<Mutex<Script>>::default();
        let (mut tasks, accepted) = (JoinSet::new(), script.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let script = accepted.clone();
                let service = service_fn(move |request| answer(script.clone(), request));
                let http = hyper::server::conn::http1::Builder::new();
                // A client that gives up closes the connection: nothing to report.
                connections
                    .spawn(async move { drop(http.serve_connection(TokioIo::new(stream), service).await) });
            }
        });
        Self { url, script, _tasks: tasks }
    }

    /// Sets the answers to the next requests, in their order.
    pub fn script(&self, lines: impl IntoIterator<Item = Line>) {
        let mut script = self.script.lock().unwrap();
        script.lines = lines.into_iter().collect();
        script.heard.clear();
    }

    /// The requests since the script was given.
    pub fn heard(&self) -> Vec<Heard> {
        self.script.lock().unwrap().heard.clone()
    }
}

async fn answer(
    script: Arc<Mutex<Script>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let heard = Heard {
        target: format!("{} {}", parts.method, parts.uri),
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let is_stream = heard.body["stream"] == true;
    let line = {
        let mut script = script.lock().unwrap();
        script.heard.push(heard);
        script.lines.pop_front().expect("a line for each request")
    };
    let message = |message: Value| {
        // As OpenAI answers, with members that nobody needs.
        json!({"id": "chatcmpl-1", "object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop",
            "message": message}], "usage": {"total_tokens": 1}})
        .to_string()
    };
    if is_stream && let Line::Says(_) | Line::Calls(_) = &line {
        let stream = Response::builder().header("content-type", "text/event-stream; charset=utf-8");
        return Ok(stream.body(Full::from(streamed(&line))).unwrap());
    }
    let (status, body) = match line {
        Line::Says(text) => (200, message(json!({"role": "assistant", "content": text, "refusal": null}))),
        Line::Calls(calls) => {
            let call = |(place, (name, arguments)): (usize, (&str, Value))| {
                let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
                json!({"id": format!("call_{place}"), "type": "function",
                    "function": {"name": name, "arguments": arguments}})
            };
            let calls: Vec<Value> = calls.into_iter().enumerate().map(call).collect();
            (200, message(json!({"role": "assistant", "content": null, "tool_calls": calls})))
        }
        Line::Answers(status, body) => (status, body),
        Line::Stalls => std::future::pending().await,
    };
    Ok(Response::builder().status(status).body(Full::from(body)).unwrap())
}

/// A line as it comes word by word.
fn streamed(line: &Line) -> String {
    let deltas: Vec<Value> = match line {
        Line::Says(text) => text.split_inclusive(' ').map(|word| json!({ "content": word })).collect(),
        Line::Calls(calls) => {
            let calls = calls.iter().enumerate().flat_map(|(place, (name, arguments))| {
                let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
                let (begin, end) = arguments.split_at(arguments.len() / 2);
                [
                    json!({"index": place, "id": format!("call_{place}"), "type": "function",
                        "function": {"name": name, "arguments": begin}}),
                    json!({"index": place, "function": {"arguments": end}}),
                ]
            });
            calls.map(|call| json!({ "tool_calls": [call] })).collect()
        }
        Line::Answers(..) | Line::Stalls => Vec::new(),
    };
    let chunk =
        |delta: Value| json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]});
    let events = deltas.into_iter().map(|delta| format!("data: {}\n\n", chunk(delta)));
    events.chain(["data: [DONE]\n\n".to_owned()]).collect()
}
