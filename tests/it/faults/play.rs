//! One case from its beginning to its end: the fault, what the client gets, and the next healthy requests.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::bench::{Bench, Slot};
use super::case::{Case, Fault, Framing, Path, Place, Pool, Who, Wire};
use super::client::{Ask, End, Got, Line, is_quiet};
use super::judge::complaint;
use super::script::{Answer, size, unasked};
use super::seed::Rng;
use super::upstream::{Script, Upstream};
use crate::rig::images::digest_of;

/// Time for which a client that reads nothing waits until it goes away.
const DEAF_FOR: Duration = Duration::from_secs(2);

/// Something to ask for, and the right answer.
struct Object {
    ask: Ask,
    /// The path at which it is served, and how.
    at: String,
    answer: Answer,
    right: Vec<u8>,
}

impl Object {
    fn new(path: Path, repository: &str, content: Vec<u8>, framing: Framing) -> Self {
        let digest = digest_of(&content);
        let (at, content_type) = match path {
            Path::ManifestTag => (format!("manifests/v{}", content.len()), MANIFEST),
            Path::ManifestDigest | Path::Token => (format!("manifests/{digest}"), MANIFEST),
            Path::Tags => ("tags/list".to_owned(), "application/json"),
            Path::Referrers => {
                (format!("referrers/{}", digest_of(b"subject")), "application/vnd.oci.image.index.v1+json")
            }
            _ => (format!("blobs/{digest}"), "application/octet-stream"),
        };
        let at = format!("/v2/{repository}/{at}");
        let answer = Answer::ok(content_type, &digest, content.clone(), framing);
        let (mut range, mut right) = (None, content);
        if path == Path::BlobRange {
            let (first, last) = (right.len() / 4, right.len() - 1 - right.len() / 8);
            range = Some(format!("bytes={first}-{last}"));
            right = right[first..=last].to_vec();
        }
        Self { ask: Ask { path: at.clone(), range }, at, answer, right }
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Content of a path's kind, of about this size.
fn content(path: Path, bytes: usize, rng: &mut Rng) -> Vec<u8> {
    match path {
        Path::ManifestTag | Path::ManifestDigest | Path::Token => {
            json!({ "schemaVersion": 2, "mediaType": MANIFEST, "x": rng.letters(bytes) })
                .to_string()
                .into_bytes()
        }
        Path::Tags => json!({ "name": "a", "tags": ["v1", rng.letters(bytes)] }).to_string().into_bytes(),
        Path::Referrers => {
            json!({ "schemaVersion": 2, "manifests": [], "x": rng.letters(bytes) }).to_string().into_bytes()
        }
        _ => rng.bytes(bytes),
    }
}

/// Plays a case at a slot.
///
/// # Errors
/// Plays a case; the error says what is wrong with how the proxy took it.
pub async fn play(bench: &Bench, index: usize, case: &Case) -> Result<(), String> {
    let slot: &Slot = &bench.slots[index];
    let (upstream, prefix) = match case.wire {
        Wire::Plain => (&slot.plain, format!("p{index}")),
        Wire::Tls => (&slot.tls, format!("s{index}")),
    };
    // Tokens are kept for a repository: those that need one have names of their own.
    let names = if case.path == Path::Token { ["t", "u", "v"] } else { ["a", "b", "c"] };
    let [main, next, last] = names.map(|name| format!("{prefix}/{name}"));
    let mut rng = Rng::new(case.seed);
    let bytes = size(case, &mut rng);
    let main = Object::new(case.path, &main, content(case.path, bytes, &mut rng), case.framing);
    // Each of another length, so that the answer of one is never another's.
    let healthy = [next, last].map(|repository| {
        let bytes = rng.pick(&[150, 4_000, 90_000]) + rng.below(1_000);
        Object::new(case.path, &repository, content(case.path, bytes, &mut rng), Framing::Length)
    });
    let bytes = 700 + rng.below(100);
    let other = content(case.path, bytes, &mut rng);
    let other = Answer::ok("text/plain", &digest_of(&other), other, Framing::Length);
    let script = Arc::new(script(case, &main, &healthy, other));
    upstream.serve(&script);
    let played = Player { bench, upstream, case, script: &script }.play(&main, &healthy, &mut rng).await;
    script.heal();
    upstream.open_door().await;
    played
}

fn script(case: &Case, main: &Object, healthy: &[Object; 2], other: Answer) -> Script {
    let all = || std::iter::once(main).chain(healthy);
    let mut answers: HashMap<_, _> = all().map(|object| (object.at.clone(), object.answer.clone())).collect();
    if case.path != Path::Token {
        return Script::new(*case, answers, main.at.clone(), other, Vec::new());
    }
    // It ends at once, so that one is fetched for each request.
    let token = json!({ "token": "t1", "expires_in": 0 }).to_string().into_bytes();
    let digest = digest_of(&token);
    answers.insert("/token".to_owned(), Answer::ok("application/json", &digest, token, case.framing));
    Script::new(*case, answers, "/token".to_owned(), other, all().map(|object| object.at.clone()).collect())
}

struct Player<'a> {
    bench: &'a Bench,
    upstream: &'a Upstream,
    case: &'a Case,
    script: &'a Script,
}

impl Player<'_> {
    async fn play(&self, main: &Object, healthy: &[Object; 2], rng: &mut Rng) -> Result<(), String> {
        let Self { case, script, upstream, .. } = self;
        self.prepare(main, healthy).await.map_err(|why| format!("before the fault: {why}"))?;
        script.arm();
        if case.place == Place::Idle {
            upstream.strike(&unasked(case, &script.other)).await;
        }
        if case.place == Place::Connect && matches!(case.fault, Fault::Rst | Fault::Stall) {
            upstream.close_door(case.fault == Fault::Stall).await;
        }
        let line = self.exchange(main, rng).await?;
        script.heal();
        upstream.open_door().await;
        self.next(line, healthy).await?;
        self.until_rest().await
    }

