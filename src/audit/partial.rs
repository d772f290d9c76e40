//! What an answer says of itself: that it holds only a part of what was asked, and in which words.
//!
//! Query engines, search engines and interfaces that give pages say so beside the entries.

use super::naming::plain_name;
use serde_json::{Map, Value};

/// Why an answer is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Partial {
    /// What it has that says so.
    pub(super) has: String,
    /// Whether that is a link to more, which may follow in the same file.
    pub(super) is_page: bool,
}

/// What an object around entries says. `given` is how many of them there are, where they do not stand in it any more.
pub(super) fn partial(object: &Map<String, Value>, given: Option<u64>) -> Option<Partial> {
    object.iter().find_map(|(name, value)| {
        let said = said(&plain_name(name), value, given)?;
        let is_page = said.starts_with("a link");
        let name: String = name.chars().filter(|char| !char.is_control()).take(40).collect();
        let has = said.replace(NAME, &name);
        Some(Partial { has, is_page })
    })
}

/// The same of all objects in what was left of a document when its entries were taken out.
pub(super) fn partial_in(value: &Value, given: u64) -> Option<Partial> {
    match value {
        Value::Object(object) => {
            partial(object, Some(given)).or_else(|| object.values().find_map(|value| partial_in(value, given)))
        }
        Value::Array(values) => values.iter().find_map(|value| partial_in(value, given)),
        _ => None,
    }
}

/// Where the name of a member goes.
const NAME: &str = "{name}";

/// What a member says of the whole.
fn said(name: &str, value: &Value, given: Option<u64>) -> Option<String> {
    let is_true = value.as_bool() == Some(true) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let is_there = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::String(text) => !text.trim().is_empty(),
        _ => false,
    };
    let is_held = is_there && !value.is_string();
    match name {
        "error" | "errors" if is_held => Some("an `error`".to_owned()),
        "partialerror" | "oneapierrors" if is_held => Some("an `error` in a part of it".to_owned()),
        "haserrors" if is_true => Some("errors, as its `HasErrors` says".to_owned()),
        "cancelled" | "timedout" | "terminatedearly" | "truncated" | "istruncated" if is_true => {
            Some("`{name}`, which is true".to_owned())
        }
        "nextlink" | "odatanextlink" | "continuationtoken" | "nextpagetoken" | "skiptoken" | "nextpage" if is_there => {
            Some("a link to more, `{name}`".to_owned())
        }
        "shards" | "clusters" => {
            let failed = value.get("failed").and_then(Value::as_u64).filter(|failed| *failed > 0)?;
            Some(format!("{failed} failed `{NAME}`"))
        }
        "hits" => hits(value, given),
        _ => None,
    }
}

/// A search engine says how many entries there are, and gives a page of them.
fn hits(hits: &Value, given: Option<u64>) -> Option<String> {
    let total = hits.get("total")?;
    let list = hits.get("hits").and_then(Value::as_array).map(|list| list.len() as u64);
    let given = given.or(list)?;
    let is_more = total.get("relation").and_then(Value::as_str) == Some("gte");
    let count = total.as_u64().or_else(|| total.get("value")?.as_u64())?;
    let found = if is_more { format!("{count} hits or more") } else { format!("{count} hits") };
    (is_more || count > given).then(|| format!("{found}, and gives {given} of them"))
}
