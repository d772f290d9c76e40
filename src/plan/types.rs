//! The types of expressions: what is known of a value before there is one. What is not known is [`Type::Any`], and
//! nothing is held against it.

use crate::runbook::model::{InputKind, Items};
use serde_json::Value;
use std::rc::Rc;

/// What is known of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    Any,
    /// What an empty list holds.
    Never,
    Null,
    Bool,
    Int,
    Number,
    Text(Form),
    Bytes,
    /// A time of CEL's own, from `timestamp(…)`.
    Moment,
    /// A duration of CEL's own, from `duration(…)`.
    Length,
    /// A type as a value, from `type(…)`.
    Kind,
    List(Box<Type>),
    /// Names of anybody's choice, with values of one type.
    Map(Box<Type>),
    /// These names and no others.
    Object(Rc<Vec<(String, Type)>>),
}

/// What is known of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    Plain,
    /// One of these words.
    Words(Vec<String>),
    Timestamp,
    Duration,
    Url,
    Secret,
}

/// Beyond this nothing is known of a value.
const HEAVIEST: usize = 2000;

pub(super) const TEXT: Type = Type::Text(Form::Plain);

impl Type {
    pub(super) fn list(of: Self) -> Self {
        Self::List(Box::new(of))
    }

    pub(super) fn map(of: Self) -> Self {
        Self::Map(Box::new(of))
    }

    pub(super) fn object(fields: Vec<(String, Self)>) -> Self {
        Self::Object(Rc::new(fields))
    }

    pub(super) fn words(words: &[&str]) -> Self {
        Self::Text(Form::Words(words.iter().map(|word| (*word).to_owned()).collect()))
    }

    /// The type of an input.
    pub(super) fn of_input(kind: &InputKind) -> Self {
        match kind {
            InputKind::String => TEXT,
            InputKind::Int => Self::Int,
            InputKind::Number => Self::Number,
            InputKind::Bool => Self::Bool,
            // An enum without words has been complained about.
            InputKind::Enum(words) if words.is_empty() => TEXT,
            InputKind::Enum(words) => Self::Text(Form::Words(words.clone())),
            InputKind::Timestamp => Self::Text(Form::Timestamp),
            InputKind::Duration => Self::Text(Form::Duration),
            InputKind::Url => Self::Text(Form::Url),
            InputKind::KeyvaultSecret => Self::Text(Form::Secret),
            InputKind::List(None) => Self::list(Self::Any),
            InputKind::List(Some(of)) => {
                let Items { kind, .. } = of.as_ref();
                Self::list(Self::of_input(kind))
            }
        }
    }

