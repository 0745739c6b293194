//! The schemas of arguments and answers: JSON Schema 2020-12.
//!
//! Arguments follow from the table's fields. Answers are those of the API: their members and types come from the API's own
//! document (OpenAPI 3.1, whose schemas are JSON Schema).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::arguments::filled;
use super::tool::{CONFIRM, Effect, Field, Kind, Location, Route, Tool};

type Object = Map<String, Value>;

/// Kinds of changes that a release can name.
const CHANGE_KINDS: [&str; 7] = ["feature", "fix", "perf", "security", "breaking", "docs", "other"];

/// The place of the document's schemas.
const COMPONENT: &str = "#/components/schemas/";

/// The schema of a tool's arguments.
pub(super) fn input(tool: &Tool) -> Arc<Object> {
    let mut properties: Object =
        tool.fields.iter().map(|field| (field.name.to_owned(), of_field(field))).collect();
    let confirm = match tool.effect {
        Effect::Destroys { confirm, .. } => Some(confirm),
        Effect::Applies => Some("environment"),
        _ => None,
    };
    if let Some(confirm) = confirm {
        let about = format!(
            "The value of `{confirm}` once more, only after a person agreed to exactly this. Leave it out where your \
             client can ask: then the person is asked"
        );
        properties.insert(CONFIRM.to_owned(), json!({"type": "string", "description": about}));
    }
    let required: Vec<&str> =
        tool.fields.iter().filter(|field| field.is_required).map(|field| field.name).collect();
    Arc::new(object(json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })))
}

fn of_field(field: &Field) -> Value {
    let mut schema = match field.kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Word(words) => json!({"type": "string", "enum": words}),
        // Questions take a time as people say it.
        Kind::Time if matches!(field.location, Location::Query(_)) => json!({"type": "string"}),
        Kind::Time => json!({"type": "string", "format": "date-time"}),
        Kind::Count(max) => json!({"type": "integer", "minimum": 1, "maximum": max}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Changes => json!({"type": "array", "items": {
            "type": "object",
            "properties": {
                "title": {"type": "string"},
                "kind": {"type": "string", "enum": CHANGE_KINDS},
                "pr": {"type": "integer"},
                "issue": {"type": "integer"},
                "commit": {"type": "string"},
                "author": {"type": "string"},
            },
            "required": ["title"],
        }}),
    };
    schema["description"] = field.about.into();
    schema
}

/// A tool's answer: its members, and which of them are lists or objects. The list of tools is read by a model each time, so it has no more of
/// the answers than that; the API's own document describes them in full.
pub(super) fn output(tool: &Tool, document: &Value) -> Arc<Object> {
    let (mut properties, mut is_silent) = (Object::new(), false);
    for route in tool.routes {
        let answers = answers(document, route);
        is_silent |= answers.contains_key("204");
        let good = answers.iter().find(|(status, _)| status.starts_with('2'));
        let answer = good.map_or(Value::Null, |(_, it)| it["content"]["application/json"]["schema"].clone());
        if route.key.is_empty() {
            members(document, &answer, &mut properties);
        } else {
            properties.insert(route.key.to_owned(), typed(document, &answer));
        }
    }
    if properties.is_empty() || is_silent {
        properties.insert("done".to_owned(), json!({"const": true}));
    }
    Arc::new(object(json!({"type": "object", "properties": properties})))
}

/// Adds the members that `schema` names, its own and those of what it is put together from.
fn members(document: &Value, schema: &Value, found: &mut Object) {
    let schema = resolved(document, schema);
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        found.insert(name.clone(), typed(document, member));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        members(document, part, found);
    }
}

/// Its kind where that is a list or an object; other kinds show themselves.
fn typed(document: &Value, schema: &Value) -> Value {
    match resolved(document, schema)["type"].as_str() {
        Some(found @ ("array" | "object")) => json!({ "type": found }),
        _ => json!({}),
    }
}

/// A request's answers by status; none where the document does not know it.
fn answers(document: &Value, route: &Route) -> Object {
    let path = nameless(&format!("/api/v1/{}", route.path.split('?').next().unwrap_or_default()));
    let mut paths = document["paths"].as_object().into_iter().flatten();
    let described = paths.find(|(name, _)| nameless(name) == path);
    let operation = described.map(|(_, methods)| &methods[route.method.as_str().to_lowercase()]);
    operation.and_then(|operation| operation["responses"].as_object()).cloned().unwrap_or_default()
}

/// A path whose parameters have no names: those are ours on one side and the API's on the other.
fn nameless(path: &str) -> String {
    filled(path, |_| "{}".to_owned())
}

/// Follows a reference to its schema.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|text| text.strip_prefix(COMPONENT));
    name.map_or(schema, |name| &document["components"]["schemas"][name])
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(members) => members,
        _ => Object::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tools::named;
    use super::*;

    #[test]
    fn an_answers_schema_names_members_and_their_types() {
        let of = |schema: Value| json!({"responses": {"200": {"content": {"application/json": {"schema": schema}}}}});
        let document = json!({
            "paths": {
                "/api/v1/environments": {"get": of(json!({"type": "array", "items": {"$ref": "#/components/schemas/A"}}))},
                "/api/v1/releases/{id}": {"get": of(json!({"$ref": "#/components/schemas/A"}))},
                "/api/v1/environments/{env}": {"delete": {"responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}, "204": {},
                }}},
            },
            "components": {"schemas": {
                "A": {"allOf": [{"$ref": "#/components/schemas/B"}, {"properties": {"n": {"type": ["integer", "null"]}, "l": {"type": "array", "items": {}}}}]},
                "B": {"properties": {"a": {"$ref": "#/components/schemas/A"}, "c": {"$ref": "#/components/schemas/C"}}},
                "C": {"type": "string", "enum": ["x"]},
            }},
        });
        let properties = |tool: &str| output(named(tool).unwrap(), &document)["properties"].clone();
        assert_eq!(properties("list_environments"), json!({"environments": {"type": "array"}}));
        let one = json!({"a": {}, "c": {}, "n": {}, "l": {"type": "array"}});
        assert_eq!(properties("get_release"), one);
        let deleted = properties("delete_environment");
        assert_eq!((&deleted["l"], &deleted["done"]), (&json!({"type": "array"}), &json!({"const": true})));
        assert_eq!(properties("revoke_token"), json!({"done": {"const": true}}));
    }
}
