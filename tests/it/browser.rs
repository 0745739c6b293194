//! The dashboard in a real browser, over a real server with real pulls behind it: every page and every action.
//!
//! `LANDFALL_TEST_SCREENSHOTS=DIR` keeps a picture of each page.

use std::path::{Path, PathBuf};
use std::process::Command;

use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rig::browser::Browser;
use crate::rig::http::Client;
use crate::rig::landfall::command;
use crate::rig::process::Process;
use crate::rig::skip::{is_installed, need, skipped};
use crate::rig::{directory, until};

/// Of the npm registry; it is fetched where it can be.
const AXE: &str = "axe-core@4.10.3";
/// A phone, a tablet, a small and a large desk.
const WIDTHS: [u32; 4] = [390, 768, 1024, 1440];
const COLOURS: [&str; 2] = ["light", "dark"];
/// Markup that a name or a title may be made of, and a script that would tell on itself.
const SNEAKY: &str = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>";

/// As long as a name of an environment can be.
const LONG: &str = "customer-of-the-accounting-suite-in-the-region-of-central-europ";
/// Environments beside the demo's: as many as a large installation has.
const CROWD: usize = 97;

/// `landfall demo`: a registry, two clusters, a laptop and the server that is looked at.
pub struct Demo {
    process: Process,
    admin: String,
    token: String,
    _dir: TempDir,
}

impl Demo {
    pub async fn start() -> Self {
        let dir = directory();
        let mut demo = command();
        demo.arg("demo").env("TMPDIR", dir.path());
        let mut process = Process::start(&demo, &dir.path().join("log"));
        let (admin, token) = until("the demo tells how to go on", async || {
            process.assert_running("the demo");
            let log = process.log();
            let after = |word: &str| {
                let line = log.lines().find_map(|line| line.trim().strip_prefix(word).map(str::trim));
                line.map(str::to_owned)
            };
            Some((after("dashboard ")?, after("admin token ")?))
        })
        .await;
        let admin = admin.trim_end_matches('/').to_owned();
        Self { process, admin, token, _dir: dir }
    }

    /// The address of a page.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.admin)
    }

    fn client(&self) -> Client {
        let address = self.admin.strip_prefix("http://").unwrap();
        Client::new(address).with("authorization", format!("Bearer {}", self.token))
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let headers = [("content-type", "application/json")];
        let answer = self.client().send(Method::POST, path, &headers, body.to_string().into()).await.unwrap();
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        answer.json()
    }

    /// One release more, with a name that would be a script elsewhere.
    async fn tell_sneaky(&self) {
        let body = json!({
            "repository": "shop/web", "version": "v1.5.1", "changes": [{"title": SNEAKY, "kind": "fix"}],
        });
        self.post("/api/v1/releases", body).await;
    }

    /// Many environments, and names and titles that are as long as they may be.
    async fn grow(&self) {
        let title = format!("fix: {}", "the basket forgets what it holds ".repeat(9));
        let body = json!({
            "repository": format!("shop/{}", "service-with-a-very-long-name-".repeat(2)).trim_end_matches('-'),
            "version": format!("v1.0.0-{}", "build-of-the-release-branch-".repeat(2)).trim_end_matches('-'),
            "changes": [{"title": title}],
        });
        self.post("/api/v1/releases", body).await;
        let names = (0..CROWD).map(|place| format!("customer-{place}")).chain([LONG.to_owned()]);
        for (place, name) in names.enumerate() {
            self.post("/api/v1/environments", json!({"name": name, "description": "one of many"})).await;
            let path = format!("/api/v1/environments/{name}/tokens");
            let token = self.post(&path, json!({"name": "cluster"})).await;
            let version = if place % 3 == 0 { "v1.4.2" } else { "v1.5.0" };
            self.pull(&name, token["secret"].as_str().unwrap(), &format!("shop/web:{version}")).await;
        }
    }

    /// The address that the proxy listens on.
    fn proxy(&self) -> String {
        let log = self.process.log();
        let line = log.lines().find_map(|line| line.trim().strip_prefix("proxy ")).unwrap();
        line.trim().strip_prefix("http://").unwrap().split(' ').next().unwrap().to_owned()
    }

    /// Pulls as containerd does, from one node after the other.
    async fn pull(&self, user: &str, secret: &str, image: &str) {
        let (repository, tag) = image.split_once(':').unwrap();
        let client =
            Client::new(self.proxy()).with_basic(user, secret).with("user-agent", "containerd/1.7.22");
        for method in [Method::HEAD, Method::GET] {
            client.ask(method, &format!("/v2/{repository}/manifests/{tag}"), &[]).await.expect(200);
        }
    }

    pub async fn log_in(&self, browser: &Browser) {
        browser.go(&self.admin).await;
        browser.type_in("#token", &self.token).await;
        browser.click("form button").await;
        browser.until("the login leads to the environments", "document.querySelector('#cards')").await;
    }
}

