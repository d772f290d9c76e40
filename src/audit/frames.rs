//! The parts of a document → the names of the columns that its rows are for.
//!
//! Query engines name the columns before the rows, in the same object; some in a frame of its own, to which the rows refer by
//! the table's number, or in the first row. Whoever sorts the members of an object puts them behind the rows.

use super::columns::{OPERATION, TIME};
use super::document::LONGEST_RECORD_BYTES;
use super::entries::{columns, entries};
use super::json;
use super::naming::plain_name;
use memchr::memmem;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The columns of the table whose rows are being read.
#[derive(Debug, Default)]
pub(super) struct Frames {
    pub(super) columns: Vec<String>,
    /// Those that were named in a frame of their own, by the number of their table.
    of_tables: BTreeMap<String, Vec<String>>,
    /// Rows whose columns did not come yet.
    waiting: Vec<Vec<u8>>,
    waiting_bytes: usize,
}

impl Frames {
    /// Takes what stands before a list in the object that holds it.
    pub(super) fn head(&mut self, head: &[u8]) {
        // Of an object that is cut where its list begins, the list is all that is missing.
        let head = [head, b"]}"].concat();
        let head = object(&head).unwrap_or_default();
        let of_table = || self.of_tables.get(&table_of(&head)?).cloned();
        self.columns = columns(&head).or_else(of_table).unwrap_or_default();
    }

    /// Whether an element only names columns, or is a row that waits for them.
    pub(super) fn takes(&mut self, element: &[u8]) -> bool {
        if element.starts_with(b"[") && self.columns.is_empty() {
            return self.takes_row(element);
        }
        let names_columns = memmem::find(element, b"TableHeader").is_some();
        let header = object(element).filter(|_| names_columns);
        let named = header.and_then(|header| Some((table_of(&header)?, columns(&header)?)));
        named.map(|(table, columns)| self.of_tables.insert(table, columns)).is_some()
    }

    fn takes_row(&mut self, row: &[u8]) -> bool {
        let Some(cells) = std::str::from_utf8(row).ok().and_then(|row| json::value(row).ok()) else { return false };
        let names: Option<Vec<String>> =
            cells.as_array().and_then(|cells| cells.iter().map(|cell| cell.as_str().map(str::to_owned)).collect());
        let has = |wanted: &[&str], names: &[String]| names.iter().any(|name| wanted.contains(&&*plain_name(name)));
        if let Some(names) = names.filter(|names| has(&[OPERATION], names) && has(&TIME, names)) {
            self.columns = names;
            return true;
        }
        let held = entries(cells);
        let is_for_columns = held.rows.is_empty() && held.unread.is_none();
        let waits = is_for_columns && self.waiting_bytes + row.len() <= LONGEST_RECORD_BYTES;
        if waits {
            self.waiting_bytes += row.len();
            self.waiting.push(row.to_vec());
        }
        waits
    }

    /// The rows that waited for columns: these stand in what a document has around its rows, if they do in one place.
    pub(super) fn end(&mut self, around: Option<&Value>) -> Vec<Vec<u8>> {
        self.waiting_bytes = 0;
        let waited = std::mem::take(&mut self.waiting);
        if !waited.is_empty() {
            let mut named = Vec::new();
            around.into_iter().for_each(|around| columns_in(around, &mut named));
            self.columns = match named.as_slice() {
                [one] => one.clone(),
                _ => Vec::new(),
            };
        }
        waited
    }
}

fn object(text: &[u8]) -> Option<Map<String, Value>> {
    json::value(&String::from_utf8_lossy(text)).ok()?.as_object().cloned()
}

/// The number of the table that a frame is of.
fn table_of(frame: &Map<String, Value>) -> Option<String> {
    frame.iter().find(|(name, _)| plain_name(name) == "tableid").map(|(_, number)| number.to_string())
}

fn columns_in(around: &Value, named: &mut Vec<Vec<String>>) {
    match around {
        Value::Object(object) => {
            named.extend(columns(object));
            object.values().for_each(|value| columns_in(value, named));
        }
        Value::Array(values) => values.iter().for_each(|value| columns_in(value, named)),
        _ => {}
    }
}
