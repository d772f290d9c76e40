//! The functions that stanch adds to CEL. Times and durations stand in runbooks as texts; these read and write such
//! texts, so that a result can be given to the next step as it is.

use super::duration;
use crate::vault::SecretUrl;
use cel::{Context, ExecutionError, Value};
use chrono::{DateTime, SecondsFormat, Utc};
use std::sync::Arc;
use std::time::Duration;

/// A function of ours, as it is documented and typed.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    pub name: &'static str,
    /// What it takes.
    pub takes: &'static [ValueKind],
    /// What it gives.
    pub gives: ValueKind,
    pub about: &'static str,
    pub example: &'static str,
    /// What the example gives, as JSON.
    pub result: &'static str,
}

/// What a function takes or gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    Anything,
    Whole,
    Text,
    Timestamp,
    Duration,
    SecretUrl,
    List,
    /// A list of what the first argument is a list of.
    SameList,
}

impl ValueKind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anything => "any",
            Self::Whole => "int",
            Self::Text => "string",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::SecretUrl => "keyvault_secret",
            Self::List | Self::SameList => "list",
        }
    }
}

/// All of them.
pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "after",
        takes: &[ValueKind::Timestamp, ValueKind::Duration],
        gives: ValueKind::Timestamp,
        about: "the time that is so much later",
        example: r#"after("2026-11-22T21:40:00Z", "90m")"#,
        result: r#""2026-11-22T23:10:00Z""#,
    },
    Function {
        name: "before",
        takes: &[ValueKind::Timestamp, ValueKind::Duration],
        gives: ValueKind::Timestamp,
        about: "the time that is so much earlier",
        example: r#"before("2026-11-22T21:40:00Z", "1d")"#,
        result: r#""2026-11-21T21:40:00Z""#,
    },
    Function {
        name: "between",
        takes: &[ValueKind::Timestamp, ValueKind::Timestamp],
        gives: ValueKind::Duration,
        about: "how long it is from the first time to the second; nothing where the second is not later",
        example: r#"between("2026-11-22T21:40:00Z", "2026-11-23T03:26:00Z")"#,
        result: r#""346m""#,
    },
    Function {
        name: "seconds",
        takes: &[ValueKind::Duration],
        gives: ValueKind::Whole,
        about: "a duration in whole seconds, to compare and to count with",
        example: r#"seconds("15m") > 600"#,
        result: "true",
    },
    Function {
        name: "vault",
        takes: &[ValueKind::SecretUrl],
        gives: ValueKind::Text,
        about: "the short name of the vault of a secret",
        example: r#"vault("https://kv-prod.vault.azure.net/secrets/orders-db")"#,
        result: r#""kv-prod""#,
    },
    Function {
        name: "secret_name",
        takes: &[ValueKind::SecretUrl],
        gives: ValueKind::Text,
        about: "the name of a secret",
        example: r#"secret_name("https://kv-prod.vault.azure.net/secrets/orders-db")"#,
        result: r#""orders-db""#,
    },
    Function {
        name: "version",
        takes: &[ValueKind::SecretUrl],
        gives: ValueKind::Text,
        about: "the version that the URL of a secret names; empty where it names none",
        example: r#"version("https://kv-prod.vault.azure.net/secrets/orders-db/0123456789abcdef0123456789abcdef")"#,
        result: r#""0123456789abcdef0123456789abcdef""#,
    },
    Function {
        name: "count",
        takes: &[ValueKind::List, ValueKind::Anything],
        gives: ValueKind::Whole,
        about: "how often a value stands in a list",
        example: r#"count(["done", "failed", "done"], "done")"#,
        result: "2",
    },
    Function {
        name: "distinct",
        takes: &[ValueKind::List],
        gives: ValueKind::SameList,
        about: "the list without what stands in it twice",
        example: r#"distinct(["b", "a", "b"])"#,
        result: r#"["b","a"]"#,
    },
    Function {
        name: "join",
        takes: &[ValueKind::List, ValueKind::Text],
        gives: ValueKind::Text,
        about: "the texts of a list as one text, with another between them",
        example: r#"join(["kv-eu", "kv-us"], " and ")"#,
        result: r#""kv-eu and kv-us""#,
    },
];