/// Every page that can be named, and what its picture is called.
pub async fn pages(demo: &Demo) -> Vec<(&'static str, String)> {
    let get = async |path: &str| demo.client().get(path).await.expect(200).json();
    let deployments = get("/api/v1/environments/production/deployments").await;
    let releases = get("/api/v1/releases?repository=shop/payment-service").await;
    let releases = releases.as_array().unwrap_or_else(|| releases["releases"].as_array().unwrap());
    let release = releases.iter().find(|release| release["version"] == "v2.3.1").unwrap();
    vec![
        ("environments", "/".to_owned()),
        ("environment", "/environments/production".to_owned()),
        ("service", "/services/shop/payment-service".to_owned()),
        ("tokens", "/environments/production/tokens".to_owned()),
        ("settings", "/environments/production/settings".to_owned()),
        ("new", "/environments".to_owned()),
        ("deployment", format!("/deployments/{}", deployments["deployments"][0]["id"].as_str().unwrap())),
        ("compare", "/compare?left=staging&right=production".to_owned()),
        ("releases", "/releases".to_owned()),
        ("release", format!("/releases/{}", release["id"].as_str().unwrap())),
        ("search", "/search?q=login+timeout".to_owned()),
        ("ask", "/ask?q=is+the+login+timeout+fix+live+in+production%3F".to_owned()),
        ("verify", "/search?q=login+timeout&environment=production".to_owned()),
        ("insights", "/insights".to_owned()),
        ("days", "/insights?environment=production&from=7d&to=today".to_owned()),
        ("activity", "/activity".to_owned()),
        ("replicas", "/replicas".to_owned()),
        ("retain", "/retain".to_owned()),
        ("past", format!("/environments/production?at={}", landfall::clock::now())),
        ("refusal", "/environments/none".to_owned()),
    ]
}

