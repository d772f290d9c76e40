//! Inputs as given on the command line become typed values, or a list of what is wrong with them.

use crate::azure::SecretUrl;
use crate::clock::Timestamp;
use crate::engine::event::Field;
use crate::runbook::diagnostic::nearest;
use crate::runbook::duration;
use crate::runbook::model::{InputKind, Runbook};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

/// Gives every input its value. `given` holds text from the command line, or values from a file.
pub(super) fn resolve(runbook: &Runbook, given: &Map<String, Value>) -> Result<Map<String, Value>, Vec<String>> {
    let mut problems = Vec::new();
    let names: Vec<&str> = runbook.inputs.iter().map(|input| input.name.as_str()).collect();
    for name in given.keys().filter(|name| !names.contains(&name.as_str())) {
        let help = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its inputs are {}", names.join(", ")),
        };
        problems.push(format!("`{}` has no input `{name}`\n  help: {help}", runbook.name));
    }
    let mut values = Map::new();
    for input in &runbook.inputs {
        let value = given.get(&input.name).or(input.default.as_ref().map(|default| &default.value));
        match value {
            Some(value) => match typed(&input.kind, value) {
                Ok(value) => drop(values.insert(input.name.clone(), value)),
                Err(problem) => problems.push(format!("the input `{}` cannot be used: {problem}", input.name)),
            },
            None if input.required => {
                let about = input.description.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
                problems.push(format!("the input `{0}` is missing{about}\n  help: add `-i {0}=…`", input.name));
            }
            None => drop(values.insert(input.name.clone(), Value::Null)),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// A person's answer as the type that was asked for.
pub fn answer(field: &Field, value: &Value) -> Result<Value, String> {
    let kind = match field.kind.as_str() {
        "int" => InputKind::Int,
        "number" => InputKind::Number,
        "bool" => InputKind::Bool,
        "enum" => InputKind::Enum(field.values.clone()),
        "timestamp" => InputKind::Timestamp,
        "duration" => InputKind::Duration,
        "url" => InputKind::Url,
        "keyvault_secret" => InputKind::KeyvaultSecret,
        _ => InputKind::String,
    };
    typed(&kind, value)
}

fn typed(kind: &InputKind, value: &Value) -> Result<Value, String> {
    let text = match value {
        Value::String(text) => Some(text.as_str()),
        _ => None,
    };
    match (kind, value, text) {
        (InputKind::String, _, Some(text)) => Ok(Value::from(text)),
        (InputKind::String, Value::Number(_) | Value::Bool(_), _) => Ok(Value::from(value.to_string())),
        (InputKind::Int, Value::Number(number), _) if number.is_i64() => Ok(value.clone()),
        (InputKind::Int, _, Some(text)) => parse::<i64>(text, "a whole number"),
        (InputKind::Number, Value::Number(_), _) => Ok(value.clone()),
        (InputKind::Number, _, Some(text)) => parse::<f64>(text, "a number"),
        (InputKind::Bool, Value::Bool(_), _) => Ok(value.clone()),
        (InputKind::Bool, _, Some(text)) => parse::<bool>(text, "`true` or `false`"),
        (InputKind::Enum(words), _, Some(text)) => one_of(words, text),
        (InputKind::Timestamp, _, Some(text)) => timestamp(text),
        (InputKind::Duration, _, Some(text)) => duration::parse(text)
            .map(|_| Value::from(text))
            .map_err(|problem| format!("{problem}\n  help: a whole number and its unit: s, m, h or d")),
        (InputKind::Url, _, Some(text)) => match url::Url::parse(text) {
            Ok(url) if url.has_host() => Ok(Value::from(text)),
            _ => Err(format!("`{text}` is not a URL")),
        },
        (InputKind::KeyvaultSecret, _, Some(text)) => {
            SecretUrl::parse(text).map(|url| Value::from(url.to_string())).map_err(|failure| {
                let help = failure.help.map(|help| format!("\n  help: {help}")).unwrap_or_default();
                format!("{}{help}", failure.summary)
            })
        }
        (InputKind::List, Value::Array(_), _) => Ok(value.clone()),
        (InputKind::List, _, Some(text)) => {
            Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect())
        }
        (kind, value, _) => {
            let help = "the runbook says of which type its inputs are; in a file of inputs, texts stand in quotes";
            Err(format!("`{value}` is not of the type {}\n  help: {help}", type_name(kind)))
        }
    }
}

fn parse<T: std::str::FromStr + Into<Value>>(text: &str, expected: &str) -> Result<Value, String> {
    text.parse::<T>().map(Into::into).map_err(|_| format!("`{text}` is not {expected}"))
}

fn one_of(words: &[String], text: &str) -> Result<Value, String> {
    if words.iter().any(|word| word == text) {
        return Ok(Value::from(text));
    }
    let near = nearest(text, words.iter().map(String::as_str));
    let help = near.map(|near| format!("\n  help: did you mean `{near}`?")).unwrap_or_default();
    Err(format!("`{text}` is not one of {}{help}", words.join(", ")))
}

fn timestamp(text: &str) -> Result<Value, String> {
    let time: Timestamp = DateTime::parse_from_rfc3339(text)
        .map_err(|_| format!("`{text}` is not a time such as `2026-11-22T21:40:00Z`\n  help: RFC 3339, with the zone"))?
        .with_timezone(&Utc);
    Ok(Value::from(time.to_rfc3339_opts(SecondsFormat::AutoSi, true)))
}

fn type_name(kind: &InputKind) -> &'static str {
    match kind {
        InputKind::String => "string",
        InputKind::Int => "int",
        InputKind::Number => "number",
        InputKind::Bool => "bool",
        InputKind::Enum(_) => "enum",
        InputKind::Timestamp => "timestamp",
        InputKind::Duration => "duration",
        InputKind::Url => "url",
        InputKind::KeyvaultSecret => "keyvault_secret",
        InputKind::List => "list",
    }
}
