//! A JSON value → the entries it holds, each as a row of columns.
//!
//! Whoever carries a log somewhere wraps its entries: in lists, in a query's tables, in the members of a message, as JSON
//! text inside of JSON. Whatever is no entry itself is looked into, and of an entry only the members that shippers put beside
//! it: what a caller chose stands in the others, so nobody can put one there.

use super::columns::{self, OPERATION, TIME};
use super::flat::text_of;
use super::json;
use super::naming::{plain_name, says_something};
use super::partial::{Partial, partial};
use super::spelled;
use serde_json::{Map, Number, Value};

type Row = Map<String, Value>;

/// What text inside of text holds is followed so deep.
const DEEPEST_TEXT: usize = 6;

/// What a value holds.
pub(crate) struct Held {
    /// The entries, in their order. A value without any that has a time is one that says nothing more.
    pub(crate) rows: Vec<Row>,
    /// Why something that seems to hold entries could not be read.
    pub(crate) unread: Option<String>,
    /// Whether it is an answer that says that it is not whole.
    pub(crate) partial: Option<Partial>,
    /// Whether the entries are those of a whole batch, one of which stands beside it: others hold the same batch.
    pub(crate) of_batch: bool,
}

impl Held {
    pub(crate) fn of(row: Row) -> Self {
        Self { rows: vec![row], unread: None, partial: None, of_batch: false }
    }
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
    let why = found.why.unwrap_or_else(|| "damaged, cut off, or in a form that is not known".to_owned());
    let unread = (found.unread > 0).then(|| format!("{texts} cannot be read: {why}"));
    Held { rows: found.rows, unread, partial: found.partial, of_batch: found.of_batch }
}

/// What was found inside of a value.
#[derive(Default, PartialEq)]
struct Found {
    rows: Vec<Row>,
    /// How many texts seem to hold entries, and could not be read.
    unread: usize,
    /// Why, of the first of which that is known.
    why: Option<String>,
    partial: Option<Partial>,
    /// Whether the rows stood in a text.
    in_text: bool,
    of_batch: bool,
}

impl Found {
    fn one(row: Row) -> Self {
        Self { rows: vec![row], ..Self::default() }
    }
}

impl FromIterator<Found> for Found {
    fn from_iter<T: IntoIterator<Item = Found>>(all: T) -> Self {
        all.into_iter().fold(Self::default(), |mut all, one| {
            all.rows.extend(one.rows);
            all.unread += one.unread;
            all.why = all.why.or(one.why);
            all.partial = all.partial.or(one.partial);
            all.in_text |= one.in_text;
            all.of_batch |= one.of_batch;
            all
        })
    }
}

/// A row of a table under the names of its columns.
///
/// # Errors
/// Says so if it has not one cell for each of them.
pub(crate) fn row(columns: &[String], cells: Vec<Value>) -> Result<Row, String> {
    if cells.len() != columns.len() {
        return Err(wrong_cells(cells.len(), columns.len()));
    }
    let mut row = Row::new();
    for (name, cell) in columns.iter().zip(cells) {
        match row.get(name) {
            Some(present) if *present != cell => return Err(twofold_column(name)),
            Some(_) => {}
            None => drop(row.insert(name.clone(), cell)),
        }
    }
    Ok(row)
}

/// Why a row stands for nothing whose table has two columns of one name.
pub(crate) fn twofold_column(name: &str) -> String {
    format!("its column `{name}` stands twice, with different content")
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
        Value::Array(values) => {
            let mut found: Found = values.iter().map(|value| inside(value, above, texts_left)).collect();
            let is_bare = |value: &Value| matches!(value, Value::Null | Value::Bool(_) | Value::Number(_));
            // Fluentd sends an entry behind its time, in seconds since 1970.
            let is_time = |number: &Number| number.as_f64().is_some_and(|seconds| seconds > 1e9);
            let is_pair = matches!(values.as_slice(), [Value::Number(number), Value::Object(_)] if is_time(number));
            if !found.rows.is_empty() && !is_pair && values.iter().any(is_bare) {
                found.unread += 1;
                found.why = found.why.or_else(|| Some("a list of entries holds something else".to_owned()));
            }
            found
        }
        Value::String(text) if texts_left > 0 => Found { in_text: true, ..inside_text(text, above, texts_left - 1) },
        Value::Object(row) => inside_object(row, above, texts_left),
        _ => Found::default(),
    }
}

