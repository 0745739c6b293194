//! The schemas of arguments and answers: JSON Schema 2020-12.
//!
//! Arguments follow from the table's fields. Answers are those of the API, written down in `schemas.json`; each tool's
//! schema takes along the definitions that it uses.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value, json};

use super::tool::{CONFIRM, Effect, Field, Kind, Tool};

type Object = Map<String, Value>;

/// Kinds of changes that a release can name.
const CHANGE_KINDS: [&str; 7] = ["feature", "fix", "perf", "security", "breaking", "docs", "other"];

// It is part of the program, and a test reads it.
static ANSWERS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("schemas.json")).unwrap_or_default());

/// What a tool takes.
pub(super) fn input(tool: &Tool) -> Arc<Object> {
    let mut properties: Object =
        tool.fields.iter().map(|field| (field.name.to_owned(), of_field(field))).collect();
    if let Effect::Destroys { confirm, .. } = tool.effect {
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

/// What a tool answers with.
pub(super) fn output(tool: &Tool) -> Arc<Object> {
    let mut schema = object(ANSWERS["tools"][tool.name].clone());
    let mut used = BTreeSet::new();
    let mut open = vec![Value::Object(schema.clone())];
    while let Some(value) = open.pop() {
        for name in references(&value) {
            if used.insert(name.clone()) {
                open.push(ANSWERS["$defs"][&name].clone());
            }
        }
    }
    let definitions: Object =
        used.into_iter().map(|name| (name.clone(), ANSWERS["$defs"][&name].clone())).collect();
    schema.insert("type".to_owned(), "object".into());
    if !definitions.is_empty() {
        schema.insert("$defs".to_owned(), definitions.into());
    }
    Arc::new(schema)
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| match member.as_str().and_then(|text| text.strip_prefix("#/$defs/")) {
                Some(found) if name == "$ref" => vec![found.to_owned()],
                _ => references(member),
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(references).collect(),
        _ => Vec::new(),
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
    use super::super::tools::TOOLS;
    use super::*;

    #[test]
    fn every_tool_has_an_answer_and_every_reference_a_definition() {
        let names: BTreeSet<&str> = TOOLS.iter().map(|tool| tool.name).collect();
        let described: BTreeSet<&str> =
            ANSWERS["tools"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, described);
        for tool in &TOOLS {
            let schema = output(tool);
            let definitions = schema.get("$defs").cloned().unwrap_or_default();
            for name in references(&Value::Object(schema.as_ref().clone())) {
                assert!(definitions[&name].is_object(), "{}: {name}", tool.name);
            }
        }
    }
}
