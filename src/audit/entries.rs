//! A JSON value → the entries it holds, each as a row of columns.
//!
//! Whoever carries a log somewhere wraps its entries: in lists, in a query's tables, in the members of a message, as JSON
//! text inside of JSON. Whatever is no entry itself is looked into, and an entry is never looked into: what a caller chose
//! stands in entries, so nobody can put one there.

use super::columns::{OPERATION, TIME, plain_name, says_something};
use serde_json::{Map, Value};

type Row = Map<String, Value>;

/// JSON text inside of JSON text is followed so deep.
const DEEPEST_TEXT: usize = 6;

/// The entries in a value, in their order. A value without any that has a time is one that says nothing more.
pub(crate) fn entries(value: Value) -> Vec<Row> {
    let found = inside(&value, None, DEEPEST_TEXT);
    match value {
        Value::Object(row) if found.is_empty() && time_of(&row).is_some() => vec![row],
        _ => found,
    }
}

/// A row of a table under the names of its columns.
pub(crate) fn row(columns: &[String], cells: Vec<Value>) -> Row {
    columns.iter().cloned().zip(cells).collect()
}

/// The names of a table's columns, as query engines write them before its rows.
pub(crate) fn columns(table: &Row) -> Option<Vec<String>> {
    let columns = member(table, &["columns"])?.as_array()?;
    let name = |column: &Value| match column {
        Value::String(name) => Some(name.clone()),
        Value::Object(column) => member(column, &["name", "columnname"])?.as_str().map(str::to_owned),
        _ => None,
    };
    columns.iter().map(name).collect()
}

fn inside(value: &Value, above: Option<&Value>, texts_left: usize) -> Vec<Row> {
    match value {
        Value::Array(values) => values.iter().flat_map(|value| inside(value, above, texts_left)).collect(),
        Value::String(text) if texts_left > 0 && text.trim_start().starts_with(['{', '[']) => {
            let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
            values.map_while(Result::ok).flat_map(|value| inside(&value, above, texts_left - 1)).collect()
        }
        Value::Object(row) => inside_object(row, above, texts_left),
        _ => Vec::new(),
    }
}

fn inside_object(row: &Row, above: Option<&Value>, texts_left: usize) -> Vec<Row> {
    if member(row, &[OPERATION]).and_then(Value::as_str).is_some_and(says_something) {
        return vec![with_time(row.clone(), above)];
    }
    let time = time_of(row).or(above);
    if let (Some(columns), Some(Value::Array(rows))) = (columns(row), member(row, &["rows"])) {
        let cells = rows.iter().filter_map(|cells| cells.as_array().cloned());
        return cells.map(|cells| self::row(&columns, cells)).collect();
    }
    let spread = attributes(row);
    if spread.keys().any(|name| plain_name(name) == OPERATION) {
        return vec![with_time(spread, time)];
    }
    // The same entry may stand in a message and beside it.
    let mut found: Vec<Vec<Row>> = Vec::new();
    for value in row.values() {
        let of_member = inside(value, time, texts_left);
        if !of_member.is_empty() && !found.contains(&of_member) {
            found.push(of_member);
        }
    }
    found.into_iter().flatten().collect()
}

/// An entry that has no time of its own has that of its envelope.
fn with_time(mut row: Row, above: Option<&Value>) -> Row {
    if let (None, Some(above)) = (time_of(&row), above) {
        row.insert("time".to_owned(), above.clone());
    }
    row
}

fn time_of(row: &Row) -> Option<&Value> {
    member(row, &TIME).filter(|time| match time {
        Value::String(text) => says_something(text),
        Value::Number(_) => true,
        _ => false,
    })
}

/// The first of these names that a row has something under.
fn member<'r>(row: &'r Row, names: &[&str]) -> Option<&'r Value> {
    names.iter().find_map(|name| row.iter().find(|(key, _)| plain_name(key) == *name).map(|(_, value)| value))
}

/// What OpenTelemetry spreads over a record's attributes, or over a body that is a list of names and values.
fn attributes(record: &Row) -> Row {
    let body = record.get("body").map(plain);
    let mut spread = match body {
        Some(Value::Object(body)) => body,
        _ => Row::new(),
    };
    if let Some(Value::Object(attributes)) = record.get("attributes").map(plain) {
        spread.extend(attributes);
    }
    spread
}

/// A value of OpenTelemetry's, as other JSON has it.
fn plain(value: &Value) -> Value {
    let pairs = |values: &[Value]| -> Option<Row> {
        let pair = |pair: &Value| Some((pair.get("key")?.as_str()?.to_owned(), plain(pair.get("value")?)));
        values.iter().map(pair).collect()
    };
    match value {
        Value::Array(values) => match pairs(values).filter(|pairs| !pairs.is_empty()) {
            Some(pairs) => Value::Object(pairs),
            None => values.iter().map(plain).collect(),
        },
        Value::Object(object) => match object.iter().next().map(|(kind, inner)| (kind.as_str(), inner)) {
            Some(("stringValue" | "intValue" | "doubleValue" | "boolValue", inner)) if object.len() == 1 => {
                inner.clone()
            }
            Some(("kvlistValue" | "arrayValue", inner)) if object.len() == 1 => {
                inner.get("values").map_or(Value::Null, plain)
            }
            _ => value.clone(),
        },
        other => other.clone(),
    }
}