    /// The type of a value that is known.
    pub(super) fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.is_i64() => Self::Int,
            Value::Number(_) => Self::Number,
            Value::String(text) => Self::Text(Form::Words(vec![text.clone()])),
            Value::Array(items) => {
                Self::list(items.iter().map(Self::of_value).fold(Self::Never, |so_far, item| so_far.or(item)))
            }
            Value::Object(fields) => {
                Self::object(fields.iter().map(|(name, value)| (name.clone(), Self::of_value(value))).collect())
            }
        }
    }

    /// The type of what a JSON Schema describes. `root` holds its definitions.
    pub(super) fn of_schema(schema: &Value, root: &Value) -> Self {
        let schema = resolved(schema, root);
        if let Some(form) = form(schema) {
            return Self::Text(form);
        }
        if let Some(words) = words(schema) {
            return Self::Text(Form::Words(words));
        }
        let any_of = schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array);
        if let Some(alternatives) = any_of {
            let known = alternatives.iter().map(|one| Self::of_schema(one, root)).filter(|one| *one != Self::Null);
            return known.reduce(Self::or).unwrap_or(Self::Any);
        }
        let names = type_names(schema);
        let mut names = names.iter().copied().filter(|name| *name != "null");
        match (names.next(), names.next()) {
            (Some("string"), None) => TEXT,
            (Some("integer"), None) => Self::Int,
            (Some("number"), None) => Self::Number,
            (Some("boolean"), None) => Self::Bool,
            (Some("array"), None) => {
                Self::list(schema.get("items").map_or(Self::Any, |items| Self::of_schema(items, root)))
            }
            (Some("object"), None) => match schema.get("properties").and_then(Value::as_object) {
                Some(fields) => Self::object(
                    fields.iter().map(|(name, field)| (name.clone(), Self::of_schema(field, root))).collect(),
                ),
                None => Self::map(match schema.get("additionalProperties") {
                    Some(of @ Value::Object(_)) => Self::of_schema(of, root),
                    _ => Self::Any,
                }),
            },
            (None, None) if type_names(schema) == ["null"] => Self::Null,
            _ => Self::Any,
        }
    }

    /// What a value can be that is of one type or of another.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (same, other) if same == other => same,
            (Self::Never | Self::Null, other) | (other, Self::Never | Self::Null) => other,
            (Self::Text(Form::Words(mut words)), Self::Text(Form::Words(more))) => {
                words.extend(more);
                words.sort();
                words.dedup();
                Self::Text(Form::Words(words))
            }
            (Self::Text(_), Self::Text(_)) => TEXT,
            (Self::Int | Self::Number, Self::Int | Self::Number) => Self::Number,
            (Self::List(one), Self::List(other)) => Self::list(one.or(*other)),
            (Self::Map(one), Self::Map(other)) => Self::map(one.or(*other)),
            _ => Self::Any,
        }
    }

    /// Whether two values of these types can ever be the same.
    pub(super) fn can_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any | Self::Never | Self::Null, _) | (_, Self::Any | Self::Never | Self::Null) => true,
            (Self::Text(Form::Words(one)), Self::Text(Form::Words(other))) => {
                one.iter().any(|word| other.contains(word))
            }
            (Self::Text(_), Self::Text(_)) => true,
            (Self::Int | Self::Number, Self::Int | Self::Number) => true,
            (Self::List(one), Self::List(other)) => one.can_equal(other),
            (Self::Map(_) | Self::Object(_), Self::Map(_) | Self::Object(_)) => true,
            (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
        }
    }

    /// How many types it is made of. What is looked at for a while only is kept light by [`Type::light`].
    fn weight(&self) -> usize {
        match self {
            Self::List(of) | Self::Map(of) => 1 + of.weight(),
            Self::Object(fields) => 1 + fields.iter().map(|(_, of)| of.weight()).sum::<usize>(),
            _ => 1,
        }
    }

    /// The same, unless it has grown too large to be looked at: expressions can double what they know at every turn.
    pub(super) fn light(self) -> Self {
        if self.weight() > HEAVIEST { Self::Any } else { self }
    }

    /// The words for it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Any => "anything".to_owned(),
            Self::Never | Self::Null => "nothing".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Int => "a whole number".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Text(Form::Plain) => "text".to_owned(),
            Self::Text(Form::Words(words)) if words.len() == 1 => "text".to_owned(),
            Self::Text(Form::Words(words)) if words.len() <= 8 => format!("one of {}", words.join(", ")),
            Self::Text(Form::Words(_)) => "a word".to_owned(),
            Self::Text(Form::Timestamp) => "a time".to_owned(),
            Self::Text(Form::Duration) => "a duration".to_owned(),
            Self::Text(Form::Url) => "a URL".to_owned(),
            Self::Text(Form::Secret) => "the URL of a secret".to_owned(),
            Self::Bytes => "bytes".to_owned(),
            Self::Moment => "a CEL timestamp".to_owned(),
            Self::Length => "a CEL duration".to_owned(),
            Self::Kind => "a type".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) | Self::Object(_) => "a mapping".to_owned(),
        }
    }
}

/// A schema behind its reference.
pub(super) fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..8 {
        let Some(name) = schema.get("$ref").and_then(Value::as_str) else { break };
        let Some(found) = name.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) else { break };
        schema = found;
    }
    schema
}

/// The names of JSON types that a schema allows; none where it says nothing.
pub(super) fn type_names(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The form of a text, as `x-stanch-type` has it.
pub(super) fn form(schema: &Value) -> Option<Form> {
    match schema.get("x-stanch-type")?.as_str()? {
        "timestamp" => Some(Form::Timestamp),
        "duration" => Some(Form::Duration),
        "url" => Some(Form::Url),
        "keyvault_secret" => Some(Form::Secret),
        _ => None,
    }
}

/// The words that a schema allows, if it allows words and nothing else.
pub(super) fn words(schema: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(word) = schema.get("const") {
        return text(word).map(|word| vec![word]);
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.iter().filter(|word| !word.is_null()).map(text).collect();
    }
    let alternatives = schema.get("oneOf")?.as_array()?;
    alternatives.iter().map(words).collect::<Option<Vec<_>>>().map(|words| words.concat())
}
