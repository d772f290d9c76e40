//! A file without an entry of the vault → what it seems to be, so that whoever brought it knows which one to bring.

use super::entries::entries;
use super::flat::text_of;
use super::naming::plain_name;
use super::other_log::other_log;
use super::unpack::{BEGINNING_BYTES, Form, Unpacked};
use serde_json::{Map, Value};
use std::io::Read;

/// How files of other kinds begin.
const MAGIC: [(&[u8], &str); 16] = [
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet: unpack it, by `unzip FILE`, or save it as CSV"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first, by `unzstd FILE`"),
    (b"BZh", "compressed with bzip2: unpack it first, by `bunzip2 FILE`"),
    (b"\xfd7zXZ", "compressed with xz: unpack it first, by `unxz FILE`"),
    (b"7z\xbc\xaf", "a 7-Zip archive: unpack it first, by `7z x FILE`"),
    (b"PAR1", "a Parquet file: export it as CSV or JSON"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0", "an old document of Office"),
    (b"\x1f\x8b", "compressed with gzip over and over: decompress it first"),
    (b"-----BEGIN", "a PEM file"),
];

/// What a file seems to be, in words.
pub(crate) fn seems(mut file: Unpacked<'_>, vault: &str) -> String {
    let mut beginning = Vec::new();
    let read = file.source.by_ref().take(BEGINNING_BYTES * 4).read_to_end(&mut beginning);
    match (read, &file.form) {
        (Err(error), _) => return format!("damaged ({error})"),
        (_, Form::Avro) => return "a container of Avro's without entries of this vault".to_owned(),
        (_, Form::Sheet(sheet)) => return format!("a table with the columns {}", names(sheet.names().iter())),
        (_, Form::Records) => {}
    }
    let text = String::from_utf8_lossy(&beginning);
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.is_empty() {
        return "empty".to_owned();
    }
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| beginning.starts_with(magic)) {
        return (*what).to_owned();
    }
    if beginning.get(257..262) == Some(b"ustar") {
        return "a tar archive: unpack it first, by `tar -xf FILE`".to_owned();
    }
    let lower: String = start.chars().take(200).collect::<String>().to_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return "a web page: perhaps one that asked to sign in".to_owned();
    }
    if lower.starts_with('<') {
        return "an XML document".to_owned();
    }
    if !start.starts_with(['{', '[', '"']) {
        let is_text = !beginning.contains(&0);
        return if is_text { "plain text, not JSON and not CSV" } else { "no text" }.to_owned();
    }
    of_json(start, vault)
}

fn of_json(text: &str, vault: &str) -> String {
    let first = serde_json::Deserializer::from_str(text).into_iter::<Value>().next().and_then(Result::ok);
    // A long list is cut off here: its first element begins with the first object inside.
    let inner = || {
        let inside = text.get(1..)?;
        let start = inside.find('{')?;
        serde_json::Deserializer::from_str(inside.get(start..)?).into_iter::<Value>().next()?.ok()
    };
    let Some(first) = first.or_else(inner) else {
        return "JSON that is damaged or goes on over a long list".to_owned();
    };
    let members = match &first {
        Value::Object(members) => names(members.keys()),
        _ => String::new(),
    };
    if let Some(entry) = entries(first).rows.into_iter().next() {
        return of_entry(&entry, vault);
    }
    if members.is_empty() { "JSON without entries".to_owned() } else { format!("JSON with the members {members}") }
}

fn of_entry(entry: &Map<String, Value>, vault: &str) -> String {
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| entry.iter().find(|(key, _)| plain_name(key) == *name));
        found.and_then(|(_, value)| text_of(value)).unwrap_or_default()
    };
    let (category, operation) = (text(&["category", "categoryvalue"]), text(&["operationnamevalue", "operationname"]));
    let resource = text(&["resourceid", "resource"]).to_lowercase();
    if let Some(other) = other_log(&category, &operation, &text(&["metricname"])) {
        return other.0;
    }
    match resource.rsplit_once("/vaults/") {
        Some((_, other)) if other != vault => format!("an audit log of the vault `{}`", short(other)),
        Some(_) => "an audit log of this vault: of another time, or without what was needed".to_owned(),
        None if operation.is_empty() => format!("JSON with the members {}", names(entry.keys())),
        None => format!("a log with operations like `{}`, of another vault, service or time", short(&operation)),
    }
}

fn names<'n>(names: impl Iterator<Item = &'n String>) -> String {
    names.take(8).map(|name| format!("`{}`", short(name))).collect::<Vec<_>>().join(", ")
}

fn short(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(60).collect()
}
