//! Answers that fit into a conversation: text and structure together have a bound. Long lists are cut, and the answer says
//! what is missing and how to get it.

use serde_json::{Map, Value, json};

/// Longest answer, in bytes: its text and its structure, both as JSON.
pub(super) const ANSWER_BYTES_MAX: usize = 12_000;
/// Longest text of an answer, in bytes.
const TEXT_BYTES_MAX: usize = 5_000;
/// Lengths that the lists of a too long answer are cut to, tried in turn: those below its members first, then its own.
const LENGTHS: [(usize, usize); 11] =
    [(50, 500), (10, 200), (3, 200), (1, 200), (1, 100), (1, 50), (1, 20), (1, 10), (1, 5), (1, 2), (1, 1)];
/// Lists that mean nothing when a part of them is missing.
const WHOLE: [&str; 3] = ["commands", "warnings", "causes"];
/// Bytes of the names of what was left out.
const NAMES_BYTES_MAX: usize = 1_500;
/// The longest member that is left alone where cutting lists is not enough.
const MEMBER_BYTES_MAX: usize = 2_000;

/// A part that was left out of an answer.
#[derive(Default)]
struct LeftOut {
    entries: usize,
    /// Names of the entries of the answer's own lists, as far as they have any.
    names: Vec<String>,
}

/// `answer` beside `text`, with its lists cut where both are too long; `more` then says what is missing. `from` is where the
/// whole answer is.
pub(super) fn bounded(mut answer: Value, text: &str, from: &[String]) -> Value {
    let room = ANSWER_BYTES_MAX.saturating_sub(bytes(&Value::from(text)));
    let mut left_out = LeftOut::default();
    for (below, own) in LENGTHS {
        if bytes(&answer) <= room {
            return answer;
        }
        cut(&mut answer, 0, (below, own), &mut left_out);
        if left_out.entries > 0 {
            continue_after_last(&mut answer);
            answer["more"] = more(&left_out, from);
        }
    }
    if bytes(&answer) <= room {
        return answer;
    }
    let members = answer.as_object_mut().into_iter().flat_map(Map::iter_mut);
    for (_, member) in members.filter(|(name, _)| *name != "more") {
        if bytes(member) > MEMBER_BYTES_MAX {
            *member = Value::Null;
            left_out.entries += 1;
        }
    }
    answer["more"] = more(&left_out, from);
    answer
}

/// `text`, cut at the end of a line where it is too long.
pub(super) fn brief(text: String, from: &[String]) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text;
    }
    let end = (0..=TEXT_BYTES_MAX).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default();
    let kept = text[..end].rfind('\n').map_or(&text[..end], |line| &text[..line]);
    let lines = text[kept.len()..].lines().filter(|line| !line.is_empty()).count();
    format!(
        "{kept}\n… and {lines} more lines: ask for less (a limit, a shorter time, one thing); all of it is at {}.",
        from.join(", ")
    )
}

fn more(left_out: &LeftOut, from: &[String]) -> Value {
    let mut named = 0;
    let names: Vec<&String> = left_out
        .names
        .iter()
        .take_while(|name| {
            named += name.len();
            named <= NAMES_BYTES_MAX
        })
        .collect();
    json!({
        "left_out": left_out.entries,
        "names": names,
        "how": "the answer was too long; ask for less (a limit, a shorter time) or for one thing (get_deployment, \
                get_release), or go on with `before` = `next`",
        "whole": from,
    })
}

/// A page that was cut goes on after the last deployment that is left.
fn continue_after_last(answer: &mut Value) {
    let last = answer["deployments"].as_array().and_then(|list| Some(list.last()?["id"].clone()));
    if let Some(last) = last.filter(|_| answer.get("from").is_none()) {
        answer["next"] = last;
    }
}

fn bytes(value: &Value) -> usize {
    value.to_string().len()
}

/// Cuts the lists of `value`, which is `depth` below the answer, to `own` entries at the top and `below` entries further down.
fn cut(value: &mut Value, depth: usize, (below, own): (usize, usize), left_out: &mut LeftOut) {
    match value {
        Value::Array(list) => {
            let gone = list.split_off(list.len().min(if depth == 1 { own } else { below }));
            left_out.entries += gone.len();
            if depth == 1 {
                left_out.names.splice(..0, gone.iter().filter_map(name_of).map(str::to_owned));
            }
            list.iter_mut().for_each(|one| cut(one, depth + 1, (below, own), left_out));
        }
        Value::Object(members) => {
            let members = members.iter_mut().filter(|(name, _)| !WHOLE.contains(&name.as_str()));
            members
                .filter(|(name, _)| *name != "more")
                .for_each(|(_, one)| cut(one, depth + 1, (below, own), left_out));
        }
        _ => {}
    }
}

fn name_of(entry: &Value) -> Option<&str> {
    ["name", "repository", "id"].into_iter().find_map(|key| entry[key].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from() -> Vec<String> {
        vec!["/api/v1/environments/eu/deployments".to_owned()]
    }

    #[test]
    fn a_long_answer_is_cut_and_says_so() {
        let deployment =
            |id: usize| json!({"id": format!("dep_{id}"), "changes": vec!["x".repeat(100); 300]});
        let short = json!({"deployments": [{"id": "dep_0"}]});
        assert_eq!(bounded(short.clone(), "", &from()), short);
        let long =
            json!({"deployments": (0..200).map(deployment).collect::<Vec<_>>(), "commands": vec!["c"; 30]});
        let cut = bounded(long, "", &from());
        assert!(bytes(&cut) <= ANSWER_BYTES_MAX, "{}", bytes(&cut));
        let kept = cut["deployments"].as_array().unwrap();
        assert_eq!(cut["next"], kept.last().unwrap()["id"]);
        assert_eq!(cut["commands"].as_array().unwrap().len(), 30);
        assert!(cut["more"]["left_out"].as_u64().unwrap() > 190, "{}", cut["more"]);
        assert_eq!(cut["more"]["whole"], json!(from()));
    }

    #[test]
    fn names_of_what_was_left_out_are_told_in_their_order() {
        let environment = |id: usize| json!({"name": format!("eu-{id}"), "description": "d".repeat(300), "changes": [1, 2]});
        let cut = bounded(json!({"environments": (0..100).map(environment).collect::<Vec<_>>()}), "", &[]);
        let kept = cut["environments"].as_array().unwrap().len();
        let names = cut["more"]["names"].as_array().unwrap();
        assert_eq!((names.len(), &names[0]), (100 - kept, &json!(format!("eu-{kept}"))), "{cut}");
    }

    #[test]
    fn nothing_is_longer_than_the_bound() {
        let wide = |count: usize| (0..count).map(|at| (format!("m{at}"), "y".repeat(900).into())).collect();
        for answer in [
            json!({"summary": "x".repeat(50_000), "id": "rel_1"}),
            json!({"releases": [{"changes": [{"title": "x".repeat(90_000)}]}]}),
            json!({"list": vec!["é".repeat(500); 5_000]}),
            Value::Object(Map::from_iter([("one".to_owned(), Value::Object(wide(100)))])),
        ] {
            let text = brief("a line that is said\n".repeat(1_000), &from());
            assert!(text.len() <= TEXT_BYTES_MAX + 200, "{}", text.len());
            let cut = bounded(answer, &text, &from());
            assert!(bytes(&cut) + bytes(&text.into()) <= ANSWER_BYTES_MAX, "{cut}");
            assert!(cut["more"]["left_out"].as_u64().unwrap() > 0, "{cut}");
        }
    }
}