/// The text of axe-core, fetched into `dir`.
fn axe(dir: &Path) -> Option<String> {
    if !is_installed("npm") {
        skipped(module_path!(), "npm is not installed, so that axe-core cannot check the pages");
        return None;
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
        .arg(dir)
        .arg(AXE);
    let done = npm.output().unwrap();
    if !done.status.success() {
        skipped(module_path!(), "npm cannot fetch axe-core, so that it cannot check the pages");
        return None;
    }
    Some(std::fs::read_to_string(dir.join("node_modules/axe-core/axe.min.js")).unwrap())
}

/// Issues that axe-core finds on the page, minor ones left out.
async fn issues(browser: &Browser, axe: &str) -> Vec<String> {
    browser.eval(&format!("if (!window.axe) {{ {axe} }}")).await;
    let found = browser
        .eval_later(
            "const done = arguments[arguments.length - 1];
             axe.run().then((all) => done(all.violations
               .filter((one) => one.impact !== 'minor')
               .map((one) => `${one.id}: ${one.nodes.map((node) => node.html + ' ' + node.failureSummary).join(' | ')}`)));",
        )
        .await;
    found.as_array().unwrap().iter().map(|issue| issue.as_str().unwrap().to_owned()).collect()
}

/// Parts that do not fit: the page, or a table in its region; the matrix alone scrolls inside itself.
async fn overflows(browser: &Browser) -> Vec<String> {
    let script = "
        const name = (one) => one.outerHTML.slice(0, 160);
        const out = [...document.querySelectorAll('.wide:not(.matrix-box)')].filter((one) => one.scrollWidth > one.clientWidth + 1);
        const cut = [...document.querySelectorAll('main *')].filter((one) =>
          !one.closest('.matrix-box, svg') && one.getBoundingClientRect().right > innerWidth + 1);
        const wide = document.documentElement.scrollWidth > innerWidth ? [document.body] : [];
        return [...out, ...cut, ...wide].slice(0, 4).map(name);";
    let found = browser.eval(script).await;
    found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// Nothing complained, nothing was asked of another host, and no name became a script.
async fn is_clean(browser: &Browser, demo: &Demo, refused: &[&str]) {
    let complaints = browser.complaints().await;
    let unexpected: Vec<_> =
        complaints.iter().filter(|one| !refused.iter().any(|path| one.contains(path))).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}\n{}", demo.process.log());
    // Requests before the first page are the browser's own: nothing goes over the network.
    let is_sent = |url: &String| url.starts_with("http") || url.starts_with("ws");
    for url in browser.requests().await.into_iter().filter(is_sent) {
        assert!(url.starts_with(&demo.admin), "{url}");
    }
    assert_eq!(browser.eval("return window.hacked ?? null").await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_legible_wide_and_narrow_in_light_and_dark() {
    need!("chromium", "chromedriver");
    let dir = directory();
    let (demo, browser) = (Demo::start().await, Browser::start(true).await);
    let axe = axe(dir.path());
    let pictures = std::env::var_os("LANDFALL_TEST_SCREENSHOTS").map(PathBuf::from);
    demo.log_in(&browser).await;
    demo.tell_sneaky().await;
    demo.grow().await;
    let mut all = pages(&demo).await;
    let back =
        json!({"environment": "production", "repository": "shop/payment-service", "version": "v2.3.0"});
    let plan = demo.post("/api/v1/deploy", back).await["id"].as_str().unwrap().to_owned();
    all.extend([
        ("plan", format!("/deploys/{plan}")),
        ("no-page", "/no/such/page".to_owned()),
        ("wrong-days", "/insights?from=yesterday&to=7d".to_owned()),
        ("long-environment", format!("/environments/{LONG}")),
        ("long-compare", format!("/compare?left={LONG}&right=production")),
        ("long-search", "/search?q=the+basket+forgets+what+it+holds".to_owned()),
        ("many-places", "/services/shop/web".to_owned()),
    ]);
    let mut wrong = Vec::new();
    for (name, path) in all {
        for colours in COLOURS {
            for width in WIDTHS {
                let what = format!("{name} {colours} {width}");
                browser.look(width, colours).await;
                browser.go(&demo.at(&path)).await;
                browser.eval("for (const one of document.querySelectorAll('details.compared, .timeline li:first-child > details')) one.open = true").await;
                let over = overflows(&browser).await;
                if !over.is_empty() {
                    wrong.push(format!("{what}: does not fit: {over:?}"));
                }
                if let Some(pictures) = &pictures {
                    let file = pictures.join(format!("{name}-{colours}-{width}.png"));
                    std::fs::write(file, browser.screenshot(u32::MAX).await).unwrap();
                }
                if let Some(axe) = &axe {
                    wrong.extend(
                        issues(&browser, axe).await.into_iter().map(|issue| format!("{what}: {issue}")),
                    );
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    is_clean(&browser, &demo, &["/environments/none", "/no/such/page"]).await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_works_and_pages_follow_what_happens_without_a_reload() {
    need!("chromium", "chromedriver");
    let (demo, browser) = (Demo::start().await, Browser::start(true).await);
    let at = |path: &str| demo.at(path);
    demo.tell_sneaky().await;
    browser.look(1440, "light").await;
    demo.log_in(&browser).await;

    // An environment, whose description would be a script elsewhere, and a token of it.
    browser.go(&at("/environments")).await;
    browser.type_in("#name", "canary").await;
    browser.type_in("#description", SNEAKY).await;
    browser.click("main form button").await;
    browser
        .until("an environment leads to its tokens", "location.pathname == '/environments/canary/tokens'")
        .await;
    browser.type_in("#name", SNEAKY).await;
    browser.click("main form.card button").await;
    browser.until("the secret is shown", "document.querySelector('#secret')").await;
    let secret = browser.eval("return document.querySelector('#secret').textContent").await;
    let secret = secret.as_str().unwrap().to_owned();
    for (of, words) in
        [("kubectl", "kubectl create secret"), ("docker", "docker login"), ("hosts", "capabilities")]
    {
        let text = browser.eval(&format!("return document.querySelector('#{of}').textContent")).await;
        assert!(text.as_str().unwrap().contains(words), "{text}");
        browser.click(&format!("[data-copy={of}]")).await;
        let done = format!(
            "['Copied', 'Selected'].includes(document.querySelector('[data-copy={of}]').textContent)"
        );
        browser.until("it is copied", &done).await;
    }

    // A reload shows the secret no second time and makes no second token.
    browser.eval("location.reload()").await;
    browser.until("it was shown once", "document.body.innerText.includes('was shown once')").await;
    browser.go(&at("/environments/canary/tokens")).await;
    assert_eq!(browser.eval("return document.querySelectorAll('#tokens tbody th').length").await, 1);

    // A pin brings an environment to the front, without a reload and with the focus where it was; again, and it is one of all.
    browser.go(&at("/?order=by+name")).await;
    browser.eval("window.stayed = true").await;
    let first = |name: &str| format!("document.querySelector('#cards h2 a').textContent == '{name}'");
    assert_eq!(browser.eval(&format!("return {}", first("canary"))).await, true);
    browser.click("#pin-staging").await;
    browser.until("it comes first", &first("staging")).await;
    let kept = "return window.stayed && document.activeElement.id == 'pin-staging'";
    assert_eq!(browser.eval(kept).await, true);
    browser.go(&at("/?order=by+name")).await;
    assert_eq!(browser.eval(&format!("return {}", first("staging"))).await, true, "the browser keeps it");
    browser.click("#pin-staging").await;
    browser.until("it goes back", &first("canary")).await;

    // A choice applies at once, and Back brings it again.
    browser.go(&at("/")).await;
    browser.type_in("#filter", "PROD").await;
    browser.until("the others are hidden", "document.querySelectorAll('#cards article').length == 1").await;
    browser.go(&at("/releases")).await;
    browser.eval("history.back()").await;
    browser
        .until(
            "Back brings the choice again",
            "document.querySelector('#filter')?.value == 'PROD' && document.querySelectorAll('#cards article').length == 1",
        )
        .await;

    // A rollback is planned from the page of a service.
    browser.go(&at("/services/shop/payment-service")).await;
    browser.click("#places form button").await;
    browser.until("the plan is shown", "location.pathname.startsWith('/deploys/dpl_')").await;
    browser
        .until("it has commands", "document.querySelector('#commands').textContent.includes('kubectl')")
        .await;

    // Pages that are open see what happens.
    for (path, sees) in [
        (
            "/activity?environment=canary",
            "document.querySelector('#pulls').innerText.includes('shop/web:v1.4.2')",
        ),
        ("/environments/canary", "document.querySelector('#timeline').innerText.includes('web v1.4.2')"),
        ("/", "document.querySelector('#cards').innerText.includes('web')"),
    ] {
        browser.go(&at(path)).await;
        browser.eval("window.stayed = true").await;
        browser.until("the page listens", "document.documentElement.dataset.listening").await;
        demo.pull("canary", &secret, "shop/web:v1.4.2").await;
        browser.until("the pull shows", sees).await;
        assert_eq!(browser.eval("return window.stayed").await, true, "{path} was loaded again");
    }
    browser.go(&at("/environments/canary")).await;
    browser.eval("window.stayed = true").await;
    browser.until("the page listens", "document.documentElement.dataset.listening").await;
    browser.click("#timeline summary").await;
    demo.pull("canary", &secret, "shop/web:v1.5.0").await;
    browser
        .until(
            "the upgrade shows",
            "document.querySelector('#timeline').innerText.includes('v1.4.2 → v1.5.0')",
        )
        .await;
    browser
        .until(
            "what was opened stays open",
            "document.querySelectorAll('#timeline details[open]').length > 0",
        )
        .await;
    assert_eq!(browser.eval("return window.stayed").await, true);

    // A pause holds the stream.
    browser.go(&at("/activity?environment=canary")).await;
    browser.until("the page listens", "document.documentElement.dataset.listening").await;
    browser.click("[data-pause]").await;
    demo.pull("canary", &secret, "shop/payment-service:v2.3.0").await;
    let has = "document.querySelector('#pulls').innerText.includes('payment')";
    assert_eq!(browser.eval(&format!("return {has}")).await, false);
    browser.click("[data-pause]").await;
    browser.until("it goes on", has).await;

    // Search from the keyboard.
    browser.press("/").await;
    browser.until("the search has the focus", "document.activeElement.id == 'find'").await;
    browser.type_in("#find", "login timeout\u{e007}").await;
    browser
        .until("it is found", "document.querySelector('#answer')?.innerText.includes('login times out')")
        .await;
    browser
        .until("where it is live, too", "document.querySelector('#answer').innerText.includes('staging')")
        .await;

    // As of before everything.
    browser.go(&at("/environments/production?at=2020-01-01T00:00")).await;
    browser.until("the past is told", "document.body.innerText.includes('2020-01-01')").await;
    assert_eq!(browser.eval("return document.querySelectorAll('.timeline li').length").await, 0);
    browser.go(&at("/compare?left=production&right=production&left_at=2020-01-01T00:00")).await;
    browser.until("two instants are compared", "document.body.innerText.includes('right only')").await;

    // Tokens are rotated and revoked.
    browser.go(&at("/environments/canary/tokens")).await;
    browser.click("[action$=rotate] button").await;
    browser.until("a successor is shown", "document.querySelector('#secret')").await;
    browser.go(&at("/environments/canary/tokens")).await;
    browser
        .until("the old one is rotated", "document.querySelector('#tokens').innerText.includes('rotated')")
        .await;
    browser.click(".confirm summary").await;
    browser.click(".confirm[open] button").await;
    browser.until("it is revoked", "document.querySelector('#tokens').innerText.includes('revoked')").await;

    // Changed, then deleted: only with its name.
    browser.go(&at("/environments/canary/settings")).await;
    browser.type_in("#description", "for the brave").await;
    browser.click("main form button").await;
    browser.until("it is changed", "document.body.innerText.includes('for the brave')").await;
    browser.go(&at("/environments/canary/settings")).await;
    browser
        .until(
            "it says what it does",
            "document.querySelector('#deletion').innerText.includes('active token')",
        )
        .await;
    browser.type_in("#confirm", "production").await;
    browser.click(".grave button").await;
    browser
        .until("another name deletes nothing", "document.body.innerText.includes('Nothing was deleted')")
        .await;
    browser.go(&at("/environments/canary/settings")).await;
    browser.type_in("#confirm", "canary").await;
    browser.click(".grave button").await;
    browser
        .until("it is gone", "location.pathname == '/' && !document.body.innerText.includes('canary')")
        .await;

    is_clean(&browser, &demo, &["/environments/canary/delete"]).await;
    browser.click("header form:last-child button").await;
    browser.until("the logout leads to the login", "document.querySelector('#token')").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_works_without_scripts() {
    need!("chromium", "chromedriver");
    let (demo, browser) = (Demo::start().await, Browser::start(false).await);
    browser.look(1440, "light").await;
    demo.log_in(&browser).await;
    for (name, path) in pages(&demo).await {
        browser.go(&demo.at(&path)).await;
        let text = browser.eval("return document.querySelector('main').innerText").await;
        assert!(text.as_str().unwrap().len() > 40, "{name}: {text}");
        assert_eq!(
            browser.eval("return document.documentElement.dataset.listening ?? null").await,
            Value::Null
        );
    }
    // Folded parts open without a script.
    browser.go(&format!("{}/environments/production", demo.admin)).await;
    browser.click("#timeline .timeline > li:nth-child(2) summary").await;
    browser
        .until("it opens", "document.querySelector('#timeline details[open]').innerText.includes('reverted')")
        .await;
    browser
        .until(
            "lost fixes show",
            "document.querySelector('#timeline details[open]').innerText.includes('login times out')",
        )
        .await;
    // So does a pin.
    for name in ["staging", "production"] {
        browser.go(&format!("{}/?order=by+name", demo.admin)).await;
        browser.click(&format!("#pin-{name}")).await;
        let pinned = format!("document.querySelector('#pin-{name}').ariaPressed == 'true'");
        browser.until("it is pinned", &pinned).await;
        assert_eq!(browser.eval("return location.search").await, "?order=by+name");
    }
    // So does a form.
    browser.go(&format!("{}/environments/staging/settings", demo.admin)).await;
    browser.type_in("#description", "before production").await;
    browser.click("main form button").await;
    browser.until("it is changed", "document.body.innerText.includes('before production')").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_without_a_reload_and_by_the_keyboard_alone() {
    need!("chromium", "chromedriver");
    let (demo, browser) = (Demo::start().await, Browser::start(true).await);
    browser.look(1440, "light").await;
    demo.log_in(&browser).await;
    browser.press("/").await;
    browser.type_in("#find", "what is running in production?\u{e007}").await;
    let newest = |words: &str| format!("document.querySelector('#newest')?.innerText.includes('{words}')");
    browser.until("the box asks", &newest("payment-service")).await;
    assert_eq!(browser.eval("return !!document.querySelector('#newest #running table')").await, true);
    browser.eval("window.stayed = true").await;
    browser.press("/").await;
    browser.until("the question has the focus", "document.activeElement.id == 'question'").await;
    browser.type_in("#question", "and in staging?\u{e007}").await;
    browser.until("it goes on", &newest("and in staging?")).await;
    browser.until("the next can be asked", "document.activeElement.id == 'question'").await;
    assert_eq!(
        browser.eval("return [...document.querySelectorAll('.turn > h2')].map((one) => one.innerText)").await,
        serde_json::json!(["what is running in production?", "and in staging?"])
    );
    // The last question comes back, and a chip asks.
    browser.type_in("#question", "\u{e013}").await;
    assert_eq!(browser.eval("return document.querySelector('#question').value").await, "and in staging?");
    let chip = browser.eval("return document.querySelector('#newest .chips a').textContent").await;
    browser.click("#newest .chips a").await;
    browser.until("the chip is asked", "document.querySelectorAll('.turn').length == 3").await;
    browser.until("and answered", &format!("document.querySelector('#asked').innerText == {chip}")).await;
    assert_eq!(browser.eval("return window.stayed").await, true, "a page was loaded");
    // The address is that of the answer: whoever opens it again sees it, and asks nothing.
    let turns = "return document.querySelectorAll('.turn').length";
    let link = browser.eval("return location.href").await;
    browser.go(link.as_str().unwrap()).await;
    assert_eq!(browser.eval(turns).await, 3);
    // Nothing is planned by a question; the button leads on.
    browser.go(&format!("{}/ask", demo.admin)).await;
    browser.type_in("#question", "create a qa environment\u{e007}").await;
    browser.until("there is a button", "document.querySelector('#newest form button')").await;
    browser.click("#newest form button").await;
    browser.until("it is made", "location.pathname == '/environments/qa/tokens'").await;
    is_clean(&browser, &demo, &[]).await;
    browser.quit().await;
}
