//! A real headless Chromium, driven through chromedriver by the few commands of the W3C's WebDriver that pages need,
//! and by the DevTools commands that chromedriver passes on: dark or light, how wide, what was asked for, what failed.

use std::process::Command;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::PATIENCE;
use super::http::Client;
use super::process::Process;

/// WebDriver section 12: the key under which an element is named.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Longest run of a script that answers later: a check of a page with a hundred environments on a busy machine.
const SCRIPT_MS_MAX: u32 = 120_000;

/// Flags without which a browser would talk to its maker, or not run as root.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// A browser with one page. It and its profile end with this value.
pub struct Browser {
    client: Client,
    session: String,
    _program: Program,
    _driver: Process,
    _dir: TempDir,
}

/// The browser's process. chromedriver leaves it behind where nobody ends the session, as a test does not that fails.
struct Program {
    pid: Option<Pid>,
    /// The flag that names its profile: no other process has it.
    profile: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        let Some(pid) = self.pid else { return };
        let line = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(&self.profile) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

impl Browser {
    /// Starts a browser whose pages may run scripts, or may not.
    pub async fn start(scripts: bool) -> Self {
        let dir = super::directory();
        let log = dir.path().join("driver");
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env("HOME", dir.path());
        let mut driver = Process::start(&command, &log);
        let port = super::until("chromedriver names its port", async || {
            driver.assert_running("chromedriver");
            let said = driver.log();
            let (_, rest) = said.split_once("successfully on port ")?;
            Some(rest.split('.').next()?.to_owned())
        })
        .await;
        let client = Client::new(format!("127.0.0.1:{port}"));
        let profile = format!("--user-data-dir={}", dir.path().join("profile").display());
        let flags: Vec<&str> = FLAGS.iter().copied().chain([profile.as_str()]).collect();
        // Content settings: 1 allows, 2 blocks. What chromedriver runs itself is not the page's.
        let javascript = if scripts { 1 } else { 2 };
        let options = json!({
            "args": flags,
            "prefs": { "profile.managed_default_content_settings.javascript": javascript },
        });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": options,
            "timeouts": { "script": SCRIPT_MS_MAX },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } });
        let made = ask(&client, Method::POST, "/session", &wanted).await;
        let session = made["sessionId"].as_str().unwrap_or_else(|| panic!("{made}\n{}", driver.log()));
        let pid = made["capabilities"]["goog:processID"].as_i64().and_then(|pid| i32::try_from(pid).ok());
        let program = Program { pid: pid.and_then(Pid::from_raw), profile };
        Self { client, session: session.to_owned(), _program: program, _driver: driver, _dir: dir }
    }

    async fn command(&self, path: &str, body: Value) -> Value {
        ask(&self.client, Method::POST, &format!("/session/{}/{path}", self.session), &body).await
    }

    /// Opens a page and waits until it is loaded.
    pub async fn go(&self, url: &str) {
        self.command("url", json!({ "url": url })).await;
    }

    /// Runs a function body in the page, and gives what it returns.
    pub async fn eval(&self, body: &str) -> Value {
        self.command("execute/sync", json!({ "script": body, "args": [] })).await
    }

    /// Runs a script in the page, and gives what it hands to its last argument, a function.
    pub async fn eval_later(&self, script: &str) -> Value {
        self.command("execute/async", json!({ "script": script, "args": [] })).await
    }

    /// Asks again until an expression is true in the page.
    pub async fn until(&self, what: &str, expression: &str) {
        let end = Instant::now() + PATIENCE;
        while self.eval(&format!("return Boolean({expression})")).await != json!(true) {
            let text = self.eval("return document.body.innerText").await;
            assert!(Instant::now() < end, "waited {PATIENCE:?} in vain: {what}\n{text}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    async fn element(&self, css: &str) -> String {
        let found = self.command("element", json!({ "using": "css selector", "value": css })).await;
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("{css}: {found}")).to_owned()
    }

    /// Clicks, as a person does: where something lies over the element, this fails.
    pub async fn click(&self, css: &str) {
        let element = self.element(css).await;
        let done = self.command(&format!("element/{element}/click"), json!({})).await;
        assert_eq!(done, Value::Null, "{css}");
    }

    /// Types into a field.
    pub async fn type_in(&self, css: &str, text: &str) {
        let element = self.element(css).await;
        self.command(&format!("element/{element}/clear"), json!({})).await;
        let done = self.command(&format!("element/{element}/value"), json!({ "text": text })).await;
        assert_eq!(done, Value::Null, "{css}");
    }

    /// Presses keys where the focus is.
    pub async fn press(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
            })
            .collect();
        self.command("actions", json!({ "actions": [{"type": "key", "id": "keys", "actions": actions}] }))
            .await;
    }

    /// Sets the window's width, and the preferred colours.
    pub async fn look(&self, width: u32, colours: &str) {
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        // As on a phone: bars that take no room.
        self.devtools("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await;
        let features = json!([{ "name": "prefers-color-scheme", "value": colours }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    async fn devtools(&self, command: &str, params: Value) -> Value {
        self.command("goog/cdp/execute", json!({ "cmd": command, "params": params })).await
    }

    /// The page as a PNG, down to this height.
    pub async fn screenshot(&self, height_max: u32) -> Vec<u8> {
        let size = self.devtools("Page.getLayoutMetrics", json!({})).await["cssContentSize"].clone();
        let height = size["height"].as_f64().unwrap().min(height_max.into());
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1 });
        let params = json!({ "captureBeyondViewport": true, "clip": clip });
        let shot = self.devtools("Page.captureScreenshot", params).await;
        STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
    }

    /// The complaints of the page's console and of the browser since this was asked last.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.command("se/log", json!({ "type": "browser" })).await;
        let entries = entries.as_array().unwrap().iter();
        let severe = entries.filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        severe.map(|entry| entry["message"].to_string()).collect()
    }

    /// Every URL that the page asked for since this was asked last.
    pub async fn requests(&self) -> Vec<String> {
        let entries = self.command("se/log", json!({ "type": "performance" })).await;
        let mut urls = Vec::new();
        for entry in entries.as_array().unwrap() {
            let message: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            let message = &message["message"];
            if message["method"] == "Network.requestWillBeSent" {
                urls.push(message["params"]["request"]["url"].as_str().unwrap().to_owned());
            }
        }
        urls
    }

    /// Closes the browser; chromedriver ends with the value.
    pub async fn quit(self) {
        ask(&self.client, Method::DELETE, &format!("/session/{}", self.session), &Value::Null).await;
    }
}

async fn ask(client: &Client, method: Method, path: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = client.send(method, path, &[("content-type", "application/json")], body.into()).await;
    let answer = answer.unwrap_or_else(|error| panic!("chromedriver, {path}: {error}"));
    let value = answer.json()["value"].clone();
    assert!(answer.status.is_success(), "chromedriver, {path}: {value}");
    value
}
