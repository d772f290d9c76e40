//! The JSON Schema of the whole language, made from the tables of words that the reader uses and from the types that
//! the actions use.
//!
//! What a schema cannot say, `lint` alone checks: what names refer to, what expressions mean, and what depends on two
//! places at once.

use super::renamed;
use super::spec::{Catalogue, Spec, gate};
use crate::runbook::duration;
use crate::runbook::language::{
    self, FRAGMENT, FRAGMENT_SCHEMA, IDENTIFIER, INCLUDE, ITEMS, Key, KeyShape, RUNBOOK, SCHEMA, STEP, TIME_PATTERN,
    URL_PATTERN,
};
use crate::vault::SECRET_URL_PATTERN;
use serde_json::{Map, Value, json};

/// A whole value that is one expression.
const EXPRESSION: &str = r"^\$\{\{[\s\S]*\}\}$";
/// A text in which an expression stands.
const MENTION: &str = r"\$\{\{";

/// JSON Schema (draft 2020-12) of runbooks and fragments.
pub fn schema(catalogue: &Catalogue) -> Value {
    let mut definitions = Map::new();
    let pattern = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    definitions.insert("expression".to_owned(), pattern(EXPRESSION));
    definitions.insert("mention".to_owned(), pattern(MENTION));
    // A value in which no expression stands, at any depth.
    let plain =
        json!({ "not": reference("mention"), "items": reference("plain"), "additionalProperties": reference("plain") });
    definitions.insert("plain".to_owned(), plain);
    definitions.insert("identifier".to_owned(), pattern(IDENTIFIER));
    definitions.insert("duration".to_owned(), pattern(&duration::pattern()));
    definitions
        .insert("timestamp".to_owned(), json!({ "type": "string", "format": "date-time", "pattern": TIME_PATTERN }));
    definitions.insert("url".to_owned(), pattern(URL_PATTERN));
    definitions.insert("keyvault_secret".to_owned(), pattern(SECRET_URL_PATTERN));
    definitions.insert("runbook".to_owned(), mapping(RUNBOOK, catalogue));
    definitions.insert("fragment".to_owned(), mapping(FRAGMENT, catalogue));
    definitions.insert("step".to_owned(), step(catalogue));
    definitions.insert("input".to_owned(), with_types(mapping(language::INPUT, catalogue), true));
    definitions.insert("items".to_owned(), with_types(mapping(ITEMS, catalogue), false));
    for spec in catalogue.values() {
        parameters(spec, &mut definitions);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A runbook of stanch, or a fragment of one",
        "description": format!("{SCHEMA} and {FRAGMENT_SCHEMA}, as stanch {} reads them", env!("CARGO_PKG_VERSION")),
        "if": { "type": "object", "properties": { "schema": { "const": FRAGMENT_SCHEMA } }, "required": ["schema"] },
        "then": { "$ref": "#/$defs/fragment" },
        "else": { "$ref": "#/$defs/runbook" },
        "$defs": definitions,
    })
}

fn mapping(keys: &[Key], catalogue: &Catalogue) -> Value {
    let property = |key: &Key| {
        let mut schema = shape(key, catalogue);
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), Value::from(key.about));
        }
        (key.name.to_owned(), schema)
    };
    let properties: Map<String, Value> = keys.iter().map(property).collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn shape(key: &Key, catalogue: &Catalogue) -> Value {
    match key.shape {
        KeyShape::Constant(text) => json!({ "const": text }),
        KeyShape::Text if key.required => json!({ "type": "string", "minLength": 1 }),
        KeyShape::Text | KeyShape::Template | KeyShape::Pattern => json!({ "type": "string" }),
        KeyShape::Identifier => reference("identifier"),
        KeyShape::Flag => json!({ "type": "boolean" }),
        KeyShape::Word(words) => json!({ "enum": words }),
        KeyShape::Words => {
            let mut words = json!({ "type": "array", "items": { "type": "string" }, "uniqueItems": true });
            // An enum has at least one word; a step may wait for nothing.
            if key.name == "values" {
                words["minItems"] = Value::from(1);
            }
            words
        }
        KeyShape::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        KeyShape::Duration => reference("duration"),
        KeyShape::Backoff => {
            let one = duration::pattern().trim_start_matches('^').trim_end_matches('$').to_owned();
            json!({ "type": "string", "pattern": format!("^{one}(\\.\\.{one})?$") })
        }
        KeyShape::Condition => json!({ "anyOf": [{ "type": "boolean" }, reference("expression")] }),
        KeyShape::Loop => json!({ "anyOf": [{ "type": "array" }, reference("expression")] }),
        KeyShape::Action => action(catalogue),
        KeyShape::Parameters => json!({ "type": "object" }),
        KeyShape::Gate => {
            let gate = gate(catalogue).map_or("", |gate| gate.name);
            reference(&format!("{gate}.{}", key.name).replace('/', "."))
        }
        KeyShape::Value | KeyShape::Bound => json!({}),
        KeyShape::Inputs => json!({
            "type": "object",
            "propertyNames": reference("identifier"),
            "additionalProperties": reference("input"),
        }),
        KeyShape::Items => reference("items"),
        KeyShape::Mapping(keys) => mapping(keys, catalogue),
        KeyShape::Steps => {
            let mut steps = json!({ "type": "array", "items": reference("step") });
            if key.required {
                steps["minItems"] = Value::from(1);
            }
            steps
        }
    }
}

