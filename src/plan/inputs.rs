//! Inputs as given on the command line become typed values, or a list of what is wrong with them.

use crate::clock::Timestamp;
use crate::engine::event::Field;
use crate::redaction::value_without_credentials;
use crate::runbook::diagnostic::nearest;
use crate::runbook::duration;
use crate::runbook::model::{InputKind, Limits, Runbook};
use crate::vault::SecretUrl;
use crate::visible;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};
use std::cmp::Ordering;
use url::Url;

/// Gives every input its value. `given` holds text from the command line, or values from a file.
pub(super) fn resolve(runbook: &Runbook, given: &Map<String, Value>) -> Result<Map<String, Value>, Vec<String>> {
    let mut problems = Vec::new();
    let names: Vec<&str> = runbook.inputs.iter().map(|input| input.name.as_str()).collect();
    for name in given.keys().filter(|name| !names.contains(&name.as_str())) {
        let help = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its inputs are {}", names.join(", ")),
        };
        problems.push(format!("`{}` has no input `{}`\n  help: {help}", runbook.name, visible::line(name)));
    }
    let mut values = Map::new();
    for input in &runbook.inputs {
        let value = given.get(&input.name).or(input.default.as_ref().map(|default| &default.value));
        // An input is recorded, shown and sent: what an address in it lets somebody in with ends here.
        let kept = value.cloned().map(value_without_credentials);
        if matches!(input.kind, InputKind::KeyvaultSecret) && kept.as_ref() != value {
            let help = "write `https://VAULT.vault.azure.net/secrets/NAME`, and treat a password in it as leaked";
            let problem = "the address of a secret holds no user and no password";
            problems.push(format!("the input `{}` cannot be used: {problem}\n  help: {help}", input.name));
            continue;
        }
        match kept {
            Some(Value::String(text)) if text.is_empty() && (input.required || !may_be_empty(&input.kind)) => {
                let help = "give a value; if it comes from a variable of the shell, the variable is not set or empty";
                problems.push(format!("the input `{}` is empty\n  help: {help}", input.name));
            }
            Some(value) => match typed(&input.kind, &input.limits, &value) {
                Ok(value) => drop(values.insert(input.name.clone(), value)),
                Err(problem) => {
                    let help = if problem.contains("help: ") {
                        String::new()
                    } else {
                        format!("\n  help: it is of the type {}, as the runbook says", input.kind.name())
                    };
                    problems.push(format!("the input `{}` cannot be used: {problem}{help}", input.name));
                }
            },
            None if input.required => {
                let about =
                    input.description.as_ref().map(|text| format!(": {}", visible::line(text))).unwrap_or_default();
                problems.push(format!("the input `{0}` is missing{about}\n  help: add `-i {0}=…`", input.name));
            }
            None => drop(values.insert(input.name.clone(), Value::Null)),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

fn may_be_empty(kind: &InputKind) -> bool {
    matches!(kind, InputKind::String | InputKind::List(_))
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
    typed(&kind, &Limits::default(), &value_without_credentials(value.clone()))
}

/// Text from a command line, or a value from a file, as the type has it and within its limits.
fn typed(kind: &InputKind, limits: &Limits, value: &Value) -> Result<Value, String> {
    let value = converted(kind, value)?;
    fits(kind, limits, &value)?;
    Ok(value)
}

fn converted(kind: &InputKind, value: &Value) -> Result<Value, String> {
    let text = match value {
        Value::String(text) => Some(text.as_str()),
        _ => None,
    };
    match (kind, value, text) {
        (InputKind::String, Value::Number(_) | Value::Bool(_), _) => Ok(Value::from(value.to_string())),
        (InputKind::Int, _, Some(text)) => parse::<i64>(text, "a whole number"),
        (InputKind::Number, Value::Number(number), _) => Ok(number.as_f64().map_or(Value::Null, Value::from)),
        (InputKind::Number, _, Some(text)) => parse::<f64>(text, "a number"),
        (InputKind::Bool, _, Some(text)) => parse::<bool>(&text.to_lowercase(), "`true` or `false`"),
        (InputKind::Timestamp, _, Some(text)) => timestamp(text).map(|time| Value::from(written(time))),
        (InputKind::KeyvaultSecret, _, Some(text)) => secret(text).map(|url| Value::from(url.to_string())),
        (InputKind::List(_), _, Some(text)) => {
            Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect())
        }
        _ => Ok(value.clone()),
    }
    .and_then(|value| match (kind, value) {
        (InputKind::List(Some(of)), Value::Array(items)) => {
            items.iter().map(|item| converted(&of.kind, item)).collect::<Result<_, _>>().map(Value::Array)
        }
        (_, value) => Ok(value),
    })
}

/// Whether a value is of a type, and within its limits.
pub(super) fn fits(kind: &InputKind, limits: &Limits, value: &Value) -> Result<(), String> {
    let text = value.as_str();
    match (kind, value, text) {
        (InputKind::String, _, Some(_)) | (InputKind::Number, Value::Number(_), _) => Ok(()),
        (InputKind::Int, Value::Number(number), _) if number.is_i64() => Ok(()),
        (InputKind::Bool, Value::Bool(_), _) => Ok(()),
        (InputKind::Enum(words), _, Some(text)) => one_of(words, text),
        (InputKind::Timestamp, _, Some(text)) => timestamp(text).map(drop),
        (InputKind::Duration, _, Some(text)) => duration::parse(text).map(drop),
        (InputKind::Url, _, Some(text)) => match Url::parse(text) {
            Ok(url) if url.has_host() => Ok(()),
            _ => Err(format!("`{}` is not a URL", visible::line(text))),
        },
        (InputKind::KeyvaultSecret, _, Some(text)) => secret(text).map(drop),
        (InputKind::List(items), Value::Array(values), _) => match items {
            Some(of) => values.iter().try_for_each(|value| fits(&of.kind, &of.limits, value)),
            None => Ok(()),
        },
        (kind, Value::Null, _) => Err(format!("nothing is given, and {} is expected", in_words(kind))),
        (kind, _, Some(text)) => Err(format!("`{}` is not {}", visible::line(text), in_words(kind))),
        (kind, value, _) => Err(format!("`{}` is not {}", plain(value), in_words(kind))),
    }?;
    within(kind, limits, value)
}

fn in_words(kind: &InputKind) -> &'static str {
    match kind {
        InputKind::String => "text",
        InputKind::Int => "a whole number",
        InputKind::Number => "a number",
        InputKind::Bool => "`true` or `false`",
        InputKind::Enum(_) => "one of its words",
        InputKind::Timestamp => "a time such as `2026-11-22T21:40:00Z`",
        InputKind::Duration => "a duration such as `90s`, `15m`, `24h` or `30d`",
        InputKind::Url => "a URL",
        InputKind::KeyvaultSecret => "the URL of a secret",
        InputKind::List(_) => "a list",
    }
}

