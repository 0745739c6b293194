//! Arguments of a tool → requests to the API. A sentence that names the argument says what is wrong.

use serde_json::{Map, Value};
use url::form_urlencoded;

use super::api::ApiRequest;
use super::tool::{CONFIRM, Effect, Field, Kind, Location, Route, Tool};

/// The arguments of a call; each is one that the tool has, of the kind that it takes.
#[derive(Debug)]
pub(super) struct Arguments {
    values: Map<String, Value>,
    /// The words that agree with a destruction.
    pub(super) confirmed: Option<String>,
}

impl Arguments {
    /// Checks `values` against the tool's fields.
    pub(super) fn of(tool: &Tool, mut values: Map<String, Value>) -> Result<Self, String> {
        values.retain(|_, value| !value.is_null());
        rename(tool, &mut values);
        let may_confirm = matches!(tool.effect, Effect::Destroys { .. } | Effect::Applies);
        let confirmed = match values.remove(CONFIRM).filter(|_| may_confirm) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        for (name, value) in &values {
            let field = tool.fields.iter().find(|field| field.name == name).ok_or_else(|| {
                let known: Vec<&str> = tool.fields.iter().map(|field| field.name).collect();
                format!("{} has no argument `{name}`; it takes: {}", tool.name, known.join(", "))
            })?;
            check(field, value)?;
        }
        let missing = tool.fields.iter().find(|field| field.is_required && !values.contains_key(field.name));
        if let Some(field) = missing {
            return Err(format!("`{}` is missing: {}", field.name, field.about));
        }
        Ok(Self { values, confirmed })
    }

    /// The argument as text; empty where it was not given.
    pub(super) fn text(&self, name: &str) -> &str {
        self.values.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Tells whether a flag was given and is true.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.values.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The arguments but for these.
    pub(super) fn without(&self, names: &[&str]) -> Self {
        let mut values = self.values.clone();
        values.retain(|name, _| !names.contains(&name.as_str()));
        Self { values, confirmed: self.confirmed.clone() }
    }

    /// A request for what is at a path with arguments in it.
    pub(super) fn ask_about(&self, path: &str) -> ApiRequest {
        ApiRequest::get(filled(path, |name| escaped(self.text(name))))
    }

    /// The same arguments in one text: what an agreement is bound to.
    pub(super) fn canonical(&self) -> String {
        Value::Object(self.values.clone()).to_string()
    }

    /// The request of a route.
    pub(super) fn ask(&self, tool: &Tool, route: &Route) -> ApiRequest {
        let mut target = filled(route.path, |name| escaped(self.text(name)));
        let mut query = form_urlencoded::Serializer::new(String::new());
        let mut body = Map::new();
        for field in tool.fields {
            let Some(value) = self.values.get(field.name) else { continue };
            match field.location {
                Location::Path => {}
                Location::Query(name) => {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    query.append_pair(name, &text);
                }
                Location::Body => {
                    body.insert(field.name.to_owned(), value.clone());
                }
                Location::BodyAs(name) => {
                    body.insert(name.to_owned(), value.clone());
                }
            }
        }
        let query = query.finish();
        if !query.is_empty() {
            target = format!("{target}?{query}");
        }
        let has_body =
            tool.fields.iter().any(|field| matches!(field.location, Location::Body | Location::BodyAs(_)));
        ApiRequest { method: route.method.clone(), target, body: has_body.then_some(Value::Object(body)) }
    }
}

/// `template` with each `{name}` replaced.
pub(super) fn filled(template: &str, value: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(before);
        text.push_str(&value(name));
        rest = after;
    }
    text + rest
}

/// One segment of a path, or one value of a query: nothing in it means anything else. `.` and `..` are no segments
/// that clients leave alone (RFC 3986 section 5.2.4), and nothing is called so.
fn escaped(text: &str) -> String {
    match text {
        "" | "." | ".." => "-".to_owned(),
        _ => form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20"),
    }
}

/// Names by which the API and the commands call the same thing.
const ALIASES: [(&str, &str); 6] = [
    ("env", "environment"),
    ("name", "environment"),
    ("q", "query"),
    ("question", "query"),
    ("expires", "expires_at"),
    ("created", "created_at"),
];