/// The name of an action, or one that it had before.
fn action(catalogue: &Catalogue) -> Value {
    let old: Vec<&str> = renamed::formers().collect();
    json!({
        "type": "string",
        "anyOf": [{ "enum": catalogue.keys().collect::<Vec<_>>() }, { "enum": old, "deprecated": true }],
    })
}

/// A step, or an entry that includes others: what `with` holds depends on the action.
fn step(catalogue: &Catalogue) -> Value {
    let mut step = mapping(STEP, catalogue);
    let with = |spec: &Spec| {
        let mut then = json!({ "properties": { "with": reference(&definition(spec.name)) } });
        if !spec.required().is_empty() {
            then["required"] = json!(["with"]);
        }
        let name = match renamed::former(spec.name) {
            Some(old) => json!({ "enum": [spec.name, old] }),
            None => json!({ "const": spec.name }),
        };
        json!({ "if": { "properties": { "uses": name }, "required": ["uses"] }, "then": then })
    };
    let mut rules: Vec<Value> = catalogue.values().map(with).collect();
    rules.push(json!({ "if": { "required": ["concurrency"] }, "then": { "required": ["for_each"] } }));
    step["allOf"] = Value::Array(rules);
    json!({
        "if": { "type": "object", "required": ["include"] },
        "then": mapping(INCLUDE, catalogue),
        "else": step,
    })
}

fn definition(action: &str) -> String {
    action.replace('/', ".")
}

/// The rules of an input or of the items of a list that depend on its type.
fn with_types(mut input: Value, is_input: bool) -> Value {
    let length = json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX });
    let types = [
        ("string", json!({ "type": "string" }), Some(length.clone()), true),
        ("int", whole(), Some(whole()), false),
        ("number", json!({ "type": "number" }), Some(json!({ "type": "number" })), false),
        ("bool", json!({ "type": "boolean" }), None, false),
        ("enum", json!({ "type": "string" }), None, false),
        ("timestamp", reference("timestamp"), Some(reference("timestamp")), false),
        ("duration", reference("duration"), Some(reference("duration")), false),
        ("url", reference("url"), None, true),
        ("keyvault_secret", reference("keyvault_secret"), None, true),
        ("list", json!({ "type": "array" }), Some(length), false),
    ];
    let mut rules = Vec::new();
    for (name, default, bound, has_pattern) in types.into_iter().filter(|(name, ..)| is_input || *name != "list") {
        let mut properties = Map::new();
        let mut forbid = |key: &str| drop(properties.insert(key.to_owned(), Value::Bool(false)));
        if bound.is_none() {
            forbid("min");
            forbid("max");
        }
        if !has_pattern {
            forbid("pattern");
        }
        if name != "enum" {
            forbid("values");
        }
        if is_input && name != "list" {
            forbid("items");
        }
        if is_input {
            properties.insert("default".to_owned(), json!({ "allOf": [default, reference("plain")] }));
        }
        if let Some(bound) = bound {
            properties.insert("min".to_owned(), bound.clone());
            properties.insert("max".to_owned(), bound);
        }
        let mut then = json!({ "properties": properties });
        if name == "enum" {
            then["required"] = json!(["values"]);
        }
        rules
            .push(json!({ "if": { "properties": { "type": { "const": name } }, "required": ["type"] }, "then": then }));
    }
    if is_input {
        let both = json!({ "properties": { "required": { "const": true } }, "required": ["required", "default"] });
        rules.push(json!({ "not": both }));
        let defaults = list_defaults();
        rules.extend(defaults);
    }
    input["allOf"] = Value::Array(rules);
    input
}

