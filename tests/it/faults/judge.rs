//! Answers that a client may get. Pure.
//!
//! The right bytes; or a registry's error; or a body that is broken off below its length. Never wrong bytes as if they
//! were whole, never silence. Where Landfall can mend a fault, it must: a request without an answer is sent once more,
//! a manifest is asked for again, the rest of a blob is asked for.

use super::case::{Case, Fault, Framing, Path, Place, Times};
use super::client::{End, Got};
use super::script::RETRY_AFTER;

/// The fault in what a client got; nothing if all is well.
pub fn complaint(case: &Case, got: &Got, right: &[u8]) -> Option<String> {
    let must = must_be_whole(case);
    match (&got.end, got.status) {
        (End::Late, 0) => Some("no answer within its bound".to_owned()),
        (End::Late, status) => Some(format!("status {status}, and no end of its body within the bound")),
        // hyper's HTTP/1.1 drops a head that has not left when its body fails at once.
        (End::Broken(_), 0) if !must && !case.path.is_read_whole() && is_in_body(case) => None,
        (End::Broken(why), 0) => Some(format!("no answer: {why}")),
        (End::Whole, 200 | 206) if got.body == right => None,
        (End::Whole, 200 | 206) => Some(format!(
            "WRONG BYTES as if they were whole: {} of {}, {}",
            got.body.len(),
            right.len(),
            got.body[..got.body.len().min(60)].escape_ascii()
        )),
        (End::Broken(why), 200 | 206) => {
            if must {
                Some(format!(
                    "broken off after {} bytes, though the rest could be had: {why}",
                    got.body.len()
                ))
            } else if case.path.is_read_whole() {
                Some(format!("broken off, though it is read whole before it is answered: {why}"))
            } else if is_truthful(case.fault) && !right.starts_with(&got.body) {
                Some("wrong bytes before it broke off".to_owned())
            } else {
                None
            }
        }
        (End::Broken(why), status) => Some(format!("status {status}, broken off: {why}")),
        (End::Whole, status) if must => Some(format!("status {status}, though the fault could be mended")),
        (End::Whole, status) => wrong_error(case, got, status),
    }
}

/// An error must be one that fits, in the form of the distribution spec.
fn wrong_error(case: &Case, got: &Got, status: u16) -> Option<String> {
    if !allowed(case).contains(&status) {
        return Some(format!("status {status}, which does not fit: {}", got.body.escape_ascii()));
    }
    let body: Result<serde_json::Value, _> = serde_json::from_slice(&got.body);
    let code = body.ok().and_then(|body| body["errors"][0]["code"].as_str().map(str::to_owned));
    if code.is_none_or(|code| code.is_empty()) {
        return Some(format!("status {status} without an OCI error: {}", got.body.escape_ascii()));
    }
    let is_registrys = case.fault.status() == Some(status) && case.path != Path::Token;
    if matches!(status, 429 | 503) && is_registrys && got.header("retry-after") != Some(RETRY_AFTER) {
        return Some(format!("status {status} without the registry's Retry-After"));
    }
    None
}

/// Statuses that may stand for the fault.
fn allowed(case: &Case) -> &'static [u16] {
    match (case.fault, case.path) {
        // The token server's refusal is a refusal of the repository, or nothing that the client did.
        (Fault::Unauthorized | Fault::NotFound, Path::Token) => &[403, 502],
        (Fault::TooMany | Fault::Internal | Fault::Unavailable, Path::Token) => &[429, 502, 503],
        // Landfall's own credentials: nothing that a client could mend.
        (Fault::Unauthorized, _) => &[502],
        (Fault::NotFound, _) => &[404],
        (Fault::TooMany, _) => &[429],
        (Fault::Internal, _) => &[500],
        (Fault::Unavailable, _) => &[503],
        _ => &[502, 504],
    }
}

/// Tells whether what came before the fault is a part of the right answer.
fn is_truthful(fault: Fault) -> bool {
    fault.is_end() || matches!(fault, Fault::Stall | Fault::Trickle | Fault::TooShort)
}

/// Tells whether a fault of this kind can be mended, so that the client sees nothing of it.
fn must_be_whole(case: &Case) -> bool {
    use Fault::{Extra, Garbage, Late, Many1xx, Nothing, Stall, TooShort, Trickle};
    let Case { fault, place, times, path, framing, .. } = *case;
    // Bytes after an answer are none of it.
    let is_after = matches!(place, Place::AfterAnswer | Place::Idle);
    let is_cut = is_in_body(case) && (fault.is_end() || matches!(fault, Stall | TooShort | Fault::Rst));
    let may_be_mended = times == Times::Once && path != Path::Token;
    match fault {
        Nothing | Many1xx => true,
        Extra | Late | Garbage | Fault::Fin | Fault::HalfClose | Fault::CloseNotify | Stall if is_after => {
            true
        }
        Fault::Rst if place == Place::Idle => true,
        Trickle => false,
        _ if is_cut && may_be_mended => match path {
            Path::ManifestTag | Path::ManifestDigest => framing != Framing::Close,
            Path::BlobResumed | Path::TrustedResumed => true,
            // There is no rest.
            _ if fault == TooShort => false,
            Path::BlobCopied | Path::BlobTrusted | Path::BlobRange => framing == Framing::Length,
            Path::Tags | Path::Referrers | Path::Token => false,
        },
        // Another part is refused, and the right one asked for.
        Fault::WrongPart | Fault::ChangedPart => times == Times::Once,
        // A request that was not answered is sent once more.
        _ if fault.is_end() && place == Place::Head => times == Times::Once,
        _ => false,
    }
}

/// Tells whether the head of the answer is whole when the fault comes, and its body is not.
fn is_in_body(case: &Case) -> bool {
    match case.place {
        Place::AfterHead | Place::BodyStart | Place::BodyMiddle | Place::Trailer => true,
        // A reset takes along what has not been read.
        Place::AfterAnswer => case.fault == Fault::Rst,
        _ => false,
    }
}