/// Lets arguments be called as elsewhere, where the tool has none of that name.
fn rename(tool: &Tool, values: &mut Map<String, Value>) {
    let has = |name: &str| tool.fields.iter().any(|field| field.name == name);
    for (alias, name) in ALIASES {
        if has(name)
            && !has(alias)
            && !values.contains_key(name)
            && let Some(value) = values.remove(alias)
        {
            values.insert(name.to_owned(), value);
        }
    }
}

fn check(field: &Field, value: &Value) -> Result<(), String> {
    let is_text = value.is_string();
    let (fits, wanted) = match field.kind {
        Kind::Text => (is_text, "must be a text".to_owned()),
        Kind::Time => (is_text, "must be a time, e.g. 2026-03-02T06:00:00Z".to_owned()),
        Kind::Word(words) => (
            value.as_str().is_some_and(|text| words.contains(&text)),
            format!("must be one of {}", words.join(", ")),
        ),
        Kind::Count(max) => (
            value.as_u64().is_some_and(|count| (1..=max).contains(&count)),
            format!("must be a number from 1 to {max}"),
        ),
        Kind::Flag => (value.is_boolean(), "must be true or false".to_owned()),
        Kind::Texts => (
            value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            "must be a list of texts".to_owned(),
        ),
        Kind::Changes => (
            value.as_array().is_some_and(|list| list.iter().all(|it| it["title"].is_string())),
            "must be a list of objects, each with a `title`".to_owned(),
        ),
    };
    if fits { Ok(()) } else { Err(format!("`{}` {wanted}", field.name)) }
}

#[cfg(test)]
mod tests {
    use super::super::tools::{TOOLS, named};
    use super::*;

    fn ask(tool: &str, arguments: Value) -> Result<String, String> {
        let tool = named(tool).unwrap();
        let Value::Object(arguments) = arguments else { panic!() };
        let arguments = Arguments::of(tool, arguments)?;
        let ask = arguments.ask(tool, &tool.routes[0]);
        Ok(format!("{} {} {}", ask.method, ask.target, ask.body.unwrap_or_default()))
    }

    #[test]
    fn arguments_go_where_the_api_wants_them() {
        let check = |tool, arguments, expected: &str| {
            assert_eq!(ask(tool, arguments).unwrap_or_else(|error| error), expected);
        };
        check(
            "get_running",
            serde_json::json!({"environment": "a/../b?c"}),
            "GET environments/a%2F..%2Fb%3Fc/running null",
        );
        check("get_running", serde_json::json!({"environment": ".."}), "GET environments/-/running null");
        check(
            "verify_change",
            serde_json::json!({"environment": "staging", "query": "login & logout"}),
            "GET verify?environment=staging&q=login+%26+logout null",
        );
        check(
            "update_environment",
            serde_json::json!({"environment": "staging", "description": null, "color": "#16a34a"}),
            "PATCH environments/staging {\"color\":\"#16a34a\"}",
        );
        check(
            "delete_environment",
            serde_json::json!({"environment": "a"}),
            "DELETE environments/a?confirm=a null",
        );
        // The API and the commands call it so.
        check("delete_environment", serde_json::json!({"name": "a"}), "DELETE environments/a?confirm=a null");
        check(
            "verify_change",
            serde_json::json!({"env": "staging", "q": "login"}),
            "GET verify?environment=staging&q=login null",
        );
        check("create_environment", serde_json::json!({"name": "a"}), "POST environments {\"name\":\"a\"}");
        check(
            "get_running",
            serde_json::json!({}),
            "`environment` is missing: Name of the environment, e.g. production; prod is enough where it fits one; list_environments has them",
        );
        check("get_running", serde_json::json!({"environment": 7}), "`environment` must be a text");
        check(
            "list_environments",
            serde_json::json!({"x": 1}),
            "list_environments has no argument `x`; it takes: ",
        );
        check(
            "create_token",
            serde_json::json!({"environment": "a", "name": "b", "kind": "root"}),
            "`kind` must be one of cluster, local, prepull, scanner, host, agent",
        );
    }

    #[test]
    fn every_route_and_sentence_names_arguments_that_are_there() {
        for tool in &TOOLS {
            let has = |name: &str| tool.fields.iter().any(|field| field.name == name && field.is_required);
            let check = |text: &str| {
                filled(text, |name| {
                    assert!(has(name), "{}: {text}", tool.name);
                    String::new()
                })
            };
            tool.routes.iter().for_each(|route| drop(check(route.path)));
            if let Effect::Destroys { confirm, what } = tool.effect {
                check(what);
                assert!(has(confirm), "{}", tool.name);
            }
        }
    }
}