/// A whole number as stanch keeps it.
fn whole() -> Value {
    json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX })
}

/// The items of a list's default are of the type of its items.
fn list_defaults() -> Vec<Value> {
    let text = json!({ "type": "string" });
    let types = [
        ("string", text.clone()),
        ("int", whole()),
        ("number", json!({ "type": "number" })),
        ("bool", json!({ "type": "boolean" })),
        ("enum", text),
        ("timestamp", reference("timestamp")),
        ("duration", reference("duration")),
        ("url", reference("url")),
        ("keyvault_secret", reference("keyvault_secret")),
    ];
    let rule = |(name, item): (&str, Value)| {
        let items = json!({ "properties": { "type": { "const": name } }, "required": ["type"] });
        json!({
            "if": { "properties": { "type": { "const": "list" }, "items": items }, "required": ["type", "items"] },
            "then": { "properties": { "default": { "items": item } } },
        })
    };
    types.into_iter().map(rule).collect()
}

/// The parameters of an action, with expressions wherever a value may stand. Each parameter is a definition of its own.
fn parameters(spec: &Spec, definitions: &mut Map<String, Value>) {
    let own = definition(spec.name);
    let mut schema = spec.parameters.clone();
    let nested = schema.as_object_mut().and_then(|schema| {
        schema.remove("$schema");
        schema.remove("title");
        schema.remove("$defs")
    });
    for (name, mut nested) in nested.and_then(|nested| nested.as_object().cloned()).unwrap_or_default() {
        repoint(&mut nested, &own);
        definitions.insert(format!("{own}.types.{name}"), templated(&nested, true));
    }
    repoint(&mut schema, &own);
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        let definition = format!("{own}.{name}");
        definitions.insert(definition.clone(), templated(property, false));
        *property = reference(&definition);
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), Value::from(spec.summary));
    }
    definitions.insert(own, schema);
}

/// References among an action's own types point to where these types are now.
fn repoint(schema: &mut Value, action: &str) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get_mut("$ref")
                && let Some(name) = reference.strip_prefix("#/$defs/")
            {
                *reference = format!("#/$defs/{action}.types.{name}");
            }
            fields.values_mut().for_each(|field| repoint(field, action));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| repoint(item, action)),
        _ => {}
    }
}

/// A schema that takes an expression too, at every depth. `is_type` says that this is the definition of a type, which is
/// wrapped where it is used.
fn templated(schema: &Value, is_type: bool) -> Value {
    let mut schema = schema.clone();
    if let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        fields.values_mut().for_each(|field| *field = templated(field, false));
    }
    for key in ["items", "additionalProperties"] {
        if let Some(each) = schema.get_mut(key).filter(|each| each.is_object()) {
            *each = templated(each, false);
        }
    }
    if is_type {
        return schema;
    }
    let about = schema.as_object_mut().and_then(|schema| schema.remove("description"));
    // A text may mention expressions; anything else may be one.
    let is_text = schema.get("type") == Some(&Value::from("string")) || schema.get("x-stanch-type").is_some();
    let text = if is_text || is_worded(&schema) { "mention" } else { "expression" };
    let mut wrapped = match (schema.get("type"), schema.get("pattern"), schema.get("enum")) {
        (Some(Value::String(kind)), None, None) if kind == "string" => schema,
        _ => json!({ "anyOf": [reference(text), schema] }),
    };
    if let (Some(about), Some(fields)) = (about, wrapped.as_object_mut()) {
        fields.insert("description".to_owned(), about);
    }
    wrapped
}

/// Whether a schema is, behind its reference, one of texts: a definition is looked at by its use only, so any mention
/// is allowed and `lint` says more.
fn is_worded(schema: &Value) -> bool {
    schema.get("$ref").is_some()
        || schema.get("enum").is_some()
        || schema.get("oneOf").is_some()
        || schema.get("type").and_then(Value::as_array).is_some_and(|names| names.contains(&Value::from("string")))
        || schema.get("anyOf").and_then(Value::as_array).is_some_and(|all| all.iter().any(is_worded))
}
