//! The schemas of arguments and answers: JSON Schema 2020-12.
//!
//! Arguments follow from the table's fields. Answers are those of the API, and the API's own document (OpenAPI 3.1, whose
//! schemas are JSON Schema) says what they look like.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::arguments::filled;
use super::tool::{CONFIRM, Effect, Field, Kind, Route, Tool};

type Object = Map<String, Value>;

/// Kinds of changes that a release can name.
const CHANGE_KINDS: [&str; 7] = ["feature", "fix", "perf", "security", "breaking", "docs", "other"];

/// Where the document's schemas are.
const COMPONENT: &str = "#/components/schemas/";

/// What a tool takes.
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

/// What a tool answers with: what the API's own document says of its requests.
pub(super) fn output(tool: &Tool, document: &Value) -> Arc<Object> {
    let mut properties = Object::new();
    let mut whole = Object::new();
    for route in tool.routes {
        let answer = answer(document, route);
        if route.key.is_empty() {
            whole = object(resolved(document, &answer).clone());
        } else {
            properties.insert(route.key.to_owned(), answer);
        }
    }
    if !properties.is_empty() {
        let required: Vec<&String> = properties.keys().collect();
        whole = object(json!({"required": required, "properties": properties}));
    } else if whole.is_empty() {
        whole = object(json!({"properties": {"done": {"const": true}}, "required": ["done"]}));
    }
    whole.insert("type".to_owned(), "object".into());
    let definitions = definitions(document, &Value::Object(whole.clone()));
    let mut schema = Value::Object(whole);
    if !definitions.is_empty() {
        schema["$defs"] = definitions.into();
    }
    moved(&mut schema);
    Arc::new(object(schema))
}

/// The schema of a request's answer; null where there is none.
fn answer(document: &Value, route: &Route) -> Value {
    let path = nameless(&format!("/api/v1/{}", route.path.split('?').next().unwrap_or_default()));
    let mut paths = document["paths"].as_object().into_iter().flatten();
    let described = paths.find(|(name, _)| nameless(name) == path);
    let operation = described.map(|(_, methods)| &methods[route.method.as_str().to_lowercase()]);
    let mut answers =
        operation.and_then(|operation| operation["responses"].as_object()).into_iter().flatten();
    let good = answers.find(|(status, _)| status.starts_with('2'));
    good.map(|(_, answer)| answer["content"]["application/json"]["schema"].clone()).unwrap_or_default()
}

/// A path whose parameters have no names: those are ours on one side and the API's on the other.
fn nameless(path: &str) -> String {
    filled(path, |_| "{}".to_owned())
}

/// What a reference stands for.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|text| text.strip_prefix(COMPONENT));
    name.map_or(schema, |name| &document["components"]["schemas"][name])
}

/// Everything that a schema refers to, however deep.
fn definitions(document: &Value, schema: &Value) -> Object {
    let mut found = Object::new();
    let mut open = names(schema);
    while let Some(name) = open.pop() {
        let schema = &document["components"]["schemas"][&name];
        if found.insert(name, schema.clone()).is_none() {
            open.extend(names(schema));
        }
    }
    found
}

fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| match member.as_str().and_then(|text| text.strip_prefix(COMPONENT)) {
                Some(found) if name == "$ref" => vec![found.to_owned()],
                _ => names(member),
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}

/// Lets references point into the schema itself.
fn moved(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str().and_then(|text| text.strip_prefix(COMPONENT)) {
                    Some(found) if name == "$ref" => *member = format!("#/$defs/{found}").into(),
                    _ => moved(member),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(moved),
        _ => {}
    }
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
    fn an_answers_schema_is_the_documents_with_all_that_it_refers_to() {
        let of = |schema: Value| json!({"responses": {"200": {"content": {"application/json": {"schema": schema}}}}});
        let document = json!({
            "paths": {
                "/api/v1/environments": {"get": of(json!({"type": "array", "items": {"$ref": "#/components/schemas/A"}}))},
                "/api/v1/releases/{id}": {"get": of(json!({"$ref": "#/components/schemas/A"}))},
            },
            "components": {"schemas": {
                "A": {"properties": {"b": {"$ref": "#/components/schemas/B"}}},
                "B": {"properties": {"a": {"$ref": "#/components/schemas/A"}}},
                "C": {},
            }},
        });
        let schema = |tool: &str| Value::Object(output(named(tool).unwrap(), &document).as_ref().clone());
        let listed = schema("list_environments");
        assert_eq!(listed["properties"]["environments"]["items"]["$ref"], "#/$defs/A");
        assert_eq!(listed["$defs"].as_object().unwrap().len(), 2, "{listed}");
        let one = schema("get_release");
        assert_eq!((&one["type"], &one["properties"]["b"]["$ref"]), (&json!("object"), &json!("#/$defs/B")));
        assert_eq!(schema("revoke_token")["required"], json!(["done"]));
    }
}
