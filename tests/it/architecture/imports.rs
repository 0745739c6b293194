//! Reads from which rooms a file imports. A room is a folder or file of `src/`, or of `src/model/`: `log`, `model/time`.
//!
//! It reads text, not syntax: a parser would make each build of the tests compile every macro twice.

use std::collections::BTreeSet;

/// The code of a file without comments, literals, and what is compiled for tests alone.
pub(super) fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let is_for_tests = rest.starts_with("#[cfg(test)]") || rest.starts_with("#[cfg(all(test");
        let skipped = if is_for_tests { item(rest) } else { literal(rest) };
        if skipped == 0 {
            let first = rest.chars().next().map_or(0, char::len_utf8);
            code.push_str(&rest[..first]);
            rest = &rest[first..];
        } else {
            rest = &rest[skipped..];
        }
    }
    code
}

/// Bytes of the comment, string or character that the text begins with; none for anything else.
fn literal(text: &str) -> usize {
    let up_to =
        |end: &str, from: usize| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    match text.as_bytes() {
        [b'/', b'/', ..] => text.find('\n').unwrap_or(text.len()),
        [b'r', b'#', b'"', ..] => up_to("\"#", 3),
        [b'"', ..] => {
            let mut is_escaped = false;
            let end = text.bytes().skip(1).position(|byte| {
                let ends = byte == b'"' && !is_escaped;
                is_escaped = byte == b'\\' && !is_escaped;
                ends
            });
            end.map_or(text.len(), |end| end + 2)
        }
        [b'\'', b'\\', ..] => up_to("'", 3),
        // A lifetime has no second quote there.
        [b'\'', ..] => match text.char_indices().nth(2) {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        _ => 0,
    }
}

/// Bytes of the item behind an attribute: up to its semicolon, or to the end of its block.
fn item(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        let skipped = literal(&text[at..]);
        at += if skipped > 0 { skipped } else { text[at..].chars().next().map_or(1, char::len_utf8) };
        match (text.as_bytes()[at - 1], skipped) {
            (b'{', 0) => depth += 1,
            (b'}', 0) if depth == 1 => return at,
            (b'}', 0) => depth -= 1,
            (b';', 0) if depth == 0 => return at,
            _ => {}
        }
    }
    at
}

/// The room of a module: `["log", "journal"]` is in `log`, `["model", "oci", "digest"]` in `model/oci`.
pub(super) fn room(module: &[&str]) -> String {
    match module {
        ["model", inner, ..] => format!("model/{inner}"),
        [first, ..] => (*first).to_owned(),
        [] => String::new(),
    }
}

/// The rooms that this code of `module` names, its own left out.
pub(super) fn rooms(module: &[&str], code: &str) -> BTreeSet<String> {
    let paths = paths(code, &["crate", "super"]);
    let mut rooms: BTreeSet<String> = paths.iter().map(|path| room(&absolute(module, path))).collect();
    rooms.remove(&room(module));
    rooms
}

/// The paths in the code that begin with one of `roots`, braces expanded.
pub(super) fn paths<'a>(code: &'a str, roots: &[&str]) -> Vec<Vec<&'a str>> {
    let mut paths = Vec::new();
    for root in roots {
        for (at, _) in code.match_indices(&format!("{root}::")) {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':';
            // `pub(in crate::log)` says who may see a thing, and imports nothing.
            let is_visibility = code[..at].ends_with("(in ");
            if !is_visibility && !code[..at].bytes().next_back().is_some_and(is_part) {
                expand(&code[at..], &mut Vec::new(), &mut paths);
            }
        }
    }
    paths
}

/// Collects the paths that begin here, braces expanded. Gives the bytes that were read.
fn expand<'a>(text: &'a str, before: &mut Vec<&'a str>, paths: &mut Vec<Vec<&'a str>>) -> usize {
    let (mut at, depth) = (0, before.len());
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        if text[at..].starts_with('{') {
            loop {
                at += 1;
                at += expand(&text[at..], before, paths);
                at += text[at..].find([',', '}']).unwrap_or(0);
                if !text[at..].starts_with(',') {
                    break;
                }
            }
            break;
        }
        let end = text[at..].find(|character: char| !character.is_alphanumeric() && character != '_');
        let end = at + end.unwrap_or(text.len() - at);
        let is_named = end > at;
        if is_named {
            before.push(&text[at..end]);
        }
        at = end;
        if !text[at..].starts_with("::") {
            // Behind a trailing comma there is no name; `super::*` names all of the parent.
            paths.extend((is_named || text[at..].starts_with('*')).then(|| before.clone()));
            break;
        }
        at += 2;
    }
    before.truncate(depth);
    at
}

/// A path from the crate's root on. One that begins with neither `crate`, `super` nor `self` begins with a child of the
/// module.
pub(super) fn absolute<'a>(module: &[&'a str], path: &[&'a str]) -> Vec<&'a str> {
    let ups = path.iter().take_while(|step| **step == "super").count();
    let (base, rest) = match path.first() {
        Some(&"crate") => (&[][..], 1),
        Some(&"self") => (module, 1),
        _ => (&module[..module.len().saturating_sub(ups)], ups),
    };
    base.iter().chain(&path[rest..]).copied().collect()
}

/// Tells whether the code names `path`, also as a member of a braced import: `use std::{fmt, fs}` names `std::fs`.
pub(super) fn names(code: &str, path: &str) -> bool {
    let Some((parent, last)) = path.rsplit_once("::") else { return has_word(code, path) };
    let is_member = |(at, _): (usize, &str)| {
        let members = code[at..].split_once('{').map_or("", |(_, rest)| rest);
        has_word(members.split(';').next().unwrap_or_default(), last)
    };
    has_word(code, path) || code.match_indices(&format!("{parent}::{{")).any(is_member)
}

fn has_word(code: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(word).any(|(at, _)| {
        !code[..at].chars().next_back().is_some_and(|before| is_part(before) || before == ':')
            && !code[at + word.len()..].chars().next().is_some_and(is_part)
    })
}
