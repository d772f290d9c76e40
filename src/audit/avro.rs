//! A file that Event Hubs captured → what the events in it carried.
//!
//! The file is read block by block, and no value of it may take more memory than a record of a log may.

use super::document::LONGEST_RECORD_BYTES;
use apache_avro::Reader;
use apache_avro::types::Value;
use apache_avro::util::max_allocation_bytes;
use std::io::Read;

/// Gives the body of each event to `take`, as it was sent; of a file of another kind, each value as JSON.
///
/// # Errors
/// Says in a few words why the file, or the rest of it, cannot be read.
pub(crate) fn bodies(source: impl Read, take: &mut dyn FnMut(&[u8])) -> Result<(), String> {
    max_allocation_bytes(LONGEST_RECORD_BYTES);
    let reader = Reader::new(source).map_err(|error| error.to_string())?;
    for value in reader {
        let value = value.map_err(|error| error.to_string())?;
        match body(&value) {
            Some(bytes) => take(bytes),
            None if is_empty_event(&value) => take(b"null"),
            None => {
                let json = serde_json::Value::try_from(value).map_err(|error| error.to_string())?;
                take(json.to_string().as_bytes());
            }
        }
    }
    Ok(())
}

fn body(value: &Value) -> Option<&[u8]> {
    let Value::Record(fields) = value else { return None };
    let (_, body) = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("Body"))?;
    match body {
        Value::Union(_, inner) => bytes(inner),
        other => bytes(other),
    }
}

/// Whether it is an event that carried nothing.
fn is_empty_event(value: &Value) -> bool {
    let Value::Record(fields) = value else { return false };
    let null = |value: &Value| match value {
        Value::Null => true,
        Value::Union(_, inner) => **inner == Value::Null,
        _ => false,
    };
    fields.iter().any(|(name, body)| name.eq_ignore_ascii_case("Body") && null(body))
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        Value::String(text) => Some(text.as_bytes()),
        _ => None,
    }
}
