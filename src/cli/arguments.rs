//! Fields of requests as the arguments that people gave them by: what a server refuses is said of those.

use crate::wire::Problem;

/// A field, and the argument that fills it; the commands that take it as a word of their own name it so.
const ARGUMENTS: [(&str, &str); 28] = [
    ("at", "--at"),
    ("before", "--before"),
    ("changes", "--change"),
    ("color", "--color"),
    ("created_at", "--created"),
    ("description", "--description"),
    ("digest", "--digest"),
    ("digests", "--digest"),
    ("environment", "the environment"),
    ("expires_at", "--expires"),
    ("from", "--since"),
    ("kind", "--kind"),
    ("left_at", "--left-at"),
    ("limit", "--limit"),
    ("name", "the name"),
    ("namespace", "--namespace"),
    ("notes", "--notes"),
    ("overlap", "--overlap"),
    ("parents", "--parent"),
    ("q", "the description"),
    ("query", "the description"),
    ("question", "the question"),
    ("repositories", "--repository"),
    ("repository", "the repository"),
    ("revision", "--revision"),
    ("right_at", "--right-at"),
    ("until", "--until"),
    ("workload", "--workload"),
];

/// The problem's detail, in which a field that is wrong has the name of its argument.
pub(super) fn named(problem: Problem) -> String {
    let Problem { detail, field: Some(field), .. } = problem else { return problem.detail };
    let top = field.split(['.', '[']).next().unwrap_or_default();
    let argument = ARGUMENTS.iter().find(|(name, _)| *name == top).map(|(_, argument)| *argument);
    match (argument, detail.strip_prefix(&field).and_then(|rest| rest.strip_prefix(": "))) {
        (Some(argument), Some(rest)) => format!("{argument}: {rest}"),
        _ => detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_field_is_called_as_its_argument() {
        let of = |field: Option<&str>, detail: &str| {
            let mut problem: Problem = serde_json::from_str(r#"{"title": "No"}"#).unwrap();
            (problem.field, problem.detail) = (field.map(str::to_owned), detail.to_owned());
            named(problem)
        };
        assert_eq!(of(Some("expires_at"), "expires_at: must be later"), "--expires: must be later");
        assert_eq!(of(Some("changes[0].title"), "changes[0].title: is missing"), "--change: is missing");
        assert_eq!(of(Some("plan"), "plan: stands alone"), "plan: stands alone");
        assert_eq!(of(None, "at: no"), "at: no");
        assert!(ARGUMENTS.windows(2).all(|pair| pair[0] < pair[1]), "in order");
    }
}
