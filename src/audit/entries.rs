//! A JSON value → the entries it holds, each as a row of columns.
//!
//! Whoever carries a log somewhere wraps its entries: in lists, in a query's tables, in the members of a message, as JSON
//! text inside of JSON. Whatever is no entry itself is looked into, and an entry is never looked into: what a caller chose
//! stands in entries, so nobody can put one there.

use super::columns::{OPERATION, TIME, plain_name, says_something, text_of};
use super::spelled;
use serde_json::{Map, Value};

type Row = Map<String, Value>;

/// What text inside of text holds is followed so deep.
const DEEPEST_TEXT: usize = 6;

/// What a value holds.
pub(crate) struct Held {
    /// The entries, in their order. A value without any that has a time is one that says nothing more.
    pub(crate) rows: Vec<Row>,
    /// Why something that seems to hold entries could not be read.
    pub(crate) unread: Option<String>,
}

/// The entries in a value.
pub(crate) fn entries(value: Value) -> Held {
    let mut found = inside(&value, None, DEEPEST_TEXT);
    if let Value::Object(row) = value
        && found.rows.is_empty()
        && found.unread == 0
        && time_of(&row).is_some()
    {
        found.rows.push(row);
    }
    let texts = if found.unread == 1 { "a text in it" } else { "texts in it" };
    let unread =
        (found.unread > 0).then(|| format!("{texts} cannot be read: damaged, cut off, or in a form that is not known"));
    Held { rows: found.rows, unread }
}

/// What was found inside of a value.
#[derive(Default, PartialEq)]
struct Found {
    rows: Vec<Row>,
    /// How many texts seem to hold entries, and could not be read.
    unread: usize,
}

impl Found {
    fn one(row: Row) -> Self {
        Self { rows: vec![row], unread: 0 }
    }
}

impl FromIterator<Found> for Found {
    fn from_iter<T: IntoIterator<Item = Found>>(all: T) -> Self {
        all.into_iter().fold(Self::default(), |mut all, one| {
            all.rows.extend(one.rows);
            all.unread += one.unread;
            all
        })
    }
}

/// A row of a table under the names of its columns.
///
/// # Errors
/// Says so if it has not one cell for each of them.
pub(crate) fn row(columns: &[String], cells: Vec<Value>) -> Result<Row, String> {
    if cells.len() == columns.len() {
        return Ok(columns.iter().cloned().zip(cells).collect());
    }
    Err(wrong_cells(cells.len(), columns.len()))
}

/// Why a row stands for nothing: nobody knows which of its cells is in which column.
pub(crate) fn wrong_cells(cells: usize, columns: usize) -> String {
    let what = if cells < columns { "it is cut off, or lacks a cell" } else { "it has a cell too many" };
    format!("{what}: {cells} cells in a table of {columns} columns")
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

fn inside(value: &Value, above: Option<&Value>, texts_left: usize) -> Found {
    match value {
        Value::Array(values) => values.iter().map(|value| inside(value, above, texts_left)).collect(),
        Value::String(text) if texts_left > 0 => inside_text(text, above, texts_left - 1),
        Value::Object(row) => inside_object(row, above, texts_left),
        _ => Found::default(),
    }
}

fn inside_text(text: &str, above: Option<&Value>, texts_left: usize) -> Found {
    let mut found = Found::default();
    if text.trim_start().starts_with(['{', '[']) {
        // Several may stand behind each other.
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        let read: Vec<Value> = values.by_ref().map_while(Result::ok).collect();
        let is_whole = text.get(values.byte_offset()..).is_some_and(|rest| rest.trim().is_empty());
        if is_whole || !read.is_empty() {
            found = read.iter().map(|value| inside(value, above, texts_left)).collect();
            found.unread += usize::from(!is_whole && spelled::seems_to_hold_entries(text));
            return found;
        }
    }
    if texts_left > 0
        && let Some(decoded) = spelled::from_base64(text)
    {
        return inside_text(&decoded, above, texts_left - 1);
    }
    let behind_words = || spelled::behind_words(text).filter(|_| !text.trim_start().starts_with('{'));
    match spelled::value(text).or_else(behind_words) {
        Some(value) => inside(&value, above, texts_left),
        None => {
            found.unread = usize::from(spelled::seems_to_hold_entries(text));
            found
        }
    }
}

fn inside_object(row: &Row, above: Option<&Value>, texts_left: usize) -> Found {
    let operation = member(row, &[OPERATION]).and_then(text_of);
    if operation.is_some_and(|operation| says_something(&operation)) {
        return Found::one(with_time(row.clone(), above));
    }
    let time = time_of(row).or(above);
    if let (Some(columns), Some(Value::Array(rows))) = (columns(row), member(row, &["rows"])) {
        let cells = rows.iter().filter_map(|cells| cells.as_array().cloned());
        let read = cells.map(|cells| self::row(&columns, cells));
        return read.map(|row| row.map_or(Found { rows: Vec::new(), unread: 1 }, Found::one)).collect();
    }
    let spread = attributes(row);
    if spread.keys().any(|name| plain_name(name) == OPERATION) {
        return Found::one(with_time(spread, time));
    }
    // The same entry may stand in a message and beside it.
    let mut found: Vec<Found> = Vec::new();
    for value in row.values() {
        let of_member = inside(value, time, texts_left);
        if !found.contains(&of_member) {
            found.push(of_member);
        }
    }
    // Where one member was read, what another holds besides is a part or a copy of it.
    let is_read = found.iter().any(|found| !found.rows.is_empty() && found.unread == 0);
    found.into_iter().filter(|found| !is_read || !found.rows.is_empty()).collect()
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