fn inside_text(text: &str, above: Option<&Value>, texts_left: usize) -> Found {
    let mut found = Found::default();
    if text.trim_start().starts_with(['{', '[']) {
        // Several may stand behind each other.
        let (read, error) = json::values(text);
        let twice = error.as_ref().and_then(json::twice);
        if error.is_none() || twice.is_some() || !read.is_empty() {
            found = read.iter().map(|value| inside(value, above, texts_left)).collect();
            found.unread += usize::from(error.is_some() && spelled::seems_to_hold_entries(text));
            found.why = found.why.or(twice);
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
            found.why = json::twice_in(text);
            found
        }
    }
}

fn inside_object(row: &Row, above: Option<&Value>, texts_left: usize) -> Found {
    let operation = member(row, &[OPERATION]).and_then(text_of);
    if operation.is_some_and(|operation| says_something(&operation)) {
        let beside = row.iter().filter(|(name, _)| CARRIERS.contains(&plain_name(name).as_str()));
        let carried = beside.map(|(_, value)| inside(value, time_of(row).or(above), texts_left)).collect();
        return with_carried(with_time(row.clone(), above), carried);
    }
    let time = time_of(row).or(above);
    if let Some(rows) = transposed(row) {
        return rows.into_iter().map(|row| inside_object(&row, above, texts_left)).collect();
    }
    let cells = member(row, &["rows"]).or_else(|| member(row, &["data"]).filter(|rows| is_of_rows(rows)));
    if let (Some(columns), Some(Value::Array(rows))) = (columns(row), cells) {
        let cells = rows.iter().filter_map(|cells| cells.as_array().cloned());
        let read = cells.map(|cells| self::row(&columns, cells));
        return read
            .map(|row| row.map_or_else(|why| Found { unread: 1, why: Some(why), ..Found::default() }, Found::one))
            .collect();
    }
    let spread = attributes(row);
    if spread.keys().any(|name| plain_name(name) == OPERATION) {
        return Found::one(with_time(spread, time));
    }
    let entry = of_integration(row);
    // The same entry may stand in a message and beside it.
    let mut found: Vec<Found> = Vec::new();
    let members = row.iter().filter(|(name, _)| entry.is_none() || *name != "azure").map(|(_, value)| value);
    for of_member in entry
        .clone()
        .map(|entry| Found::one(with_time(entry, time)))
        .into_iter()
        .chain(members.map(|value| inside(value, time, texts_left)))
    {
        if !found.contains(&of_member) {
            found.push(of_member);
        }
    }
    // Where one member was read, what another holds besides is a part or a copy of it.
    let is_read = found.iter().any(|found| !found.rows.is_empty() && found.unread == 0);
    let said = found.iter().find_map(|found| found.partial.clone());
    let mut found = found;
    drop_copy(&mut found);
    let all: Found = found.into_iter().filter(|found| !is_read || !found.rows.is_empty()).collect();
    Found { partial: partial(row, None).or(said), ..all }
}

fn is_of_rows(value: &Value) -> bool {
    value.as_array().is_some_and(|rows| rows.iter().all(Value::is_array))
}

/// The rows of a table that was written column by column: each has a cell for each row, under the row's name or in their order.
fn transposed(table: &Row) -> Option<Vec<Row>> {
    member(table, &[OPERATION]).and(member(table, &TIME))?;
    let keys: Vec<&String> = table.values().next()?.as_object().map(|cells| cells.keys().collect()).unwrap_or_default();
    let count = table.values().next().and_then(Value::as_array).map_or(keys.len(), Vec::len);
    let is_whole = |column: &Value| match column {
        Value::Object(cells) => {
            !keys.is_empty() && cells.len() == count && keys.iter().all(|key| cells.contains_key(*key))
        }
        Value::Array(cells) => keys.is_empty() && cells.len() == count,
        _ => false,
    };
    let cell = |column: &Value, nth: usize| match keys.get(nth) {
        Some(key) => column.get(key.as_str()).cloned().unwrap_or_default(),
        None => column.get(nth).cloned().unwrap_or_default(),
    };
    table.values().all(is_whole).then(|| {
        let row = |nth| table.iter().map(|(name, column)| (name.clone(), cell(column, nth))).collect();
        (0..count).map(row).collect()
    })
}