    /// Makes ready: content that is trusted was pulled before; a kept connection is there, or none.
    async fn prepare(&self, main: &Object, healthy: &[Object; 2]) -> Result<(), String> {
        let case = self.case;
        if case.path.is_trusted() {
            let mut line = self.line(Who::H1).await?;
            for object in std::iter::once(main).chain(healthy) {
                self.healthy(&mut line, object).await?;
            }
        }
        self.upstream.strike(&[super::script::Step::End(super::script::End::Fin)]).await;
        if case.pool == Pool::Kept {
            let mut line = self.line(case.who).await?;
            self.healthy(&mut line, &healthy[0]).await?;
        }
        Ok(())
    }

    /// The exchange with the fault. Returns the client's connection if all was answered on it.
    async fn exchange(&self, main: &Object, rng: &mut Rng) -> Result<Option<Line>, String> {
        let door = &self.bench.door;
        let mut line = self.line(self.case.who).await?;
        if self.case.who.is_gone() {
            line.leave(door, &main.ask, rng).await;
            return Ok(None);
        }
        if self.case.who.is_deaf() {
            let _ = tokio::time::timeout(DEAF_FOR, async {
                line.ignore(door, &main.ask).await;
                tokio::time::sleep(DEAF_FOR).await;
            })
            .await;
            return Ok(None);
        }
        let got = line.get(door, &main.ask, self.bench.bound).await;
        if let Some(why) = complaint(self.case, &got, &main.right) {
            return Err(why);
        }
        if got.end != End::Whole {
            return Ok(None);
        }
        if !is_quiet(&mut line).await {
            return Err("more than the answer came to the client".to_owned());
        }
        let is_over = got.header("connection") == Some("close");
        Ok(Some(line).filter(|_| !is_over))
    }

    /// The next requests to the same registry, on the client's connection and on a new one.
    async fn next(&self, line: Option<Line>, healthy: &[Object; 2]) -> Result<(), String> {
        let is_late = self.case.fault == Fault::Late;
        let mut line = match line {
            Some(line) => line,
            None => self.line(self.case.who).await?,
        };
        if is_late {
            // This one may meet the answer that nobody asked for: then it may fail, as one whose body is wrong may.
            let got = line.get(&self.bench.door, &healthy[0].ask, self.bench.bound).await;
            if let Some(why) =
                complaint(&Case { place: Place::BodyMiddle, ..*self.case }, &got, &healthy[0].right)
            {
                return Err(format!("the request that met a late answer: {why}"));
            }
            if got.end != End::Whole {
                line = self.line(self.case.who).await?;
            }
        }
        for (what, next) in ["the next request", "the one after it"].into_iter().zip(healthy) {
            let began = Instant::now();
            self.healthy(&mut line, next).await.map_err(|why| {
                format!("{what}, to a healthy registry: {why}, after {:?}", began.elapsed())
            })?;
            line = self.line(self.case.who).await?;
        }
        Ok(())
    }

    async fn healthy(&self, line: &mut Line, object: &Object) -> Result<(), String> {
        let got = line.get(&self.bench.door, &object.ask, self.bench.bound).await;
        match &got {
            Got { end: End::Whole, status: 200 | 206, body, .. } if *body == object.right => Ok(()),
            Got { end: End::Whole, status: 200 | 206, .. } => {
                Err("WRONG BYTES as if they were whole".to_owned())
            }
            Got { status, end, body, .. } => {
                let text = body[..body.len().min(200)].escape_ascii();
                Err(format!("status {status}, {end:?}: {text}"))
            }
        }
    }

    /// A connection like the client's, of one that reads.
    async fn line(&self, who: Who) -> Result<Line, String> {
        self.bench.door.open(who.is_h2(), who.is_tls()).await
    }

    /// Waits until no connection to the registry is in the middle of something.
    async fn until_rest(&self) -> Result<(), String> {
        let end = Instant::now() + self.bench.bound;
        while self.upstream.busy() > 0 {
            if Instant::now() > end {
                return Err(format!("{} connections to the registry are still held", self.upstream.busy()));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}