fn within(kind: &InputKind, limits: &Limits, value: &Value) -> Result<(), String> {
    if let (Some(pattern), Some(text)) = (&limits.pattern, value.as_str())
        && !pattern.value.regex.is_match(text)
    {
        return Err(format!(
            "`{}` does not match the pattern `{}`",
            visible::line(text),
            visible::line(&pattern.value.source)
        ));
    }
    let measure = measure(kind, value);
    for (bound, word, wrong) in [(&limits.min, "at least", Ordering::Less), (&limits.max, "at most", Ordering::Greater)]
    {
        let Some(bound) = bound else { continue };
        let limit = bound_measure(kind, &bound.value).ok();
        if let (Some(measure), Some(limit)) = (measure, limit)
            && measure.partial_cmp(&limit) == Some(wrong)
        {
            let shown = bound.value.as_str().map_or_else(|| bound.value.to_string(), str::to_owned);
            return Err(match kind {
                InputKind::String => format!("`{}` must have {word} {shown} characters", plain(value)),
                InputKind::List(_) => format!("it must have {word} {shown} items"),
                _ => format!("`{}` must be {word} `{shown}`", plain(value)),
            });
        }
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    visible::line(value.as_str().unwrap_or(&value.to_string()))
}

/// What limits are compared with: numbers by themselves, times and durations by their length, texts and lists by what
/// is in them.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) enum Measure {
    Whole(i128),
    Real(f64),
}

fn measure(kind: &InputKind, value: &Value) -> Option<Measure> {
    match kind {
        InputKind::String => value.as_str().map(|text| Measure::Whole(text.chars().count() as i128)),
        InputKind::List(_) => value.as_array().map(|items| Measure::Whole(items.len() as i128)),
        _ => bound_measure(kind, value).ok(),
    }
}

/// A limit as it is compared.
pub(super) fn bound_measure(kind: &InputKind, bound: &Value) -> Result<Measure, String> {
    let whole = |number: &Value| number.as_i64().map(|number| Measure::Whole(number.into()));
    let found = match kind {
        InputKind::Number => bound.as_f64().map(Measure::Real),
        InputKind::Duration => match bound.as_str() {
            Some(text) => Some(Measure::Whole(i128::try_from(duration::parse(text)?.as_millis()).unwrap_or(i128::MAX))),
            None => None,
        },
        InputKind::Timestamp => match bound.as_str() {
            Some(text) => Some(Measure::Whole(timestamp(text)?.timestamp_micros().into())),
            None => None,
        },
        InputKind::String | InputKind::List(_) => whole(bound).filter(|length| *length >= Measure::Whole(0)),
        _ => whole(bound),
    };
    found.ok_or_else(|| match kind {
        InputKind::Number => "a number is expected".to_owned(),
        InputKind::Duration => "a duration such as `15m` is expected".to_owned(),
        InputKind::Timestamp => "a time such as `2026-11-22T21:40:00Z` is expected".to_owned(),
        InputKind::Int => "a whole number is expected".to_owned(),
        _ => "a length is expected: a whole number, 0 or more".to_owned(),
    })
}

fn parse<T: std::str::FromStr + Into<Value>>(text: &str, expected: &str) -> Result<Value, String> {
    text.parse::<T>().map(Into::into).map_err(|_| format!("`{}` is not {expected}", visible::line(text)))
}

fn one_of(words: &[String], text: &str) -> Result<(), String> {
    // An enum without words has been complained about.
    if words.is_empty() || words.iter().any(|word| word == text) {
        return Ok(());
    }
    let near = nearest(text, words.iter().map(String::as_str));
    let help = near.map(|near| format!("\n  help: did you mean `{}`?", visible::line(near))).unwrap_or_default();
    Err(format!("`{}` is not one of {}{help}", visible::line(text), visible::line(&words.join(", "))))
}

fn timestamp(text: &str) -> Result<Timestamp, String> {
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc));
    time.map_err(|_| {
        let text = visible::line(text);
        format!("`{text}` is not a time such as `2026-11-22T21:40:00Z`\n  help: RFC 3339, with the zone")
    })
}

fn written(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn secret(text: &str) -> Result<SecretUrl, String> {
    SecretUrl::parse(text).map_err(|failure| {
        let help = failure.help.map(|help| format!("\n  help: {help}")).unwrap_or_default();
        format!("{}{help}", visible::line(&failure.summary))
    })
}