/// Members in which shippers keep what they were sent.
const CARRIERS: [&str; 18] = [
    "message",
    "msg",
    "log",
    "raw",
    "original",
    "event",
    "eventoriginal",
    "body",
    "payload",
    "fullmessage",
    "logmessage",
    "record",
    "records",
    "content",
    "data",
    "envelope",
    "entry",
    "entries",
];

/// An entry, and what a member beside its own carries: the same as it was sent, perhaps with all that were sent with it, or
/// another one.
fn with_carried(entry: Row, mut carried: Found) -> Found {
    if carried.rows.iter().any(|row| is_same(row, &entry)) {
        carried.of_batch |= carried.rows.len() > 1;
        if carried.rows.len() == 1 {
            carried.rows = vec![entry];
        }
    } else {
        carried.rows.insert(0, entry);
    }
    Found { in_text: false, ..carried }
}

/// Whether two rows are one entry.
fn is_same(one: &Row, other: &Row) -> bool {
    let (one, other) = (columns::fields(one), columns::fields(other));
    let agree = |one: &str, other: &str| one.is_empty() || other.is_empty() || one.eq_ignore_ascii_case(other);
    one.operation.eq_ignore_ascii_case(&other.operation)
        && (&one.correlation, &one.id, &one.request_uri) == (&other.correlation, &other.id, &other.request_uri)
        && agree(&one.oid, &other.oid)
        && agree(&one.upn, &other.upn)
}

/// Where an entry was read, and a text beside it has the same as it was sent, perhaps with all that were sent with it, the
/// text is the one that is whole.
fn drop_copy(found: &mut Vec<Found>) {
    let in_text = found.iter().position(|found| found.in_text && !found.rows.is_empty());
    let read = found.iter().position(|found| !found.in_text && found.rows.len() == 1);
    let (Some(in_text), Some(read)) = (in_text, read) else { return };
    let copy = found.get(read).and_then(|found| found.rows.first()).cloned();
    let (Some(copy), Some(sent)) = (copy, found.get_mut(in_text)) else { return };
    if sent.rows.iter().any(|row| is_same(row, &copy)) {
        sent.of_batch = sent.rows.len() > 1;
        found.remove(read);
    }
}

/// The entry in a document of Elastic's integration, which puts some of its members beside it.
fn of_integration(document: &Row) -> Option<Row> {
    let azure = document.get("azure")?.as_object()?;
    let mut entry = azure.get("platformlogs")?.as_object()?.clone();
    member(&entry, &[OPERATION])?;
    let under = |path: &[&str]| path.iter().try_fold(document, |inner, name| inner.get(*name)?.as_object());
    let beside = [
        ("callerIpAddress", "ip", &["source"][..]),
        ("callerIpAddress", "ip", &["client"]),
        ("callerIpAddress", "address", &["source"]),
        ("resourceId", "id", &["azure", "resource"]),
        ("correlationId", "correlation_id", &["azure"]),
    ];
    for (name, beside, path) in beside {
        let is_there = member(&entry, &[&plain_name(name)]).and_then(text_of).is_some_and(|text| says_something(&text));
        if let (false, Some(value)) = (is_there, under(path).and_then(|holder| holder.get(beside))) {
            entry.insert(name.to_owned(), value.clone());
        }
    }
    Some(entry)
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
        Value::Object(_) => text_of(time).is_some(),
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
        let mut members = Row::new();
        for pair in values.iter().map(pair) {
            let (name, value) = pair?;
            let earlier = members.insert(name, value.clone());
            // What is there twice, and not the same, is not certain.
            earlier.is_none_or(|earlier| earlier == value).then_some(())?;
        }
        Some(members)
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
