//! A text → the JSON value that it stands for: JSON, also written as text over and over, in base64, with its quotes escaped
//! or doubled, as Python prints it, or behind the words that a shipper puts before it.
//!
//! Nothing is guessed: the whole text is the value, or it stands for none. What is read here must be found by the quick
//! search (`search`) first, so a spelling that hides names from it must begin in a way that the search knows.

use super::json;
use super::python;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

/// So deep is followed what was written as text over and over.
const DEEPEST: usize = 6;
/// A shorter text in base64 holds nothing.
const SHORTEST_BASE64: usize = 16;
/// How base64 of an object begins: `{` before a quote, a space or a line break.
pub(super) const BASE64_OF_AN_OBJECT: [&[u8]; 2] = [b"ey", b"ew"];
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The object or list that a text stands for.
pub(super) fn value(text: &str) -> Option<Value> {
    unwrapped(text, DEEPEST)
}

/// The object or list that stands at the end of a line, behind the words of whoever passed it on, which may have brackets, too.
pub(super) fn behind_words(line: &str) -> Option<Value> {
    /// So many brackets may stand among the words.
    const MOST: usize = 16;
    let read = |text: &str| json::value(text).ok().or_else(|| python::value(text)).filter(is_held);
    line.match_indices(['{', '[']).take(MOST).find_map(|(at, _)| read(line.get(at..)?))
}

/// Whether a value is an object, or a list that holds one.
pub(super) fn is_held(value: &Value) -> bool {
    value.is_object() || value.as_array().is_some_and(|list| list.iter().any(is_held))
}

/// The members that a value holds: an object's own, those of a text that stands for one, or those of a list of names and
/// values.
pub(super) fn members(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members.clone()),
        Value::String(text) => self::value(text).as_ref().and_then(members),
        Value::Array(values) => match values.as_slice() {
            [one] => members_of_pairs(values).or_else(|| members(one)),
            _ => members_of_pairs(values),
        },
        _ => None,
    }
}

/// How base64 begins of what seems to hold entries: of an object, a list, and of either compressed.
pub(super) const BASE64_OF_ENTRIES: [&str; 8] = ["eyJ", "eyA", "ewo", "ew0", "W3s", "Wwo", "WyJ", "H4sI"];

/// Whether a text that is not read as [`value`] seems to hold one nevertheless.
pub(super) fn seems_to_hold_entries(text: &str) -> bool {
    let start = text.trim_start();
    let is_encoded = BASE64_OF_ENTRIES.iter().any(|beginning| start.starts_with(beginning)) && start.len() > 40;
    start.starts_with('{') || start.contains("operationName") || is_encoded
}

fn unwrapped(text: &str, deeper: usize) -> Option<Value> {
    let deeper = deeper.checked_sub(1)?;
    let bare = text.trim_start_matches('\u{feff}').trim();
    let read = json::value(bare).ok().or_else(|| match bare.as_bytes() {
        [b'{' | b'[' | b'(', ..] => with_plain_quotes(bare).or_else(|| python::value(bare)),
        _ => from_base64(text).map(Value::String),
    })?;
    match read {
        Value::String(inner) => unwrapped(&inner, deeper),
        held @ (Value::Object(_) | Value::Array(_)) => Some(held),
        _ => None,
    }
}

/// JSON whose quotes somebody escaped, or doubled, without quotes around all of it.
fn with_plain_quotes(text: &str) -> Option<Value> {
    let first = text.find(['"', '\\']).and_then(|at| text.get(at..))?;
    if first.starts_with("\\\"") {
        return serde_json::from_str::<String>(&format!("\"{text}\"")).ok().map(Value::String);
    }
    first.starts_with("\"\"").then(|| Value::String(text.replace("\"\"", "\"")))
}

fn is_base64(text: &str) -> bool {
    let is_of_alphabet =
        |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte) || byte.is_ascii_whitespace();
    text.len() >= SHORTEST_BASE64
        && BASE64_OF_AN_OBJECT.iter().any(|beginning| text.as_bytes().starts_with(beginning))
        && text.bytes().all(is_of_alphabet)
}

/// The text that a text in base64 stands for, if that is JSON by its beginning.
pub(super) fn from_base64(text: &str) -> Option<String> {
    if !is_base64(text) {
        return None;
    }
    let standard = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        byte => byte,
    });
    String::from_utf8(BASE64.decode(standard.collect::<Vec<u8>>()).ok()?).ok()
}

/// What a list of pairs holds, each with a name and a value under the names that tools give these.
fn members_of_pairs(values: &[Value]) -> Option<Map<String, Value>> {
    const NAMES: [&str; 5] = ["name", "key", "type", "typ", "claim"];
    const VALUES: [&str; 2] = ["value", "val"];
    let under = |pair: &Map<String, Value>, names: &[&str]| {
        let found = pair.iter().find(|(name, _)| names.contains(&name.to_ascii_lowercase().as_str()));
        found.map(|(_, value)| value.clone())
    };
    let mut members = Map::new();
    for pair in values {
        let (name, value) = match pair {
            Value::Object(pair) => (under(pair, &NAMES)?, under(pair, &VALUES)?),
            Value::Array(pair) => match pair.as_slice() {
                [name, value] => (name.clone(), value.clone()),
                _ => return None,
            },
            _ => return None,
        };
        // What is there twice, and not the same, is not certain.
        let present = members.entry(name.as_str()?).or_insert_with(|| value.clone());
        if *present != value {
            *present = Value::Null;
        }
    }
    (!members.is_empty()).then_some(members)
}
