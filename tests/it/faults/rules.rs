//! Rules of which cases mean something. Each says why one does not; nothing is left out by hand. Pure.

use super::case::{Case, Fault, Framing, Path, Place, Pool, Times, Who, Wire};

/// The reason why this case means nothing, if it does.
pub fn meaningless(case: &Case) -> Option<&'static str> {
    RULES.iter().find(|(_, excludes)| excludes(case)).map(|(why, _)| *why)
}

type Rule = (&'static str, fn(&Case) -> bool);

pub const RULES: &[Rule] = &[
    ("the fault has its own places", |case| !places(case.fault).contains(&case.place)),
    ("without TLS there is no handshake and no close_notify", |case| {
        let is_of_tls = case.place == Place::Handshake || case.fault == Fault::CloseNotify;
        case.wire == Wire::Plain && is_of_tls
    }),
    ("only chunked bodies have chunks and trailers", |case| {
        let is_of_chunks =
            case.place == Place::Trailer || matches!(case.fault, Fault::BadChunk | Fault::HugeChunk);
        case.framing != Framing::Chunked && is_of_chunks
    }),
    ("only an answer with a length lies about it", |case| {
        let is_of_length = matches!(
            case.fault,
            Fault::TooShort
                | Fault::TooLong
                | Fault::SameLengthTwice
                | Fault::TwoLengths
                | Fault::LengthAndChunked
        );
        case.framing != Framing::Length && is_of_length
    }),
    ("a coding stands in the place of a length", |case| {
        case.framing != Framing::Chunked && case.fault == Fault::BadCoding
    }),
    ("an answer without content has no framing worth a case", |case| {
        let is_empty =
            case.fault.is_redirect() || case.fault.status().is_some() || case.fault == Fault::Switching;
        case.framing != Framing::Length && is_empty
    }),
    ("nothing follows an answer that ends with its connection", |case| {
        case.framing == Framing::Close && matches!(case.place, Place::AfterAnswer | Place::Idle)
    }),
    ("where the end of the connection is the end of the answer, an early one looks right", |case| {
        let ends = case.fault.is_end()
            && matches!(case.place, Place::AfterHead | Place::BodyStart | Place::BodyMiddle);
        // Content with a digest that is compared, or a length that is known otherwise, is told apart.
        let is_compared = !matches!(case.path, Path::Tags | Path::Referrers | Path::Token);
        case.framing == Framing::Close && ends && !is_compared
    }),
    ("a kept connection is connected", |case| {
        case.pool == Pool::Kept && matches!(case.place, Place::Connect | Place::Handshake)
    }),
    ("only a kept connection is idle", |case| case.pool == Pool::New && case.place == Place::Idle),
    ("a registry that is away is so for a while; what is said while idle is said once", |case| {
        match case.place {
            Place::Connect => case.times == Times::Once,
            Place::Idle => case.times == Times::Always,
            _ => false,
        }
    }),
    ("nobody compares a digest where there is none, or of what was found right before", |case| {
        let is_compared = matches!(
            case.path,
            Path::ManifestTag | Path::ManifestDigest | Path::BlobCopied | Path::BlobResumed
        );
        case.fault == Fault::WrongDigest && !is_compared
    }),
    ("garbage in a body is a body, where neither a digest nor a coding tells", |case| {
        let is_in_body = matches!(case.place, Place::AfterHead | Place::BodyStart | Place::BodyMiddle);
        // Bytes in the place of a chunk's beginning are no chunk.
        let is_told = case.framing == Framing::Chunked && case.place == Place::AfterHead
            || !(case.path.is_trusted()
                || matches!(case.path, Path::Tags | Path::Referrers | Path::BlobRange));
        case.fault == Fault::Garbage && is_in_body && !is_told
    }),
    ("only who asks for a part gets the wrong one", |case| {
        matches!(case.fault, Fault::WrongPart | Fault::ChangedPart) && !case.path.is_resumed()
    }),
    ("a token has no digest", |case| case.fault == Fault::TwoDigests && case.path == Path::Token),
    ("who is slow and goes on is waited for, where it is not read whole", |case| {
        case.fault == Fault::Trickle && case.place == Place::BodyStart && !case.path.is_read_whole()
    }),
    ("who brings some of a blob each time is asked for the rest again, as often as is allowed", |case| {
        let is_slow = match case.place {
            Place::BodyStart | Place::BodyMiddle => matches!(case.fault, Fault::Stall | Fault::Garbage),
            Place::AfterHead => case.fault == Fault::Garbage,
            _ => false,
        };
        case.times == Times::Always && case.path.is_blob() && is_slow
    }),
    ("a kept connection that is silent is as it should be", |case| {
        case.fault == Fault::Stall && matches!(case.place, Place::AfterAnswer | Place::Idle)
    }),
    ("a part that looks whole is whole where nothing else is known", |case| {
        case.fault == Fault::TooLong && matches!(case.path, Path::Tags | Path::Referrers)
    }),
    ("a late answer to a question without a digest cannot be told from the right one", |case| {
        let is_told = matches!(case.path, Path::ManifestDigest | Path::BlobCopied | Path::BlobTrusted);
        case.fault == Fault::Late && !is_told
    }),
    ("who waits for nothing but a small answer has it all in the socket", |case| {
        case.who.is_deaf() && !case.path.is_blob()
    }),
    ("a token server's clients are the proxy alone", |case| {
        case.path == Path::Token && !matches!(case.who, Who::H1 | Who::H2 | Who::GoneH1)
    }),
];

/// The places where a fault can happen.
fn places(fault: Fault) -> &'static [Place] {
    use Place::{AfterAnswer, AfterHead, BodyMiddle, BodyStart, Handshake, Head, Idle, Trailer};
    match fault {
        Fault::Fin | Fault::Rst | Fault::HalfClose | Fault::Stall | Fault::Garbage => Place::ALL,
        Fault::CloseNotify => {
            &[Handshake, Head, AfterHead, BodyStart, BodyMiddle, Trailer, AfterAnswer, Idle]
        }
        Fault::Stranger => &[Handshake],
        Fault::Trickle => &[Head, BodyStart],
        Fault::Extra => &[AfterAnswer, Idle],
        Fault::Late => &[AfterAnswer],
        Fault::WrongDigest | Fault::BadChunk | Fault::HugeChunk => &[BodyMiddle],
        Fault::TooShort | Fault::TooLong => &[AfterHead],
        _ => &[Head],
    }
}
