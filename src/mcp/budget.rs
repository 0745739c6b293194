//! Answers that fit into a conversation: long lists are cut, and the answer says how to get the rest.

use serde_json::{Value, json};

/// Longest answer, in bytes of JSON.
pub(super) const ANSWER_BYTES_MAX: usize = 48 * 1024;
/// Lengths that the lists of a too long answer are cut to, tried in turn.
const LENGTHS: [usize; 8] = [500, 200, 100, 50, 20, 10, 5, 2];
/// Lists that mean nothing when a part of them is missing.
const WHOLE: [&str; 3] = ["commands", "warnings", "causes"];

/// `answer`, with its lists cut where it is too long; `more` then says what is missing.
pub(super) fn bounded(mut answer: Value) -> Value {
    for length in LENGTHS {
        if bytes(&answer) <= ANSWER_BYTES_MAX {
            return answer;
        }
        let left_out = cut(&mut answer, length);
        if left_out == 0 {
            continue;
        }
        let before = answer["more"]["left_out"].as_u64().unwrap_or_default();
        // A page that was cut goes on after the last deployment that is left.
        let last = answer["deployments"].as_array().and_then(|list| Some(list.last()?["id"].clone()));
        if let Some(last) = last.filter(|_| answer.get("from").is_none()) {
            answer["next"] = last;
        }
        answer["more"] = json!({
            "left_out": before + left_out,
            "how": format!(
                "the answer was too long, so no list in it has more than {length} entries; ask for less (a limit, a \
                 shorter time, one repository) or for one thing (get_deployment, get_release), or go on with `next`"
            ),
        });
    }
    answer
}

fn bytes(value: &Value) -> usize {
    value.to_string().len()
}

/// Cuts every list below `value` to `length` entries; returns how many entries went.
fn cut(value: &mut Value, length: usize) -> u64 {
    match value {
        Value::Array(list) => {
            let left_out = list.len().saturating_sub(length) as u64;
            list.truncate(length);
            left_out + list.iter_mut().map(|one| cut(one, length)).sum::<u64>()
        }
        Value::Object(members) => {
            let members = members.iter_mut().filter(|(name, _)| !WHOLE.contains(&name.as_str()));
            members.map(|(_, one)| cut(one, length)).sum()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_answer_is_cut_and_says_so() {
        let deployment =
            |id: usize| json!({"id": format!("dep_{id}"), "changes": vec!["x".repeat(100); 300]});
        let short = json!({"deployments": [{"id": "dep_0"}]});
        assert_eq!(bounded(short.clone()), short);
        let long =
            json!({"deployments": (0..200).map(deployment).collect::<Vec<_>>(), "commands": vec!["c"; 30]});
        let cut = bounded(long);
        assert!(bytes(&cut) <= ANSWER_BYTES_MAX, "{}", bytes(&cut));
        let kept = cut["deployments"].as_array().unwrap();
        assert_eq!(cut["next"], kept.last().unwrap()["id"]);
        assert_eq!(cut["commands"].as_array().unwrap().len(), 30);
        assert!(cut["more"]["left_out"].as_u64().unwrap() > 190, "{}", cut["more"]);
    }
}