type Text = Arc<String>;
type List = Arc<Vec<Value>>;

/// Makes them known where expressions are evaluated.
pub(super) fn register(context: &mut Context<'_, '_>) {
    let added = [
        context.add_function("after", |time: Text, length: Text| moved("after", &time, &length, 1).map(text)),
        context.add_function("before", |time: Text, length: Text| moved("before", &time, &length, -1).map(text)),
        context.add_function("between", |from: Text, to: Text| between(&from, &to).map(text)),
        context.add_function("seconds", |length: Text| seconds(&length)),
        context.add_function("vault", |url: Text| secret("vault", &url).map(|found| text(found.vault.name))),
        context.add_function("secret_name", |url: Text| secret("secret_name", &url).map(|found| text(found.name))),
        context.add_function("version", |url: Text| {
            secret("version", &url).map(|found| text(found.version.unwrap_or_default()))
        }),
        context.add_function("count", |list: List, wanted: Value| count(&list, &wanted)),
        context.add_function("distinct", |list: List| distinct(&list)),
        context.add_function("join", |list: List, between: Text| join(&list, &between).map(text)),
    ];
    debug_assert!(added.iter().all(Result::is_ok), "CEL has a function of one of these names");
}

fn text(text: String) -> Value {
    Value::String(Arc::new(text))
}

fn wrong(function: &str, why: impl ToString) -> ExecutionError {
    ExecutionError::function_error(function, why)
}

fn time(function: &str, text: &str) -> Result<DateTime<Utc>, ExecutionError> {
    let parsed = DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc));
    parsed.map_err(|_| wrong(function, format!("`{text}` is not a time such as `2026-11-22T21:40:00Z`")))
}

fn length(function: &str, text: &str) -> Result<Duration, ExecutionError> {
    duration::parse(text).map_err(|problem| wrong(function, problem))
}

fn moved(function: &str, at: &str, by: &str, sign: i32) -> Result<String, ExecutionError> {
    let (at, by) = (time(function, at)?, length(function, by)?);
    let by = chrono::Duration::from_std(by).ok();
    let moved = by.and_then(|by| at.checked_add_signed(by * sign));
    let moved = moved.ok_or_else(|| wrong(function, "there is no such time"))?;
    Ok(moved.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

fn between(from: &str, to: &str) -> Result<String, ExecutionError> {
    let passed = time("between", to)?.signed_duration_since(time("between", from)?);
    Ok(duration::format(Duration::from_secs(passed.num_seconds().try_into().unwrap_or(0))))
}

fn seconds(text: &str) -> Result<i64, ExecutionError> {
    i64::try_from(length("seconds", text)?.as_secs()).map_err(|error| wrong("seconds", error))
}

fn secret(function: &str, url: &str) -> Result<SecretUrl, ExecutionError> {
    SecretUrl::parse(url).map_err(|failure| wrong(function, failure.summary))
}

fn count(list: &[Value], wanted: &Value) -> Result<i64, ExecutionError> {
    i64::try_from(list.iter().filter(|value| *value == wanted).count()).map_err(|error| wrong("count", error))
}

fn distinct(list: &[Value]) -> Value {
    let mut kept: Vec<Value> = Vec::new();
    for value in list {
        if !kept.contains(value) {
            kept.push(value.clone());
        }
    }
    Value::List(Arc::new(kept))
}

fn join(list: &[Value], between: &str) -> Result<String, ExecutionError> {
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.as_str().to_owned()),
        Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::Bool(_) => {
            value.json().map(|value| value.to_string()).map_err(|error| wrong("join", error))
        }
        _ => Err(wrong("join", "only texts, numbers and truth values can be joined")),
    };
    Ok(list.iter().map(text).collect::<Result<Vec<_>, _>>()?.join(between))
}
